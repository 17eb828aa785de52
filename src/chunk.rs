//! The unit of work: a stretch of bytes an engine is handed whole.
//!
//! A chunk is a **body** and the **margins** around it. The body is what this chunk answers for:
//! an anchor belongs to the chunk in whose body its first byte lies, and to no other, so bodies
//! tile an extent and nothing is found twice or missed. The margins let the engine read an anchor
//! to its end and let the confirm stage look as far as the widest rule may; they are bytes of
//! other chunks' bodies and cost nothing where the source is mapped. Margins stop where the
//! extent stops, so what a rule sees around a hit does not depend on where the cuts fell.
//!
//! ```text
//!   extent  |----------------------------------------------------------|
//!   body                   |==================|
//!   window            |----|==================|--------|
//!                     before                   after
//! ```

pub mod assembly;
pub mod carve;
pub mod cut;
pub mod joins;

use std::ops::{Deref, Range};
use std::sync::Arc;

use self::assembly::Assembly;
use self::carve::Codec;
use self::joins::Joins;
use crate::image::{Image, Map};
use crate::unit::ImageOffset;

/// Immutable bytes with shared ownership: a slice of a map, or a buffer that was read or decoded.
#[derive(Clone)]
pub struct Bytes {
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Mapped(Arc<Map>),
    Read(Arc<[u8]>),
    Decoded(Arc<Vec<u8>>),
}

impl Bytes {
    /// A range of a map, cut to what the map holds; nothing is copied.
    #[must_use]
    pub fn mapped(map: Arc<Map>, range: Range<usize>) -> Self {
        let end = range.end.min(map.bytes().len());
        let range = range.start.min(end)..end;
        Self {
            owner: Owner::Mapped(map),
            range,
        }
    }

    /// A part of these bytes, cut to what they hold; nothing is copied.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let len = self.range.end - self.range.start;
        let (start, end) = (range.start.min(len), range.end.min(len));
        let start = self.range.start + start.min(end);
        Self {
            owner: self.owner.clone(),
            range: start..self.range.start + end,
        }
    }

    /// Gives back the memory of some of them that are searched and can be read again.
    pub fn release(&self, range: Range<usize>) {
        if let Owner::Mapped(map) = &self.owner {
            map.release(self.range.start + range.start..self.range.start + range.end);
        }
    }

    /// What a decoder gave; its memory can be used again when all copies are gone.
    #[must_use]
    pub fn decoded(bytes: Arc<Vec<u8>>) -> Self {
        let range = 0..bytes.len();
        Self {
            owner: Owner::Decoded(bytes),
            range,
        }
    }

    /// A buffer that was read from a stream.
    #[must_use]
    pub fn read(bytes: Arc<[u8]>) -> Self {
        let range = 0..bytes.len();
        Self {
            owner: Owner::Read(bytes),
            range,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.owner {
            Owner::Mapped(map) => map.bytes(),
            Owner::Read(bytes) => bytes,
            Owner::Decoded(bytes) => bytes,
        };
        // The constructors keep the range inside the owner, whose length never changes.
        &all[self.range.clone()]
    }
}

/// Where a chunk's bytes come from, shared by all chunks of one input.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// The input as the user named it: `web01.img`, `-`.
    pub input: String,
    /// The file inside that input, for a directory tree or a single file; `None` for an image.
    pub path: Option<String>,
    /// What the bytes were put together or decoded from; `None` if they lie there as they are.
    pub inside: Option<Inside>,
}

/// What is around some bytes, whose positions then are those in the innermost of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The bytes of a file that the outermost stream was found in, if not in those of the image; or
    /// those of such a stream of the image that does not lie in one piece, counted from where it
    /// begins.
    pub assembly: Option<Arc<Assembly>>,
    /// Where the outermost compressed stream lies in the image or the assembly: from its magic
    /// number to the last byte that was decoded. All of the assembly, where there is no stream.
    pub stored: Range<u64>,
    /// The compressed streams, the outermost first, each with its position in what is around it.
    pub layers: Vec<(u64, Codec)>,
}

/// What lies behind the window of a chunk, for what begins in the chunk and is longer than any
/// margin.
#[derive(Clone, Debug, Default)]
pub enum Beyond {
    /// Nothing: the window ends where the bytes end.
    #[default]
    Nothing,
    /// The rest of an image, and where its files go on.
    Image(Arc<Image>, Arc<Joins>),
    /// Bytes that are gone or have not come yet.
    Pipe,
}

/// A body with its margins, and where they lie.
#[derive(Clone)]
pub struct Chunk {
    /// Position in the order of the scan: results are put back into this order.
    pub sequence: u64,
    /// The input it belongs to.
    pub origin: Arc<Origin>,
    /// Image position of the window's first byte.
    pub at: ImageOffset,
    /// The body, as a range of the window.
    pub body: Range<usize>,
    /// The window: margin, body, margin.
    pub window: Bytes,
    /// What follows the window.
    pub beyond: Beyond,
}

impl Chunk {
    /// Image position of a byte of the window.
    #[must_use]
    pub fn image_offset(&self, index: usize) -> ImageOffset {
        self.at.plus(index as u64)
    }

    /// A part of this chunk as a chunk of its own, with the same window: `body` is in window
    /// coordinates. Used where a chunk gave more hits than a buffer holds.
    #[must_use]
    pub fn part(&self, body: Range<usize>) -> Self {
        Self {
            body,
            ..self.clone()
        }
    }
}

impl Chunk {
    /// A chunk over plain bytes that come from nowhere: rules and engines are tried on them.
    #[must_use]
    pub fn of(bytes: &[u8], body: Range<usize>) -> Self {
        Self {
            sequence: 0,
            origin: Arc::new(Origin {
                input: "memory".to_owned(),
                path: None,
                inside: None,
            }),
            at: ImageOffset(0),
            body,
            window: Bytes::read(bytes.into()),
            beyond: Beyond::Nothing,
        }
    }
}
