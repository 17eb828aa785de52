//! Makes the files of a large fleet, imports them, and times every scenario and template.
//!
//! `cargo run --release --example case_scale -- DIR [ASSETS SECRETS]`; the figures that are kept
//! lie in `benches/record`. Nothing in the files is a secret: previews and fingerprints are made up.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement prints, and stops at the first fault"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use keydredge::case::Case;
use keydredge::specimen::Stream;
use keydredge::{estate, graph};
use sha2::{Digest, Sha256};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let dir = Path::new(args.first().expect("a folder"));
    let number =
        |at: usize, default: u64| args.get(at).map_or(default, |text| text.parse().unwrap());
    let (assets, secrets) = (number(1, 100_000), number(2, 1_000_000));
    fs::create_dir_all(dir).unwrap();
    generate(dir, assets, secrets);
    let db = dir.join("scale.db");
    let _none_yet = fs::remove_file(&db);
    let begun = (Instant::now(), cpu());
    let mut case = Case::create(&db).unwrap();
    for name in ["assets.csv", "images.csv", "keys.jsonl", "findings.jsonl"] {
        let file = (Instant::now(), cpu());
        let done = estate::import(&mut case, &dir.join(name), None).unwrap();
        println!(
            "import {name}: {} rows, {:.1} s wall, {:.1} s CPU",
            done.rows,
            file.0.elapsed().as_secs_f64(),
            cpu() - file.1
        );
    }
    let derived = (Instant::now(), cpu());
    graph::derive(&mut case).unwrap();
    println!(
        "derive: {:.1} s wall, {:.1} s CPU",
        derived.0.elapsed().as_secs_f64(),
        cpu() - derived.1
    );
    println!(
        "import in all: {:.1} s wall, {:.1} s CPU",
        begun.0.elapsed().as_secs_f64(),
        cpu() - begun.1
    );
    let size = fs::metadata(&db).unwrap().len();
    println!("case: {} MB", size / 1_000_000);
    for table in ["asset", "secret", "finding", "location", "auth", "lateral"] {
        let count: i64 = case
            .connection()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        println!("{table}: {count}");
    }
    questions(&case);
}

/// Seconds of CPU this process has used.
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn questions(case: &Case) {
    use graph::{explore, inventory, path, recommendation, scenario};
    let connection = case.connection();
    let ask = path::Ask {
        limit: 1_000_000,
        ..path::Ask::default()
    };
    let time = |name: &str, run: &dyn Fn() -> usize| {
        let first = Instant::now();
        run();
        let first = first.elapsed().as_secs_f64();
        let (begun, used) = (Instant::now(), cpu());
        let (mut rows, times) = (0, 3);
        for _ in 0..times {
            rows = run();
        }
        let wall = begun.elapsed().as_secs_f64() / f64::from(times);
        let used = (cpu() - used) / f64::from(times);
        println!("{name}: {rows} rows, first {first:.3} s, warm {wall:.3} s wall, {used:.3} s CPU");
    };
    for scenario in scenario::SCENARIOS.iter().chain(scenario::EXTRAS) {
        time(scenario.id, &|| {
            path::of(connection, &[*scenario], &ask).unwrap().rows.len()
        });
    }
    for (name, query) in explore::TEMPLATES {
        time(&format!("{name}, first 10,000"), &|| {
            explore::run(connection, query, 10_000).unwrap().rows.len()
        });
        time(name, &|| {
            explore::run(connection, query, 1_000_000)
                .unwrap()
                .rows
                .len()
        });
    }
    time("choke points", &|| {
        path::choke_points(connection, &ask).unwrap().rows.len()
    });
    time("no target, first 10,000", &|| {
        let ask = path::Ask {
            limit: 10_000,
            ..ask.clone()
        };
        path::without_target(connection, &ask).unwrap().rows.len()
    });
    time("all extras, first 10,000 of each", &|| {
        let ask = path::Ask {
            limit: 10_000,
            ..ask.clone()
        };
        path::extras(connection, &ask).unwrap().rows.len()
    });
    time("inventory of one machine", &|| {
        inventory::secrets(connection, "vm-7", 1000)
            .unwrap()
            .rows
            .len()
    });
    time("inventory, first 10,000", &|| {
        inventory::assets(connection, 10_000).unwrap().rows.len()
    });
    time("recommendations", &|| {
        recommendation::roll_up(connection).unwrap().rows.len()
    });
    time("findings, first 10,000", &|| {
        recommendation::findings(connection, 10_000)
            .unwrap()
            .rows
            .len()
    });
}

/// The blob of a made-up Ed25519 key, and its fingerprint.
fn key(number: u64) -> (String, String) {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend(Sha256::digest(number.to_le_bytes()));
    let print = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob)));
    (STANDARD.encode(&blob), print)
}

/// Of the assets 60 % are machines, 20 % stores, 15 % databases and 5 % others. Of the secrets 10 %
/// are SSH keys, 15 % open stores, 10 % databases and the others nothing that is known; a fifth of
/// them lie on two machines.
fn generate(dir: &Path, assets: u64, secrets: u64) {
    let mut stream = Stream::new("case scale");
    let open = |name: &str| BufWriter::new(File::create(dir.join(name)).unwrap());
    let (machines, stores) = (assets * 60 / 100, assets * 20 / 100);
    let databases = assets * 15 / 100;
    let mut list = open("assets.csv");
    writeln!(
        list,
        "uid,kind,service,cloud,exposed,vuln_max,host,sensitive"
    )
    .unwrap();
    let cloud = |n: u64| ["azure", "aws", "gcp"][(n % 3) as usize];
    for n in 0..machines {
        let (exposed, vulnerable) = (stream.below(100) < 12, stream.below(100));
        let vulnerable =
            ["none", "medium", "medium", "high", "critical"][(vulnerable / 22) as usize];
        let service = ["azure.vm", "aws.ec2", "gcp.vm"][(n % 3) as usize];
        writeln!(
            list,
            "vm-{n},vm,{service},{},{},{vulnerable},,",
            cloud(n),
            u8::from(exposed)
        )
        .unwrap();
    }
    for n in 0..stores {
        let service = ["azure.storage_account", "aws.s3_bucket", "gcp.bucket"][(n % 3) as usize];
        writeln!(
            list,
            "store-{n},storage,{service},{},0,none,store{n}.example,{}",
            cloud(n),
            u8::from(n % 50 == 0)
        )
        .unwrap();
    }
    for n in 0..databases {
        let service = ["azure.sql", "aws.rds", "gcp.sql"][(n % 3) as usize];
        writeln!(
            list,
            "db-{n},database,{service},{},0,none,db{n}.example.net,{}",
            cloud(n),
            u8::from(n % 50 == 0)
        )
        .unwrap();
    }
    for n in 0..assets - machines - stores - databases {
        writeln!(list, "id-{n},identity,,{},0,none,,", cloud(n)).unwrap();
    }
    list.flush().unwrap();
    let mut images = open("images.csv");
    writeln!(images, "image,asset_uid").unwrap();
    for n in 0..machines {
        writeln!(images, "vm-{n}.img,vm-{n}").unwrap();
    }
    images.flush().unwrap();
    let ssh = secrets * 10 / 100;
    let mut keys = open("keys.jsonl");
    for n in 0..machines {
        for _ in 0..2 {
            let (blob, _) = key(stream.below(ssh));
            writeln!(keys, "{{\"schema\":\"keydredge.authorized-key/1\",\"asset\":\"vm-{n}\",\"path\":\"/home/ops/.ssh/authorized_keys\",\"line\":\"ssh-ed25519 {blob} ops\"}}").unwrap();
        }
    }
    keys.flush().unwrap();
    let mut findings = open("findings.jsonl");
    for n in 0..secrets {
        let (kind, target, details) = match n * 100 / secrets {
            0..10 => (
                "ssh-private-key",
                "null".to_owned(),
                format!("{{\"public_key\":\"{}\"}}", key(n).1),
            ),
            10..25 => {
                let host = format!("store{}.example", stream.below(stores));
                (
                    "azure-storage-connection-string",
                    format!("{{\"kind\":\"host\",\"name\":\"{host}\",\"endpoint\":null}}"),
                    "{}".to_owned(),
                )
            }
            25..35 => {
                let host = format!("db{}.example.net", stream.below(databases));
                (
                    "aws-rds-connection-string",
                    format!(
                        "{{\"kind\":\"rds-instance\",\"name\":\"{host}\",\"endpoint\":\"{host}\"}}"
                    ),
                    "{}".to_owned(),
                )
            }
            _ => (
                "github-personal-access-token",
                "null".to_owned(),
                "{}".to_owned(),
            ),
        };
        let machine = stream.below(machines);
        let places = 1 + u64::from(stream.below(5) == 0) + u64::from(stream.below(5) == 0);
        for place in 0..places {
            let holder = (machine + place * 7919) % machines;
            let offset = stream.below(1 << 40);
            writeln!(findings, "{{\"schema\":\"keydredge.finding/1\",\"type\":\"{kind}\",\"variant\":\"v\",\"severity\":\"high\",\"verdict\":\"structure\",\"fingerprint\":\"k1:{n:032x}\",\"secret\":{{\"preview\":\"ab…yz\",\"length\":40,\"value\":null}},\"occurrence\":{{\"input\":\"vm-{holder}.img\",\"offset\":{offset},\"length\":40,\"forensic_path\":\"{offset}\",\"encoding\":[],\"partition\":1,\"filesystem\":\"ext4\",\"path\":\"/srv/app-{n}/settings.conf\",\"file_offset\":12,\"inode\":{n},\"state\":\"allocated\",\"modified\":\"2026-03-01T10:00:00Z\",\"line\":null,\"column\":null,\"pointer\":null,\"labels\":[]}},\"target\":{target},\"identity\":{{}},\"expires\":null,\"expired\":null,\"details\":{details}}}").unwrap();
        }
    }
    findings.flush().unwrap();
}
