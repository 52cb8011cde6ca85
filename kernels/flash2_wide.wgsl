// FlashAttention-2 forward in f32 with tiles of 32 x 32, for GPUs that offer more than WebGPU's default limits.
//
// Rung 4: each value that is read from workgroup memory is used several times.
//
// Idea     flash2 with four times the tile. A thread works on 4 queries and 4 keys at once, so that 8 reads feed 16
//          products of four floats; in flash2 it is one read for each.
// Changes  Q lies in workgroup memory beside K, since its rows are now shared by 8 threads. Half as many query blocks
//          read K and V half as often. What belongs to a thread's four queries is a vector, or the columns of a matrix,
//          and no loop runs over it: so it stays in registers.
// Cost     23,040 B of workgroup memory at d = 64, 39,424 B at d = 128: the host takes flash2 where a device grants
//          less. Five barriers for a tile of four times the size.
// Limits   d and d_v up to 128; above 64 it was slower than flash2, which the host takes there. No matrix units, nothing
//          overlaps. Short sequences leave more of a tile empty, and make fewer workgroups. No dropout. NaN and infinity:
//          see attention.wgsl.
//
// Parameters, bindings, score() and the mask are in attention.wgsl. HIDDEN stands for minus infinity.

const BR = 32u;                 // queries of a block
const BC = 32u;                 // keys of a block
const ROWS = 4u;                // queries of a thread: every eighth, so that neighbours read neighbouring rows
const KEYS = 4u;                // keys of a thread: every eighth, likewise
const GROUPS = BR / ROWS;       // threads that share a key
const LANES = BC / KEYS;        // threads that share a query
const THREADS = GROUPS * LANES;
const MAX_VECS = 8u;            // d and d_v are 16 * 8 at most
const MAX_OUT = MAX_VECS * 4u / LANES;                      // vec4s of O that a thread holds of each of its queries
override OUT: u32 = (DV_VECS + 1u) / 2u;                    // of them in use

// One vec4 more in each row: eight threads that read eight rows meet eight different banks.
var<workgroup> q_tile: array<vec4f, Q_TILE>;               // sized for d by the host
var<workgroup> tile: array<vec4f, KV_TILE>;                // the K block, then the V block
var<workgroup> p: array<vec4f, BC * (GROUPS + 1u)>;         // of each key, by group: the weights of its four queries
var<workgroup> part: array<vec4f, LANES * GROUPS>;          // what each thread adds to a row's maximum, then to its sum

@compute @workgroup_size(THREADS)
fn flash2_wide(@builtin(workgroup_id) group_id: vec3u, @builtin(local_invocation_index) thread: u32) {
    let block = params.origin.x + group_id.x;
    let head = params.origin.y + group_id.y;
    let batch = params.origin.z + group_id.z;
    let kv_head = head / (params.heads / params.kv_heads);
    let group = thread / LANES;
    let lane = thread % LANES;
    let width = 4u * D_VECS;                // vec4s of a row of Q and K
    let v_width = 4u * DV_VECS;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    let last = min(block * BR + BR, params.n_q) - 1u;
    let rows = block * BR + group + GROUPS * vec4u(0u, 1u, 2u, 3u);
    let i = min(rows, vec4u(last));         // the four queries of this thread
    let q_rows = (batch * params.heads + head) * params.n_q;
    let kv_base = (batch * params.kv_heads + kv_head) * params.n_k;

    // Keys that some query of the block sees; a key block outside them is never visited.
    let key_length = key_length_of(batch);
    let diagonal = diagonal_of(batch);
    let first = first_key(block * BR, diagonal);
    let end = end_key(last, key_length, diagonal);
    let j_end = u32(select(0, end, first < end));

    // [step: load Q]
    for (var at = thread; at < BR * width; at += THREADS) {
        let source = min(block * BR + at / width, last);
        q_tile[at / width * (width + 1u) + at % width] = q_in[(q_rows + source) * width + at % width];
    }

    // [step: start rows]
    var m = vec4f(HIDDEN);                  // of the four queries
    var l = vec4f();
    var o: array<mat4x4f, MAX_OUT>;         // a column of each: four floats of a query's O

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
        var s: array<vec4f, KEYS>;          // of each key, the four queries
        for (var c = 0u; c < width; c++) {
            let at = group * (width + 1u) + c;
            let step = GROUPS * (width + 1u);
            let q = mat4x4f(q_tile[at], q_tile[at + step], q_tile[at + 2u * step], q_tile[at + 3u * step]);
            for (var n = 0u; n < KEYS; n++) {
                s[n] += tile[(lane + n * LANES) * (width + 1u) + c] * q;
            }
        }
        for (var n = 0u; n < KEYS; n++) {
            let j = min(j0 + lane + n * LANES, params.n_k - 1u);
            s[n] = vec4f(score(s[n].x, batch, head, i.x, j), score(s[n].y, batch, head, i.y, j),
                         score(s[n].z, batch, head, i.z, j), score(s[n].w, batch, head, i.w, j));
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        let whole = first_key(last, diagonal) <= i32(j0) && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal);
        if (!whole) {
            let starts = vec4i(first_key(i.x, diagonal), first_key(i.y, diagonal),
                               first_key(i.z, diagonal), first_key(i.w, diagonal));
            let ends = vec4i(end_key(i.x, key_length, diagonal), end_key(i.y, key_length, diagonal),
                             end_key(i.z, key_length, diagonal), end_key(i.w, key_length, diagonal));
            for (var n = 0u; n < KEYS; n++) {
                let key = vec4i(i32(j0 + lane + n * LANES));
                s[n] = select(s[n], vec4f(HIDDEN), (key < starts) | (key >= ends));
            }
        }

        // [step: row max]
        // Of four keys here, of all 32 through workgroup memory.
        part[lane * GROUPS + group] = max(max(s[0], s[1]), max(s[2], s[3]));
        workgroupBarrier();
        var m_new = m;
        for (var n = 0u; n < LANES; n++) {
            m_new = max(m_new, part[n * GROUPS + group]);
        }
        workgroupBarrier();

        // [step: exponentiate]
        var own = vec4f();
        for (var n = 0u; n < KEYS; n++) {
            let weights = vec4f(exp_minus(s[n].x, m_new.x), exp_minus(s[n].y, m_new.y),
                                exp_minus(s[n].z, m_new.z), exp_minus(s[n].w, m_new.w));
            p[(lane + n * LANES) * (GROUPS + 1u) + group] = weights;
            own += weights;
        }
        part[lane * GROUPS + group] = own;
        workgroupBarrier();

        // [step: row sum]
        var sum = vec4f();
        for (var n = 0u; n < LANES; n++) {
            sum += part[n * GROUPS + group];
        }

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        let alpha = vec4f(exp_minus(m.x, m_new.x), exp_minus(m.y, m_new.y),
                          exp_minus(m.z, m_new.z), exp_minus(m.w, m_new.w));
        l = alpha * l + sum;
        for (var n = 0u; n < OUT; n++) {
            o[n] = mat4x4f(alpha.x * o[n][0], alpha.y * o[n][1], alpha.z * o[n][2], alpha.w * o[n][3]);
        }
        m = m_new;

        if (TAPS && lane == 0u) {
            for (var r = 0u; r < ROWS && rows[r] <= last; r++) {
                tap(q_rows, j0 / BC, rows[r], m[r], l[r]);
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
            let weights = p[j * (GROUPS + 1u) + group];
            for (var n = 0u; n < OUT; n++) {
                // A lane past the end reads the last vec4, and stores nothing of it.
                let v = tile[j * (v_width + 1u) + min(n * LANES + lane, v_width - 1u)];
                if (all(weights != vec4f())) {
                    o[n] += mat4x4f(weights.x * v, weights.y * v, weights.z * v, weights.w * v);
                } else {                    // 0 * NaN is NaN: the V of a masked key must not leak
                    if (weights.x != 0.0) { o[n][0] += weights.x * v; }
                    if (weights.y != 0.0) { o[n][1] += weights.y * v; }
                    if (weights.z != 0.0) { o[n][2] += weights.z * v; }
                    if (weights.w != 0.0) { o[n][3] += weights.w * v; }
                }
            }
        }
        workgroupBarrier();
    }

    // [step: normalise]
    // A query that saw no key has l = 0; its O stays 0.
    let dead = m == vec4f(HIDDEN);
    let inverse = vec4f(1.0) / select(l, vec4f(1.0), dead);
    for (var n = 0u; n < OUT; n++) {
        o[n] = mat4x4f(inverse.x * o[n][0], inverse.y * o[n][1], inverse.z * o[n][2], inverse.w * o[n][3]);
        if (is_odd(m.x)) { o[n][0] = vec4f(nan()); }
        if (is_odd(m.y)) { o[n][1] = vec4f(nan()); }
        if (is_odd(m.z)) { o[n][2] = vec4f(nan()); }
        if (is_odd(m.w)) { o[n][3] = vec4f(nan()); }
    }

    // [step: store O]
    let at = (q_rows + rows) * v_width + lane;
    for (var n = 0u; n < OUT; n++) {
        if (n * LANES + lane < v_width) {
            if (rows.x <= last) { o_out[at.x + n * LANES] = o[n][0]; }
            if (rows.y <= last) { o_out[at.y + n * LANES] = o[n][1]; }
            if (rows.z <= last) { o_out[at.z + n * LANES] = o[n][2]; }
            if (rows.w <= last) { o_out[at.w + n * LANES] = o[n][3]; }
        }
    }

    // [step: store L]
    // L = m + ln l is all that backward needs; m and l go along to be checked.
    for (var r = 0u; r < ROWS; r++) {
        if (lane == 0u && rows[r] <= last) {
            let to = 3u * (q_rows + rows[r]);
            stats_out[to] = m_bits(m[r]);
            stats_out[to + 1u] = l_bits(m[r], l[r]);
            stats_out[to + 2u] = logsumexp_bits(m[r], l[r]);
        }
    }
}
