// Standard attention forward in f32: three kernels, with S and P in device memory.
//
// Rung 1: attention as it is defined. What the rungs above it save is measured against this.
//
// Idea     scores writes S = scale Q K^T, masked; softmax makes each row of S a row of P; output writes O = P V.
//          Dao et al. 2022, Algorithm 0. Every kernel waits for the one before.
// Changes  Nothing: this is the baseline. Its products are tiled, 16 queries by 16 keys, as anyone would tile them.
// Cost     S and P are n_q x n_k floats each: memory and traffic grow with the square of the sequence. Written once and
//          read once in the ideal that the schedule counts; here softmax, which cannot hold a row on chip, reads S
//          twice, and P once to divide it.
// Limits   The first to run out of memory: 8 n_q n_k bytes per head. A mask saves no work, since every pair is
//          computed. d and d_v up to 128. No dropout. NaN and infinity: see attention.wgsl.
//
// m, l and L are stored to be checked; the algorithm itself needs none of them once P is divided.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity, also in S.

const BR = 16u;                 // queries of a block
const BC = 16u;                 // keys of a block; equal to BR, so that one thread map loads either
const LANES = 4u;               // threads that share a query: each holds every fourth vec4 of its q and O
const THREADS = BR * LANES;
const MAX_VECS = 8u;            // vec4s a lane holds at most: 8 * 4 lanes * 4 floats = 128

var<workgroup> tile: array<vec4f, BC * LANES * MAX_VECS>;   // the K block, or the V block
var<workgroup> part: array<f32, BR * BC * LANES>;           // what each lane adds to each score
var<workgroup> p: array<f32, BR * BC>;
var<workgroup> rows: array<f32, BR * LANES>;                // one number of each lane, to be shared by its row

@compute @workgroup_size(THREADS)
fn scores(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
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
    let q_row = (batch * params.heads + head) * params.n_q + i;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;
    let key_length = key_length_of(batch);
    let diagonal = diagonal_of(batch);

    // [step: load Q]
    var q: array<vec4f, MAX_VECS>;
    for (var n = 0u; n < D_VECS; n++) {
        q[n] = q_in[q_row * LANES * D_VECS + n * LANES + lane];
    }

    for (var j0 = 0u; j0 < params.n_k; j0 += BC) {
        // Keys past n_k repeat the last one; they are not stored.
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
        for (var j = j0 + lane; j < min(j0 + BC, params.n_k); j += LANES) {
            let at = (row * BC + j - j0) * LANES;
            let product = (part[at] + part[at + 1u]) + (part[at + 2u] + part[at + 3u]);
            var s = score(product, batch, head, i, j);

            // [step: mask]
            if (i32(j) < first_key(i, diagonal) || i32(j) >= end_key(i, key_length, diagonal)) { s = HIDDEN; }

            // [step: store S]
            if (stores) { s_mem[q_row * params.n_k + j] = s; }
        }
        // The next tile may be loaded: its barriers keep it from overtaking the sums above.
    }
}

@compute @workgroup_size(THREADS)
fn softmax(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group.x;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let row = thread / LANES;
    let lane = thread % LANES;

    let last = min(block * BR + BR, params.n_q) - 1u;
    let stores = block * BR + row <= last;
    let q_row = (batch * params.heads + head) * params.n_q + min(block * BR + row, last);
    let begin = q_row * params.n_k;

    // Each lane takes every fourth key.
    var most = HIDDEN;
    for (var j = lane; j < params.n_k; j += LANES) {
        // [step: load S]
        let s = s_mem[begin + j];

        // [step: tile max]
        most = max(most, s);
    }
    rows[thread] = most;
    workgroupBarrier();
    let m = max(max(rows[row * LANES], rows[row * LANES + 1u]), max(rows[row * LANES + 2u], rows[row * LANES + 3u]));
    workgroupBarrier();

    var sum = 0.0;
    for (var j = lane; j < params.n_k; j += LANES) {
        // [step: exponentiate]
        let weight = exp_minus(s_mem[begin + j], m);

        // [step: row sum]
        sum += weight;

        if (stores) { p_mem[begin + j] = weight; }
    }
    rows[thread] = sum;
    workgroupBarrier();
    let l = (rows[row * LANES] + rows[row * LANES + 1u]) + (rows[row * LANES + 2u] + rows[row * LANES + 3u]);

    // A lane finds again what it stored itself. A query that saw no key has l = 0; its P stays 0.
    let inverse = 1.0 / select(l, 1.0, m == HIDDEN);
    if (stores) {
        for (var j = lane; j < params.n_k; j += LANES) {
            // [step: divide rows]
            // What was hidden stays 0, and nothing else becomes it.
            let kept = p_mem[begin + j];
            let weight = select(0.0, max(inverse * kept, TINY), kept != 0.0);

            // [step: store P]
            p_mem[begin + j] = weight;
        }
        if (lane == 0u) {
            stats_out[3u * q_row] = m_bits(m);
            stats_out[3u * q_row + 1u] = l_bits(m, l);
            stats_out[3u * q_row + 2u] = logsumexp_bits(m, l);
        }
    }
}

@compute @workgroup_size(THREADS)
fn output(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group.x;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let row = thread / LANES;
    let lane = thread % LANES;

    let last = min(block * BR + BR, params.n_q) - 1u;
    let stores = block * BR + row <= last;
    let q_row = (batch * params.heads + head) * params.n_q + min(block * BR + row, last);
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // [step: start output]
    var o: array<vec4f, MAX_VECS>;

    for (var j0 = 0u; j0 < params.n_k; j0 += BC) {
        // [step: load P]
        // Keys past n_k weigh nothing.
        for (var j = lane; j < BC; j += LANES) {
            let at = q_row * params.n_k + min(j0 + j, params.n_k - 1u);
            p[row * BC + j] = select(0.0, p_mem[at], j0 + j < params.n_k);
        }

        // [step: load V]
        let kv_row = kv_base + min(j0 + row, params.n_k - 1u);
        for (var n = 0u; n < DV_VECS; n++) {
            let c = n * LANES + lane;
            tile[row * LANES * DV_VECS + c] = v_in[kv_row * LANES * DV_VECS + c];
        }
        workgroupBarrier();

        // [step: product]
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

    if (stores) {
        // [step: store O]
        let odd = stats_out[3u * q_row + 1u] == NAN_BITS;
        for (var n = 0u; n < DV_VECS; n++) {
            if (odd) { o[n] = vec4f(nan()); }
            o_out[q_row * LANES * DV_VECS + n * LANES + lane] = o[n];
        }
    }
}
