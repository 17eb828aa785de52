//! The layout's promises, kept by tests instead of comments.

use std::fs;
use std::path::{Path, PathBuf};

/// Allowed order: a module may name only modules to its left.
const ORDER: &[&str] = &[
    "unit",
    "image",
    "volume",
    "rule",
    "chunk",
    "anchor",
    "finding",
    "confirm",
    "specimen",
    "deployment",
    "scan",
    "case",
    "estate",
    "graph",
    "report",
    "batch",
    "cli",
];

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files.sort();
    files
}

/// The top-level module a file belongs to; `lib.rs` and `main.rs` belong to none.
fn module_of(path: &Path) -> Option<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(src).unwrap().components().next()?;
    let name = Path::new(first.as_os_str())
        .file_stem()?
        .to_str()?
        .to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// Code without its tests: what ships.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn modules_name_only_modules_to_their_left() {
    let mut wrong = Vec::new();
    for path in sources() {
        let Some(module) = module_of(&path) else {
            continue;
        };
        let rank = ORDER.iter().position(|known| *known == module);
        let rank = rank.unwrap_or_else(|| panic!("{module} has no place in the order"));
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in shipped(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for (at, _) in code.match_indices("crate::") {
                let named: String = code[at + "crate::".len()..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let other = ORDER.iter().position(|known| *known == named);
                if other.is_some_and(|other| other > rank) {
                    wrong.push(format!(
                        "{}:{}: {module} names {named}",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong-way imports:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_scan_has_threads_and_only_the_command_line_prints() {
    let mut wrong = Vec::new();
    for path in sources() {
        let module = module_of(&path).unwrap_or_default();
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in shipped(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            let threads = [
                "thread::spawn",
                "thread::scope",
                "thread::Builder",
                "crossbeam::",
            ]
            .iter()
            .any(|call| code.contains(call));
            let prints = ["println!", "print!(", "stdout()", "stderr()"];
            // The command line has one thread of its own, for the progress display.
            if threads && !["scan", "cli"].contains(&module.as_str()) {
                wrong.push(format!("{}:{}: a thread", path.display(), number + 1));
            }
            if prints.iter().any(|call| code.contains(call)) && module != "cli" {
                wrong.push(format!("{}:{}: printing", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "out of place:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stays_in_the_map_and_the_vector_engine() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.to_string_lossy();
        if shown.contains("image/map") || shown.contains("anchor/cpu") {
            continue;
        }
        let has = text
            .lines()
            .any(|line| line.split("//").next().unwrap().contains("unsafe "));
        assert!(
            !has,
            "{shown} has unsafe code; only image/map and anchor/cpu may"
        );
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= 600,
            "{} has {lines} lines; split it",
            path.display()
        );
    }
}
