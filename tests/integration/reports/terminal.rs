//! What a person sees: lines that fit, colours where they are wanted, and a closing paragraph.

use super::Disk;
use crate::fixture::Ran;

fn table(disk: &Disk, environment: &[(&str, &str)]) -> String {
    let mut command = disk.desk.keydredge();
    command
        .args(["scan", "disk.img", "--engine", "cpu", "--format", "table"])
        .env_remove("NO_COLOR")
        .envs(environment.iter().copied());
    Ran::of(command.output().unwrap()).expect(0).stdout
}

fn disk() -> Disk {
    let disk = Disk::new();
    let deep = format!("{}/{}.env", "deep/".repeat(30), "long-name-".repeat(8));
    let secret = keydredge::specimen::expand(
        "token={github-classic}\n",
        &mut keydredge::specimen::Stream::new("terminal"),
    );
    disk.desk.file(&format!("tree/{deep}"), secret);
    disk
}

#[test]
fn a_table_keeps_to_the_columns_and_never_hides_a_position() {
    let disk = disk();
    let whole = table(&disk, &[]);
    let positions: Vec<&str> = whole
        .lines()
        .filter_map(|line| line.split_once(" at 0x"))
        .map(|(_, rest)| rest.split(' ').next().unwrap())
        .collect();
    assert!(positions.len() >= 20, "{whole}");
    for columns in [72, 80, 100, 132, 200] {
        let text = table(&disk, &[("COLUMNS", &columns.to_string())]);
        let body: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        for line in &body {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        for position in &positions {
            let shown = body
                .iter()
                .any(|line| line.contains(&format!(" at 0x{position}")));
            assert!(shown, "{columns}: {position}\n{text}");
        }
    }
    // A file, with line and column instead of an offset.
    let mut command = disk.desk.keydredge();
    command
        .args(["scan", "tree", "--format", "table"])
        .env("COLUMNS", "90");
    let text = Ran::of(command.output().unwrap()).expect(0).stdout;
    assert!(text.contains(":1:7") && text.contains('…'), "{text}");
    assert!(
        text.contains("long-name-.env:1:7"),
        "the file's own name is kept: {text}"
    );
}

#[test]
fn colours_follow_the_conventions() {
    let disk = disk();
    let red = "\x1b[31mhigh    \x1b[0m";
    assert!(!table(&disk, &[]).contains('\x1b'), "a pipe");
    assert!(table(&disk, &[("CLICOLOR_FORCE", "1")]).contains(red));
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!table(&disk, &both).contains('\x1b'));
}

#[test]
fn the_closing_lines_count_what_was_found() {
    let disk = disk();
    let ran = disk.scan(&["--format", "table"]).expect(0);
    let findings = disk.scan(&["--format", "jsonl"]).expect(0).findings();
    let count = |of: &dyn Fn(&keydredge::finding::Finding) -> bool| {
        findings.iter().filter(|finding| of(finding)).count()
    };
    let live = count(&|finding| finding.occurrence.state.as_deref() == Some("allocated"));
    let deleted = count(&|finding| finding.occurrence.state.as_deref() == Some("deleted"));
    let checksum = count(&|finding| finding.verdict.name() == "checksum");
    for part in [
        format!("{} findings in 64.0 MiB", findings.len()),
        format!(
            "  severity  {} high",
            count(&|finding| finding.severity.name() == "high")
        ),
        format!("  verdict   {checksum} checksum"),
        format!("  where     {live} in live files, {deleted} in deleted files"),
        "  scanned   disk.img (1 file) for 3 secret types".to_owned(),
        "Everything that was asked for was read.".to_owned(),
    ] {
        assert!(ran.stdout.contains(&part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn a_real_terminal_gives_its_own_width_and_gets_colours() {
    let disk = disk();
    let program = "import fcntl, os, pty, struct, sys, termios\n\
        child, terminal = pty.fork()\n\
        if child == 0:\n\
        \x20   fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 76, 0, 0))\n\
        \x20   os.execv(sys.argv[1], sys.argv[1:])\n\
        out = b''\n\
        try:\n\
        \x20   while part := os.read(terminal, 65536): out += part\n\
        except OSError: pass\n\
        sys.stdout.buffer.write(out)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
    let keydredge = disk.desk.keydredge();
    let ran = std::process::Command::new("python3")
        .args(["-c", program])
        .arg(keydredge.get_program())
        .args(["scan", "disk.img", "--engine", "cpu", "--progress", "none"])
        .current_dir(disk.desk.path("."))
        .env("KEYDREDGE_KEY", disk.desk.path("key"))
        .env("TERM", "xterm")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .output()
        .unwrap_or_else(|error| panic!("python3: {error}; tests/run.sh installs it"));
    let text = Ran::of(ran).expect(0).stdout;
    assert!(text.contains("\x1b[31mhigh"), "{text}");
    let plain = text.replace("\x1b[31m", "").replace("\x1b[1;31m", "");
    let plain = plain
        .replace("\x1b[2m", "")
        .replace("\x1b[36m", "")
        .replace("\x1b[0m", "");
    for line in plain.lines().take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 76, "{line}");
    }
}
