//! Terraform state, version 4, as an inventory.

use serde_json::{Value, json};

use super::json::{list, text};
use super::{Records, aws, azure};

/// Reads an element of a list of a state: a resource, if its kind matters.
pub(super) fn element(
    list_name: &str,
    version: Option<i64>,
    resource: &Value,
    records: &mut Records,
) -> Result<(), String> {
    if version != Some(4) {
        return Err("not version 4 of a Terraform state".to_owned());
    }
    if list_name != "resources" {
        return Ok(());
    }
    for instance in list(resource, "instances") {
        let at = |name: &str| instance.pointer(&format!("/attributes/{name}")).cloned();
        let attributes = instance.get("attributes").unwrap_or(&Value::Null);
        let name = text(attributes, "name");
        match text(resource, "type") {
            "aws_instance" => {
                let arn = text(attributes, "arn");
                let owner = arn.split(':').nth(4).unwrap_or("");
                let groups: Vec<Value> = list(attributes, "vpc_security_group_ids")
                    .iter()
                    .map(|id| json!({"GroupId": id}))
                    .collect();
                let tags = text(&attributes["tags"], "Name");
                let as_described = json!({
                    "InstanceId": at("id"), "PublicIpAddress": at("public_ip"),
                    "PrivateIpAddress": at("private_ip"), "KeyName": at("key_name"),
                    "Placement": {"AvailabilityZone": at("availability_zone")},
                    "State": {"Name": at("instance_state")}, "OwnerId": owner,
                    "SecurityGroups": groups, "Tags": [{"Key": "Name", "Value": tags}],
                });
                aws::element("Instances", &as_described, None, records)?;
            }
            "aws_s3_bucket" => {
                let bucket = json!({"Name": at("bucket")});
                aws::element("Buckets", &bucket, None, records)?;
            }
            "aws_db_instance" => {
                let database = json!({
                    "DBInstanceArn": at("arn"), "DBInstanceIdentifier": at("identifier"),
                    "PubliclyAccessible": at("publicly_accessible"),
                    "Endpoint": {"Address": at("address")},
                });
                aws::element("DBInstances", &database, None, records)?;
            }
            "azurerm_storage_account" => {
                let account = json!({
                    "id": at("id"), "name": name, "location": at("location"),
                    "properties": {"allowSharedKeyAccess": at("shared_access_key_enabled")},
                });
                azure::resource("microsoft.storage/storageaccounts", &account, records)?;
            }
            "azurerm_mssql_server" => {
                let server = json!({
                    "id": at("id"), "name": name,
                    "properties": {"fullyQualifiedDomainName": at("fully_qualified_domain_name")},
                });
                azure::resource("microsoft.sql/servers", &server, records)?;
            }
            "azurerm_linux_virtual_machine" | "azurerm_virtual_machine" => {
                let interfaces: Vec<Value> = list(attributes, "network_interface_ids")
                    .iter()
                    .map(|id| json!({"id": id}))
                    .collect();
                let keys: Vec<Value> = list(attributes, "admin_ssh_key")
                    .iter()
                    .map(|key| {
                        let user = text(key, "username");
                        json!({"path": format!("/home/{user}/.ssh/authorized_keys"),
                                   "keyData": key.get("public_key")})
                    })
                    .collect();
                let machine = json!({
                    "id": at("id"), "name": name, "location": at("location"),
                    "properties": {
                        "networkProfile": {"networkInterfaces": interfaces},
                        "osProfile": {"linuxConfiguration": {"ssh": {"publicKeys": keys}}},
                    },
                });
                azure::resource("microsoft.compute/virtualmachines", &machine, records)?;
            }
            _ => {}
        }
    }
    Ok(())
}
