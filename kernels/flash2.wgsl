// FlashAttention-2 forward in f32, for any GPU that WebGPU's default limits describe.
//
// Rung 3: the loop of the paper and nothing more.
//
// Idea     One workgroup owns 16 queries. K and V stream past them, 16 keys at a time; the softmax is
//          corrected as it goes (m: largest score so far, l: sum of exponentials, O: not yet normalised).
//          Dao 2023, Algorithm 1, with its line 10 put right: O is multiplied by exp(m_old - m_new).
// Changes  flash1 has the keys outside and carries O, l and m through memory at every visit. With the queries outside
//          they stay in registers, O is divided once at the end, and each query block is a workgroup of its own.
// Cost     Reads Q once, and K and V once per query block in which a key is visible; writes O once, and m, l, L.
//          14,336 B of workgroup memory (16,384 B are granted everywhere); six barriers per tile; one read of
//          workgroup memory for each product of four floats.
// Limits   d and d_v up to 128. No matrix units, nothing overlaps, and a lane works on one query only: far from a
//          GPU's peak. NaN and infinity: see attention.wgsl.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity.

const BR = 16u;                 // queries of a block
const BC = 16u;                 // keys of a block; equal to BR, so that one thread map loads either
const LANES = 4u;               // threads that share a query: each holds every fourth vec4 of its q and O
const THREADS = BR * LANES;
const MAX_VECS = 8u;            // vec4s a lane holds at most: 8 * 4 lanes * 4 floats = 128

var<workgroup> tile: array<vec4f, BC * LANES * MAX_VECS>;   // the K block, then the V block
var<workgroup> part: array<f32, BR * BC * LANES>;           // what each lane adds to each score
var<workgroup> s: array<f32, BR * BC>;
var<workgroup> p: array<f32, BR * BC>;

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
    let stores = block * BR + row <= last;
    let q_rows = (batch * params.heads + head) * params.n_q;
    let q_row = q_rows + i;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // Keys that some query of the block sees; a key block outside them is never visited.
    let key_length = key_length_of(batch);
    let diagonal = diagonal_of(batch);
    let first = first_key(block * BR, diagonal);
    let end = end_key(last, key_length, diagonal);
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
        let whole = first_key(last, diagonal) <= i32(j0) && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal);
        if (!whole) {
            for (var j = lane; j < BC; j += LANES) {
                let key = i32(j0 + j);
                if (key < first_key(i, diagonal) || key >= end_key(i, key_length, diagonal)) { s[row * BC + j] = HIDDEN; }
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

        // [step: load keep, dropout]
        // Once every lane has the sum: l is of all weights, and O of those that are kept.
        if (params.kept != 0.0) {
            workgroupBarrier();
            for (var j = lane; j < BC; j += LANES) {
                if (p[row * BC + j] != 0.0) { p[row * BC + j] *= keep(batch, head, i, j0 + j); }
            }
        }

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        let alpha = exp_minus(m, m_new);
        l = alpha * l + sum;
        for (var n = 0u; n < DV_VECS; n++) {
            o[n] *= alpha;
        }
        m = m_new;

        if (TAPS && stores && lane == 0u) { tap(q_rows, j0 / BC, i, m, l); }

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
        if (is_odd(m)) { o[n] = vec4f(nan()); }
    }

    if (stores) {
        // [step: store O]
        for (var n = 0u; n < DV_VECS; n++) {
            o_out[q_row * LANES * DV_VECS + n * LANES + lane] = o[n];
        }

        // [step: store L]
        // L = m + ln l is all that backward needs; m and l go along to be checked.
        if (lane == 0u) {
            stats_out[3u * q_row] = m_bits(m);
            stats_out[3u * q_row + 1u] = l_bits(m, l);
            stats_out[3u * q_row + 2u] = logsumexp_bits(m, l);
        }
    }
}
