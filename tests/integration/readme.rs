//! What the README shows is what the program prints, and what was measured.
//!
//! `KEYDREDGE_BLESS=1 cargo test --release readme` writes the current output, and the newest record,
//! into the README.

use std::fs;
use std::path::Path;

use crate::fixture::Desk;

/// Speeds differ from run to run and the engine's device from machine to machine; everything else
/// must be equal.
fn normal(text: &str) -> String {
    let line = |line: &str| -> String {
        let Some((before, rest)) = line.split_once(" read at ") else {
            return line.trim_end().to_owned();
        };
        let after = rest.split_once("), ").map_or(rest, |(_, after)| after);
        format!("{before} read at RATE by ENGINE, {after}")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn section(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = readme.find(&open).expect("the section's opening mark") + open.len();
    let end = readme.find(&close).expect("the section's closing mark");
    if normal(&readme[start..end]) == normal(expected) {
        return;
    }
    if std::env::var_os("KEYDREDGE_BLESS").is_some() {
        fs::write(
            &path,
            format!("{}{expected}{}", &readme[..start], &readme[end..]),
        )
        .unwrap();
        return;
    }
    panic!("README.md, section {name}, is out of date; expected:\n{expected}");
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let desk = Desk::new();
    let ran = desk.run(&["demo", "--engine", "cpu"]).expect(0);
    section(
        "demo",
        &format!(
            "```console\n$ cargo run --release -- demo\n{}```\n",
            ran.stdout
        ),
    );
}

/// The newest record of whole scans, as `benches/whole.sh` writes it: its name, and its text. `None`
/// if no machine was quiet enough yet to keep one.
fn newest_record() -> Option<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record");
    let names = fs::read_dir(&folder).unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.into_string().unwrap()
    });
    // Names begin with the date.
    let name = names.filter(|name| name.ends_with("-whole.tsv")).max()?;
    let text = fs::read_to_string(folder.join(&name)).unwrap();
    Some((name, text))
}

/// The rows in the order of what they cost, each beside the fastest that only reads and beside ours.
fn speed(name: &str, record: &str) -> String {
    let rows = record
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let mut rows: Vec<(Vec<&str>, f64)> = rows
        .map(|row| {
            let number = |at: usize| row[at].parse::<f64>().unwrap();
            let cpu = number(3) + number(4);
            (row, cpu)
        })
        .collect();
    rows.sort_by(|one, two| one.1.total_cmp(&two.1));
    let of = |name: &str| rows.iter().find(|(row, _)| row[0] == name).unwrap().1;
    let (cat, ours) = (of("cat"), of("keydredge"));
    let mut text = String::from(
        "\n| program | wall s | CPU s | CPU to `cat` | CPU to keydredge | counts |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for (row, cpu) in &rows {
        let (program, wall) = (row[0], row[2]);
        let count = row.get(5).copied().unwrap_or_default();
        let (to_cat, to_ours) = (cpu / cat, cpu / ours);
        text +=
            &format!("| {program} | {wall} | {cpu:.2} | {to_cat:.1} | {to_ours:.2} | {count} |\n");
    }
    let about = record.lines().next().unwrap().trim_start_matches("# ");
    text + &format!(
        "\n{about} (`benches/record/{name}`). Counts cannot agree: the programs look for different \
         things\n(`benches/peers/BIAS.md`).\n\n"
    )
}

#[test]
fn the_table_of_speed_is_the_newest_record() {
    let record = newest_record();
    let shown = record.map(|(name, record)| speed(&name, &record));
    section("speed", &shown.unwrap_or_default());
}

#[test]
fn a_record_of_whole_scans_becomes_a_table_by_cost() {
    let record = "# a machine\nprogram\tversion\twall_s\tuser_s\tsystem_s\tcount\n\
                  slow\t1\t9.0\t7.5\t0.5\t3\nkeydredge\t0.1\t1.5\t1.8\t0.2\t7\n\
                  cat\t9\t0.3\t0.1\t0.4\t\n";
    let text = speed("x-whole.tsv", record);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(
        rows[1..],
        [
            "| cat | 0.3 | 0.50 | 1.0 | 0.25 |  |",
            "| keydredge | 1.5 | 2.00 | 4.0 | 1.00 | 7 |",
            "| slow | 9.0 | 8.00 | 16.0 | 4.00 | 3 |",
        ]
    );
    assert!(
        text.contains("\na machine (`benches/record/x-whole.tsv`)."),
        "{text}"
    );
}

#[test]
fn the_table_of_types_is_the_catalogue() {
    let desk = Desk::new();
    let ran = desk.run(&["types", "--format", "markdown"]).expect(0);
    section("types", &ran.stdout);
}
