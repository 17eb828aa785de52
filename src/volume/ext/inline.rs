//! Content that lies in the inode: the first 60 bytes in place of its block numbers, the rest as
//! the extended attribute `system.data` behind its fields.

use super::inode::Inode;
use crate::volume::field::{le_u16, le_u32, u8_at};
use crate::volume::{Encoded, Run, RunKind, Stretch};

/// Where `i_block` lies in the inode, and its length.
const AREA: u64 = 40;
const AREA_LEN: u64 = 60;
/// Marks extended attributes inside an inode.
const MAGIC: u32 = 0xea02_0000;
/// Index of the prefix `system.`.
const SYSTEM: u8 = 7;

/// A piece of inline content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// First byte in the file.
    pub(super) file_offset: u64,
    /// First byte in the inode.
    pub(super) within: u64,
    /// Length in bytes, not cut to the file's.
    pub(super) len: u64,
}

/// The one or two pieces of an inode's content.
pub(super) fn pieces(inode: &Inode<'_>) -> Vec<Piece> {
    let mut pieces = vec![Piece {
        file_offset: 0,
        within: AREA,
        len: AREA_LEN,
    }];
    if let Some((within, len)) = attribute(&inode.raw).filter(|(_, len)| *len > 0) {
        pieces.push(Piece {
            file_offset: AREA_LEN,
            within,
            len,
        });
    }
    pieces
}

/// The bytes of a piece.
pub(super) fn bytes<'i>(inode: &'i Inode<'_>, piece: Piece) -> Option<&'i [u8]> {
    let from = usize::try_from(piece.within).ok()?;
    let len = usize::try_from(piece.len).ok()?;
    inode.raw.get(from..)?.get(..len)
}

/// Where the value of `system.data` lies in the inode.
fn attribute(raw: &[u8]) -> Option<(u64, u64)> {
    let header = 128_usize.checked_add(usize::from(le_u16(raw, 128)?))?;
    if le_u32(raw, header)? != MAGIC {
        return None;
    }
    let first = header.checked_add(4)?;
    let mut at = first;
    // Four zeros end the list; each step is at least 16 bytes.
    while le_u32(raw, at)? != 0 {
        let name_len = usize::from(u8_at(raw, at)?);
        let name_at = at.checked_add(16)?;
        let name = raw.get(name_at..)?.get(..name_len)?;
        if u8_at(raw, at.checked_add(1)?)? == SYSTEM && name == b"data" {
            let offset = usize::from(le_u16(raw, at.checked_add(2)?)?);
            let from = first.checked_add(offset)?;
            let len = usize::try_from(le_u32(raw, at.checked_add(8)?)?).ok()?;
            raw.get(from..)?.get(..len)?;
            return Some((u64::try_from(from).ok()?, u64::try_from(len).ok()?));
        }
        at = name_at.checked_add(name_len)?.checked_add(3)? & !3;
    }
    None
}

/// Visits the inline content of a file or the target of a short link as runs.
pub(super) fn runs(inode: &Inode<'_>, visit: &mut dyn FnMut(&Run)) {
    for piece in pieces(inode) {
        let valid = inode.size.saturating_sub(piece.file_offset).min(piece.len);
        visit(&Run {
            node: inode.id(),
            stream: 0,
            file_offset: piece.file_offset,
            start: inode.at.saturating_add(piece.within),
            len: piece.len,
            valid,
            kind: RunKind::Resident,
            deleted: inode.deleted,
        });
    }
}

/// The content put together, if it lies in two pieces.
pub(super) fn whole(inode: &Inode<'_>) -> Option<Encoded> {
    let pieces = pieces(inode);
    if inode.size <= AREA_LEN || pieces.len() < 2 {
        return None;
    }
    let mut content = Vec::new();
    let mut stretches = Vec::new();
    for piece in pieces {
        let len = inode.size.checked_sub(piece.file_offset)?.min(piece.len);
        let piece = Piece { len, ..piece };
        content.extend(bytes(inode, piece)?);
        let start = inode.at.checked_add(piece.within)?;
        stretches.push(Stretch {
            decoded: piece.file_offset..piece.file_offset.checked_add(len)?,
            volume: start..start.checked_add(len)?,
            skip: 0,
        });
    }
    Some(Encoded {
        node: inode.id(),
        stream: 0,
        file_offset: 0,
        codec: "inline",
        bytes: content,
        stretches,
        deleted: inode.deleted,
    })
}
