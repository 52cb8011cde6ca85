// Flash-Decoding in f32, for any GPU: the keys of a query block in splits, each a workgroup of its own, then a kernel that
// combines.
//
// Rung 5: work for every core where there are few queries.
//
// Idea     A split is a run of key blocks. Each gives an O of its own, normalised over its keys, and their L; both go to
//          memory. The second kernel weighs them: with top the largest L, split s weighs exp(L_s - top), O is the
//          weighted mean, and L = top + log of the sum of weights. Dao et al. 2023, "Flash-Decoding".
// Changes  flash2 has a workgroup per query block, so a decode of one query keeps one core a head busy, however many keys
//          there are. Here `splits` times as many work at once. The loop over keys is flash2's.
// Cost     K and V are read once, as before, and Q once per split. O and L of each split are written and read once more:
//          2 splits n_q (d_v + 1) floats. A second launch. Not worth it where query blocks fill the device.
// Limits   Those of flash2, and its workgroup memory. A block has 16 rows for queries: of one query the other 15 are
//          repeats, whose products are thrown away. L carries the rounding of a float: with scores of 10,000 a split's
//          weight is off by up to 5e-4 of itself. NaN and infinity: see attention.wgsl.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity, in L of a split too.

const BR = 16u;                 // queries of a block
const BC = 16u;                 // keys of a block; equal to BR, so that one thread map loads either
const LANES = 4u;               // threads that share a query: each holds every fourth vec4 of its q and O
const THREADS = BR * LANES;
const MAX_VECS = 8u;            // vec4s a lane holds at most: 8 * 4 lanes * 4 floats = 128

var<workgroup> tile: array<vec4f, BC * LANES * MAX_VECS>;   // the K block, then the V block
var<workgroup> part: array<f32, BR * BC * LANES>;           // what each lane adds to each score
var<workgroup> s: array<f32, BR * BC>;
var<workgroup> p: array<f32, BR * BC>;

// A row of the partial results: of query i in a split.
fn part_row(batch: u32, head: u32, split: u32, i: u32) -> u32 {
    return ((batch * params.heads + head) * params.splits + split) * params.n_q + i;
}

@compute @workgroup_size(THREADS)
fn split_kv_splits(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    // The splits of a query block lie side by side.
    let block = (params.origin.x + group.x) / params.splits;
    let split = (params.origin.x + group.x) % params.splits;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let row = thread / LANES;
    let lane = thread % LANES;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    let last = min(block * BR + BR, params.n_q) - 1u;
    let i = min(block * BR + row, last);
    let stores = block * BR + row <= last;
    let q_row = (batch * params.heads + head) * params.n_q + i;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // Keys of the split that some query of the block sees. Splits are runs of as many key blocks, the last ones of fewer.
    let key_length = key_length_of(batch);
    let diagonal = diagonal_of(batch);
    let each = (params.key_blocks + params.splits - 1u) / params.splits;
    let begins = i32(min(split * each, params.key_blocks) * BC);
    let ends = i32(min((split + 1u) * each, params.key_blocks) * BC);
    let first = max(first_key(block * BR, diagonal), begins);
    let end = min(end_key(last, key_length, diagonal), ends);
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
    // A query that sees no key of the split has l = 0: its O stays 0, and its L is HIDDEN. Where the largest score is a
    // stand-in, so is L, beside which a logarithm is nothing: what other splits have to say, the second kernel knows.
    let dead = m == HIDDEN;
    let inverse = 1.0 / select(l, 1.0, dead);
    for (var n = 0u; n < DV_VECS; n++) {
        o[n] *= inverse;
    }
    let lse = log(select(l, 1.0, dead)) + m;

    if (stores) {
        let at = part_row(batch, head, split, i);

        // [step: store O_part]
        for (var n = 0u; n < DV_VECS; n++) {
            part_o[at * LANES * DV_VECS + n * LANES + lane] = o[n];
        }

        // [step: store L_part]
        if (lane == 0u) { part_lse[at] = lse; }
    }
}

@compute @workgroup_size(THREADS)
fn split_kv_combine(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group.x;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let row = thread / LANES;
    let lane = thread % LANES;
    let i = min(block * BR + row, params.n_q - 1u);
    let q_row = (batch * params.heads + head) * params.n_q + i;

    // [step: start combine]
    var o: array<vec4f, MAX_VECS>;
    var weight = 0.0;
    var top = HIDDEN;

    for (var split = 0u; split < params.splits; split++) {
        // [step: load L_part]
        let at = part_row(batch, head, split, i);
        let lse = part_lse[at];

        // [step: load O_part]
        var o_part: array<vec4f, MAX_VECS>;
        for (var n = 0u; n < DV_VECS; n++) {
            o_part[n] = part_o[at * LANES * DV_VECS + n * LANES + lane];
        }

        // [step: raise]
        let top_new = max(top, lse);
        let alpha = exp_minus(top, top_new);
        top = top_new;

        // [step: weigh]
        let w = exp_minus(lse, top);

        // [step: merge]
        weight = alpha * weight + w;
        for (var n = 0u; n < DV_VECS; n++) {
            o[n] = alpha * o[n] + w * o_part[n];
        }
    }

    // [step: combine]
    // A query that saw no key has no weight; its O stays 0. Scores of -inf alone, in every split: no weights.
    let dead = top == HIDDEN;
    let inverse = 1.0 / select(weight, 1.0, dead);
    for (var n = 0u; n < DV_VECS; n++) {
        o[n] *= inverse;
        if (is_odd(top)) { o[n] = vec4f(nan()); }
    }

    if (block * BR + row < params.n_q) {
        // [step: store O]
        for (var n = 0u; n < DV_VECS; n++) {
            o_out[q_row * LANES * DV_VECS + n * LANES + lane] = o[n];
        }

        // [step: store L]
        if (lane == 0u) { stats_out[3u * q_row + 2u] = logsumexp_bits(top, weight); }
    }
}
