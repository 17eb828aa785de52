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

/// The labels of a path: `test-directory` if one of its folders is a test folder. A secret in one
/// is usually made up, but real ones are left there often enough that it is never dropped.
#[must_use]
pub fn labels_of(path: &str) -> Vec<String> {
    let mut folders = path.split(['/', '\\']).rev();
    let _file = folders.next();
    let is_test = folders.any(|folder| {
        TEST_FOLDERS
            .iter()
            .any(|known| folder.eq_ignore_ascii_case(known))
    });
    if is_test {
        vec!["test-directory".to_owned()]
    } else {
        Vec::new()
    }
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
}
