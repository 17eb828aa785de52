//! Reads the `string`s and numbers of RFC 4251, section 5.

use super::Refusal;

/// What is left to read.
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl<'a> Wire<'a> {
    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(Refusal::Broken("a field reaches past the end"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A 32-bit number.
    pub(super) fn word(&mut self) -> Result<u32, Refusal> {
        let bytes = self.take(4)?;
        let bytes = bytes.try_into().unwrap_or_default();
        Ok(u32::from_be_bytes(bytes))
    }

    /// A length and as many bytes.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Refusal> {
        let len = self.word()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Bytes of a positive number.
    pub(super) fn number(&mut self) -> Result<&'a [u8], Refusal> {
        let bytes = self.string()?;
        match bytes.first() {
            Some(0..=0x7f) => Ok(bytes),
            _ => Err(Refusal::Broken("a number is not positive")),
        }
    }
}
