//! What the integration tests share: a folder per test, and the program run as a user runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keydredge::finding::Finding;
use keydredge::finding::summary::Summary;

/// A temporary folder with a key file of its own.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders above it, and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, with a key and no configuration of the user's.
    pub fn keydredge(&self) -> Command {
        let program = std::env::var_os("KEYDREDGE_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_keydredge").into());
        let mut command = Command::new(program);
        command
            .env("KEYDREDGE_KEY", self.path("key"))
            .current_dir(self.folder.path());
        command
    }

    /// The program with this key: the one of the demo, to scan again what the demo scanned.
    pub fn keydredge_with_key(&self, key: &[u8; 32]) -> Command {
        let path = self.file("known-key", key);
        let mut command = self.keydredge();
        command.env("KEYDREDGE_KEY", path);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.keydredge().args(args).output().unwrap())
    }

    /// Runs with bytes on standard input.
    pub fn pipe(&self, args: &[&str], bytes: &[u8]) -> Ran {
        let mut child = self
            .keydredge()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A program that stops early closes the pipe; that is for the test to judge.
            scope.spawn(move || drop(stdin.write_all(bytes)));
        });
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Scans to JSON Lines.
    pub fn scan(&self, input: &Path, args: &[&str]) -> Ran {
        let mut all = vec!["scan", "--format", "jsonl", input.to_str().unwrap()];
        all.extend(args);
        self.run(&all)
    }
}

/// How a run of the program ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let Self {
            code: found,
            stdout,
            stderr,
        } = &self;
        assert_eq!(
            *found, code,
            "exit code; stdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    pub fn findings(&self) -> Vec<Finding> {
        let lines = self
            .stdout
            .lines()
            .filter(|line| line.contains(Finding::SCHEMA));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The last line.
    pub fn summary(&self) -> Summary {
        serde_json::from_str(self.stdout.lines().last().unwrap()).unwrap()
    }
}
