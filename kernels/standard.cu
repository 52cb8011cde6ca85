// Standard attention in f32, as three kernels with S and P in device memory.
//
// Rung 0: what a framework does without a fused kernel.
//
// Idea     S = Q K^T, then the softmax of each row, then O = P V. Dao et al. 2022, Algorithm 0. A thread block owns
//          16 queries in each kernel, and passes over all keys in tiles of 16.
// Changes  Nothing yet: this is what the other rungs are measured against.
// Cost     Memory for S and P, n_q x n_k floats each per head: at 16,384 tokens 2 GiB a head. They are written and read
//          again, which takes far longer than the arithmetic. No mask skips a tile. The softmax holds no whole row on
//          chip, so it reads S twice and P three times over, where the schedule counts once.
// Limits   d and d_v up to 128. Stops at the memory of the card. No dropout.

#include "attention.cuh"

constexpr int BR = 16;                  // queries of a block
constexpr int BC = 16;                  // keys of a tile
constexpr int THREADS = BR * BC;        // one per pair of a tile
constexpr int D = 128;                  // largest d and d_v
constexpr unsigned WARP = 0xffffffff;   // all threads of a warp take part

// Which rows a thread block works on.
struct Place {
    int head, batch, block, last;       // last: the last query of the block
    size_t rows, keys;                  // rows of Q, O, S before this head, and of K and V
};

__device__ inline Place place_of(const Attention &a) {
    Place at;
    at.block = a.first_block + blockIdx.x;
    at.head = a.first_head + blockIdx.y;
    at.batch = a.first_batch + blockIdx.z;
    at.last = min(at.block * BR + BR, a.n_q) - 1;
    at.rows = ((size_t)at.batch * a.heads + at.head) * a.n_q;
    at.keys = ((size_t)at.batch * a.kv_heads + at.head / (a.heads / a.kv_heads)) * a.n_k;
    return at;
}

// Fills a tile with rows `first`, first + 1, ... of a matrix; zeros beyond its last row and column.
__device__ inline void load_tile(float tile[16][D + 1], const float *matrix, int first, int rows, int columns) {
    for (int at = threadIdx.x; at < 16 * D; at += THREADS) {
        int row = at / D, c = at % D;
        bool inside = first + row < rows && c < columns;
        tile[row][c] = inside ? matrix[(size_t)(first + row) * columns + c] : 0.0f;
    }
}

// S = mask(scale Q K^T), one thread per pair of a tile.
extern "C" __global__ void __launch_bounds__(THREADS, 2) standard_scores(const Attention a) {
    __shared__ float q[BR][D + 1], k[BC][D + 1];    // one more column, so that rows begin in different banks
    Place at = place_of(a);
    int row = threadIdx.x / BC, column = threadIdx.x % BC;
    int i = at.block * BR + row;
    int key_length = a.key_lengths[at.batch], diagonal = a.diagonals[at.batch];

    // [step: load Q]
    load_tile(q, a.q + at.rows * a.d, at.block * BR, a.n_q, a.d);

    for (int j0 = 0; j0 < a.n_k; j0 += BC) {
        int j = j0 + column;
        bool inside = i <= at.last && j < a.n_k;

        // [step: load K]
        load_tile(k, a.k + at.keys * a.d, j0, a.n_k, a.d);
        __syncthreads();

        // [step: scores]
        float s = 0.0f;
        for (int c = 0; c < a.d; c++) s += q[row][c] * k[column][c];
        if (inside) s = score(a, s, at.batch, at.head, i, j);

        // [step: mask]
        if (j < first_key(a, i, diagonal) || j >= end_key(a, i, key_length, diagonal)) s = NEG_INF;

        // [step: store S]
        if (inside) a.s[(at.rows + i) * a.n_k + j] = s;
        __syncthreads();
    }
}

// P = softmax of each row of S, sixteen threads to a row. Each thread reads back only what it wrote itself.
extern "C" __global__ void __launch_bounds__(THREADS, 2) standard_softmax(const Attention a) {
    Place at = place_of(a);
    int row = threadIdx.x / BC, lane = threadIdx.x % BC;
    int i = min(at.block * BR + row, at.last);      // past n_q the last query again, and nothing stored

    // [step: load S]
    // A row may be longer than the chip can hold: each pass below reads it where it lies.
    const float *s = a.s + (at.rows + i) * a.n_k;
    float *p = a.p + (at.rows + i) * a.n_k;
    bool stores = at.block * BR + row <= at.last;

    // [step: tile max]
    float m = NEG_INF;
    for (int j = lane; j < a.n_k; j += BC) m = max_nan(m, s[j]);
    for (int lanes = BC / 2; lanes > 0; lanes /= 2) m = max_nan(m, __shfl_xor_sync(WARP, m, lanes));

    // [step: exponentiate]
    for (int j = lane; j < a.n_k && stores; j += BC) p[j] = exp_minus(s[j], m);

    // [step: row sum]
    float l = 0.0f;
    for (int j = lane; j < a.n_k && stores; j += BC) l += p[j];
    for (int lanes = BC / 2; lanes > 0; lanes /= 2) l += __shfl_xor_sync(WARP, l, lanes);

    // [step: divide rows]
    // A query that sees no key has l = 0, and its weights stay 0. Of the others only what is hidden is 0.
    if (m == LOWEST) m = NEG_INF, l = NOT_A_NUMBER;
    float inverse = l == 0.0f ? 0.0f : 1.0f / l;

    // [step: store P]
    for (int j = lane; j < a.n_k && stores; j += BC) p[j] = p[j] == 0.0f ? 0.0f : max_nan(p[j] * inverse, TINY);
    if (lane == 0 && stores) {
        a.m[at.rows + i] = m;
        a.l[at.rows + i] = l;
        a.lse[at.rows + i] = m + logf(l);
    }
}

// O = P V, sixteen threads to a row of O.
extern "C" __global__ void __launch_bounds__(THREADS, 2) standard_output(const Attention a) {
    __shared__ float p[BR][BC + 1], v[BC][D + 1];
    Place at = place_of(a);
    int row = threadIdx.x / BC, lane = threadIdx.x % BC;
    int i = at.block * BR + row;

    // [step: start output]
    float o[D / BC];
    #pragma unroll
    for (int n = 0; n < D / BC; n++) o[n] = 0.0f;

    for (int j0 = 0; j0 < a.n_k; j0 += BC) {
#ifdef TAPS
        unsigned long long begin = nanoseconds();
#endif
        // [step: load P]
        bool inside = i <= at.last && j0 + lane < a.n_k;
        p[row][lane] = inside ? a.p[(at.rows + i) * a.n_k + j0 + lane] : 0.0f;

        // [step: load V]
        load_tile(v, a.v + at.keys * a.d_v, j0, a.n_k, a.d_v);
        __syncthreads();

        // [step: product]
        for (int j = 0; j < BC; j++) {
            float weight = p[row][j];
            if (weight != 0.0f) {       // 0 * NaN is NaN: the V of a masked key must not leak
                #pragma unroll
                for (int n = 0; n < D / BC; n++) o[n] += weight * v[j][n * BC + lane];
            }
        }
        __syncthreads();

#ifdef TAPS
        // m and l do not change from tile to tile; the time of the last kernel is what there is to see.
        int i_blocks = (a.n_q + BR - 1) / BR, j_blocks = (a.n_k + BC - 1) / BC;
        if (i <= at.last && lane == 0) {
            tap_row(a, at.batch, at.head, i, j0 / BC, j_blocks, a.m[at.rows + i], a.l[at.rows + i]);
        }
        if (threadIdx.x == 0) tap_tile(a, at.batch, at.head, at.block, i_blocks, j0 / BC, j_blocks, begin);
#endif
    }

    // [step: store O]
    #pragma unroll
    for (int n = 0; n < D / BC; n++) {
        int c = n * BC + lane;
        if (i <= at.last && c < a.d_v) a.o[(at.rows + i) * a.d_v + c] = o[n];
    }
}
