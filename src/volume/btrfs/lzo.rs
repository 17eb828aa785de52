//! LZO1X (kernel, `Documentation/staging/lzo.rst`, which the names of the states are from).
//!
//! Instructions copy bytes of the output or of the input; what an instruction means depends on how
//! many bytes of the input the one before it copied.

/// Bytes of the input that the last instruction copied: 0 to 3 as many as it says, or a run of at
/// least four.
const RUN: usize = 4;

/// Reads the input.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<usize> {
        let byte = *self.bytes.get(self.at)?;
        self.at = self.at.checked_add(1)?;
        Some(usize::from(byte))
    }

    fn pair(&mut self) -> Option<usize> {
        let low = self.byte()?;
        Some(self.byte()? << 8 | low)
    }

    /// The rest of a length that did not fit its bits: every zero byte stands for 255.
    fn long(&mut self, base: usize) -> Option<usize> {
        let mut len = base;
        loop {
            let byte = self.byte()?;
            if byte > 0 {
                return len.checked_add(byte);
            }
            len = len.checked_add(255)?;
        }
    }
}

/// What is written, and how long it may get.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    first: usize,
    room: usize,
}

impl Output<'_> {
    fn literal(&mut self, input: &mut Input<'_>, len: usize) -> Option<()> {
        let end = input.at.checked_add(len)?;
        let literal = input.bytes.get(input.at..end)?;
        if self.bytes.len().checked_add(len)? > self.room {
            return None;
        }
        self.bytes.extend(literal);
        input.at = end;
        Some(())
    }

    fn copy(&mut self, distance: usize, len: usize) -> Option<()> {
        let from = self.bytes.len().checked_sub(distance)?;
        if from < self.first || self.bytes.len().checked_add(len)? > self.room {
            return None;
        }
        // Byte by byte, because the copy may reach into itself.
        for at in (from..).take(len) {
            let byte = *self.bytes.get(at)?;
            self.bytes.push(byte);
        }
        Some(())
    }
}

/// Decodes behind what `out` holds, until it holds `room` bytes at most. `None` if something is
/// wrong; what was decoded before is there.
pub(super) fn decode(encoded: &[u8], out: &mut Vec<u8>, room: usize) -> Option<()> {
    let first = out.len();
    let mut input = Input {
        bytes: encoded,
        at: 0,
    };
    let mut output = Output {
        bytes: out,
        first,
        room,
    };
    let mut state = 0;
    // The first byte may be a run of its own.
    if let Some(len) = encoded.first().and_then(|byte| byte.checked_sub(17))
        && len > 0
    {
        input.at = 1;
        let len = usize::from(len);
        output.literal(&mut input, len)?;
        state = len.min(RUN);
    }
    loop {
        let code = input.byte()?;
        let (distance, len, after) = match code {
            0..16 if state == 0 => {
                let len = if code == 0 { input.long(15)? } else { code };
                output.literal(&mut input, len.checked_add(3)?)?;
                state = RUN;
                continue;
            }
            0..16 => {
                let near = (input.byte()? << 2).checked_add(code >> 2)?;
                match state {
                    RUN => (near.checked_add(2049)?, 3, code & 3),
                    _ => (near.checked_add(1)?, 2, code & 3),
                }
            }
            16..32 => {
                let len = match code & 7 {
                    0 => input.long(7)?,
                    len => len,
                };
                let pair = input.pair()?;
                let far = ((code & 8) << 11).checked_add(pair >> 2)?;
                if far == 0 {
                    // The mark that ends the segment.
                    return Some(());
                }
                (far.checked_add(16384)?, len.checked_add(2)?, pair & 3)
            }
            32..64 => {
                let len = match code & 31 {
                    0 => input.long(31)?,
                    len => len,
                };
                let pair = input.pair()?;
                ((pair >> 2).checked_add(1)?, len.checked_add(2)?, pair & 3)
            }
            _ => {
                let near = (input.byte()? << 3).checked_add(code >> 2 & 7)?;
                (near.checked_add(1)?, (code >> 5).checked_add(1)?, code & 3)
            }
        };
        output.copy(distance, len)?;
        output.literal(&mut input, after)?;
        state = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &[u8]) -> (Vec<u8>, bool) {
        let mut out = b"before".to_vec();
        let sound = decode(encoded, &mut out, 6 + 4096).is_some();
        assert!(out.starts_with(b"before") && out.len() <= 6 + 4096);
        (out.split_off(6), sound)
    }

    #[test]
    fn each_instruction_does_what_the_documentation_says() {
        let end = [17, 0, 0];
        let with = |parts: &[&[u8]]| [&parts.concat(), &end[..]].concat();
        for (encoded, expected) in [
            (with(&[&[21], b"abcd"]), "abcd".to_owned()),
            // 18..=20: a short run, after which two bytes can be copied from near.
            (with(&[&[19], b"ab", &[4, 0]]), "abab".to_owned()),
            // A run of its own: 3 bytes more than the code.
            (with(&[&[1], b"abcd"]), "abcd".to_owned()),
            // Three to eight bytes from near, and a byte behind them.
            (
                with(&[&[21], b"abcd", &[0b0110_1101, 0], b"z"]),
                "abcdabcdz".to_owned(),
            ),
            (
                with(&[&[21], b"abcd", &[0b1110_0000, 0]]),
                "abcddddddddd".to_owned(),
            ),
            // Long copies that reach into themselves.
            (
                with(&[&[18], b"a", &[32, 9, 0, 0]]),
                "a".repeat(1 + 31 + 9 + 2),
            ),
            (
                with(&[&[18], b"a", &[32, 0, 9, 2, 0], b"zz"]),
                "a".repeat(1 + 31 + 255 + 9 + 2) + "zz",
            ),
        ] {
            let (bytes, sound) = decoded(&encoded);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{encoded:?}");
            assert!(sound, "{encoded:?}");
            for len in 0..encoded.len() {
                assert!(!decoded(&encoded[..len]).1, "{encoded:?} cut to {len}");
            }
        }
    }

    #[test]
    fn nothing_before_the_segment_can_be_copied() {
        assert_eq!(decoded(&[18, b'a', 32, 9, 4, 0]), (b"a".to_vec(), false));
        assert_eq!(decoded(&[0]), (Vec::new(), false));
        let bomb = [&[18, b'a', 32][..], &[0; 40], &[1, 0, 0, 17, 0, 0]].concat();
        assert_eq!(decoded(&bomb), (b"a".to_vec(), false));
    }
}
