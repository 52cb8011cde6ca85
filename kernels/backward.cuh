// What the backward kernels share: who holds what, and the few lines that all of them need.
//
// Not a rung of the ladder. Four neighbouring threads (LANES) share a key; QUERY_LANES share a query where a query has
// threads of its own. Tiles have 32 keys, and 32 queries or, where rows are twice as long, 16.

#include "attention.cuh"
#include "tiles.cuh"

// Largest d and d_v, a multiple of 32: fixed when compiled, so that arrays over it are registers.
#ifndef D
#define D 128
#endif

constexpr int BC = 32;                          // keys of a block
constexpr int BR = D <= 64 ? 32 : 16;           // queries of a block
constexpr int LANES = 4;                        // threads that share a key
constexpr int THREADS = BC * LANES;
constexpr int QUERY_LANES = THREADS / BR;       // threads that share a query
constexpr int VECS = D / 4 / LANES;             // float4s of a key's row that one lane holds
constexpr int QUERY_VECS = D / 4 / QUERY_LANES; // float4s of a query's row that one lane holds

// tanh(x / softcap), of which the gradient of a score needs the square; 0 without a softcap.
__device__ inline float squash(const Attention &a, float product) {
    return a.softcap > 0.0f ? tanhf(a.scale * product / a.softcap) : 0.0f;
}

// A lane's values of a column: x[n] is that of row `first` + n * LANES + lane, or of the last row where that is past it.
template <int LANES, int COUNT>
__device__ inline void load_column(float (&x)[COUNT], const float *column, int first, int rows, int lane) {
    #pragma unroll
    for (int n = 0; n < COUNT; n++) x[n] = column[min(first + n * LANES + lane, rows - 1)];
}

template <int VECS>
__device__ inline float dot(const float4 (&a)[VECS], const float4 (&b)[VECS]) {
    float sum = 0.0f;
    #pragma unroll
    for (int n = 0; n < VECS; n++) sum += a[n].x * b[n].x + a[n].y * b[n].y + a[n].z * b[n].z + a[n].w * b[n].w;
    return sum;
}

// The queries that see a key of the block from j0 on are one run, first_query <= i < end_query; empty if the first is not
// below the second.
__device__ inline int first_query(const Attention &a, int j0, int diagonal) {
    return max(0, j0 - diagonal - a.right);
}

__device__ inline int end_query(const Attention &a, int j0, int key_length, int diagonal) {
    int key_end = min(j0 + BC, key_length);
    return j0 < key_end ? min(a.n_q, key_end - diagonal + a.left) : 0;
}
