//! What the clouds' tools print of deployments that were made.

use super::expect;

const GROUP: &str = "/subscriptions/0b1c7d2e-0000-4000-8000-5f1a2b3c4d5e/resourceGroups/rg";

#[test]
fn an_arm_deployment_tells_its_parameters_outputs_and_tags() {
    let id = format!("{GROUP}/providers/Microsoft.Resources/deployments/main");
    let text = r#"{
  "id": "ID", "location": null, "name": "main",
  "properties": {
    "correlationId": "6f1d2a40-0000-4000-8000-1b2c3d4e5f60", "mode": "Incremental",
    "outputResources": [{"id": "GROUP/providers/Microsoft.Web/sites/w", "resourceGroup": "rg"}],
    "outputs": {
      "a/b~c": {"type": "String", "value": "{0}"}
    },
    "parameters": {
      "token": {"type": "String", "value": "Bearer {1}"},
      "safe": {"type": "SecureString"},
      "settings": {"type": "Object", "value": {"list": [1, "{2}"]}}
    },
    "provisioningState": "Succeeded"
  },
  "resourceGroup": "rg", "tags": {"note": "{3}"},
  "type": "Microsoft.Resources/deployments"
}
"#;
    let text = text.replace("ID", &id).replace("GROUP", GROUP);
    expect(
        "show.json",
        &text,
        "arm.deployment",
        Some(&id),
        &[
            ("/properties/outputs/a~1b~0c/value", "output", None),
            ("/properties/parameters/token/value", "parameter", None),
            (
                "/properties/parameters/settings/value/list/1",
                "parameter",
                None,
            ),
            ("/tags/note", "tag", None),
        ],
    );
}

#[test]
fn deployments_in_the_rows_of_resource_graph_keep_their_own_ids() {
    let row = |name: &str, hole: &str| {
        let id = format!("{GROUP}/providers/Microsoft.Resources/deployments/{name}");
        let row = format!(
            "{{\"id\": \"{id}\", \"type\": \"microsoft.resources/deployments\", \"name\": \"{name}\",\n\
             \"properties\": {{\"outputs\": {{\"o\": {{\"type\": \"String\", \"value\": \"{hole}\"}}}}}}}}"
        );
        (id, row)
    };
    let ((_, one), (two_id, two)) = (row("one", "nothing"), row("two", "{0}"));
    let text = format!("{{\"count\": 2, \"data\": [\n{one},\n{two}\n], \"skip_token\": null}}\n");
    expect(
        "rows.json",
        &text,
        "arm.deployment",
        Some(&two_id),
        &[("/data/1/properties/outputs/o/value", "output", None)],
    );
}

const STACK: &str = "arn:aws:cloudformation:eu-west-1:210987654321:stack/shop/5f1a2b3c-0000-11ee";

#[test]
fn a_cloudformation_stack_tells_its_parameters_outputs_and_tags() {
    let text = r#"{"Stacks": [
  {"StackId": "arn:aws:cloudformation:eu-west-1:210987654321:stack/other/1", "StackName": "other",
   "Parameters": [{"ParameterKey": "P", "ParameterValue": "****"}], "StackStatus": "CREATE_COMPLETE"},
  {"StackId": "STACK", "StackName": "shop",
   "Parameters": [{"ParameterKey": "Token", "ParameterValue": "{0}"}],
   "Outputs": [{"OutputKey": "T", "OutputValue": "{1}", "Description": "x"}],
   "Tags": [{"Key": "t", "Value": "{2}"}], "StackStatus": "UPDATE_COMPLETE"}
]}
"#;
    expect(
        "stacks.json",
        &text.replace("STACK", STACK),
        "cfn.stack",
        Some(STACK),
        &[
            ("/Stacks/1/Parameters/0/ParameterValue", "parameter", None),
            ("/Stacks/1/Outputs/0/OutputValue", "output", None),
            ("/Stacks/1/Tags/0/Value", "tag", None),
        ],
    );
}

#[test]
fn resources_of_a_stack_are_told_by_their_logical_ids() {
    let text = r#"{"StackResources": [
  {"StackName": "shop", "StackId": "STACK", "LogicalResourceId": "Function",
   "PhysicalResourceId": "shop-f", "ResourceType": "AWS::Lambda::Function",
   "Description": "{0}"}
]}
"#;
    expect(
        "resources.json",
        &text.replace("STACK", STACK),
        "cfn.stack",
        Some(STACK),
        &[(
            "/StackResources/0/Description",
            "property",
            Some("Function"),
        )],
    );
}

#[test]
fn a_terraform_state_tells_addresses() {
    let lineage = "3f0b6c1e-0000-4000-8000-2b3c4d5e6f70";
    let text = r#"{
  "version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "LINEAGE",
  "outputs": {"token": {"value": "{0}", "type": "string", "sensitive": true}},
  "resources": [
    {"mode": "managed", "type": "aws_instance", "name": "web", "provider": "p", "instances": []},
    {"module": "module.app", "mode": "managed", "type": "aws_ssm_parameter", "name": "t",
     "provider": "p", "instances": [
       {"index_key": 0, "attributes": {"value": "x"}},
       {"index_key": "eu", "attributes": {"value": "{1}", "tags": {"a": "{2}"}}}]},
    {"mode": "data", "type": "http", "name": "d", "provider": "p", "instances": [
       {"attributes": {"response_body": "{3}"}}]}
  ], "check_results": null
}
"#;
    let address = Some("module.app.aws_ssm_parameter.t[\"eu\"]");
    expect(
        "terraform.tfstate",
        &text.replace("LINEAGE", lineage),
        "tf.state",
        Some(lineage),
        &[
            ("/outputs/token/value", "output", None),
            (
                "/resources/1/instances/1/attributes/value",
                "property",
                address,
            ),
            ("/resources/1/instances/1/attributes/tags/a", "tag", address),
            (
                "/resources/2/instances/0/attributes/response_body",
                "property",
                Some("data.http.d"),
            ),
        ],
    );
}

#[test]
fn a_terraform_plan_tells_variables_changes_and_providers() {
    let text = r#"{"format_version": "1.2", "terraform_version": "1.9.0",
 "variables": {"t": {"value": "{0}"}},
 "planned_values": {"outputs": {"o": {"sensitive": false, "value": "{1}"}},
  "root_module": {"child_modules": [{"address": "module.a", "resources": [
   {"address": "module.a.null_resource.r[0]", "type": "null_resource", "values": {"triggers": {"k": "{2}"}}}]}]}},
 "resource_changes": [{"address": "null_resource.c", "change": {"actions": ["create"], "after": {"x": "{3}"}}}],
 "configuration": {"provider_config": {"github": {"expressions": {"token": {"constant_value": "{4}"}}}}}}
"#;
    let address = "module.a.null_resource.r[0]";
    expect(
        "plan.json",
        text,
        "tf.plan",
        None,
        &[
            ("/variables/t/value", "variable", None),
            ("/planned_values/outputs/o/value", "output", None),
            (
                "/planned_values/root_module/child_modules/0/resources/0/values/triggers/k",
                "property",
                Some(address),
            ),
            (
                "/resource_changes/0/change/after/x",
                "property",
                Some("null_resource.c"),
            ),
            (
                "/configuration/provider_config/github/expressions/token/constant_value",
                "provider",
                None,
            ),
        ],
    );
}

#[test]
fn a_manifest_of_deployment_manager_is_of_its_deployment() {
    let link =
        "https://www.googleapis.com/deploymentmanager/v2/projects/acme/global/deployments/shop";
    let text = r#"{
  "config": {"content": "resources:\n- name: vm\n"},
  "expandedConfig": "resources:\n- name: vm\n  type: compute.v1.instance\n  properties:\n    token: {0}\n",
  "id": "123", "layout": "{1}", "name": "manifest-1700000000000",
  "selfLink": "LINK/manifests/manifest-1700000000000"
}
"#;
    let id = "projects/acme/global/deployments/shop";
    expect(
        "manifest.json",
        &text.replace("LINK", link),
        "dm.deployment",
        Some(id),
        &[
            ("/expandedConfig", "property", Some("vm")),
            ("/layout", "template", None),
        ],
    );
}

#[test]
fn what_is_no_deployment_still_has_its_pointer() {
    expect(
        "other.json",
        "{\"id\": \"x-1\",\n \"a\": [{\"b\": \"{0}\"}]}\n",
        "json",
        Some("x-1"),
        &[("/a/0/b", "value", None)],
    );
    expect(
        "other.yaml",
        "a:\n- b: \"{0}\" # {1x}\n",
        "yaml",
        None,
        &[("/a/0/b", "value", None)],
    );
}
