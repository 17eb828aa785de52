// The chunk, and loads from it at any byte. WGSL has no byte type: the bytes are little-endian
// words, four to a vector, so that an invocation's own block is one 16-byte load.
//
// `data` ends with at least 16 bytes of zeros after the last block of the chunk, so the words
// after a block, or after a position inside the chunk, can always be read.

@group(0) @binding(1) var<storage, read> data: array<vec4<u32>>;

fn word(index: u32) -> u32 {
    return data[index >> 2u][index & 3u];
}

// The four bytes at `position`.
fn window_at(position: u32) -> u32 {
    let first = position >> 2u;
    let shift = (position & 3u) * 8u;
    // In two steps, since shifting a word by all of its 32 bits is not defined.
    return (word(first) >> shift) | ((word(first + 1u) << 1u) << (31u - shift));
}

// The sixteen bytes at `position`.
fn bytes_at(position: u32) -> vec4<u32> {
    let first = position >> 2u;
    let words = vec4(word(first), word(first + 1u), word(first + 2u), word(first + 3u));
    let after = vec4(words.yzw, word(first + 4u));
    let shift = vec4((position & 3u) * 8u);
    return (words >> shift) | ((after << vec4(1u)) << (vec4(31u) - shift));
}
