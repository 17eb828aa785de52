// What one dispatch is asked to do. Written by the host before every dispatch, read by all
// invocations. Positions and lengths are in bytes from the first byte of `data`.

struct ScanParams {
    // First 16-byte block of this dispatch, and how many. A chunk is one dispatch; one that found
    // more than the hit buffer holds is dispatched again in parts.
    first_block: u32,
    block_count: u32,
    // Bytes in `data` that belong to the chunk. What follows them is padding and never matches.
    len: u32,
    // Anchors are reported if they begin before this position: the body is the front of `data`.
    body_len: u32,
    // Entries of the hit buffer.
    hit_capacity: u32,
    // Entries of `runs` that are in use.
    run_count: u32,
}

@group(0) @binding(0) var<uniform> params: ScanParams;
