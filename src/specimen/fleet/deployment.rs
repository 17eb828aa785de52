//! Deployments in Azure and AWS: of each cloud one that holds a secret, and one that is as it should
//! be and looks alike.

use serde_json::{Value, json};

use super::aws::{ACCOUNT, host};
use super::azure::id;
use super::{Stream, expand, printed};

/// As `az deployment group show` prints it: of a secure parameter only the type.
fn arm(name: &str, parameters: &Value, outputs: &Value) -> Value {
    json!({
        "id": id("Microsoft.Resources/deployments", name), "location": null, "name": name,
        "properties": {
            "correlationId": "6f1d2a40-0000-4000-8000-1b2c3d4e5f60", "dependencies": [],
            "duration": "PT41.2S", "error": null, "mode": "Incremental",
            "outputResources": [{"id": id("Microsoft.Web/sites", name), "resourceGroup": "fleet"}],
            "outputs": outputs, "parameters": parameters, "provisioningState": "Succeeded",
            "templateHash": "7316527349158920427", "timestamp": "2026-03-01T10:00:00.000000+00:00",
        },
        "resourceGroup": "fleet", "tags": null, "type": "Microsoft.Resources/deployments",
    })
}

/// As `aws cloudformation describe-stacks` prints it: of a `NoEcho` parameter only stars.
fn stack(name: &str, parameters: &[(&str, &str)], output: &str) -> Value {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}))
        .collect();
    json!({
        "StackId": format!("arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{name}/5f1a2b3c-0000-11ee-8000-0a1b2c3d4e5f"),
        "StackName": name, "Parameters": parameters,
        "CreationTime": "2026-03-01T10:00:00.000000+00:00", "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": "Endpoint", "OutputValue": output}],
        "Tags": [{"Key": "team", "Value": "shop"}], "EnableTerminationProtection": false,
    })
}

pub(super) fn build(stream: &mut Stream) -> [(&'static str, String); 3] {
    let storage = expand(
        "DefaultEndpointsProtocol=https;AccountName=acmelogs;AccountKey={azure-storage-key};\
         EndpointSuffix=core.windows.net",
        stream,
    );
    let password = expand("{password}", stream).replace('!', "x");
    let url = format!(
        "postgresql://deployer:{password}@{}:5432/shop",
        host("shop")
    );
    let secure = json!({"adminPassword": {"type": "SecureString"},
        "siteName": {"type": "String", "value": "acme-web"}});
    let look_alike = json!({"connection": {"type": "String", "value":
        "DefaultEndpointsProtocol=https;AccountName=acmelogs;AccountKey=[listKeys(variables('id'), '2023-01-01').keys[0].value]"}});
    let output = json!({"logs": {"type": "String", "value": storage}});
    let stacks = json!({"Stacks": [
        stack("shop", &[("Environment", "production"), ("DatabaseUrl", &url)], "https://shop.example.com"),
        stack("network", &[("DatabasePassword", "****"),
            ("Login", "{{resolve:secretsmanager:shop/db:SecretString:password}}")], "vpc-1"),
    ]});
    [
        (
            "deployments/azure-shop.json",
            printed(&arm("shop", &secure, &output)),
        ),
        (
            "deployments/azure-web.json",
            printed(&arm("web", &secure, &look_alike)),
        ),
        ("deployments/aws-stacks.json", printed(&stacks)),
    ]
}
