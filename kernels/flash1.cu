// FlashAttention forward in f32: key blocks outside, query blocks inside.
//
// Rung 1: S and P never leave the chip.
//
// Idea     One thread block owns a head. It holds 32 keys and their values, and all queries pass by; O, l and m of the
//          queries wait in memory between visits. Dao et al. 2022, Algorithm 1.
// Changes  standard writes S and P (n_q x n_k) to memory and reads them back. Here a tile of them lives in registers.
//          The price is an O that is divided by l at every visit, so that it can be left in memory as it is.
// Cost     Reads K and V once. Reads Q, O, l, m and writes O, l, m once per key block that a query sees. Shared memory
//          D * 256 + 4,224 B; two barriers per key block. Old values have the factor alpha, the tile's own beta.
// Limits   d and d_v up to D. One thread block per head leaves most SMs idle, unless batch and heads are many: flash2
//          is the cure. L = m + ln l is left to the host. No dropout.
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

// A lane's part of a row of `columns` floats; zeros beyond its end.
__device__ inline void load_row(float4 part[VECS], const float *row, int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        part[n].x = c < columns ? row[c] : 0.0f;
        part[n].y = c + 1 < columns ? row[c + 1] : 0.0f;
        part[n].z = c + 2 < columns ? row[c + 2] : 0.0f;
        part[n].w = c + 3 < columns ? row[c + 3] : 0.0f;
    }
}

__device__ inline void store_row(float *row, const float4 part[VECS], int lane, int columns) {
    #pragma unroll
    for (int n = 0; n < VECS; n++) {
        int c = 4 * (n * LANES + lane);
        if (c < columns) row[c] = part[n].x;
        if (c + 1 < columns) row[c + 1] = part[n].y;
        if (c + 2 < columns) row[c + 2] = part[n].z;
        if (c + 3 < columns) row[c + 3] = part[n].w;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) flash1(const Attention a) {
    __shared__ float4 k_tile[BC][D / 4];
    __shared__ float4 v_tile[BC][D / 4];
    __shared__ float p[BR][BC + 1];     // one more column, so that rows begin in different banks

    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int kv_head = head / (a.heads / a.kv_heads);
    int row = threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];

    // The matrices of this head.
    size_t rows = ((size_t)batch * a.heads + head) * a.n_q;
    size_t kv_base = ((size_t)batch * a.kv_heads + kv_head) * a.n_k;
    const float *q_in = a.q + rows * a.d;
    float *o_out = a.o + rows * a.d_v, *l_out = a.l + rows, *m_out = a.m + rows;

    // The launch with the first key block writes the starting values.
    if (a.first_block == 0) {
        // [step: initialise O]
        for (size_t at = threadIdx.x; at < (size_t)a.n_q * a.d_v; at += THREADS) o_out[at] = 0.0f;

        // [step: initialise l]
        for (int i = threadIdx.x; i < a.n_q; i += THREADS) l_out[i] = 0.0f;

        // [step: initialise m]
        for (int i = threadIdx.x; i < a.n_q; i += THREADS) m_out[i] = NEG_INF;
    }

    for (int j0 = a.first_block * BC; j0 < a.end_block * BC; j0 += BC) {
        // The queries that see a key of the block are one run, from `first` up to `end`.
        int key_end = min(j0 + BC, key_length);
        int first = max(0, j0 - diagonal - a.right);
        int end = j0 < key_end ? min(a.n_q, key_end - diagonal + a.left) : 0;
        if (first >= end) continue;

        // [step: load K]
        // The barrier: nobody reads the block before any more, and every store of the visits before is seen.
        __syncthreads();
        load_tile(k_tile, a.k + kv_base * a.d, j0, a.n_k, a.d);

        // [step: load V]
        load_tile(v_tile, a.v + kv_base * a.d_v, j0, a.n_k, a.d_v);
        __syncthreads();

        for (int i0 = first / BR * BR; i0 < end; i0 += BR) {
#ifdef TAPS
            unsigned long long begin = nanoseconds();
#endif
            // Past n_q a ragged block repeats its last query, for nothing: another thread may have stored it already.
            int last = min(i0 + BR, a.n_q) - 1;
            int i = min(i0 + row, last);

            // [step: load Q]
            float4 q[VECS];
            load_row(q, q_in + (size_t)i * a.d, lane, a.d);

            // [step: load O]
            float4 o[VECS];
            load_row(o, o_out + (size_t)i * a.d_v, lane, a.d_v);

            // [step: load l]
            float l = l_out[i];

            // [step: load m]
            float m = m_out[i];

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
                        float4 k = k_tile[j][c * LANES + lane];
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
            bool whole = first_key(a, last, diagonal) <= j0 && j0 + BC <= end_key(a, i0, key_length, diagonal);
            if (!whole) {
                #pragma unroll
                for (int n = 0; n < KEYS; n++) {
                    int j = j0 + n * LANES + lane;
                    if (j < first_key(a, i, diagonal) || j >= end_key(a, i, key_length, diagonal)) s[n] = NEG_INF;
                }
            }

            // [step: tile max]
            float m_tile = NEG_INF;
            #pragma unroll
            for (int n = 0; n < KEYS; n++) m_tile = max_nan(m_tile, s[n]);
            m_tile = max_nan(m_tile, __shfl_xor_sync(WARP, m_tile, 1));
            m_tile = max_nan(m_tile, __shfl_xor_sync(WARP, m_tile, 2));

            // [step: exponentiate]
            #pragma unroll
            for (int n = 0; n < KEYS; n++) {
                s[n] = exp_minus(s[n], m_tile);
                p[row][n * LANES + lane] = s[n];
            }

            // [step: row sum]
            float l_tile = 0.0f;
            #pragma unroll
            for (int n = 0; n < KEYS; n++) l_tile += s[n];
            l_tile += __shfl_xor_sync(WARP, l_tile, 1);
            l_tile += __shfl_xor_sync(WARP, l_tile, 2);

            // [step: merge stats]
            float m_new = max_nan(m, m_tile);
            float alpha = exp_minus(m, m_new), beta = exp_minus(m_tile, m_new);
            float l_new = alpha * l + beta * l_tile;
            // The last key that the query may see has come, and none had a weight.
            if (m_new == LOWEST && end_key(a, i, key_length, diagonal) <= j0 + BC) m_new = NEG_INF, l_new = NOT_A_NUMBER;

            // [step: merge output]
            // A query that has seen no key yet has l = 0, and its O stays 0. A row of p stays within its warp.
            __syncwarp();
            float inverse = l_new == 0.0f ? 0.0f : 1.0f / l_new;
            float old_factor = l * alpha * inverse, new_factor = beta * inverse;
            #pragma unroll
            for (int n = 0; n < VECS; n++) {
                o[n].x *= old_factor, o[n].y *= old_factor, o[n].z *= old_factor, o[n].w *= old_factor;
            }
            for (int j = 0; j < BC; j++) {
                if (p[row][j] != 0.0f) {    // 0 * NaN is NaN: the V of a masked key must not leak
                    float weight = max_nan(new_factor * p[row][j], TINY);
                    #pragma unroll
                    for (int n = 0; n < VECS; n++) {
                        float4 v = v_tile[j][n * LANES + lane];
                        o[n].x += weight * v.x, o[n].y += weight * v.y, o[n].z += weight * v.z, o[n].w += weight * v.w;
                    }
                }
            }

            if (i0 + row <= last) {
                // [step: store O]
                store_row(o_out + (size_t)i * a.d_v, o, lane, a.d_v);

                // [step: store l]
                if (lane == 0) l_out[i] = l_new;

                // [step: store m]
                if (lane == 0) m_out[i] = m_new;
            }
            // The row of p may be overwritten.
            __syncwarp();

#ifdef TAPS
            int i_blocks = (a.n_q + BR - 1) / BR, j_blocks = (a.n_k + BC - 1) / BC;
            if (lane == 0 && i0 + row <= last) tap_row(a, batch, head, i, j0 / BC, j_blocks, m_new, l_new);
            if (threadIdx.x == 0) tap_tile(a, batch, head, i0 / BR, i_blocks, j0 / BC, j_blocks, begin);
#endif
        }
    }
}
