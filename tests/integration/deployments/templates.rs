//! Templates, manifests and configurations: what is written to be deployed.

use super::expect;

#[test]
fn an_arm_template_tells_resources_and_nested_deployments() {
    let text = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {"t": {"type": "string", "defaultValue": "{0}"}},
  "variables": {"v": "{1}"},
  "resources": [
    {"type": "Microsoft.Web/sites/config", "apiVersion": "2022-03-01", "name": "shop/appsettings",
     "tags": {"x": "{2}"}, "properties": {"TOKEN": "{3}"}},
    {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "nested",
     "properties": {"mode": "Incremental", "parameters": {"p": {"value": "{4}"}},
      "template": {
       "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
       "contentVersion": "1.0.0.0",
       "resources": [{"type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01",
        "name": "[concat(variables('v'), '/s')]", "properties": {"value": "{5}"}}],
       "outputs": {"o": {"type": "string", "value": "{6}"}}}}}
  ]
}
"#;
    let config = Some("Microsoft.Web/sites/shop/config/appsettings");
    let nested = Some("Microsoft.Resources/deployments/nested");
    expect(
        "main.json",
        text,
        "arm.template",
        None,
        &[
            ("/parameters/t/defaultValue", "parameter", None),
            ("/variables/v", "variable", None),
            ("/resources/0/tags/x", "tag", config),
            ("/resources/0/properties/TOKEN", "property", config),
            (
                "/resources/1/properties/parameters/p/value",
                "parameter",
                nested,
            ),
            (
                "/resources/1/properties/template/resources/0/properties/value",
                "property",
                Some("Microsoft.KeyVault/vaults/secrets/[concat(variables('v'), '/s')]"),
            ),
            (
                "/resources/1/properties/template/outputs/o/value",
                "output",
                nested,
            ),
        ],
    );
}

#[test]
fn a_template_that_bicep_compiled_names_resources_by_symbol() {
    let text = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "languageVersion": "2.0", "contentVersion": "1.0.0.0",
  "metadata": {"_generator": {"name": "bicep", "version": "0.30.3", "templateHash": "1"}},
  "resources": {
    "site": {"type": "Microsoft.Web/sites", "apiVersion": "2022-03-01", "name": "shop",
      "properties": {"siteConfig": {"appSettings": [{"name": "T", "value": "{0}"}]}}}
  }
}
"#;
    expect(
        "main.bicep.json",
        text,
        "arm.template",
        None,
        &[(
            "/resources/site/properties/siteConfig/appSettings/0/value",
            "property",
            Some("Microsoft.Web/sites/shop"),
        )],
    );
    let parameters = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
  "contentVersion": "1.0.0.0", "parameters": {"t": {"value": "{0}"}}
}
"#;
    expect(
        "main.parameters.json",
        parameters,
        "arm.parameters",
        None,
        &[("/parameters/t/value", "parameter", None)],
    );
}

#[test]
fn a_cloudformation_template_in_yaml_tells_logical_ids() {
    let text = "# a shop\nAWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  Token:\n    Type: String\n    Default: {0}\n\
Mappings:\n  Stages:\n    prod: {token: \"{1}\"}\nResources:\n  Function:\n    Type: AWS::Lambda::Function\n    Properties:\n\
\x20     Environment:\n        Variables:\n          A: !Ref Token\n          B: !Sub '{2}-${AWS::Region}'\n          C: !Join ['', [x, {3}]]\n\
\x20     Tags:\n      - {Key: k, Value: {4}}\n  Instance:\n    Type: AWS::EC2::Instance\n    Properties:\n      UserData:\n\
\x20       Fn::Base64: !Sub |\n          #!/bin/sh\n          export TOKEN={5}\nOutputs:\n  Out:\n    Value: {6}\n";
    let variables = "/Resources/Function/Properties/Environment/Variables";
    let function = Some("Function");
    expect(
        "shop.yaml",
        text,
        "cfn.template",
        None,
        &[
            ("/Parameters/Token/Default", "parameter", None),
            ("/Mappings/Stages/prod/token", "variable", None),
            (&format!("{variables}/B"), "property", function),
            (&format!("{variables}/C/1/1"), "property", function),
            (
                "/Resources/Function/Properties/Tags/0/Value",
                "tag",
                function,
            ),
            (
                "/Resources/Instance/Properties/UserData/Fn::Base64",
                "property",
                Some("Instance"),
            ),
            ("/Outputs/Out/Value", "output", None),
        ],
    );
}

#[test]
fn a_cloudformation_template_in_json_and_in_an_answer() {
    let text = r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic",
  "Properties": {"DisplayName": "{0}"}}}}
"#;
    let said = (
        "/Resources/Topic/Properties/DisplayName",
        "property",
        Some("Topic"),
    );
    expect("topic.json", text, "cfn.template", None, &[said]);
    let answer = r#"{"TemplateBody": "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: \"{0}\"\n",
 "StagesAvailable": ["Original", "Processed"]}
"#;
    let said = ("/TemplateBody", "property", Some("Topic"));
    expect("answer.json", answer, "cfn.template", None, &[said]);
}

#[test]
fn terraform_configurations_and_variables() {
    let text = "# remarks: nothing\nvariable \"t\" {\n  default = \"{0}\"\n}\n\nlocals {\n  x = { a = [\"{1}\"] }\n}\n\
resource \"github_actions_secret\" \"s\" {\n  plaintext_value = \"{2}\"\n  tags = { t = \"{3}\" }\n}\n\
module \"m\" {\n  source = \"./m\"\n  token  = \"{4}\"\n}\nprovider \"github\" {\n  token = \"{5}\"\n}\noutput \"o\" {\n  value = \"x${var.t}{6}\"\n}\n";
    let secret = Some("github_actions_secret.s");
    expect(
        "main.tf",
        text,
        "tf.config",
        None,
        &[
            ("/variable/t/default", "variable", Some("var.t")),
            ("/locals/x/a/0", "variable", Some("local.x")),
            (
                "/resource/github_actions_secret/s/plaintext_value",
                "property",
                secret,
            ),
            ("/resource/github_actions_secret/s/tags/t", "tag", secret),
            ("/module/m/token", "parameter", Some("module.m")),
            (
                "/provider/github/token",
                "provider",
                Some("provider.github"),
            ),
            ("/output/o/value", "output", Some("output.o")),
        ],
    );
    expect(
        "prod.tfvars",
        "region = \"eu\"\ntokens = {\n  \"ci\" = \"{0}\"\n}\n",
        "tf.config",
        None,
        &[("/tokens/ci", "variable", None)],
    );
}

#[test]
fn a_configuration_of_deployment_manager() {
    let text = "imports:\n- path: vm.jinja\nresources:\n- name: vm-1\n  type: compute.v1.instance\n  properties:\n    zone: europe-west1-b\n    labels: {x: {0}}\n    metadata:\n      items:\n      - key: token\n        value: {1}\noutputs:\n- name: o\n  value: {2}\n";
    expect(
        "dm.yaml",
        text,
        "dm.config",
        None,
        &[
            ("/resources/0/properties/labels/x", "tag", Some("vm-1")),
            (
                "/resources/0/properties/metadata/items/0/value",
                "property",
                Some("vm-1"),
            ),
            ("/outputs/0/value", "output", None),
        ],
    );
}

#[test]
fn kubernetes_objects_in_a_stream_and_in_a_list() {
    let text = "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: prod\nstringData:\n  token: {0}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    note: {1}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        env:\n        - name: T\n          value: \"{2}\"\n--- # the last\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n  data:\n    app.ini: |\n      [x]\n      t = {3}\n";
    expect(
        "all.yaml",
        text,
        "k8s.manifest",
        None,
        &[
            ("/stringData/token", "secret", Some("Secret/prod/a")),
            (
                "/metadata/annotations/note",
                "annotation",
                Some("Deployment/web"),
            ),
            (
                "/spec/template/spec/containers/0/env/0/value",
                "property",
                Some("Deployment/web"),
            ),
            ("/items/0/data/app.ini", "data", Some("ConfigMap/c")),
        ],
    );
}

#[test]
fn values_of_a_chart() {
    let text = "image: {tag: 1}\ngithub:\n  token: {0}\n";
    expect(
        "values.yaml",
        text,
        "helm.values",
        None,
        &[("/github/token", "value", None)],
    );
}
