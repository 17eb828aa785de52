//! `OpenPGP` private key blocks (RFC 4880 and RFC 9580).

use sha1::{Digest, Sha1};

use super::armor::Block;
use super::{Refusal, hex};

/// What is known of the first key in a block.
pub(super) struct OpenPgp {
    /// SHA-1 fingerprint of a version 4 key, upper-case hexadecimal.
    pub(super) fingerprint: Option<String>,
    /// The first user id: `Name <name@example.org>`.
    pub(super) user: Option<String>,
    /// Behind a passphrase.
    pub(super) encrypted: bool,
    /// The armor's checksum was there, and right.
    pub(super) summed: bool,
}

/// The most packets that are looked at for a user id.
const MOST_PACKETS: usize = 16;

/// Reads a block's first key.
pub(super) fn read(block: &Block) -> Result<OpenPgp, Refusal> {
    if block.checksum.is_some_and(|sum| sum != crc24(&block.bytes)) {
        return Err(Refusal::Broken("the CRC-24 is wrong"));
    }
    let mut rest = &*block.bytes;
    let (tag, body) = packet(&mut rest)?;
    // A secret key, or a secret subkey exported alone.
    if tag != 5 && tag != 7 {
        return Err(Refusal::Misfit);
    }
    let mut key = OpenPgp {
        fingerprint: None,
        user: None,
        encrypted: false,
        summed: block.checksum.is_some(),
    };
    if let Some(public) = public_len(body) {
        let (public, secret) = body.split_at_checked(public).ok_or(Refusal::Misfit)?;
        key.encrypted = is_encrypted(secret)?;
        let len = u16::try_from(public.len()).map_err(|_| Refusal::Misfit)?;
        let hashed = [&[0x99], &len.to_be_bytes()[..], public].concat();
        key.fingerprint = Some(hex(&Sha1::digest(hashed)).to_uppercase());
    }
    for _ in 0..MOST_PACKETS {
        match packet(&mut rest) {
            Ok((13, id)) => {
                key.user = Some(String::from_utf8_lossy(id).into_owned());
                break;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(key)
}

/// The next packet's tag and body (RFC 4880, section 4.2). Keys have no partial lengths.
fn packet<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Refusal> {
    let (&first, after) = rest.split_first().ok_or(Refusal::Misfit)?;
    let number = |bytes: &[u8]| {
        let wide = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(wide).unwrap_or(usize::MAX)
    };
    let (tag, len, after) = match (first >> 6, after) {
        (0b10, after) => {
            let width = match first & 3 {
                0 => 1,
                1 => 2,
                2 => 4,
                _ => return Err(Refusal::Misfit),
            };
            let (len, after) = after.split_at_checked(width).ok_or(Refusal::Misfit)?;
            (first >> 2 & 15, number(len), after)
        }
        (0b11, [len @ 0..=191, after @ ..]) => (first & 63, usize::from(*len), after),
        (0b11, [high @ 192..=223, low, after @ ..]) => {
            let len = number(&[high.saturating_sub(192), *low]).saturating_add(192);
            (first & 63, len, after)
        }
        (0b11, [255, a, b, c, d, after @ ..]) => (first & 63, number(&[*a, *b, *c, *d]), after),
        _ => return Err(Refusal::Misfit),
    };
    let (body, after) = after.split_at_checked(len).ok_or(Refusal::Misfit)?;
    *rest = after;
    Ok((tag, body))
}

/// Bytes of the public part of a version 4 key (RFC 4880, section 5.5.2; RFC 6637, section 9).
fn public_len(body: &[u8]) -> Option<usize> {
    let [4, _, _, _, _, algorithm, rest @ ..] = body else {
        return None;
    };
    let mut at = rest;
    let skip = |at: &mut &[u8], len: usize| -> Option<()> {
        *at = at.get(len..)?;
        Some(())
    };
    let numbers = match algorithm {
        1..=3 => 2,
        16 | 20 => 3,
        17 => 4,
        18 | 19 | 22 => {
            let curve = usize::from(*at.first()?);
            skip(&mut at, curve.checked_add(1)?)?;
            1
        }
        25 | 27 => return 6_usize.checked_add(32),
        26 => return 6_usize.checked_add(56),
        28 => return 6_usize.checked_add(57),
        _ => return None,
    };
    for _ in 0..numbers {
        let bits = u16::from_be_bytes(at.get(..2)?.try_into().ok()?);
        skip(&mut at, usize::from(bits.div_ceil(8)).checked_add(2)?)?;
    }
    if *algorithm == 18 {
        let derivation = usize::from(*at.first()?);
        skip(&mut at, derivation.checked_add(1)?)?;
    }
    body.len().checked_sub(at.len())
}

/// Whether the secret part needs a passphrase (RFC 4880, section 5.5.3).
fn is_encrypted(secret: &[u8]) -> Result<bool, Refusal> {
    match secret {
        [0, numbers @ ..] => {
            let (numbers, sum) = numbers.split_last_chunk::<2>().ok_or(Refusal::Misfit)?;
            let added = numbers
                .iter()
                .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
            if added != u16::from_be_bytes(*sum) {
                return Err(Refusal::Broken(
                    "the checksum of the secret numbers is wrong",
                ));
            }
            Ok(false)
        }
        // GnuPG's mark for a secret that lies elsewhere: on a card, on another machine.
        [254 | 255, _, 101, _, b'G', b'N', b'U', ..] => {
            Err(Refusal::Broken("the secret part is not there"))
        }
        [_, ..] => Ok(true),
        [] => Err(Refusal::Misfit),
    }
}

/// The checksum of armor (RFC 4880, section 6.1).
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00b7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    let [_, sum @ ..] = crc.to_be_bytes();
    sum
}
