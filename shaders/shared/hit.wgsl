// The results. `demand` goes on counting when the buffer is full, so the host always learns how
// many there were, throws the partial result away and asks again for smaller parts.

// Set in `Hit.anchor`: `at` is not where the anchor begins, but the first 16-byte block that lies
// wholly inside a run of its class. The host finds the ends of the run.
const BLOCK_FLAG: u32 = 0x80000000u;

struct Hit {
    at: u32,
    anchor: u32,
}

struct HitBuffer {
    @size(16) demand: atomic<u32>,
    hits: array<Hit>,
}

@group(0) @binding(7) var<storage, read_write> found: HitBuffer;

fn append(at: u32, anchor: u32) {
    let index = atomicAdd(&found.demand, 1u);
    if index < params.hit_capacity {
        found.hits[index] = Hit(at, anchor);
    }
}
