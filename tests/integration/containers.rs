//! Disks in containers that other programs wrote: the same bytes and the same findings as the raw
//! disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use keydredge::finding::Finding;
use keydredge::image::{Cache, ExtentKind, Format, Image, Stored};
use keydredge::specimen::{Stream, maker};
use sha2::{Digest, Sha256};

use crate::fixture::Desk;

const MIB: usize = 1 << 20;
/// A length that is a whole number of every unit a format counts in.
const DISK_LEN: usize = 24 * MIB;

/// Runs a program that must be there and must succeed.
#[track_caller]
pub(crate) fn tool(program: &str, folder: &Path, arguments: &[&str]) {
    let package = match program {
        "ewfacquire" => "ewf-tools",
        "mke2fs" => "e2fsprogs",
        "split" => "coreutils",
        _ => "qemu-utils",
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be started ({error}); install the package {package}")
        });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An ext4 disk with text, noise and holes, and with a private key across each of several borders
/// of every cluster, chunk and block length that the formats have.
pub(crate) fn disk() -> &'static [u8] {
    static DISK: OnceLock<Vec<u8>> = OnceLock::new();
    DISK.get_or_init(|| {
        let desk = Desk::new();
        let mut stream = Stream::new("containers");
        let mut noise = vec![0; 3 * MIB];
        stream.fill(&mut noise);
        desk.file("files/noise.bin", &noise);
        let mut log = String::new();
        while log.len() < 5 * MIB {
            let (day, user) = (1 + stream.below(28), stream.below(1000));
            log.push_str(&format!(
                "2026-03-{day:02} session opened for user {user}\n"
            ));
        }
        desk.file("files/var/log/auth.log", &log);
        let image = desk.path("disk.raw");
        fs::write(&image, "").unwrap();
        fs::File::options()
            .write(true)
            .open(&image)
            .unwrap()
            .set_len(DISK_LEN as u64)
            .unwrap();
        tool(
            "mke2fs",
            desk.path(".").as_path(),
            &["-q", "-t", "ext4", "-m", "0", "-d", "files", "disk.raw"],
        );
        let mut bytes = fs::read(&image).unwrap();
        let border = 32 << 10;
        let written = |bytes: &[u8], at: usize| {
            let around = &bytes[at - 4096..at + 4096];
            around.iter().filter(|byte| **byte != 0).count() > 6000
        };
        let mut planted = 0;
        for at in (MIB..DISK_LEN - MIB).step_by(border) {
            // Rarely enough that most of the disk is left as it was.
            if (at / border) % 7 != 0 && at % (2 * MIB) != 0 || !written(&bytes, at) {
                continue;
            }
            let make = maker("ssh-openssh-ed25519").unwrap();
            let key = format!("\n{}\n", make(&mut stream));
            let start = at - key.len() / 2;
            bytes[start..start + key.len()].copy_from_slice(key.as_bytes());
            planted += 1;
        }
        assert!(planted > 20, "{planted} keys were planted");
        bytes
    })
}

/// What of a finding must not depend on the container.
type Places = Vec<(String, u64, u64, String)>;

/// Writes the disk as the sparse file `disk.raw`, and gives what scanning it finds.
fn raw_in(desk: &Desk) -> Places {
    let path = desk.path("disk.raw");
    fs::write(&path, disk()).unwrap();
    tool(
        "qemu-img",
        desk.path(".").as_path(),
        &["convert", "-O", "raw", "disk.raw", "sparse.raw"],
    );
    fs::rename(desk.path("sparse.raw"), &path).unwrap();
    let expected = desk.scan(&path, &["--profile", "all"]).expect(0).findings();
    assert!(expected.len() > 20);
    places(&expected)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of the disk, read through the container in steps that fit no block.
pub(crate) fn guest(image: &Image) -> Vec<u8> {
    let len = usize::try_from(image.len()).unwrap();
    let mut bytes = vec![1; len];
    let mut cache = Cache::default();
    let mut at = 0;
    while at < len {
        let end = (at + 333_333).min(len);
        image
            .read_with(&mut cache, at as u64, &mut bytes[at..end])
            .unwrap();
        at = end;
    }
    bytes
}

/// Asserts what every container must keep: the bytes, and what the extents say of them.
#[track_caller]
fn assert_holds(image: &Image, expected: &[u8], name: &str) {
    let bytes = guest(image);
    assert_eq!(bytes.len(), expected.len(), "{name}");
    assert_eq!(sha256(&bytes), sha256(expected), "{name}");
    let mut next = 0;
    for extent in image.extents() {
        assert_eq!(extent.start.0, next, "{name}");
        assert_ne!(extent.len, 0, "{name}");
        let range = next..next + extent.len;
        let there = &bytes[range.start as usize..range.end as usize];
        match (extent.kind, extent.stored) {
            (ExtentKind::Hole, Stored::Nowhere) => {
                assert!(there.iter().all(|byte| *byte == 0), "{name}: {extent:?}");
            }
            (ExtentKind::Data, Stored::Mapped { file, .. }) => {
                let (map, place) = image.mapped(range).unwrap();
                assert!(map.bytes()[place] == *there, "{name}: {extent:?}");
                assert!(file < image.files().count(), "{name}");
            }
            (ExtentKind::Data, Stored::Compressed) => assert!(image.mapped(range).is_none()),
            other => panic!("{name}: {other:?}"),
        }
        next += extent.len;
    }
    assert_eq!(next, image.len(), "{name}");
    assert_eq!(image.unreadable(), [], "{name}");
    assert_eq!(image.damaged(), None, "{name}");
    assert_eq!(image.changed(), None, "{name}");
}

fn places(findings: &[Finding]) -> Places {
    let mut places: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding.secret_type.clone(),
                finding.occurrence.offset,
                finding.occurrence.length,
                finding.fingerprint.clone(),
            )
        })
        .collect();
    places.sort();
    places
}

/// Asserts that the container holds the disk, and that scanning it finds what scanning the raw
/// disk finds, and is complete.
#[track_caller]
fn assert_same(desk: &Desk, expected: &Places, name: &str, format: Format) {
    let path = desk.path(name);
    let image = Image::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(image.format(), format, "{name}");
    assert_holds(&image, disk(), name);
    let ran = desk.scan(&path, &["--profile", "all"]).expect(0);
    assert_eq!(&places(&ran.findings()), expected, "{name}");
    let summary = ran.summary();
    let all = summary.bytes_read + summary.bytes_skipped;
    assert_eq!(all, DISK_LEN as u64, "{name}");
    assert!(summary.bytes_skipped > 8 * MIB as u64, "{name}");
    assert_eq!(summary.warnings, [""; 0], "{name}");
}

#[test]
fn split_raw_images_are_one_disk() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    tool(
        "split",
        &folder,
        &[
            "-b",
            "5M",
            "-a",
            "3",
            "--numeric-suffixes=1",
            "disk.raw",
            "digits.",
        ],
    );
    tool("split", &folder, &["-b", "1000001", "disk.raw", "letters."]);
    tool(
        "split",
        &folder,
        &["-b", "7M", "-a", "3", "-d", "disk.raw", "zero."],
    );
    for name in ["digits.001", "letters.aa", "zero.000"] {
        // Pieces are not sparse, so nothing is skipped: only bytes and findings are compared.
        let image = Image::open(desk.path(name)).unwrap();
        assert_eq!(image.format(), Format::Split);
        assert!(guest(&image) == disk(), "{name}");
        let ran = desk.scan(&desk.path(name), &["--profile", "all"]).expect(0);
        assert_eq!(places(&ran.findings()), expected, "{name}");
    }
    fs::remove_file(desk.path("digits.003")).unwrap();
    let error = Image::open(desk.path("digits.001"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("digits.003\""), "{error}");
    assert!(error.contains("does not exist although"), "{error}");
}

#[test]
fn every_kind_of_qcow2_is_the_disk() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    let kinds: &[(&str, &[&str])] = &[
        ("plain.qcow2", &[]),
        ("zlib.qcow2", &["-c"]),
        ("zstd.qcow2", &["-c", "-o", "compression_type=zstd"]),
        ("v2.qcow2", &["-o", "compat=0.10"]),
        (
            "v2zlib.qcow2",
            &["-c", "-o", "compat=0.10,cluster_size=4096"],
        ),
        ("small.qcow2", &["-o", "cluster_size=512"]),
        (
            "large.qcow2",
            &["-c", "-o", "cluster_size=2M,compression_type=zstd"],
        ),
        ("extended.qcow2", &["-o", "extended_l2=on"]),
        (
            "extendedzlib.qcow2",
            &["-c", "-o", "extended_l2=on,cluster_size=128k"],
        ),
        ("external.qcow2", &["-o", "data_file=external.data"]),
        (
            "externalraw.qcow2",
            &["-o", "data_file=externalraw.data,data_file_raw=on"],
        ),
        ("metadata.qcow2", &["-o", "preallocation=metadata"]),
    ];
    for (name, options) in kinds {
        let mut arguments = vec!["convert", "-O", "qcow2"];
        arguments.extend(*options);
        arguments.extend(["disk.raw", name]);
        tool("qemu-img", &folder, &arguments);
        assert_same(&desk, &expected, name, Format::Qcow2);
    }
}

#[test]
fn an_overlay_shows_its_backing_image_where_it_has_nothing_itself() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    // An older state of the disk: some sectors differ, and it is shorter.
    let mut older = disk()[..DISK_LEN - 3 * MIB].to_vec();
    for at in (0..older.len()).step_by(333 << 10) {
        older[at..]
            .iter_mut()
            .take(700)
            .for_each(|byte| *byte = !*byte);
    }
    desk.file("older.raw", &older);
    let convert = |arguments: &[&str]| {
        let mut all = vec!["convert"];
        all.extend(arguments);
        tool("qemu-img", &folder, &all);
    };
    convert(&[
        "-c",
        "-O",
        "qcow2",
        "-o",
        "compression_type=zstd",
        "older.raw",
        "older.qcow2",
    ]);
    convert(&["-O", "vmdk", "older.raw", "older.vmdk"]);
    for (name, format, base, base_format, options) in [
        ("raw.qcow2", Format::Qcow2, "older.raw", "raw", "compat=1.1"),
        (
            "over.qcow2",
            Format::Qcow2,
            "older.qcow2",
            "qcow2",
            "cluster_size=4k",
        ),
        (
            "sub.qcow2",
            Format::Qcow2,
            "older.qcow2",
            "qcow2",
            "extended_l2=on",
        ),
        (
            "cross.qcow2",
            Format::Qcow2,
            "older.vmdk",
            "vmdk",
            "cluster_size=1M",
        ),
        (
            "over.vmdk",
            Format::Vmdk,
            "older.vmdk",
            "vmdk",
            "subformat=monolithicSparse",
        ),
    ] {
        let kind = if format == Format::Vmdk {
            "vmdk"
        } else {
            "qcow2"
        };
        // A VMDK cannot be longer than its parent.
        let source = if kind == "vmdk" {
            "cut.raw"
        } else {
            "disk.raw"
        };
        desk.file("cut.raw", &disk()[..older.len()]);
        convert(&[
            "-O",
            kind,
            "-B",
            base,
            "-F",
            base_format,
            "-o",
            options,
            source,
            name,
        ]);
        if kind == "vmdk" {
            let image = Image::open(desk.path(name)).unwrap();
            assert!(guest(&image) == disk()[..older.len()], "{name}");
            assert_eq!(image.files().count(), 2);
        } else {
            assert_same(&desk, &expected, name, format);
        }
    }
    tool(
        "qemu-img",
        &folder,
        &[
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            "over.qcow2",
            "-F",
            "qcow2",
            "third.qcow2",
        ],
    );
    assert_same(&desk, &expected, "third.qcow2", Format::Qcow2);
    let image = Image::open(desk.path("third.qcow2")).unwrap();
    assert_eq!(image.files().count(), 3);
}

#[test]
fn the_formats_of_other_hypervisors_are_the_disk() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    let kinds: &[(&str, &str, &str, Format)] = &[
        (
            "dynamic.vhd",
            "vpc",
            "subformat=dynamic,force_size=on",
            Format::Vhd,
        ),
        (
            "fixed.vhd",
            "vpc",
            "subformat=fixed,force_size=on",
            Format::Vhd,
        ),
        (
            "dynamic.vhdx",
            "vhdx",
            "subformat=dynamic,block_size=1M",
            Format::Vhdx,
        ),
        ("fixed.vhdx", "vhdx", "subformat=fixed", Format::Vhdx),
        (
            "sparse.vmdk",
            "vmdk",
            "subformat=monolithicSparse",
            Format::Vmdk,
        ),
        (
            "stream.vmdk",
            "vmdk",
            "subformat=streamOptimized",
            Format::Vmdk,
        ),
        (
            "flat.vmdk",
            "vmdk",
            "subformat=monolithicFlat",
            Format::Vmdk,
        ),
        (
            "split.vmdk",
            "vmdk",
            "subformat=twoGbMaxExtentSparse",
            Format::Vmdk,
        ),
        (
            "splitflat.vmdk",
            "vmdk",
            "subformat=twoGbMaxExtentFlat",
            Format::Vmdk,
        ),
        (
            "zeroed.vmdk",
            "vmdk",
            "subformat=monolithicSparse,zeroed_grain=on",
            Format::Vmdk,
        ),
        ("dynamic.vdi", "vdi", "static=off", Format::Vdi),
        ("static.vdi", "vdi", "static=on", Format::Vdi),
    ];
    for (name, kind, options, format) in kinds {
        tool(
            "qemu-img",
            &folder,
            &["convert", "-O", kind, "-o", options, "disk.raw", name],
        );
        assert_same(&desk, &expected, name, *format);
    }
}

#[test]
fn a_vhd_is_as_long_as_its_footer_says() {
    let desk = Desk::new();
    raw_in(&desk);
    // Without this option the length is rounded up to what cylinders and heads can express.
    for kind in ["dynamic", "fixed"] {
        let options = format!("subformat={kind},force_size=off");
        tool(
            "qemu-img",
            &desk.path("."),
            &[
                "convert",
                "-O",
                "vpc",
                "-o",
                &options,
                "disk.raw",
                "rounded.vhd",
            ],
        );
        let bytes = guest(&Image::open(desk.path("rounded.vhd")).unwrap());
        assert!(bytes.len() > DISK_LEN && bytes.starts_with(disk()));
        assert!(bytes[DISK_LEN..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn an_internal_snapshot_is_not_passed_over_in_silence() {
    let desk = Desk::new();
    raw_in(&desk);
    let folder = desk.path(".");
    tool(
        "qemu-img",
        &folder,
        &["convert", "-O", "qcow2", "disk.raw", "disk.qcow2"],
    );
    tool(
        "qemu-img",
        &folder,
        &["snapshot", "-c", "before", "disk.qcow2"],
    );
    let ran = desk.scan(&desk.path("disk.qcow2"), &[]).expect(3);
    let warnings = ran.summary().warnings;
    assert!(warnings[0].contains("1 internal snapshots"), "{warnings:?}");
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_and_the_workers_share_a_container() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    tool(
        "qemu-img",
        &folder,
        &["convert", "-c", "-O", "qcow2", "disk.raw", "disk.qcow2"],
    );
    tool(
        "qemu-img",
        &folder,
        &["convert", "-O", "vdi", "disk.raw", "disk.vdi"],
    );
    for name in ["disk.qcow2", "disk.vdi"] {
        let ran = desk
            .scan(&desk.path(name), &["--engine", "gpu", "--profile", "all"])
            .expect(0);
        assert_eq!(ran.summary().engine, "gpu");
        assert_eq!(places(&ran.findings()), expected, "{name}");
    }
}

#[test]
fn evidence_files_are_the_disk() {
    let desk = Desk::new();
    let expected = raw_in(&desk);
    let folder = desk.path(".");
    for (name, level, segment) in [
        ("none", "none", "1GiB"),
        ("fast", "fast", "1GiB"),
        ("best", "best", "1GiB"),
        ("two", "fast", "3MiB"),
    ] {
        tool(
            "ewfacquire",
            &folder,
            &[
                "-u", "-q", "-t", name, "-c", level, "-S", segment, "-f", "encase6", "-C", "case",
                "-D", "disk", "-e", "examiner", "-E", "1", "-N", "notes", "-m", "fixed", "-M",
                "logical", "disk.raw",
            ],
        );
        let name = format!("{name}.E01");
        let image = Image::open(desk.path(&name)).unwrap();
        assert_eq!(image.format(), Format::Ewf);
        assert!(guest(&image) == disk(), "{name}");
        assert_eq!(image.files().count() > 1, name.starts_with("two"));
        let ran = desk
            .scan(&desk.path(&name), &["--profile", "all"])
            .expect(0);
        assert_eq!(places(&ran.findings()), expected, "{name}");
    }
    // The table of the chunks is there twice: one may be damaged.
    let path = desk.path("fast.E01");
    let mut bytes = fs::read(&path).unwrap();
    let tables: Vec<usize> = memchr::memmem::find_iter(&bytes, b"table").collect();
    let [table, copy] = tables[..] else {
        panic!("{tables:?}");
    };
    bytes[table + 76 + 24 + 100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(guest(&Image::open(&path).unwrap()) == disk());
    bytes[copy + 76 + 24 + 100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let image = Image::open(&path).unwrap();
    assert_eq!(image.unreadable().first(), Some(&(0..DISK_LEN as u64)));
    assert!(image.describe().warnings[0].contains("its copy are damaged"));
    let error = Image::open(desk.path("two.E02")).unwrap_err().to_string();
    assert!(error.contains("segment 2, expected 1"), "{error}");
}
