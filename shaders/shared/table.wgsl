// The compiled anchor set: the arrays of `src/anchor/table.rs` as they are, and the literals and
// runs as fixed-size records. A test holds the constants and the layouts to those of the host.

const FOLD: u32 = 0x20202020u;
const HASH: u32 = 0x9E3779B1u;
const BITMAP_LOG2: u32 = 11u;
const SLOTS_LOG2: u32 = 13u;
const BITMAP_WORDS: u32 = 1u << BITMAP_LOG2;

// A literal. Bytes beyond the sixteenth, and the class of the byte that follows, are left to the
// host: `(bytes | fold) & mask == pattern` is exact for all others.
struct LiteralRecord {
    pattern: vec4<u32>,
    mask: vec4<u32>,
    // 0x20 where the literal has a letter and its case does not matter.
    fold: vec4<u32>,
    // All of its bytes, those beyond the sixteenth included.
    len: u32,
    // Where the window begins in the literal.
    window: u32,
    anchor: u32,
    reserved: u32,
}

// A class of bytes that makes runs.
struct RunRecord {
    // For up to four ranges of bytes below 0x80 that cover the class: 0x80 less the first byte and
    // 0x7F less the last, in all four bytes of a word. Added to a byte below 0x80 they set its
    // top bit if the byte is not before the range, and if it is past it.
    starts: vec4<u32>,
    ends: vec4<u32>,
    // The class itself, one bit for each byte value.
    members: array<u32, 8>,
    range_count: u32,
    // All ones if the class has any byte of 0x80 and more, else zero.
    high: u32,
    anchor: u32,
    reserved: u32,
}

@group(0) @binding(2) var<storage, read> table_bitmap: array<u32>;
@group(0) @binding(3) var<storage, read> heads: array<u32>;
@group(0) @binding(4) var<storage, read> entries: array<u32>;
@group(0) @binding(5) var<storage, read> literals: array<LiteralRecord>;
@group(0) @binding(6) var<storage, read> runs: array<RunRecord>;
