// FlashAttention forward in f32: key blocks outside, queries inside, for any GPU that WebGPU's default limits describe.
//
// Rung 2: the online softmax, in the loop order of the first paper.
//
// Idea     One workgroup owns one head. It holds 8 keys with their values, and all queries that see them pass by,
//          16 at a time; each picks up its O, l and m from memory, adds the 8 keys, and puts them back.
//          Dao et al. 2022, Algorithm 1, statement by statement: O is kept normalised at every visit.
// Changes  standard writes S and P (n_q x n_k) to memory and reads them back. Here they never leave the chip, and
//          memory grows with n_q and n_k, not with their product.
// Cost     Reads K and V once; reads Q, O, l, m and writes O, l, m once for every key block that a query sees, and
//          writes the starting values of O, l, m. A division per element of O and visit. 11,264 B of workgroup memory.
// Limits   As many workgroups as there are heads, where a GPU wants hundreds: the reason why flash2 turned the loops
//          around. 8 keys, since K and V lie in 16,384 B together (the paper's M / 4d, at d = 128). d and d_v up to
//          128. No dropout. NaN and infinity: see attention.wgsl.
//
// The state lies in memory between two key blocks, so the host may stop there and go on in another launch: each launch
// does `span` key blocks from `origin.x`, and a long outer loop never holds the GPU for long.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity.

const BR = 16u;                 // queries of a block
const BC = 8u;                  // keys of a block
const LANES = 4u;               // threads that share a query: each holds every fourth vec4 of its q and O
const THREADS = BR * LANES;
const LOADERS = THREADS / BC;   // threads that load a key together
const MAX_VECS = 8u;            // vec4s a lane holds at most: 8 * 4 lanes * 4 floats = 128

var<workgroup> k_tile: array<vec4f, BC * LANES * MAX_VECS>;
var<workgroup> v_tile: array<vec4f, BC * LANES * MAX_VECS>;
var<workgroup> part: array<f32, BR * BC * LANES>;           // what each lane adds to each score
var<workgroup> s: array<f32, BR * BC>;
var<workgroup> p: array<f32, BR * BC>;

@compute @workgroup_size(THREADS)
fn flash1(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let row = thread / LANES;
    let lane = thread % LANES;

    let q_rows = (batch * params.heads + head) * params.n_q;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;
    let key_length = key_length_of(batch);
    let diagonal = diagonal_of(batch);

    if (params.origin.x == 0u) {
        for (var i = row; i < params.n_q; i += BR) {
            // [step: initialise O]
            for (var n = 0u; n < DV_VECS; n++) {
                o_out[(q_rows + i) * LANES * DV_VECS + n * LANES + lane] = vec4f();
            }

            // [step: initialise l]
            if (lane == 0u) { stats_out[3u * (q_rows + i) + 1u] = 0u; }

            // [step: initialise m]
            if (lane == 0u) { stats_out[3u * (q_rows + i)] = bitcast<u32>(HIDDEN); }
        }
        storageBarrier();
    }

    for (var key_block = params.origin.x; key_block < params.origin.x + params.span; key_block++) {
        // Queries that see some key of the block; where there are none, nothing is loaded.
        let j0 = key_block * BC;
        let j_end = min(i32(min(j0 + BC, params.n_k)), key_length);
        let i_first = max(0, i32(j0) - diagonal - params.right);
        let i_end = min(i32(params.n_q), j_end - diagonal + params.left);
        if (i32(j0) >= j_end || i_first >= i_end) { continue; }

        // Keys past n_k repeat the last one; the mask hides them.
        let loaded = thread / LOADERS;
        let kv_row = kv_base + min(j0 + loaded, params.n_k - 1u);

        // [step: load K]
        for (var c = thread % LOADERS; c < LANES * D_VECS; c += LOADERS) {
            k_tile[loaded * LANES * D_VECS + c] = k_in[kv_row * LANES * D_VECS + c];
        }

        // [step: load V]
        for (var c = thread % LOADERS; c < LANES * DV_VECS; c += LOADERS) {
            v_tile[loaded * LANES * DV_VECS + c] = v_in[kv_row * LANES * DV_VECS + c];
        }
        workgroupBarrier();

        for (var block = u32(i_first) / BR; i32(block * BR) < i_end; block++) {
            // Past n_q a ragged block repeats its last query, and stores nothing for it.
            let last = min(block * BR + BR, params.n_q) - 1u;
            let i = min(block * BR + row, last);
            let stores = block * BR + row <= last;
            let q_row = q_rows + i;

            // [step: load Q]
            var q: array<vec4f, MAX_VECS>;
            for (var n = 0u; n < D_VECS; n++) {
                q[n] = q_in[q_row * LANES * D_VECS + n * LANES + lane];
            }

            // [step: load O]
            var o: array<vec4f, MAX_VECS>;
            for (var n = 0u; n < DV_VECS; n++) {
                o[n] = o_out[q_row * LANES * DV_VECS + n * LANES + lane];
            }

            // [step: load l]
            let l = bitcast<f32>(stats_out[3u * q_row + 1u]);

            // [step: load m]
            let m = bitcast<f32>(stats_out[3u * q_row]);

            // [step: scores]
            // Each lane multiplies its quarter of q with its quarter of every key; then it adds up two keys.
            for (var j = 0u; j < BC; j++) {
                var sum = 0.0;
                for (var n = 0u; n < D_VECS; n++) {
                    sum += dot(q[n], k_tile[j * LANES * D_VECS + n * LANES + lane]);
                }
                part[(row * BC + j) * LANES + lane] = sum;
            }
            workgroupBarrier();
            storageBarrier();           // every lane has l and m before one of them replaces both
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

            // [step: tile max]
            // Of these keys alone: the maximum of all keys so far enters when the statistics are merged.
            var m_tile = HIDDEN;
            for (var j = 0u; j < BC; j++) {
                m_tile = max(m_tile, s[row * BC + j]);
            }

            // [step: exponentiate]
            for (var j = lane; j < BC; j += LANES) {
                p[row * BC + j] = exp_minus(s[row * BC + j], m_tile);
            }
            workgroupBarrier();

            // [step: row sum]
            var l_tile = 0.0;
            for (var j = 0u; j < BC; j++) {
                l_tile += p[row * BC + j];
            }

            // [step: merge stats]
            // Both sums are made relative to the larger maximum.
            let m_new = max(m, m_tile);
            let alpha = exp_minus(m, m_new);
            let beta = exp_minus(m_tile, m_new);
            let l_new = alpha * l + beta * l_tile;

            // [step: merge output]
            // O was normalised by l: taken back, corrected, joined by the new keys, normalised by l_new.
            let inverse = 1.0 / select(l_new, 1.0, m_new == HIDDEN);
            for (var n = 0u; n < DV_VECS; n++) {
                o[n] *= l * alpha;
            }
            for (var j = 0u; j < BC; j++) {
                if (p[row * BC + j] != 0.0) {   // 0 * NaN is NaN: the V of a masked key must not leak
                    let weight = max(beta * p[row * BC + j], TINY);
                    for (var n = 0u; n < DV_VECS; n++) {
                        o[n] += weight * v_tile[j * LANES * DV_VECS + n * LANES + lane];
                    }
                }
            }
            for (var n = 0u; n < DV_VECS; n++) {
                o[n] *= inverse;
            }

            if (stores) {
                // [step: store O]
                for (var n = 0u; n < DV_VECS; n++) {
                    o_out[q_row * LANES * DV_VECS + n * LANES + lane] = o[n];
                }

                // [step: store l]
                if (lane == 0u) { stats_out[3u * q_row + 1u] = bitcast<u32>(l_new); }

                // [step: store m]
                if (lane == 0u) { stats_out[3u * q_row] = bitcast<u32>(m_new); }

                if (TAPS && lane == 0u) { tap(q_rows, key_block, i, m_new, l_new); }
            }
        }
        // The next keys take the place of these, and find the state that all lanes have stored.
        storageBarrier();
        workgroupBarrier();
    }

    // Not in the paper: L, for comparison with the kernels that store nothing else; and what stand-ins stand for.
    if (params.origin.x + params.span == params.key_blocks && lane == 0u) {
        for (var i = row; i < params.n_q; i += BR) {
            let at = 3u * (q_rows + i);
            let m = bitcast<f32>(stats_out[at]);
            let l = bitcast<f32>(stats_out[at + 1u]);
            stats_out[at] = m_bits(m);
            stats_out[at + 1u] = l_bits(m, l);
            stats_out[at + 2u] = logsumexp_bits(m, l);
            for (var c = 0u; is_odd(m) && c < LANES * DV_VECS; c++) {
                o_out[(q_rows + i) * LANES * DV_VECS + c] = vec4f(nan());
            }
        }
    }
}
