//! Remarks on where a finding lies that help a reader weigh it, and change nothing else.

/// Folder names that hold test material in the common build systems and languages.
const TEST_FOLDERS: &[&str] = &[
    "__tests__",
    "fixture",
    "fixtures",
    "spec",
    "specs",
    "test",
    "test-data",
    "test_data",
    "testdata",
    "testing",
    "tests",
];

/// The private key that Debian makes for each machine, to try TLS with.
const SNAKEOIL: &str = "ssl-cert-snakeoil.key";

/// The labels of a path.
///
/// - `test-directory`: one of its folders is a test folder. A secret in one is usually made up, but
///   real ones are left there often enough that it is never dropped.
/// - `ssh-host-key`: a machine's own identity, which lies in plain by design and lets nobody in
///   anywhere. The name is so particular that a copy in another folder is known by it too.
/// - `snakeoil`: a key under a self-signed certificate that nobody trusts.
#[must_use]
pub fn labels_of(path: &str) -> Vec<String> {
    let mut parts = path.split(['/', '\\']).rev();
    let file = parts.next().unwrap_or_default();
    let is_test = parts.any(|folder| {
        TEST_FOLDERS
            .iter()
            .any(|known| folder.eq_ignore_ascii_case(known))
    });
    let labels = [
        (is_test, "test-directory"),
        (is_host_key(file), "ssh-host-key"),
        (file == SNAKEOIL, "snakeoil"),
    ];
    labels
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, label)| label.to_owned())
        .collect()
}

/// `ssh_host_ed25519_key`, as `sshd_config` names them on every system.
fn is_host_key(file: &str) -> bool {
    let algorithm = file
        .strip_prefix("ssh_host_")
        .and_then(|rest| rest.strip_suffix("_key"));
    algorithm.is_some_and(|algorithm| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !algorithm.is_empty() && algorithm.bytes().all(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_folder_is_labelled_and_a_test_file_is_not() {
        assert_eq!(labels_of("/src/Tests/keys/id_rsa"), ["test-directory"]);
        assert_eq!(labels_of("C:\\repo\\testdata\\a.pem"), ["test-directory"]);
        assert!(labels_of("/home/ops/test").is_empty());
        assert!(labels_of("/home/contest/key").is_empty());
    }
    #[test]
    fn keys_that_a_machine_makes_for_itself_are_told_apart() {
        assert_eq!(labels_of("/etc/ssh/ssh_host_ed25519_key"), ["ssh-host-key"]);
        assert_eq!(
            labels_of("C:\\ProgramData\\ssh\\ssh_host_rsa_key"),
            ["ssh-host-key"]
        );
        assert_eq!(
            labels_of("tests/ssh_host_ecdsa_key"),
            ["test-directory", "ssh-host-key"]
        );
        assert_eq!(
            labels_of("/etc/ssl/private/ssl-cert-snakeoil.key"),
            ["snakeoil"]
        );
        for other in [
            "ssh_host_rsa_key.pub",
            "ssh_host__key/id_rsa",
            "ssh_host_key",
        ] {
            assert!(labels_of(other).is_empty(), "{other}");
        }
    }
}
