// Finds every anchor of the table that begins in the body of a chunk.
//
// One invocation looks at STEPS blocks of 16 bytes, GROUP blocks apart: 16 windows of four bytes
// each are folded, hashed and looked up in a bitmap in workgroup memory. What survives goes into a
// queue of the workgroup; after a barrier the whole workgroup empties it, one survivor for each
// invocation, so that the costly exact comparison does not leave most lanes idle.
//
// Memory: each byte of the chunk is read once from `data` as part of a 16-byte load, and the word
// after each block once more (from cache). For a tile of STEPS * GROUP * 16 bytes (16 KiB)
// the 8 KiB bitmap is read once. Written: 8 bytes for each hit.
//
// Needs: 8 KiB + 4 KiB + 4 bytes of workgroup memory, 256 invocations in a workgroup, seven
// storage buffers and one uniform buffer: within the default limits of WebGPU, no feature.

override GROUP: u32 = 256u;
override STEPS: u32 = 4u;

const QUEUE_LEN: u32 = 1024u;

var<workgroup> bitmap: array<u32, BITMAP_WORDS>;
var<workgroup> queue: array<u32, QUEUE_LEN>;
var<workgroup> queued: atomic<u32>;

// Which of four folded windows may be one of a literal: bits 0, 4, 8 and 12.
fn survivors(windows: vec4<u32>) -> u32 {
    let index = (windows * vec4(HASH)) >> vec4(32u - BITMAP_LOG2);
    let words = vec4(bitmap[index.x], bitmap[index.y], bitmap[index.z], bitmap[index.w]);
    let bits = (words >> (windows & vec4(31u))) & vec4(1u);
    return bits.x | (bits.y << 4u) | (bits.z << 8u) | (bits.w << 12u);
}

// Compares, whole, the literals whose window is the one at `position`.
fn verify(position: u32) {
    let slot = ((window_at(position) | FOLD) * HASH) >> (32u - SLOTS_LOG2);
    let end = heads[slot + 1u];
    for (var entry = heads[slot]; entry < end; entry++) {
        let index = entries[entry];
        // Before the first byte this wraps around and is past the body.
        let start = position - literals[index].window;
        if start < params.body_len && start + literals[index].len <= params.len {
            let bytes = (bytes_at(start) | literals[index].fold) & literals[index].mask;
            if all(bytes == literals[index].pattern) {
                append(start, literals[index].anchor);
            }
        }
    }
}

// Whether all sixteen bytes are of the ranges that cover a class.
fn in_ranges(run: u32, bytes: vec4<u32>) -> bool {
    let low = bytes & vec4(0x7F7F7F7Fu);
    var inside = vec4(0u);
    for (var range = 0u; range < runs[run].range_count; range++) {
        inside |= (low + vec4(runs[run].starts[range])) & ~(low + vec4(runs[run].ends[range]));
    }
    // The top bit of each byte is the answer for a byte below 0x80; others are all in or all out.
    inside = (inside & ~bytes) | (bytes & vec4(runs[run].high));
    return all((inside & vec4(0x80808080u)) == vec4(0x80808080u));
}

// Whether a block lies wholly inside the chunk and inside a run.
fn is_covered(run: u32, block: u32) -> bool {
    if (block + 1u) * 16u > params.len || !in_ranges(run, data[block]) {
        return false;
    }
    for (var index = 0u; index < 16u; index++) {
        let byte = (word(block * 4u + (index >> 2u)) >> ((index & 3u) * 8u)) & 0xFFu;
        if ((runs[run].members[byte >> 5u] >> (byte & 31u)) & 1u) == 0u {
            return false;
        }
    }
    return true;
}

fn scan_block(block: u32) {
    let bytes = data[block];
    let words = bytes | vec4(FOLD);
    let after = vec4(words.yzw, data[block + 1u].x | FOLD);
    var surviving = survivors(words);
    surviving |= survivors((words >> vec4(8u)) | (after << vec4(24u))) << 1u;
    surviving |= survivors((words >> vec4(16u)) | (after << vec4(16u))) << 2u;
    surviving |= survivors((words >> vec4(24u)) | (after << vec4(8u))) << 3u;
    while surviving != 0u {
        let position = block * 16u + firstTrailingBit(surviving);
        surviving &= surviving - 1u;
        let place = atomicAdd(&queued, 1u);
        if place < QUEUE_LEN {
            queue[place] = position;
        } else {
            verify(position);
        }
    }
    for (var run = 0u; run < params.run_count; run++) {
        // Only the first covered block of a run: a megabyte of one letter is then one result.
        if is_covered(run, block) && (block == 0u || !is_covered(run, block - 1u)) {
            append(block * 16u, runs[run].anchor | BLOCK_FLAG);
        }
    }
}

@compute @workgroup_size(GROUP)
fn anchor_scan(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    for (var index = lane; index < BITMAP_WORDS; index += GROUP) {
        bitmap[index] = table_bitmap[index];
    }
    if lane == 0u {
        atomicStore(&queued, 0u);
    }
    workgroupBarrier();
    for (var step = 0u; step < STEPS; step++) {
        let index = (group.x * STEPS + step) * GROUP + lane;
        if index < params.block_count {
            scan_block(params.first_block + index);
        }
    }
    workgroupBarrier();
    let len = min(atomicLoad(&queued), QUEUE_LEN);
    for (var index = lane; index < len; index += GROUP) {
        verify(queue[index]);
    }
}
