// Flash-Decoding in f32: the keys of a query block in splits, each a thread block of its own, then a kernel that combines.
//
// Rung 4: work for every SM where there are few queries.
//
// Idea     A split is a run of key blocks. Each gives an O of its own, normalised over its keys, and their L; both go to
//          memory. The second kernel weighs them: with top the largest L, split s weighs exp(L_s - top), O is the
//          weighted mean, and L = top + log of the sum of weights. Dao et al. 2023, "Flash-Decoding".
// Changes  flash2 has a thread block per query block, so a decode of one query keeps one SM a head busy, however many
//          keys there are. Here `splits` times as many work at once. The loop over keys is flash2's.
// Cost     K and V are read once, as before, and Q once per split. O and L of each split are written and read once more:
//          2 splits n_q (d_v + 1) floats. A second launch. Not worth it where query blocks fill the device.
// Limits   Those of flash2. A block has 32 rows for queries: of one query the other 31 are repeats, whose products are thrown
//          away. L carries the rounding of a float: with scores of 10,000 a split's weight is off by up to 5e-4 of itself.
//
// Four neighbouring threads (lanes) share a query: each holds every fourth float4 of its q and O.

#include "attention.cuh"
#include "tiles.cuh"

// Largest d and d_v, a multiple of 16: fixed when compiled, so that arrays over it are registers.
#ifndef D
#define D 128
#endif

constexpr int BR = 32;                  // queries of a block
constexpr int BC = 32;                  // keys of a block
constexpr int LANES = 4;                // threads that share a query
constexpr int THREADS = BR * LANES;
constexpr int VECS = D / 16;            // float4s of a row that one lane holds
constexpr int KEYS = BC / LANES;        // scores of a tile that one lane holds

// A row of the partial results: of query i in a split.
__device__ inline size_t part_row(const Attention &a, int batch, int head, int split, int i) {
    return (((size_t)batch * a.heads + head) * a.splits + split) * a.n_q + i;
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) split_kv_splits(const Attention a) {
    __shared__ float4 tile[BC][D / 4];  // the K block, then the V block
    __shared__ float p[BR][BC + 1];     // one more column, so that rows begin in different banks

    // The splits of a query block lie side by side.
    int block = (a.first_block + blockIdx.x) / a.splits;
    int split = (a.first_block + blockIdx.x) % a.splits;
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int kv_head = head / (a.heads / a.kv_heads);
    int row = threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    int last = min(block * BR + BR, a.n_q) - 1;
    int i = min(block * BR + row, last);
    size_t q_row = ((size_t)batch * a.heads + head) * a.n_q + i;
    size_t kv_base = ((size_t)batch * a.kv_heads + kv_head) * a.n_k;

    // Keys of the split that some query of the block sees. Splits are runs of as many key blocks, the last ones of fewer.
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];
    int key_blocks = (a.n_k + BC - 1) / BC;
    int each = (key_blocks + a.splits - 1) / a.splits;
    int first = max(first_key(a, block * BR, diagonal), min(split * each, key_blocks) * BC);
    int end = min(end_key(a, last, key_length, diagonal), min((split + 1) * each, key_blocks) * BC);
    if (first >= end) end = 0;          // none

    // [step: load Q]
    float4 q[VECS];
    load_row<LANES>(q, a.q + q_row * a.d, lane, end > 0 ? a.d : 0);

    // [step: start rows]
    float m = NEG_INF;
    float l = 0.0f;
    float4 o[VECS];
    set_zero(o);

    for (int j0 = first / BC * BC; j0 < end; j0 += BC) {
        // [step: load K]
        load_tile<THREADS>(tile, a.k + kv_base * a.d, j0, a.n_k, a.d);
        __syncthreads();

        // [step: scores]
        float s[KEYS];
        products<LANES>(s, q, tile, lane);
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            // A key past n_k has no bias to be read; the mask hides it.
            s[n] = score(a, s[n], batch, head, i, min(j0 + n * LANES + lane, a.n_k - 1));
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        bool whole = first_key(a, last, diagonal) <= j0 && j0 + BC <= end_key(a, block * BR, key_length, diagonal);
        if (!whole) {
            #pragma unroll
            for (int n = 0; n < KEYS; n++) {
                int j = j0 + n * LANES + lane;
                if (j < first_key(a, i, diagonal) || j >= end_key(a, i, key_length, diagonal)) s[n] = NEG_INF;
            }
        }

        // [step: row max]
        float m_new = m;
        #pragma unroll
        for (int n = 0; n < KEYS; n++) m_new = max_nan(m_new, s[n]);
        m_new = max_of_lanes<LANES>(m_new);
        float alpha = exp_minus(m, m_new);
        m = m_new;

        // [step: exponentiate]
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            s[n] = exp_minus(s[n], m);
            p[row][n * LANES + lane] = s[n];
        }

        // [step: row sum]
        float sum = 0.0f;
        #pragma unroll
        for (int n = 0; n < KEYS; n++) sum += s[n];
        sum = sum_of_lanes<LANES>(sum);

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        l = alpha * l + sum;
        multiply(o, alpha);

        // [step: load V]
        // V takes the place of K, once every thread is done with K.
        __syncthreads();
        load_tile<THREADS>(tile, a.v + kv_base * a.d_v, j0, a.n_k, a.d_v);
        __syncthreads();

        // [step: accumulate]
        for (int j = 0; j < BC; j++) {
            // 0 * NaN is NaN: the V of a masked key must not leak.
            if (p[row][j] != 0.0f) add_row<LANES>(o, p[row][j], tile[j], lane);
        }
        __syncthreads();
    }

    // [step: normalise]
    // A query that sees no key of the split has l = 0: its O stays 0, and its L is -inf. One that sees scores of -inf alone
    // has L = LOWEST: whether other splits have more to say, the second kernel knows.
    multiply(o, l == 0.0f ? 0.0f : 1.0f / l);
    float lse = m + logf(l);

    if (block * BR + row <= last) {
        // [step: store O_part]
        store_row<LANES>(a.part_o + part_row(a, batch, head, split, i) * a.d_v, o, lane, a.d_v);

        // [step: store L_part]
        if (lane == 0) a.part_lse[part_row(a, batch, head, split, i)] = lse;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) split_kv_combine(const Attention a) {
    int block = a.first_block + blockIdx.x;
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int row = threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;
    int i = min(block * BR + row, a.n_q - 1);
    size_t q_row = ((size_t)batch * a.heads + head) * a.n_q + i;

    // [step: start combine]
    float4 o[VECS];
    set_zero(o);
    float weight = 0.0f;
    float top = NEG_INF;

    for (int split = 0; split < a.splits; split++) {
        // [step: load L_part]
        float lse = a.part_lse[part_row(a, batch, head, split, i)];

        // [step: load O_part]
        float4 part[VECS];
        load_row<LANES>(part, a.part_o + part_row(a, batch, head, split, i) * a.d_v, lane, a.d_v);

        // [step: raise]
        float top_new = max_nan(top, lse);
        float alpha = exp_minus(top, top_new);
        top = top_new;

        // [step: weigh]
        float w = exp_minus(lse, top);

        // [step: merge]
        multiply(o, alpha);
        add_part(o, w, part);
        weight = alpha * weight + w;
    }

    // [step: combine]
    // Scores of -inf alone, in every split: no weights.
    if (top == LOWEST) top = weight = NOT_A_NUMBER;
    float lse = top + logf(weight);
    multiply(o, weight == 0.0f ? 0.0f : 1.0f / weight);

    if (block * BR + row < a.n_q) {
        // [step: store O]
        store_row<LANES>(a.o + q_row * a.d_v, o, lane, a.d_v);

        // [step: store L]
        if (lane == 0) a.lse[q_row] = lse;
    }
}
