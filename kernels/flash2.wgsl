// FlashAttention-2 forward in f32, for any GPU that WebGPU's default limits describe.
//
// Rung 1: the loop of the paper and nothing more.
//
// Idea     One workgroup owns 16 queries. K and V stream past them, 16 keys at a time; the softmax is
//          corrected as it goes (m: largest score so far, l: sum of exponentials, O: not yet normalised).
//          Dao 2023, Algorithm 1, with its line 10 put right: O is multiplied by exp(m_old - m_new).
// Changes  Plain attention writes S and P (n_q x n_k) to memory and reads them back. Here they never leave the chip.
// Cost     Reads Q once, and K and V once per query block in which a key is visible; writes O once, and m, l, L.
//          14,336 B of workgroup memory (16,384 B are granted everywhere); six barriers per tile; one read of
//          workgroup memory for each product of four floats.
// Limits   d and d_v up to 128. No matrix units, nothing overlaps, and a lane works on one query only: far from a
//          GPU's peak. No dropout. NaN or infinity in Q, K or V: WGSL leaves the result undefined.
//
// WGSL may assume that no float is NaN or infinite, so minus infinity is never computed with:
// - a masked score is HIDDEN, the lowest finite f32, recognised by comparison and never by what exp makes of it;
//   (a milder sentinel such as -1e4 is a bug: real scores go below it, and the masked key wins);
// - a bias arrives as bits, and its -inf is compared as an integer; m and L leave as bits.
//
// Rows of Q, K, V and O are padded with zeros to a multiple of 16 floats, which changes no dot product.

const BR = 16u;                 // queries of a block
const BC = 16u;                 // keys of a block; equal to BR, so that one thread map loads either
const LANES = 4u;               // threads that share a query: each holds every fourth vec4 of its q and O
const THREADS = BR * LANES;
const MAX_VECS = 8u;            // vec4s a lane holds at most: 8 * 4 lanes * 4 floats = 128
const HIDDEN = -3.4028234663852886e38;
const NEG_INF_BITS = 0xff800000u;

// Set when the pipeline is made, so that loops over them unroll: vec4s per lane, ceil(d / 16) and ceil(d_v / 16).
override D_VECS: u32 = 4u;
override DV_VECS: u32 = 4u;

struct Params {
    origin: vec3u,              // first (query block, head, batch) of this launch
    n_q: u32,
    bias_strides: vec4u,        // floats per step of batch, head, i, j; 0 where the bias is broadcast
    n_k: u32,
    heads: u32,
    kv_heads: u32,
    has_bias: u32,
    offset: i32,                // query i sees key j if -left <= j - i - offset <= right and j < key length
    left: i32,
    right: i32,
    has_alibi: u32,
    scale: f32,
    softcap: f32,               // 0: none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q_in: array<vec4f>;            // [batch, heads, n_q, d]
@group(0) @binding(2) var<storage, read> k_in: array<vec4f>;            // [batch, kv_heads, n_k, d]
@group(0) @binding(3) var<storage, read> v_in: array<vec4f>;            // [batch, kv_heads, n_k, d_v]
@group(0) @binding(4) var<storage, read> bias_in: array<u32>;           // bits of f32, by bias_strides
@group(0) @binding(5) var<storage, read> slopes: array<f32>;            // [batch, heads]
@group(0) @binding(6) var<storage, read> key_lengths: array<u32>;       // [batch], none above n_k
@group(0) @binding(7) var<storage, read_write> o_out: array<vec4f>;     // [batch, heads, n_q, d_v]
@group(0) @binding(8) var<storage, read_write> stats_out: array<u32>;   // [batch, heads, n_q, (m, l, L)], bits of f32

var<workgroup> tile: array<vec4f, BC * LANES * MAX_VECS>;   // the K block, then the V block
var<workgroup> part: array<f32, BR * BC * LANES>;           // what each lane adds to each score
var<workgroup> s: array<f32, BR * BC>;
var<workgroup> p: array<f32, BR * BC>;

// exp(x - shift), with exp of a hidden x exactly 0. Never evaluates HIDDEN - shift, which could overflow.
fn exp_minus(x: f32, shift: f32) -> f32 {
    if (x == HIDDEN) { return 0.0; }
    return exp(x - shift);
}

// WGSL promises only 1e-5 for its tanh, and some drivers overflow inside it.
fn tanh_exact(x: f32) -> f32 {
    let z = x * x;
    if (z < 0.16) {             // Taylor to x^13: where 1 - 2 / (e^2x + 1) would cancel
        return x + x * z * (-1.0 / 3.0 + z * (2.0 / 15.0 + z * (-17.0 / 315.0 + z * (62.0 / 2835.0
            + z * (-1382.0 / 155925.0 + z * (21844.0 / 6081075.0))))));
    }
    return sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), 10.0)) + 1.0));
}

// The keys that query i sees are one run, first_key(i) <= j < end_key(i); empty if the first is not below the second.
fn first_key(i: u32) -> i32 {
    return max(0, i32(i) + params.offset - params.left);
}

fn end_key(i: u32, key_length: i32) -> i32 {
    return min(key_length, i32(i) + params.offset + params.right + 1);
}

// The score of one pair from its dot product: scale, softcap, ALiBi, bias. HIDDEN where the bias is -inf.
fn score(product: f32, batch: u32, head: u32, i: u32, j: u32) -> f32 {
    var x = params.scale * product;
    if (params.softcap > 0.0) { x = params.softcap * tanh_exact(x / params.softcap); }
    if (params.has_alibi != 0u) {
        let distance = abs(i32(i) + i32(params.n_k) - i32(params.n_q) - i32(j));
        x -= slopes[batch * params.heads + head] * f32(distance);
    }
    if (params.has_bias != 0u) {
        let at = params.bias_strides * vec4u(batch, head, i, j);
        let bits = bias_in[at.x + at.y + at.z + at.w];
        if (bits == NEG_INF_BITS) { return HIDDEN; }
        x += bitcast<f32>(bits);
    }
    return x;
}

@compute @workgroup_size(THREADS)
fn flash2(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group.x;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let row = thread / LANES;
    let lane = thread % LANES;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    let last = min(block * BR + BR, params.n_q) - 1u;
    let i = min(block * BR + row, last);
    let q_row = (batch * params.heads + head) * params.n_q + i;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // Keys that some query of the block sees; a key block outside them is never visited.
    let key_length = i32(key_lengths[batch]);
    let first = first_key(block * BR);
    let end = end_key(last, key_length);
    let j_end = u32(select(0, end, first < end));

    // [step: load Q]
    var q: array<vec4f, MAX_VECS>;
    for (var n = 0u; n < D_VECS; n++) {
        q[n] = q_in[q_row * LANES * D_VECS + n * LANES + lane];
    }

    // [step: start rows]
    var m = HIDDEN;
    var l = 0.0;
    var o: array<vec4f, MAX_VECS>;

    for (var j0 = u32(first) / BC * BC; j0 < j_end; j0 += BC) {
        // Keys past n_k repeat the last one; the mask hides them.
        let kv_row = kv_base + min(j0 + row, params.n_k - 1u);

        // [step: load K]
        for (var n = 0u; n < D_VECS; n++) {
            let c = n * LANES + lane;
            tile[row * LANES * D_VECS + c] = k_in[kv_row * LANES * D_VECS + c];
        }
        workgroupBarrier();

        // [step: scores]
        // Each lane multiplies its quarter of q with its quarter of every key; then it adds up four keys.
        for (var j = 0u; j < BC; j++) {
            var sum = 0.0;
            for (var n = 0u; n < D_VECS; n++) {
                sum += dot(q[n], tile[j * LANES * D_VECS + n * LANES + lane]);
            }
            part[(row * BC + j) * LANES + lane] = sum;
        }
        workgroupBarrier();
        for (var j = lane; j < BC; j += LANES) {
            let at = (row * BC + j) * LANES;
            let product = (part[at] + part[at + 1u]) + (part[at + 2u] + part[at + 3u]);
            s[row * BC + j] = score(product, batch, head, i, min(j0 + j, params.n_k - 1u));
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        let whole = first_key(last) <= i32(j0) && i32(j0 + BC) <= end_key(block * BR, key_length);
        if (!whole) {
            for (var j = lane; j < BC; j += LANES) {
                let key = i32(j0 + j);
                if (key < first_key(i) || key >= end_key(i, key_length)) { s[row * BC + j] = HIDDEN; }
            }
        }
        workgroupBarrier();

        // [step: row max]
        // All four lanes of a row read all of it: 16 reads are cheaper than one more exchange.
        var m_new = m;
        for (var j = 0u; j < BC; j++) {
            m_new = max(m_new, s[row * BC + j]);
        }

        // [step: exponentiate]
        for (var j = lane; j < BC; j += LANES) {
            p[row * BC + j] = exp_minus(s[row * BC + j], m_new);
        }
        workgroupBarrier();

        // [step: row sum]
        var sum = 0.0;
        for (var j = 0u; j < BC; j++) {
            sum += p[row * BC + j];
        }

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        let alpha = exp_minus(m, m_new);
        l = alpha * l + sum;
        for (var n = 0u; n < DV_VECS; n++) {
            o[n] *= alpha;
        }
        m = m_new;

        // [step: load V]
        // K is no longer needed: V takes its place.
        for (var n = 0u; n < DV_VECS; n++) {
            let c = n * LANES + lane;
            tile[row * LANES * DV_VECS + c] = v_in[kv_row * LANES * DV_VECS + c];
        }
        workgroupBarrier();

        // [step: accumulate]
        for (var j = 0u; j < BC; j++) {
            let weight = p[row * BC + j];
            if (weight != 0.0) {    // 0 * NaN is NaN: the V of a masked key must not leak
                for (var n = 0u; n < DV_VECS; n++) {
                    o[n] += weight * tile[j * LANES * DV_VECS + n * LANES + lane];
                }
            }
        }
        workgroupBarrier();
    }

    // [step: normalise]
    // A query that saw no key has l = 0; its O stays 0.
    let dead = m == HIDDEN;
    let inverse = 1.0 / select(l, 1.0, dead);
    for (var n = 0u; n < DV_VECS; n++) {
        o[n] *= inverse;
    }

    if (block * BR + row <= last) {
        // [step: store O]
        for (var n = 0u; n < DV_VECS; n++) {
            o_out[q_row * LANES * DV_VECS + n * LANES + lane] = o[n];
        }

        // [step: store L]
        // L = m + ln l is all that backward needs; m and l go along to be checked.
        if (lane == 0u) {
            stats_out[3u * q_row] = select(bitcast<u32>(m), NEG_INF_BITS, dead);
            stats_out[3u * q_row + 1u] = bitcast<u32>(l);
            stats_out[3u * q_row + 2u] = select(bitcast<u32>(m + log(select(l, 1.0, dead))), NEG_INF_BITS, dead);
        }
    }
}
