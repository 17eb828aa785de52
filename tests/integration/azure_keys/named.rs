//! Keys that only a name and a service near them give away.

use super::{believed, made, only};

/// Type, and texts with its key.
const NAMED: &[(&str, &[&str])] = &[
    (
        "azure-eventgrid-access-key",
        &[
            "aeg-sas-key: {azure-key32}\n",
            "curl -H 'aeg-sas-key: {azure-key32}' https://acme.westeurope-1.eventgrid.azure.net/api/events",
            "EVENT_GRID_KEY={azure-key32}\n",
            "EVENTGRID_TOPIC_ACCESS_KEY='{azure-key32}'\n",
            "{\"EventGridTopicKey\":\"{azure-key32}\"}",
            "<add key=\"EventGridKey\" value=\"{azure-key32}\" />",
            "topic_key: {azure-key32}\nendpoint: https://acme.westeurope-1.eventgrid.azure.net/api/events\n",
            "request.Headers.Add(\"aeg-sas-key\", \"{azure-key32}\");",
            "resource \"azurerm_eventgrid_topic\" \"t\" {\n  topic_key = \"{azure-key32}\"\n}\n",
            "a={endpoint:\"https://acme.westeurope-1.eventgrid.azure.net/api/events\",key:\"{azure-key32}\"}",
        ],
    ),
    (
        "azure-maps-subscription-key",
        &[
            "AZURE_MAPS_KEY={azure-urlkey32}\n",
            "AZURE_MAPS_SUBSCRIPTION_KEY='{azure-urlkey32}'\n",
            "{\"AzureMapsKey\": \"{azure-urlkey32}\"}",
            "<add key=\"AzureMapsApiKey\" value=\"{azure-urlkey32}\" />",
            "maps_primary_key: {azure-urlkey32} # azure maps\n",
            "curl 'https://atlas.microsoft.com/timezone/byId/json?subscription-key={azure-urlkey32}'",
            "authOptions:{authType:\"subscriptionKey\",subscriptionKey:\"{azure-urlkey32}\"}/*azuremaps*/",
            "new AzureMapsCredential(mapsKey: \"{azure-urlkey32}\")",
            "$mapsKey = '{azure-urlkey32}' # Microsoft.Maps/accounts\r\n",
            "{\"url\":\"https://us.atlas.microsoft.com/\",\"subscription_key\":\"{azure-urlkey32}\"}",
        ],
    ),
    (
        "azure-batch-shared-access-key",
        &[
            "AZ_BATCH_KEY={azure-key64}\n",
            "BATCH_ACCOUNT_KEY=\"{azure-key64}\"\n",
            "{\"BatchAccountKey\":\"{azure-key64}\"}",
            "<add key=\"BatchAccountKey\" value=\"{azure-key64}\" />",
            "credentials:\n  batch:\n    account_key: {azure-key64}\n    account_service_url: https://acme.westeurope.batch.azure.com\n",
            "az batch account login -n acme --shared-key-auth # batch_key {azure-key64}\n",
            "new BatchSharedKeyCredentials(\"https://acme.westeurope.batch.azure.com\", \"acme\", accountKey: \"{azure-key64}\")",
            "primary_access_key = \"{azure-key64}\"\naccount_endpoint = \"acme.westeurope.batch.azure.com\"\n",
            "{\"batchUri\":\"https://acme.westeurope.batch.azure.com\",\"accessKey\":{\"value\":\"{azure-key64}\"}}",
            "a={u:\"https://acme.westus2.batch.azure.com\",sharedKey:\"{azure-key64}\"}",
        ],
    ),
    (
        "azure-iot-shared-access-key",
        &[
            "id_scope = \"0ne00ABCDEF\"\nsymmetric_key = \"{azure-key64}\"\n",
            "symmetric_key = { value = \"{azure-key64}\" } # id_scope 0ne00ABCDEF\n",
            "{\"idScope\":\"0ne00ABCDEF\",\"primaryKey\":\"{azure-key32}\"}",
            "ID_SCOPE=0ne00ABCDEF\nGROUP_KEY={azure-key64}\n",
            "const char* idScope=\"0ne00ABCDEF\"; const char* symmetricKey = \"{azure-key32}\";",
            "provisioning:\n  global_endpoint: https://global.azure-devices-provisioning.net\n  symmetric_key: {azure-key32}\n",
            "<add key=\"EnrollmentKey\" value=\"{azure-key64}\" /><add key=\"IdScope\" value=\"0ne00ABCDEF\" />",
            "{\"hostName\":\"acme.azure-devices.net\",\"symmetricKey\":{\"primaryKey\":\"{azure-key32}\"}}",
            "az iot central device compute-device-key --pk 0ne00ABCDEF primary_key={azure-key64}\n",
            "a={s:\"0ne00ABCDEF\",groupKey:\"{azure-key64}\"}",
        ],
    ),
    (
        "azure-cognitive-services-key",
        &[
            "SPEECH_KEY={azure-hex32}\n",
            "AZURE_OPENAI_API_KEY=\"{azure-hex32}\"\n",
            "{\"CognitiveServicesKey\":\"{azure-hex32}\"}",
            "<add key=\"TextAnalyticsKey\" value=\"{azure-hex32}\" />",
            "form_recognizer_key: {azure-hex32}\n",
            "document_intelligence_key: '{azure-hex32}'\n",
            "curl -H 'Ocp-Apim-Subscription-Key: {azure-hex32}' https://acme.cognitiveservices.azure.com/vision\n",
            "speech_config = SpeechConfig(speech_key=\"{azure-hex32}\", region='westus')",
            "{\"translatorKey\": {\"value\": \"{azure-hex32}\"}}",
            "a={url:\"https://acme.openai.azure.com\",apiKey:\"{azure-hex32}\"}",
            "client = AzureOpenAI(api_key=\"{azure-hex32}\", azure_endpoint='https://acme.openai.azure.com/')",
            "$luis_key = '{azure-hex32}'\r\n",
            "COMPUTER_VISION_SUBSCRIPTION_KEY={azure-hex32}\nENDPOINT=https://westeurope.api.cognitive.microsoft.com\n",
            "FACE_KEY={azure-hex32}\n",
        ],
    ),
    (
        "azure-api-management-subscription-key",
        &[
            "Ocp-Apim-Subscription-Key: {azure-hex32}\n",
            "curl -H 'Ocp-Apim-Subscription-Key: {azure-hex32}' https://acme.azure-api.net/orders\n",
            "GET https://acme.azure-api.net/orders?subscription-key={azure-hex32} HTTP/1.1\n",
            "{\"key\":\"Ocp-Apim-Subscription-Key\",\"value\":\"{azure-hex32}\"}",
            "<add key=\"SubscriptionKey\" value=\"{azure-hex32}\" />",
            "APIM_SUBSCRIPTION_KEY={azure-hex32}\n",
            "subscription_key: {azure-hex32}\n",
            "client.DefaultRequestHeaders.Add(\"Ocp-Apim-Subscription-Key\", \"{azure-hex32}\");",
            "a={headers:{\"Ocp-Apim-Subscription-Key\":\"{azure-hex32}\"}}",
            "{\"type\":\"Microsoft.ApiManagement/service/subscriptions\",\"properties\":{\"primaryKey\":\"{azure-hex32}\"}}",
            "resource \"azurerm_api_management_subscription\" \"s\" {\n  secondary_key = \"{azure-hex32}\"\n}\n",
        ],
    ),
    (
        "azure-bot-framework-secret-key",
        &[
            "DIRECT_LINE_SECRET={azure-bot-secret55}\n",
            "DIRECTLINE_SECRET='{azure-bot-secret63-other}'\n",
            "{\"DirectLineSecret\":\"{azure-bot-secret55}\"}",
            "<add key=\"BotSecret\" value=\"{azure-bot-secret55}\" />",
            "directline:\n  secret: {azure-bot-secret63}\n",
            "<iframe src='https://webchat.botframework.com/embed/acme-bot?s={azure-bot-secret55}'></iframe>",
            "BotChat.App({directLine:{secret:'{azure-bot-secret55}'}})",
            "curl -H 'Authorization: Bearer {azure-bot-secret55}' https://directline.botframework.com/v3/directline/conversations\n",
            "$secret = '{azure-bot-secret63-other}' # webchat\r\n",
            "webchat_secret = \"{azure-bot-secret55}\"\n",
        ],
    ),
    (
        "azure-ml-web-service-api-key",
        &[
            "url = 'http://acme.westeurope.azurecontainer.io/score'\napi_key = '{azure-mixed32}'\n",
            "url = 'https://ussouthcentral.services.azureml.net/workspaces/w/services/s/execute'\napi_key = '{azure-key64}'\n",
            "AZUREML_KEY={azure-mixed32}\n",
            "{\"AzureMLApiKey\":\"{azure-mixed32}\"}",
            "<add key=\"AzureMlKey\" value=\"{azure-key64}\" />",
            "curl -H 'Authorization: Bearer {azure-mixed32}' https://acme.westeurope.inference.ml.azure.com/score\n",
            "{\"type\":\"AzureML\",\"mlEndpoint\":\"https://ussouthcentral.services.azureml.net/x\",\"apiKey\":{\"type\":\"SecureString\",\"value\":\"{azure-key64}\"}}",
            "endpoint: https://acme.westeurope.inference.ml.azure.com/score\nkey: {azure-mixed32}\n",
            "a={u:\"https://acme.westeurope.inference.ml.azure.com/score\",key:\"{azure-mixed32}\"}",
            "$key = '{azure-mixed32}' # azureml\r\n",
        ],
    ),
    (
        "azure-container-registry-access-key",
        &[
            "docker login acme0.azurecr.io -u acme0 -p {azure-mixed32}\n",
            "docker login acme0.azurecr.io --username acme0 --password {azure-mixed32}\n",
            "{\"server\":\"acme0.azurecr.io\",\"username\":\"acme0\",\"password\":\"{azure-mixed32}\"}",
            "{\"loginServer\":\"acme0.azurecr.io\",\"passwd\":\"{azure-mixed32}\"}",
            "registry: acme0.azurecr.io, password: {azure-mixed32}\n",
            "kubectl create secret docker-registry r --docker-server=acme0.azurecr.io --docker-username=acme0 --docker-password={azure-mixed32}\n",
            "a={s:\"acme0.azurecr.io\",u:\"acme0\",pwd:\"{azure-mixed32}\"}",
            "{\"auths\":{\"acme0.azurecr.io\":{\"auth\":\"{azure-registry-auth-legacy}\"}}}",
            "buildah login -u acme0 acme0.azurecr.cn -p {azure-mixed32}\n",
            "<registry host=\"acme0.azurecr.io\" password=\"{azure-mixed32}\" />",
        ],
    ),
    (
        "azure-redis-cache-password",
        &[
            "acme.redis.cache.windows.net:6380,password={azure-key32},ssl=True\n",
            "REDIS_HOST=acme.redis.cache.windows.net\nREDIS_KEY={azure-key32}\n",
            "REDIS_PASSWORD={azure-key32}\nREDIS_HOST=acme.redis.cache.windows.net\n",
            "{\"hostName\":\"acme.redis.cache.windows.net\",\"primaryKey\":\"{azure-key32}\"}",
            "<add name=\"S\" host=\"acme.redis.cache.windows.net\" accessKey=\"{azure-key32}\" ssl=\"true\" />",
            "spring:\n  redis:\n    host: acme.redis.cache.windows.net\n    password: {azure-key32}\n",
            "redis.createClient(6380,'acme.redis.cache.windows.net',{auth_pass:0,password:'{azure-key32}'})",
            "hostname = \"acme.redis.cache.windows.net\"\nprimary_access_key = \"{azure-key32}\"\n",
            "redis-cli -h acme.redis.cache.windows.net -p 6380 # password={azure-key32}\n",
            "REDIS_URL=rediss://:{azure-key32-percent}@acme.redis.cache.windows.net:6380/0\n",
        ],
    ),
    (
        "azure-function-api-key",
        &[
            "x-functions-key: {azure-key40}\n",
            "curl -H 'x-functions-key: {azure-key40}' https://acme.azurewebsites.net/api/order\n",
            "{\"x-functions-key\":\"{azure-key40}\"}",
            "{\"key\":\"x-functions-key\",\"value\":\"{azure-key40}\"}",
            "client.DefaultRequestHeaders.Add(\"x-functions-key\", \"{azure-key40}\");",
            "X-FUNCTIONS-KEY={azure-function-key-master}\n",
            "fetch(u,{headers:{\"x-functions-key\":\"{azure-key40}\"}})",
            "<set-header name=\"x-functions-key\" exists-action=\"override\"><value>{azure-function-key}</value></set-header>",
            "https://acme.azurewebsites.net/api/order?code={azure-key40}\n",
            "https://acme.azurewebsites.net/api/order?code={azure-function-key-bare}&x=1\n",
        ],
    ),
];

#[test]
fn a_key_beside_its_name_and_service_is_found() {
    for (secret_type, templates) in NAMED {
        assert!(templates.len() >= 10, "{secret_type}");
        for (number, template) in templates.iter().enumerate() {
            only(
                &made(template, &format!("{secret_type}/{number}")),
                secret_type,
            );
        }
    }
}

#[test]
fn the_nearest_service_takes_a_key() {
    let storage = "azure-storage-connection-string";
    let batch = "azure-batch-shared-access-key";
    let text = made(
        "batchUrl: https://acme.westeurope.batch.azure.com\n\
         account_key: {azure-key64}\n\n\
         # the account of the files, far enough from the other\n\
         blobUrl: https://acmelogs.blob.core.windows.net\n\
         account_key: {azure-key64}\n",
        "nearest",
    );
    assert_eq!(believed(&text, batch).len(), 1, "{text}");
    assert_eq!(believed(&text, storage).len(), 1, "{text}");

    let gateway = "azure-api-management-subscription-key";
    let cognitive = "azure-cognitive-services-key";
    for (host, owner, other) in [
        ("acme.azure-api.net", gateway, cognitive),
        ("acme.cognitiveservices.azure.com", cognitive, gateway),
        ("westus.api.cognitive.microsoft.com", cognitive, gateway),
    ] {
        let text = made(
            &format!("POST https://{host}/x\nOcp-Apim-Subscription-Key: {{azure-hex32}}\n"),
            "header",
        );
        only(&text, owner);
        assert!(believed(&text, other).is_empty(), "{text}");
    }
}
