//! Checksums over structures, so that edits of them are believed.
//!
//! Only what fits in the sound image is renewed in an edited one, so a wrong idea of a format costs
//! reach, never sense.

use std::ops::Range;

use crate::base::SECTOR;
use crate::edit::Edited;

/// The targets whose images have seals.
pub const KNOWN: &[&str] = &[
    "btrfs",
    "ewf",
    "exfat",
    "ext",
    "partitions",
    "vhd",
    "vhdx",
    "xfs",
];

/// How a checksum is made.
#[derive(Clone, Copy)]
enum Sum {
    Adler32,
    /// Of IEEE 802.3.
    Crc32,
    Crc32c,
    /// Without inversion at the end, as ext keeps it.
    Crc32cOpen,
    /// Big-endian: the complement of the sum of all bytes.
    Vhd,
    /// Of the boot region: rotated sum without three fields, as often as a sector has room for it.
    ExFat,
}

/// A checksum and what it is over.
pub struct Seal {
    over: Range<usize>,
    /// Where it lies; counted as zeros if that is in what it is over.
    at: usize,
    sum: Sum,
}

impl Seal {
    fn value(&self, bytes: &mut [u8]) -> Vec<u8> {
        let own = self.at.wrapping_sub(self.over.start);
        if let Some(own) = bytes.get_mut(own..own.saturating_add(4)) {
            own.fill(0);
        }
        match self.sum {
            Sum::Adler32 => adler32(bytes).to_le_bytes().to_vec(),
            Sum::Crc32 => (!crc(&IEEE, bytes)).to_le_bytes().to_vec(),
            Sum::Crc32c => (!crc(&CASTAGNOLI, bytes)).to_le_bytes().to_vec(),
            Sum::Crc32cOpen => crc(&CASTAGNOLI, bytes).to_le_bytes().to_vec(),
            Sum::Vhd => {
                let sum = bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
                (!sum).to_be_bytes().to_vec()
            }
            Sum::ExFat => {
                let covered = bytes.iter().enumerate();
                let covered = covered.filter(|(at, _)| !matches!(at, 106 | 107 | 112));
                let sum = covered.fold(0_u32, |sum, (_, byte)| {
                    sum.rotate_right(1).wrapping_add(u32::from(*byte))
                });
                sum.to_le_bytes().repeat(SECTOR / 4)
            }
        }
    }

    /// Whether it fits in a sound image.
    fn fits(&self, image: &[u8]) -> bool {
        let Some(bytes) = image.get(self.over.clone()) else {
            return false;
        };
        let value = self.value(&mut bytes.to_vec());
        image.get(self.at..self.at + value.len()) == Some(&value[..])
    }

    /// Makes it fit again if what it is over was edited.
    pub fn renew(&self, image: &mut Edited) {
        let first = self.over.start - self.over.start % SECTOR;
        if image.sectors.range(first..self.over.end).next().is_none() {
            return;
        }
        let mut bytes = vec![0; self.over.len()];
        image.copy(self.over.start, &mut bytes);
        for (place, byte) in self.value(&mut bytes).into_iter().enumerate() {
            image.set(self.at + place, byte);
        }
    }
}

/// The seals of a sound image.
pub fn find(target: &str, image: &[u8]) -> Vec<Seal> {
    let mut found = match target {
        "btrfs" => btrfs(image),
        "ewf" => ewf(image),
        "exfat" => vec![exfat(image, 0), exfat(image, 12)],
        "ext" => ext(image),
        "partitions" => gpt(image),
        "vhd" => vhd(image),
        "vhdx" => vhdx(image),
        "xfs" => xfs(image),
        _ => Vec::new(),
    };
    found.retain(|seal| seal.fits(image));
    found
}

fn seal(over: Range<usize>, at: usize, sum: Sum) -> Seal {
    Seal { over, at, sum }
}

/// Where sectors begin with `magic`, `into` bytes in.
fn signed<'i>(image: &'i [u8], into: usize, magic: &'i [u8]) -> impl Iterator<Item = usize> + 'i {
    let starts = (0..image.len()).step_by(SECTOR);
    starts.filter(move |at| image[*at..].get(into..into + magic.len()) == Some(magic))
}

fn number(image: &[u8], at: usize, len: usize) -> usize {
    let bytes = image.get(at..at + len).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Every block that begins with the checksum of the rest of it.
fn btrfs(image: &[u8]) -> Vec<Seal> {
    let over = |at: usize, len: usize| seal(at + 32..at + len, at, Sum::Crc32c);
    let blocks = (0..image.len()).step_by(4096);
    let mut found: Vec<_> = signed(image, 64, b"_BHRfS_M")
        .map(|at| over(at, 4096))
        .collect();
    for len in [4096, 16384] {
        let used = |at: &usize| image[*at..].iter().take(32).any(|byte| *byte != 0);
        found.extend(blocks.clone().filter(used).map(|at| over(at, len)));
    }
    found
}

/// The descriptor of each section, and what in its data has checksums of its own.
fn ewf(image: &[u8]) -> Vec<Seal> {
    let mut found = Vec::new();
    let mut at = 13;
    while let Some(section) = image.get(at..at + 76) {
        let len = number(section, 24, 8);
        let (data, end) = (at + 76, at.saturating_add(len));
        if section.starts_with(b"volume") || section.starts_with(b"disk") {
            found.push(seal(
                data..end.saturating_sub(4),
                end.saturating_sub(4),
                Sum::Adler32,
            ));
        }
        if section.starts_with(b"table") {
            let entries = data + 24..data + 24 + number(image, data, 4) * 4;
            found.push(seal(data..data + 20, data + 20, Sum::Adler32));
            found.push(seal(entries.clone(), entries.end, Sum::Adler32));
        }
        found.push(seal(at..at + 72, at + 72, Sum::Adler32));
        let next = number(section, 16, 8);
        if next <= at {
            break;
        }
        at = next;
    }
    found
}

fn exfat(image: &[u8], first: usize) -> Seal {
    let sector = 1 << number(image, 108, 1).min(12);
    let at = (first + 11) * sector;
    seal(first * sector..at, at, Sum::ExFat)
}

/// The superblock and its copies.
fn ext(image: &[u8]) -> Vec<Seal> {
    signed(image, 56, b"\x53\xef")
        .map(|at| seal(at..at + 1020, at + 1020, Sum::Crc32cOpen))
        .collect()
}

/// The entries of each table before the header that holds their checksum and has its own.
fn gpt(image: &[u8]) -> Vec<Seal> {
    let mut found = Vec::new();
    for at in signed(image, 0, b"EFI PART") {
        let entries = number(image, at + 72, 8).saturating_mul(SECTOR);
        let len = number(image, at + 80, 4).saturating_mul(number(image, at + 84, 4));
        found.push(seal(
            entries..entries.saturating_add(len),
            at + 88,
            Sum::Crc32,
        ));
        found.push(seal(
            at..at + number(image, at + 12, 4),
            at + 16,
            Sum::Crc32,
        ));
    }
    found
}

fn vhd(image: &[u8]) -> Vec<Seal> {
    let footers = signed(image, 0, b"conectix").map(|at| seal(at..at + 512, at + 64, Sum::Vhd));
    let headers = signed(image, 0, b"cxsparse").map(|at| seal(at..at + 1024, at + 36, Sum::Vhd));
    footers.chain(headers).collect()
}

/// Headers, region tables and the entries of the log.
fn vhdx(image: &[u8]) -> Vec<Seal> {
    let over = |at: usize, len: usize| seal(at..at.saturating_add(len), at + 4, Sum::Crc32c);
    let headers = signed(image, 0, b"head").map(|at| over(at, 4096));
    let regions = signed(image, 0, b"regi").map(|at| over(at, 64 << 10));
    let log = signed(image, 0, b"loge").map(|at| over(at, number(image, at + 8, 4)));
    headers.chain(regions).chain(log).collect()
}

/// Structures of version 5 by their mark: where it lies, and where the checksum.
const XFS: &[(&[u8], usize, usize)] = &[
    (b"XFSB", 0, 224),
    (b"XAGF", 0, 216),
    (b"XAGI", 0, 312),
    (b"XAFL", 0, 32),
    (b"IN", 0, 100),
    (b"AB3B", 0, 52),
    (b"AB3C", 0, 52),
    (b"IAB3", 0, 52),
    (b"FIB3", 0, 52),
    (b"RMB3", 0, 52),
    (b"R3FC", 0, 52),
    (b"BMA3", 0, 64),
    (b"XDB3", 0, 4),
    (b"XDD3", 0, 4),
    (b"XDF3", 0, 4),
    (b"XARM", 0, 12),
    (b"XSLM", 0, 12),
    // Leaves and nodes of directories and of attributes.
    (b"\x3d\xf1", 8, 12),
    (b"\x3d\xff", 8, 12),
    (b"\x3e\xbe", 8, 12),
    (b"\x3b\xee", 8, 12),
];

fn xfs(image: &[u8]) -> Vec<Seal> {
    let mut found = Vec::new();
    for (mark, into, at) in XFS {
        for start in signed(image, *into, mark) {
            // A sector, an inode, a block or a directory block: only one of them will fit.
            for len in [256, 512, 1024, 2048, 4096, 8192] {
                found.push(seal(start..start + len, start + at, Sum::Crc32c));
            }
        }
    }
    found
}

const IEEE: [u32; 256] = table(0xedb8_8320);
const CASTAGNOLI: [u32; 256] = table(0x82f6_3b78);

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ polynomial
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

fn crc(table: &[u32; 256], bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        table[usize::from(sum as u8 ^ byte)] ^ sum >> 8
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}
