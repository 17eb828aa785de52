// Compiles a compute shader (SPIR-V) with the Vulkan driver that the environment chooses, and prints
// the driver's statistics and its machine code. Runs nothing, so the driver needs no card behind it:
// VK_KHR_pipeline_executable_properties is all that is asked of it.
//
//     static_cost shader.spv ENTRY BINDINGS      (binding 0 is a uniform buffer, the others storage)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        VkResult result = (call);                                                                  \
        if (result != VK_SUCCESS && result != VK_INCOMPLETE) {                                     \
            fprintf(stderr, "%s: %d\n", #call, result);                                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { MOST = 64 };

static uint32_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    uint32_t *words = malloc(1 << 22);
    *len = fread(words, 1, 1 << 22, file);
    fclose(file);
    return words;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    size_t len;
    uint32_t *code = read_file(argv[1], &len);
    uint32_t binding_count = (uint32_t)atoi(argv[3]);

    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                             .apiVersion = VK_API_VERSION_1_3};
    VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                          .pApplicationInfo = &app};
    VkInstance instance;
    CHECK(vkCreateInstance(&instance_info, NULL, &instance));
    uint32_t count = 1;
    VkPhysicalDevice card;
    CHECK(vkEnumeratePhysicalDevices(instance, &count, &card));
    VkPhysicalDeviceProperties about;
    vkGetPhysicalDeviceProperties(card, &about);
    printf("device = %s\n", about.deviceName);

    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = 1};
    VkPhysicalDeviceVulkan12Features features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = &executables,
        .vulkanMemoryModel = 1};
    const char *extension = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .pNext = &features,
                                      .queueCreateInfoCount = 1,
                                      .pQueueCreateInfos = &queue,
                                      .enabledExtensionCount = 1,
                                      .ppEnabledExtensionNames = &extension};
    VkDevice device;
    CHECK(vkCreateDevice(card, &device_info, NULL, &device));

    VkDescriptorSetLayoutBinding bindings[MOST] = {0};
    for (uint32_t index = 0; index < binding_count && index < MOST; index++) {
        bindings[index].binding = index;
        bindings[index].descriptorType =
            index ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER : VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
        bindings[index].descriptorCount = 1;
        bindings[index].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
    }
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = binding_count,
        .pBindings = bindings};
    VkDescriptorSetLayout set;
    CHECK(vkCreateDescriptorSetLayout(device, &set_info, NULL, &set));
    VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &set};
    VkPipelineLayout layout;
    CHECK(vkCreatePipelineLayout(device, &layout_info, NULL, &layout));
    VkShaderModuleCreateInfo module_info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                            .codeSize = len,
                                            .pCode = code};
    VkShaderModule module;
    CHECK(vkCreateShaderModule(device, &module_info, NULL, &module));
    VkComputePipelineCreateInfo pipeline_info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                 VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = argv[2]},
        .layout = layout};
    VkPipeline pipeline;
    CHECK(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &pipeline_info, NULL, &pipeline));

    PFN_vkGetPipelineExecutableStatisticsKHR statistics_of =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(
            device, "vkGetPipelineExecutableStatisticsKHR");
    PFN_vkGetPipelineExecutableInternalRepresentationsKHR texts_of =
        (PFN_vkGetPipelineExecutableInternalRepresentationsKHR)vkGetDeviceProcAddr(
            device, "vkGetPipelineExecutableInternalRepresentationsKHR");
    VkPipelineExecutableInfoKHR executable = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline};
    VkPipelineExecutableStatisticKHR statistics[MOST] = {0};
    VkPipelineExecutableInternalRepresentationKHR texts[MOST] = {0};
    for (int index = 0; index < MOST; index++) {
        statistics[index].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
        texts[index].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
    }
    count = MOST;
    CHECK(statistics_of(device, &executable, &count, statistics));
    for (uint32_t index = 0; index < count; index++)
        if (statistics[index].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR)
            printf("%s = %llu\n", statistics[index].name,
                   (unsigned long long)statistics[index].value.u64);
    count = MOST;
    CHECK(texts_of(device, &executable, &count, texts));
    for (uint32_t index = 0; index < count; index++)
        texts[index].pData = calloc(1, texts[index].dataSize + 1);
    CHECK(texts_of(device, &executable, &count, texts));
    for (uint32_t index = 0; index < count; index++)
        printf("===== %s\n%s\n", texts[index].name, (char *)texts[index].pData);
    fflush(stdout);
    // A driver without a card was not made to be closed.
    _Exit(0);
}
