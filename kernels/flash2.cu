// FlashAttention-2 forward in f32, the loop of the paper and nothing more.
//
// Rung 2: one kernel, one pass, and only O and L leave the chip.
//
// Idea     One thread block owns 32 queries. K and V stream past them, 32 keys at a time; the softmax is corrected as
//          it goes (m: largest score so far, l: sum of exponentials, O: not yet normalised).
//          Dao 2023, Algorithm 1, with its line 10 put right: O is multiplied by exp(m_old - m_new).
// Changes  flash1 has keys outside and sends O, l and m through memory at every visit. With queries outside they stay
//          in registers, O is divided once, and every query block is a program of its own: work for every SM.
// Cost     Reads Q once, and K and V once per query block in which a key is visible; writes O once, and m, l, L.
//          Shared memory D * 128 + 4,224 B; four barriers per tile; a shared read of 16 bytes for four products.
// Limits   d and d_v up to D. No tensor cores, no half precision, nothing overlaps: a few percent of a GPU's peak.
//
// Four neighbouring threads (lanes) share a query: each holds every fourth float4 of its q and O.

#include "attention.cuh"

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
constexpr unsigned WARP = 0xffffffff;   // all threads of a warp take part

// Fills a tile with rows `first`, first + 1, ... of a matrix; zeros beyond its last row and column.
__device__ inline void load_tile(float4 tile[BC][D / 4], const float *matrix, int first, int rows, int columns) {
    for (int at = threadIdx.x; at < BC * D; at += THREADS) {
        int row = at / D, c = at % D;
        bool inside = first + row < rows && c < columns;
        ((float *)tile[row])[c] = inside ? matrix[(size_t)(first + row) * columns + c] : 0.0f;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) flash2(const Attention a) {
    __shared__ float4 tile[BC][D / 4];  // the K block, then the V block
    __shared__ float p[BR][BC + 1];     // one more column, so that rows begin in different banks

    int block = a.first_block + blockIdx.x;
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

    // Keys that some query of the block sees; a key block outside them is never visited.
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];
    int first = first_key(a, block * BR, diagonal);
    int end = end_key(a, last, key_length, diagonal);
    if (first >= end) end = 0;          // none

    // [step: load Q]
    float4 q[VECS];
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        const float *from = a.q + q_row * a.d + c;
        q[n].x = c < a.d ? from[0] : 0.0f;
        q[n].y = c + 1 < a.d ? from[1] : 0.0f;
        q[n].z = c + 2 < a.d ? from[2] : 0.0f;
        q[n].w = c + 3 < a.d ? from[3] : 0.0f;
    }

    // [step: start rows]
    float m = NEG_INF;
    float l = 0.0f;
    float4 o[VECS];
    #pragma unroll
    for (int n = 0; n < VECS; n++) o[n] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

    for (int j0 = first / BC * BC; j0 < end; j0 += BC) {
#ifdef TAPS
        unsigned long long begin = nanoseconds();
#endif
        // [step: load K]
        load_tile(tile, a.k + kv_base * a.d, j0, a.n_k, a.d);
        __syncthreads();

        // [step: scores]
        // Each lane multiplies its quarter of q with its quarter of every key; the four add up; one keeps the score.
        float s[KEYS];
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            #pragma unroll
            for (int keeper = 0; keeper < LANES; keeper++) {
                int j = n * LANES + keeper;
                float sum = 0.0f;
                #pragma unroll
                for (int c = 0; c < VECS; c++) {
                    float4 k = tile[j][c * LANES + lane];
                    sum += q[c].x * k.x + q[c].y * k.y + q[c].z * k.z + q[c].w * k.w;
                }
                sum += __shfl_xor_sync(WARP, sum, 1);
                sum += __shfl_xor_sync(WARP, sum, 2);
                if (lane == keeper) s[n] = sum;
            }
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
        m_new = max_nan(m_new, __shfl_xor_sync(WARP, m_new, 1));
        m_new = max_nan(m_new, __shfl_xor_sync(WARP, m_new, 2));

        // [step: exponentiate]
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            s[n] = exp_minus(s[n], m_new);
            p[row][n * LANES + lane] = s[n];
        }

        // [step: row sum]
        float sum = 0.0f;
        #pragma unroll
        for (int n = 0; n < KEYS; n++) sum += s[n];
        sum += __shfl_xor_sync(WARP, sum, 1);
        sum += __shfl_xor_sync(WARP, sum, 2);

        // [step: load keep, dropout]
        // After the sum: l is of all weights, and O of those that are kept.
        if (a.dropout) {
            #pragma unroll
            for (int n = 0; n < KEYS; n++) {
                int j = n * LANES + lane;
                if (s[n] != 0.0f) p[row][j] = s[n] * keep(a, batch, head, i, j0 + j);
            }
        }

        // [step: rescale]
        // What was summed relative to the old maximum is made relative to the new one.
        float alpha = exp_minus(m, m_new);
        l = alpha * l + sum;
        #pragma unroll
        for (int n = 0; n < VECS; n++) {
            o[n].x *= alpha, o[n].y *= alpha, o[n].z *= alpha, o[n].w *= alpha;
        }
        m = m_new;

        // [step: load V]
        // V takes the place of K, once every thread is done with K.
        __syncthreads();
        load_tile(tile, a.v + kv_base * a.d_v, j0, a.n_k, a.d_v);
        __syncthreads();

        // [step: accumulate]
        for (int j = 0; j < BC; j++) {
            float weight = p[row][j];
            if (weight != 0.0f) {       // 0 * NaN is NaN: the V of a masked key must not leak
                #pragma unroll
                for (int n = 0; n < VECS; n++) {
                    float4 v = tile[j][n * LANES + lane];
                    o[n].x += weight * v.x, o[n].y += weight * v.y, o[n].z += weight * v.z, o[n].w += weight * v.w;
                }
            }
        }
        __syncthreads();

#ifdef TAPS
        int i_blocks = (a.n_q + BR - 1) / BR, j_blocks = (a.n_k + BC - 1) / BC;
        if (lane == 0 && block * BR + row <= last) tap_row(a, batch, head, i, j0 / BC, j_blocks, m, l);
        if (threadIdx.x == 0) tap_tile(a, batch, head, block, i_blocks, j0 / BC, j_blocks, begin);
#endif
    }

    // [step: normalise]
    // A query that saw no key has l = 0, and its O stays 0; its L is -inf + log 0 = -inf.
    if (m == LOWEST) m = NEG_INF, l = NOT_A_NUMBER;
    float inverse = l == 0.0f ? 0.0f : 1.0f / l;
    float lse = m + logf(l);
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        o[n].x *= inverse, o[n].y *= inverse, o[n].z *= inverse, o[n].w *= inverse;
    }

    if (block * BR + row <= last) {
        // [step: store O]
        #pragma unroll
        for (int n = 0; n < VECS; n++) {
            int c = 4 * (n * LANES + lane);
            float *to = a.o + q_row * a.d_v + c;
            if (c < a.d_v) to[0] = o[n].x;
            if (c + 1 < a.d_v) to[1] = o[n].y;
            if (c + 2 < a.d_v) to[2] = o[n].z;
            if (c + 3 < a.d_v) to[3] = o[n].w;
        }

        // [step: store L]
        // L is all that backward needs; m and l go along to be checked.
        if (lane == 0) {
            a.m[q_row] = m;
            a.l[q_row] = l;
            a.lse[q_row] = lse;
        }
    }
}
