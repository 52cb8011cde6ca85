// FlashAttention-2 forward in f32 with tiles of 32 x 32, for GPUs that offer more than WebGPU's default limits.
//
// Rung 4: each value that is read from workgroup memory is used several times.
//
// Idea     flash2 with four times the tile. A thread works on 4 queries and 4 keys at once, so that 8 reads feed 16
//          products of four floats; in flash2 it is one read for each.
// Changes  Q lies in workgroup memory beside K, since its rows are now shared by 8 threads. Half as many query blocks
//          read K and V half as often.
// Cost     22,144 B of workgroup memory at d = 64, 38,528 B at d = 128: the host takes flash2 where a device grants
//          less. Six barriers for a tile of four times the size.
// Limits   d and d_v up to 128. No matrix units, nothing overlaps. Short sequences leave more of a tile empty, and make
//          fewer workgroups. No dropout. NaN and infinity: see attention.wgsl.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity.

const BR = 32u;                 // queries of a block
const BC = 32u;                 // keys of a block
const ROWS = 4u;                // queries of a thread
const KEYS = 4u;                // keys of a thread: every eighth, so that neighbours read neighbouring rows
const LANES = BC / KEYS;        // threads that share a query
const THREADS = BR / ROWS * LANES;
const MAX_VECS = 8u;            // d and d_v are 16 * 8 at most
const MAX_OUT = MAX_VECS * 4u / LANES;                      // vec4s of O that a thread holds of each of its queries

// One vec4 more in each row of K and V: eight threads that read eight rows meet eight different banks.
var<workgroup> q_tile: array<vec4f, Q_TILE>;               // sized for d by the host
var<workgroup> tile: array<vec4f, KV_TILE>;                // the K block, then the V block
var<workgroup> p: array<f32, BR * (BC + 1u)>;
var<workgroup> part: array<f32, BR * LANES>;                // what each thread adds to a row's maximum, then to its sum

@compute @workgroup_size(THREADS)
fn flash2_wide(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group.x;
    let head = params.origin.y + group.y;
    let batch = params.origin.z + group.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let row = thread / LANES * ROWS;        // the first of this thread's queries
    let lane = thread % LANES;
    let width = 4u * D_VECS;                // vec4s of a row of Q and K
    let v_width = 4u * DV_VECS;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    let last = min(block * BR + BR, params.n_q) - 1u;
    let q_rows = (batch * params.heads + head) * params.n_q;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // Keys that some query of the block sees; a key block outside them is never visited.
    let key_length = key_length_of(batch);
    let first = first_key(block * BR);
    let end = end_key(last, key_length);
    let j_end = u32(select(0, end, first < end));

    // [step: load Q]
    for (var at = thread; at < BR * width; at += THREADS) {
        let i = min(block * BR + at / width, last);
        q_tile[at] = q_in[(q_rows + i) * width + at % width];
    }

    // [step: start rows]
    var m = vec4f(HIDDEN);                  // of the four queries
    var l = vec4f();
    var o: array<array<vec4f, MAX_OUT>, ROWS>;

    for (var j0 = u32(first) / BC * BC; j0 < j_end; j0 += BC) {
        // [step: load K]
        // Keys past n_k repeat the last one; the mask hides them.
        for (var at = thread; at < BC * width; at += THREADS) {
            let kv_row = kv_base + min(j0 + at / width, params.n_k - 1u);
            tile[at / width * (width + 1u) + at % width] = k_in[kv_row * width + at % width];
        }
        workgroupBarrier();

        // [step: scores]
        // 16 sums at once: every vec4 of q and of k is read once and used four times.
        var s: array<vec4f, ROWS>;          // of each query, its four keys
        for (var c = 0u; c < width; c++) {
            let k0 = tile[lane * (width + 1u) + c];
            let k1 = tile[(lane + LANES) * (width + 1u) + c];
            let k2 = tile[(lane + 2u * LANES) * (width + 1u) + c];
            let k3 = tile[(lane + 3u * LANES) * (width + 1u) + c];
            for (var r = 0u; r < ROWS; r++) {
                let q = q_tile[(row + r) * width + c];
                s[r] += vec4f(dot(q, k0), dot(q, k1), dot(q, k2), dot(q, k3));
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            let i = min(block * BR + row + r, last);
            for (var n = 0u; n < KEYS; n++) {
                let j = min(j0 + lane + n * LANES, params.n_k - 1u);
                s[r][n] = score(s[r][n], batch, head, i, j);
            }
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        let whole = first_key(last) <= i32(j0) && i32(j0 + BC) <= end_key(block * BR, key_length);
        if (!whole) {
            for (var r = 0u; r < ROWS; r++) {
                let i = min(block * BR + row + r, last);
                for (var n = 0u; n < KEYS; n++) {
                    let key = i32(j0 + lane + n * LANES);
                    if (key < first_key(i) || key >= end_key(i, key_length)) { s[r][n] = HIDDEN; }
                }
            }
        }

        // [step: row max]
        // Of four keys here, of all 32 through workgroup memory.
        for (var r = 0u; r < ROWS; r++) {
            part[(row + r) * LANES + lane] = max(max(s[r].x, s[r].y), max(s[r].z, s[r].w));
        }
        workgroupBarrier();
        var m_new = m;
        for (var r = 0u; r < ROWS; r++) {
            for (var n = 0u; n < LANES; n++) {
                m_new[r] = max(m_new[r], part[(row + r) * LANES + n]);
            }
        }
        workgroupBarrier();

        // [step: exponentiate]
        for (var r = 0u; r < ROWS; r++) {
            var sum = 0.0;
            for (var n = 0u; n < KEYS; n++) {
                let weight = exp_minus(s[r][n], m_new[r]);
                p[(row + r) * (BC + 1u) + lane + n * LANES] = weight;
                sum += weight;
            }
            part[(row + r) * LANES + lane] = sum;
        }
        workgroupBarrier();

        // [step: row sum]
        var sum = vec4f();
        for (var r = 0u; r < ROWS; r++) {
            for (var n = 0u; n < LANES; n++) {
                sum[r] += part[(row + r) * LANES + n];
            }
        }

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        for (var r = 0u; r < ROWS; r++) {
            let alpha = exp_minus(m[r], m_new[r]);
            l[r] = alpha * l[r] + sum[r];
            for (var n = 0u; n < MAX_OUT; n++) {
                o[r][n] *= alpha;
            }
        }
        m = m_new;

        if (TAPS && lane == 0u) {
            for (var r = 0u; r < ROWS && block * BR + row + r <= last; r++) {
                tap(q_rows, j0 / BC, block * BR + row + r, m[r], l[r]);
            }
        }

        // [step: load V]
        // K is no longer needed: V takes its place.
        for (var at = thread; at < BC * v_width; at += THREADS) {
            let kv_row = kv_base + min(j0 + at / v_width, params.n_k - 1u);
            tile[at / v_width * (v_width + 1u) + at % v_width] = v_in[kv_row * v_width + at % v_width];
        }
        workgroupBarrier();

        // [step: accumulate]
        for (var j = 0u; j < BC; j++) {
            for (var r = 0u; r < ROWS; r++) {
                let weight = p[(row + r) * (BC + 1u) + j];
                if (weight != 0.0) {        // 0 * NaN is NaN: the V of a masked key must not leak
                    for (var n = 0u; n * LANES + lane < v_width; n++) {
                        o[r][n] += weight * tile[j * (v_width + 1u) + n * LANES + lane];
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var r = 0u; r < ROWS; r++) {
        // [step: normalise]
        // A query that saw no key has l = 0; its O stays 0.
        let dead = m[r] == HIDDEN;
        let inverse = 1.0 / select(l[r], 1.0, dead);
        for (var n = 0u; n < MAX_OUT; n++) {
            o[r][n] *= inverse;
            if (is_odd(m[r])) { o[r][n] = vec4f(nan()); }
        }

        let i = block * BR + row + r;
        if (i <= last) {
            // [step: store O]
            for (var n = 0u; n * LANES + lane < v_width; n++) {
                o_out[(q_rows + i) * v_width + n * LANES + lane] = o[r][n];
            }

            // [step: store L]
            // L = m + ln l is all that backward needs; m and l go along to be checked.
            if (lane == 0u) {
                stats_out[3u * (q_rows + i)] = m_bits(m[r]);
                stats_out[3u * (q_rows + i) + 1u] = l_bits(m[r], l[r]);
                stats_out[3u * (q_rows + i) + 2u] = logsumexp_bits(m[r], l[r]);
            }
        }
    }
}
