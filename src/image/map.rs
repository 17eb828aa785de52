//! The memory map.

/// A mapped file.
pub struct Map(memmap2::Mmap);

impl Map {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
