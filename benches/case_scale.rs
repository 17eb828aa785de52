//! Makes the files of a large fleet, imports them, and times every scenario and template.
//!
//! `cargo run --release --example case_scale -- DIR [ASSETS SECRETS]`, and `-- ask CASE` to ask a
//! case again that lies there; the figures that are kept lie in `benches/record`. Nothing in the files is a
//! secret: previews and fingerprints are made up.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

mod process;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use keydredge::case::Case;
use keydredge::specimen::Stream;
use keydredge::{estate, graph};
use sha2::{Digest, Sha256};

/// A measurement stops at the first fault.
type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [ask, case] = &args[..]
        && ask == "ask"
    {
        return questions(&graph::open(Path::new(case))?);
    }
    let dir = Path::new(args.first().ok_or("expected a folder")?);
    let number = |at: usize, default: u64| args.get(at).map_or(Ok(default), |text| text.parse());
    let (assets, secrets) = (number(1, 100_000)?, number(2, 1_000_000)?);
    fs::create_dir_all(dir)?;
    generate(dir, assets, secrets)?;
    let db = dir.join("scale.db");
    let _none_yet = fs::remove_file(&db);
    let begun = (Instant::now(), process::cpu()?.0);
    let most = Arc::new(AtomicU64::new(0));
    watch(Arc::clone(&most));
    let mut case = Case::create(&db)?;
    for name in ["assets.csv", "images.csv", "keys.jsonl", "findings.jsonl"] {
        let file = (Instant::now(), process::cpu()?.0);
        let done = estate::import(&mut case, &dir.join(name), None)?;
        println!(
            "import {name}: {} rows, {:.1} s wall, {:.1} s CPU",
            done.rows,
            file.0.elapsed().as_secs_f64(),
            process::cpu()?.0 - file.1
        );
    }
    let derived = (Instant::now(), process::cpu()?.0);
    graph::derive(&mut case)?;
    println!(
        "derive: {:.1} s wall, {:.1} s CPU",
        derived.0.elapsed().as_secs_f64(),
        process::cpu()?.0 - derived.1
    );
    println!(
        "import in all: {:.1} s wall, {:.1} s CPU",
        begun.0.elapsed().as_secs_f64(),
        process::cpu()?.0 - begun.1
    );
    println!(
        "most anonymous memory: {} MB",
        most.load(Ordering::Relaxed) >> 10
    );
    let size = fs::metadata(&db)?.len();
    println!("case: {} MB", size / 1_000_000);
    for table in ["asset", "secret", "finding", "location", "auth", "lateral"] {
        let count: i64 =
            case.connection()
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                })?;
        println!("{table}: {count}");
    }
    questions(&case)
}

/// Notes the most anonymous memory this process ever has, in KiB, as long as it runs.
fn watch(most: Arc<AtomicU64>) {
    thread::spawn(move || {
        loop {
            most.fetch_max(process::anonymous("self"), Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
    });
}

fn questions(case: &Case) -> Done<()> {
    use graph::{explore, inventory, path, recommendation, scenario};
    let connection = case.connection();
    let ask = path::Ask {
        limit: 1_000_000,
        ..path::Ask::default()
    };
    let time = |name: &str, run: &dyn Fn() -> Done<usize>| {
        let first = Instant::now();
        run()?;
        let first = first.elapsed().as_secs_f64();
        let (begun, used) = (Instant::now(), process::cpu()?.0);
        let (mut rows, times) = (0, 3);
        for _ in 0..times {
            rows = run()?;
        }
        let wall = begun.elapsed().as_secs_f64() / f64::from(times);
        let used = (process::cpu()?.0 - used) / f64::from(times);
        println!("{name}: {rows} rows, first {first:.3} s, warm {wall:.3} s wall, {used:.3} s CPU");
        Ok::<(), Box<dyn Error>>(())
    };
    for scenario in scenario::SCENARIOS.iter().chain(scenario::EXTRAS) {
        time(scenario.id, &|| {
            Ok(path::of(connection, &[*scenario], &ask)?.rows.len())
        })?;
    }
    for (name, query) in explore::TEMPLATES {
        time(&format!("{name}, first 10,000"), &|| {
            Ok(explore::run(connection, query, 10_000)?.rows.len())
        })?;
        time(name, &|| {
            Ok(explore::run(connection, query, 1_000_000)?.rows.len())
        })?;
    }
    time("choke points", &|| {
        Ok(path::choke_points(connection, &ask)?.rows.len())
    })?;
    time("no target, first 10,000", &|| {
        let ask = path::Ask {
            limit: 10_000,
            ..ask.clone()
        };
        Ok(path::without_target(connection, &ask)?.rows.len())
    })?;
    time("all extras, first 10,000 of each", &|| {
        let ask = path::Ask {
            limit: 10_000,
            ..ask.clone()
        };
        Ok(path::extras(connection, &ask)?.rows.len())
    })?;
    time("inventory of one machine", &|| {
        Ok(inventory::secrets(connection, "vm-7", 1000)?.rows.len())
    })?;
    time("inventory, first 500", &|| {
        Ok(inventory::assets(connection, 500)?.rows.len())
    })?;
    time("inventory, first 10,000", &|| {
        Ok(inventory::assets(connection, 10_000)?.rows.len())
    })?;
    time("recommendations", &|| {
        Ok(recommendation::roll_up(connection)?.rows.len())
    })?;
    time("findings, first 10,000", &|| {
        Ok(recommendation::findings(connection, 10_000)?.rows.len())
    })?;
    Ok(())
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
fn generate(dir: &Path, assets: u64, secrets: u64) -> Done<()> {
    let mut stream = Stream::new("case scale");
    let open = |name: &str| File::create(dir.join(name)).map(BufWriter::new);
    let (machines, stores) = (assets * 60 / 100, assets * 20 / 100);
    let databases = assets * 15 / 100;
    let mut list = open("assets.csv")?;
    writeln!(
        list,
        "uid,kind,service,cloud,exposed,vuln_max,host,sensitive"
    )?;
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
        )?;
    }
    let others = [
        (
            "store",
            "storage",
            ["azure.storage_account", "aws.s3_bucket", "gcp.bucket"],
            "example",
            stores,
        ),
        (
            "db",
            "database",
            ["azure.sql", "aws.rds", "gcp.sql"],
            "example.net",
            databases,
        ),
    ];
    for (name, kind, services, domain, count) in others {
        for n in 0..count {
            writeln!(
                list,
                "{name}-{n},{kind},{},{},0,none,{name}{n}.{domain},{}",
                services[(n % 3) as usize],
                cloud(n),
                u8::from(n % 50 == 0)
            )?;
        }
    }
    for n in 0..assets - machines - stores - databases {
        writeln!(list, "id-{n},identity,,{},0,none,,", cloud(n))?;
    }
    list.flush()?;
    let mut images = open("images.csv")?;
    writeln!(images, "image,asset_uid")?;
    for n in 0..machines {
        writeln!(images, "vm-{n}.img,vm-{n}")?;
    }
    images.flush()?;
    let ssh = secrets * 10 / 100;
    let mut keys = open("keys.jsonl")?;
    for n in 0..machines {
        for _ in 0..2 {
            let (blob, _) = key(stream.below(ssh));
            writeln!(
                keys,
                "{{\"schema\":\"keydredge.authorized-key/1\",\"asset\":\"vm-{n}\",\"path\":\"/home/ops/.ssh/authorized_keys\",\"line\":\"ssh-ed25519 {blob} ops\"}}"
            )?;
        }
    }
    keys.flush()?;
    let mut findings = open("findings.jsonl")?;
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
            writeln!(
                findings,
                "{{\"schema\":\"keydredge.finding/1\",\"type\":\"{kind}\",\"variant\":\"v\",\"severity\":\"high\",\"verdict\":\"structure\",\"fingerprint\":\"k1:{n:032x}\",\"secret\":{{\"preview\":\"ab…yz\",\"length\":40,\"value\":null}},\"occurrence\":{{\"input\":\"vm-{holder}.img\",\"offset\":{offset},\"length\":40,\"forensic_path\":\"{offset}\",\"encoding\":[],\"partition\":1,\"filesystem\":\"ext4\",\"path\":\"/srv/app-{n}/settings.conf\",\"file_offset\":12,\"inode\":{n},\"state\":\"allocated\",\"modified\":\"2026-03-01T10:00:00Z\",\"line\":null,\"column\":null,\"pointer\":null,\"labels\":[]}},\"target\":{target},\"identity\":{{}},\"expires\":null,\"expired\":null,\"details\":{details}}}"
            )?;
        }
    }
    findings.flush()?;
    Ok(())
}
