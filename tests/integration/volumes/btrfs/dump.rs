//! What `btrfs inspect-internal dump-tree` says of an image.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use keydredge::volume::RunKind;

use super::super::{run, stdout};

/// A run: number of the file, position in it, place, length, kind.
pub(super) type Told = (u64, u64, u64, u64, &'static str);

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct Stat {
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) links: u32,
    pub(super) owner: (u32, u32),
    pub(super) modified: (i64, u32),
}

/// A dump, taken apart.
#[derive(Default)]
pub(super) struct Dump {
    pub(super) runs: BTreeSet<Told>,
    pub(super) stats: BTreeMap<u64, Stat>,
    /// Directory and name of each file.
    names: HashMap<u64, Vec<(u64, String)>>,
    /// Logical addresses of the blocks of trees, with the tree.
    pub(super) blocks: BTreeMap<u64, String>,
    /// Logical addresses and lengths of all that is allocated, whether it is a block, and the
    /// chunks: address, length, places.
    pub(super) extents: BTreeMap<u64, (u64, bool)>,
    pub(super) chunks: Vec<(u64, u64, Vec<u64>)>,
    /// Length of a block.
    pub(super) node: u64,
}

pub(super) fn kind(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Plain => "plain",
        RunKind::Resident => "resident",
        RunKind::Encoded { .. } => "encoded",
        RunKind::Unwritten => "unwritten",
        _ => "other",
    }
}

/// The number that a file of a subvolume has.
pub(super) fn number(subvolume: u64, inode: u64) -> u64 {
    if subvolume == 5 {
        inode
    } else {
        subvolume << 40 | inode
    }
}

/// The numbers in a line, in order.
fn numbers(line: &str) -> Vec<u64> {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The word behind another.
fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(word)?;
    rest.split_whitespace().next()
}

fn value(line: &str, word: &str) -> u64 {
    let found = after(line, word).and_then(|text| text.parse().ok());
    found.unwrap_or_else(|| panic!("no {word:?} in {line:?}"))
}

/// An item: its key, where its data lies, and the lines that describe it.
struct Item<'a> {
    object: &'a str,
    kind: &'a str,
    offset: &'a str,
    /// Of the leaf, and of the data in it.
    leaf: u64,
    within: u64,
    lines: Vec<&'a str>,
}

impl Item<'_> {
    fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    fn value(&self, word: &str) -> u64 {
        let line = self.lines.iter().find(|line| line.contains(word));
        value(
            line.unwrap_or_else(|| panic!("no {word:?} in {:?}", self.lines)),
            word,
        )
    }
}

impl Dump {
    pub(super) fn of(image: &Path) -> Self {
        let shown = image.to_str().unwrap();
        let text = stdout(&run("btrfs", &["inspect-internal", "dump-super", shown]));
        let field = text.lines().find(|line| line.starts_with("nodesize"));
        let mut dump = Self {
            node: numbers(field.unwrap())[0],
            ..Self::default()
        };
        let text = stdout(&run("btrfs", &["inspect-internal", "dump-tree", shown]));
        // Chunks first: all other addresses are logical.
        for pass in ["chunk", "all"] {
            let mut tree = "";
            let mut leaf = 0;
            let mut item: Option<Item<'_>> = None;
            for line in text.lines().chain([""]) {
                let opens = !line.starts_with(['\t', ' ']) || line.starts_with("\titem ");
                if opens && let Some(item) = item.take() {
                    dump.item(tree, pass, &item);
                }
                if let Some(rest) = line.strip_prefix("\titem ") {
                    item = Some(parse(rest, leaf));
                } else if line.starts_with("leaf ") || line.starts_with("node ") {
                    if line.contains(" items ") {
                        leaf = numbers(line)[0];
                        dump.blocks.insert(leaf, tree.to_owned());
                    }
                } else if let Some(item) = &mut item {
                    item.lines.push(line);
                } else if line.contains(" tree") {
                    tree = line;
                }
            }
        }
        assert!(dump.runs.len() > 40 && !dump.chunks.is_empty());
        dump
    }

    /// Where the copies of an address lie.
    pub(super) fn places(&self, logical: u64) -> Vec<u64> {
        let mut chunks = self.chunks.iter();
        let chunk = chunks.find(|(start, len, _)| (*start..start + len).contains(&logical));
        let (start, _, places) = chunk.unwrap_or_else(|| panic!("no chunk holds {logical}"));
        places.iter().map(|place| place + logical - start).collect()
    }

    fn item(&mut self, tree: &str, pass: &str, item: &Item<'_>) {
        if pass == "chunk" {
            if item.kind == "CHUNK_ITEM" {
                let places = item.lines.iter().filter(|line| line.contains("stripe "));
                let places = places.filter_map(|line| after(line, " offset ")?.parse().ok());
                let logical = item.offset.parse().unwrap();
                self.chunks
                    .push((logical, item.value("length "), places.collect()));
            }
            return;
        }
        if tree.starts_with("extent tree") {
            let at = item.object.parse().unwrap_or(0);
            match item.kind {
                "EXTENT_ITEM" => {
                    let len = item.offset.parse().unwrap();
                    self.extents.insert(at, (len, item.has("TREE_BLOCK")));
                }
                "METADATA_ITEM" => {
                    self.extents.insert(at, (self.node, true));
                }
                _ => {}
            }
            return;
        }
        if item.kind == "ROOT_BACKREF" {
            let line = item.lines[0];
            let (child, parent) = (item.object, item.offset);
            let parent = if parent == "FS_TREE" { "5" } else { parent };
            let directory = number(parent.parse().unwrap(), value(line, "dirid "));
            let (_, name) = line.split_once(" name ").unwrap();
            let child = number(child.parse().unwrap(), 256);
            self.name(child, directory, name);
            return;
        }
        let subvolume = match tree.split_once('(') {
            Some(("fs tree key ", _)) => 5,
            Some(("file tree key ", rest)) => numbers(rest)[0],
            Some(("log tree key ", rest)) => numbers(rest)[0],
            _ => return,
        };
        if let Ok(inode) = item.object.parse() {
            self.of_file(subvolume, inode, item);
        }
    }

    fn name(&mut self, node: u64, directory: u64, name: &str) {
        let names = self.names.entry(node).or_default();
        let name = (directory, name.to_owned());
        if !names.contains(&name) {
            names.push(name);
        }
    }

    fn of_file(&mut self, subvolume: u64, inode: u64, item: &Item<'_>) {
        let node = number(subvolume, inode);
        match item.kind {
            "INODE_ITEM" => {
                let time = item.lines.iter().find(|line| line.contains("mtime"));
                let time = after(time.unwrap(), "mtime ").unwrap();
                let (seconds, nanoseconds) = time.split_once('.').unwrap();
                let mode = item.lines.iter().find(|line| line.contains(" mode "));
                let mode = after(mode.unwrap(), " mode ").unwrap();
                let small = |word| u32::try_from(item.value(word)).unwrap();
                let stat = Stat {
                    size: item.value(" size "),
                    mode: u32::from_str_radix(mode, 8).unwrap(),
                    links: small(" links "),
                    owner: (small(" uid "), small(" gid ")),
                    modified: (seconds.parse().unwrap(), nanoseconds.parse().unwrap()),
                };
                self.stats.insert(node, stat);
            }
            "INODE_REF" => {
                let directory = number(subvolume, item.offset.parse().unwrap());
                for line in &item.lines {
                    let (_, name) = line.split_once(" name: ").unwrap();
                    if name != ".." {
                        self.name(node, directory, name);
                    }
                }
            }
            "EXTENT_DATA" => self.extent(node, item),
            _ => {}
        }
    }

    fn extent(&mut self, node: u64, item: &Item<'_>) {
        let file = item.offset.parse().unwrap();
        let (logical, len, kind) = if item.has("(inline)") {
            let line = item.lines[1];
            let len = value(line, "data size ");
            let kind = match value(line, "compression ") {
                0 => "resident",
                _ => "encoded",
            };
            (item.leaf + 101 + item.within + 21, len, kind)
        } else {
            let prealloc = item.has("prealloc data disk byte");
            let prefix = if prealloc { "prealloc" } else { "extent" };
            let line = |text: &str| {
                let start = format!("{prefix} data {text}");
                let line = item.lines.iter().find(|line| line.contains(&start));
                numbers(line.unwrap_or_else(|| panic!("{:?}", item.lines)))
            };
            let (disk, part) = (line("disk byte"), line("offset"));
            if disk[0] == 0 {
                return;
            }
            match item.lines.iter().find(|line| line.contains("compression")) {
                Some(line) if value(line, "compression ") > 0 => (disk[0], disk[1], "encoded"),
                _ if prealloc => (disk[0] + part[0], part[1], "unwritten"),
                _ => (disk[0] + part[0], part[1], "plain"),
            }
        };
        for place in self.places(logical) {
            self.runs.insert((node, file, place, len, kind));
        }
    }

    /// All paths of a file.
    pub(super) fn paths(&self, node: u64) -> Vec<String> {
        if node == 256 {
            return vec![String::new()];
        }
        let names = self.names.get(&node).into_iter().flatten();
        let mut paths: Vec<_> = names
            .flat_map(|(directory, name)| {
                let above = self.paths(*directory).into_iter();
                above.map(move |above| format!("{above}/{name}"))
            })
            .collect();
        paths.sort_unstable();
        paths
    }
}

fn parse(text: &str, leaf: u64) -> Item<'_> {
    let (_, key) = text.split_once('(').unwrap();
    let (key, rest) = key.split_once(')').unwrap();
    let mut words = key.split(' ');
    Item {
        object: words.next().unwrap(),
        kind: words.next().unwrap_or_default(),
        offset: words.next().unwrap_or_default(),
        leaf,
        within: value(rest, "itemoff "),
        lines: Vec::new(),
    }
}
