//! The bytes around a secret as examiners read bytes: position, hexadecimal, text.

use crate::finding::Surroundings;

/// Bytes of a line.
const WIDTH: usize = 16;
/// Most bytes of a side that are shown.
const MOST: usize = 256;

/// Lines of the bytes before a secret, one that stands for it, and those behind it.
pub(super) fn lines(around: &Surroundings, preview: &str) -> Vec<String> {
    let mut lines = side(around.offset, &around.before);
    let before = u64::try_from(around.before.len() / 2).unwrap_or(0);
    let secret = around.offset.saturating_add(before);
    lines.push(format!(
        "{secret:08x}  [the secret, {} bytes: {preview}]",
        around.length
    ));
    lines.extend(side(secret.saturating_add(around.length), &around.after));
    lines
}

/// A record may come from another program, so its digits may be anything.
fn side(first: u64, digits: &str) -> Vec<String> {
    let characters: Vec<char> = digits.chars().take(2 * MOST).collect();
    let bytes: Vec<&[char]> = characters.chunks(2).collect();
    let rows = bytes.chunks(WIDTH).zip(0_u64..);
    rows.map(|(row, number)| {
        let at = first.saturating_add(number.saturating_mul(WIDTH as u64));
        let hex: Vec<String> = row.iter().map(|pair| pair.iter().collect()).collect();
        let text: String = hex.iter().map(|pair| character(pair)).collect();
        format!("{at:08x}  {:<47}  |{text}|", hex.join(" "))
    })
    .collect()
}

/// What two digits stand for, as text.
fn character(pair: &str) -> char {
    if pair == Surroundings::HIDDEN {
        return '*';
    }
    let byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    let is_shown = byte.is_ascii_graphic() || byte == b' ';
    if is_shown { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_at_their_positions_and_hidden_ones_stay_hidden() {
        let around = Surroundings {
            offset: 0x1ff0,
            before: "6578706f7274204b45593d2a".to_owned() + "**" + "00ff7c0a",
            length: 40,
            after: "0a".to_owned(),
        };
        assert_eq!(
            lines(&around, "ghp_…9aZ1"),
            [
                "00001ff0  65 78 70 6f 72 74 20 4b 45 59 3d 2a ** 00 ff 7c  |export KEY=**..||",
                "00002000  0a                                               |.|",
                "00002001  [the secret, 40 bytes: ghp_…9aZ1]",
                "00002029  0a                                               |.|",
            ]
        );
    }

    #[test]
    fn digits_that_are_none_do_no_harm() {
        let around = Surroundings {
            offset: u64::MAX,
            before: "zz<é".repeat(9),
            length: u64::MAX,
            after: "0".to_owned(),
        };
        assert_eq!(lines(&around, "").len(), 4);
    }
}
