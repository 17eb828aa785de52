//! A path needs every one of its conditions: taking one away takes just the paths that need it.

use super::{Fleet, all_but};

#[test]
fn closing_the_port_ends_the_paths_that_begin_at_it() {
    let fleet = Fleet::new();
    fleet.change("gcp-assets.json", "\"0.0.0.0/0\"", "\"10.0.0.0/8\"");
    assert_eq!(fleet.scenarios(), all_but(&["G1"]));
}

#[test]
fn patching_the_machine_ends_its_paths() {
    let fleet = Fleet::new();
    fleet.change("trivy-gcp-app.json", "\"HIGH\"", "\"MEDIUM\"");
    assert_eq!(fleet.scenarios(), all_but(&["G1"]));
    fleet.change("azure-assessments.json", "\"Critical\"", "\"Low\"");
    assert_eq!(fleet.scenarios(), all_but(&["G1", "A3"]));
}

#[test]
fn deleting_the_authorised_key_ends_the_path() {
    let fleet = Fleet::new();
    let pairs =
        std::fs::read_to_string(fleet.desk.path("fleet/inventory/aws-key-pairs.json")).unwrap();
    let (_, rest) = pairs.split_once("ssh-ed25519 ").unwrap();
    let key = rest.split(' ').next().unwrap();
    // Another key takes its place.
    let mut bytes = key.as_bytes().to_vec();
    let at = bytes.len() - 4;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fleet.change(
        "aws-key-pairs.json",
        key,
        &String::from_utf8(bytes).unwrap(),
    );
    assert_eq!(fleet.scenarios(), all_but(&["W1"]));
}

#[test]
fn deleting_the_line_on_the_target_s_disk_ends_the_path() {
    let fleet = Fleet::new();
    let rows = fleet.ask(&["paths"]);
    assert_eq!(rows[0]["how"], "authorized_keys");
    let evidence = rows[0]["evidence"].as_str().unwrap();
    assert!(
        evidence.starts_with("/home/ops/.ssh/authorized_keys at 0x"),
        "{evidence}"
    );
    fleet.rescan("az-db01", |image| {
        let at = memchr::memmem::find(image, b"ssh-ed25519 AAAA").unwrap();
        image[at..at + 60].fill(b'#');
    });
    assert_eq!(fleet.scenarios(), all_but(&["A1"]));
}

#[test]
fn a_passphrase_on_the_key_ends_the_path() {
    let fleet = Fleet::new();
    let (start, end) = (
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----END OPENSSH PRIVATE KEY-----\n",
    );
    fleet.rescan("az-web01", |image| {
        let first = memchr::memmem::find(image, start.as_bytes()).unwrap();
        let last = memchr::memmem::find(&image[first..], end.as_bytes()).unwrap();
        let range = first..first + last + end.len();
        let file = fleet.desk.file("key", &image[range.clone()]);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).unwrap();
        let ran = std::process::Command::new("ssh-keygen")
            .args(["-p", "-q", "-P", "", "-N", "a passphrase", "-f"])
            .arg(&file)
            .status()
            .expect("ssh-keygen: tests/run.sh installs it");
        assert!(ran.success());
        // The file's cluster has room for the longer text.
        let locked = std::fs::read(&file).unwrap();
        assert!(locked.len() > range.len() && locked.len() <= 512);
        image[first..first + locked.len()].copy_from_slice(&locked);
    });
    assert_eq!(fleet.scenarios(), all_but(&["A1"]));
    let rows = fleet.ask(&["recommendations"]);
    assert_eq!(rows[0]["fixed"], 1, "the plain key is gone");
}

#[test]
fn an_expired_signature_ends_the_path() {
    let fleet = Fleet::new();
    fleet.rescan("az-web01", |image| {
        let at = memchr::memmem::find(image, b"se=2099").unwrap();
        image[at..at + 7].copy_from_slice(b"se=2019");
    });
    assert_eq!(fleet.scenarios(), all_but(&["A2"]));
}

#[test]
fn a_stopped_target_cannot_be_entered() {
    let fleet = Fleet::new();
    let path = fleet.desk.path("fleet/inventory/gcp-assets.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            if line.contains("instances/db\"") {
                line.replace("RUNNING", "TERMINATED")
            } else {
                line.to_owned()
            }
        })
        .collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    fleet.case(&["import", path.to_str().unwrap()]).expect(0);
    assert_eq!(fleet.scenarios(), all_but(&["G1"]));
}

#[test]
fn switching_the_access_key_off_ends_the_path() {
    let fleet = Fleet::new();
    fleet.change("aws-access-keys.json", "\"Active\"", "\"Inactive\"");
    assert_eq!(fleet.scenarios(), all_but(&["W2"]));
}

#[test]
fn a_machine_that_left_the_inventory_is_no_target() {
    let fleet = Fleet::new();
    fleet.change("aws-databases.json", "db:shop", "db:other");
    fleet.change("aws-databases.json", "shop.c9", "other.c9");
    assert_eq!(fleet.scenarios(), all_but(&["W3"]));
    let possible = fleet.ask(&["paths", "--confidence", "50"]);
    assert!(
        possible
            .iter()
            .any(|row| row["scenario"] == "W3" && row["how"] == "named-only"),
        "what is only named is possible"
    );
}
