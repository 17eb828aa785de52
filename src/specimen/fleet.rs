//! A fleet in three clouds: small disks, and inventories as the clouds' own tools write them.
//!
//! Each of the nine named attack paths occurs once. Beside them stand six machines that look alike
//! but for one condition: not vulnerable, closed by a firewall, a key under a passphrase, a
//! signature that has expired, an access key that was switched off, a target that is stopped.
//! And four cloud deployments, of which two hold a secret.

mod aws;
mod azure;
mod deployment;
mod gcp;

use super::disk::{self, DiskError};
use super::private_key::{pair, protected_pair};
use super::{Stream, expand};

/// Bytes of each disk.
const DISK: usize = 6 << 20;

/// A file of the fleet.
pub struct File {
    /// Path below the fleet's folder.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A machine's disk: its cloud's id, and the files on it.
struct Machine {
    name: &'static str,
    uid: String,
    files: Vec<(String, String)>,
}

/// Makes the fleet. The same seed gives the same bytes everywhere.
///
/// # Errors
/// When a disk cannot be made.
pub fn build(seed: &str) -> Result<Vec<File>, DiskError> {
    let mut stream = Stream::new(seed);
    let mut files = Vec::new();
    let mut images = "image,asset_uid\n".to_owned();
    let clouds = [
        azure::build(&mut stream),
        aws::build(&mut stream),
        gcp::build(&mut stream),
    ];
    for (number, (machines, inventories)) in (1_u32..).zip(clouds) {
        for (index, machine) in (0_u32..).zip(machines) {
            let bytes = disk::small(&machine.files, DISK, number * 1000 + index)?;
            images.push_str(&format!("{}.img,{}\n", machine.name, machine.uid));
            files.push(File {
                path: format!("images/{}.img", machine.name),
                bytes,
            });
        }
        for (name, text) in inventories {
            files.push(File {
                path: name.to_owned(),
                bytes: text.into_bytes(),
            });
        }
    }
    for (name, text) in deployment::build(&mut stream) {
        files.push(File {
            path: name.to_owned(),
            bytes: text.into_bytes(),
        });
    }
    files.push(File {
        path: "inventory/images.csv".to_owned(),
        bytes: images.into_bytes(),
    });
    Ok(files)
}

/// What a cloud has: machines, and files by name.
type Cloud = (Vec<Machine>, Vec<(&'static str, String)>);

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.to_owned(), text.into())
}

/// A document as the tools print it.
fn printed(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
