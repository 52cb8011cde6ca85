// FlashAttention-2 backward in f32: P is made again from L, key blocks are outside, and dQ is added to in memory.
//
// Rung 5: gradients, with N numbers kept of the forward pass and no N x N matrix.
//
// Idea     P = exp(S - L) needs no pass over a row, so each tile of P can be made again where it is used. One thread block
//          owns 32 keys; the queries that see them stream past, and dK and dV stay in registers. The softmax's own
//          gradient is dS = P * (dP - D), with D = rowsum(dO * O), which a first kernel makes. Dao 2023, Algorithm 2.
// Changes  The forward pass has queries outside. Here a tile gives to one row of blocks (dK, dV) and to one column (dQ):
//          with keys outside dK and dV are sums of one thread block, and dQ gets a part from each, by atomic additions.
//          Who comes first is up to the device, floats do not add up the same in another order, and so the last bits of
//          dQ differ from run to run; those of dK and dV do not.
//          Compiled as DETERMINISTIC, every run gives the same bits: a thread block takes every splits-th key block, one
//          after the other, and adds to a dQ of its own in memory; a third kernel adds those up, the first one first.
//          This is what flash-attention's `deterministic=True` does.
// Cost     Five products for each tile where the forward pass has two. Reads K and V once, Q, dO, L and D once per key
//          block in which a query sees something, and adds as many floats to dQ as it reads of Q. Shared memory 33,024 B,
//          at D = 128 37,120 B; three barriers per tile. Deterministic: `splits` times the memory of dQ, which is written
//          once more and read once more, and `splits` thread blocks for each key head, not one per key block.
// Limits   d and d_v up to D. One thread block for all query heads that share keys, one head after the other: dK and dV need
//          no second sum, but few key heads are few thread blocks. No tensor cores.
//
// Four neighbouring threads (lanes) share a key: each holds every fourth float4 of its K, V, dK and dV.

#include "backward.cuh"

#ifndef DETERMINISTIC
#define DETERMINISTIC 0
#endif

constexpr int QUERIES = BR / LANES;             // scores of a tile that one lane holds

// Where the key blocks of a slice add up the dQ of query i of a head; with atomic additions, all of them in the same place.
__device__ inline float *dq_of(const Attention &a, size_t q_base, int slice, int i) {
    if (DETERMINISTIC) return a.part_q + (q_base * a.splits + (size_t)slice * a.n_q + i) * a.d;
    return a.grad_q + (q_base + i) * a.d;
}

// D = rowsum(dO * O), and dQ = 0 for the additions to come.
extern "C" __global__ void __launch_bounds__(THREADS, 2) flash2_backward_preprocess(const Attention a) {
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int lane = threadIdx.x % QUERY_LANES;
    int place = (a.first_block + blockIdx.x) * BR + threadIdx.x / QUERY_LANES;
    int i = min(place, a.n_q - 1);      // past n_q the last query again, and nothing stored
    size_t q_base = ((size_t)batch * a.heads + head) * a.n_q, q_row = q_base + i;

    // [step: load O]
    float4 o[QUERY_VECS];
    load_row<QUERY_LANES>(o, a.o + q_row * a.d_v, lane, a.d_v);

    // [step: load dO]
    float4 grad_o[QUERY_VECS];
    load_row<QUERY_LANES>(grad_o, a.grad_o + q_row * a.d_v, lane, a.d_v);

    // [step: row dot]
    float delta = sum_of_lanes<QUERY_LANES>(dot(o, grad_o));

    // [step: store D]
    if (place < a.n_q && lane == 0) a.delta[q_row] = delta;

    // [step: initialise dQ]
    float4 zero[QUERY_VECS];
    set_zero(zero);
    for (int slice = 0; slice < (DETERMINISTIC ? a.splits : 1); slice++) {
        if (place < a.n_q) store_row<QUERY_LANES>(dq_of(a, q_base, slice, i), zero, lane, a.d);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) flash2_backward_gradients(const Attention a) {
    __shared__ float4 k_tile[BC][D / 4], q_tile[BR][D / 4], grad_o_tile[BR][D / 4];
    __shared__ float p[BC][BR + 1], ds[BC][BR + 1]; // one more column, so that rows begin in different banks

    int slice = a.first_block + blockIdx.x;         // the key block itself where additions are atomic
    int j0 = slice * BC;
    int kv_head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int row = threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];

    do {
        // Past n_k a ragged block repeats its last key, which the mask hides there, and stores nothing for it.
        bool inside = j0 + row < a.n_k;
        int j = min(j0 + row, a.n_k - 1);
        size_t kv_base = ((size_t)batch * a.kv_heads + kv_head) * a.n_k;
        int first = first_query(a, j0, diagonal);
        int end = end_query(a, j0, key_length, diagonal);
        bool seen = first < end;

        // [step: load K]
        // Each lane keeps its part; the whole block stays for dQ, which needs all its keys at once.
        float4 k[VECS];
        load_row<LANES>(k, a.k + (kv_base + j) * a.d, lane, seen ? a.d : 0);
        if (seen) load_tile<THREADS>(k_tile, a.k + kv_base * a.d, j0, a.n_k, a.d);

        // [step: load V]
        float4 v[VECS];
        load_row<LANES>(v, a.v + (kv_base + j) * a.d_v, lane, seen ? a.d_v : 0);

        // [step: start keys]
        float4 dk[VECS], dv[VECS];
        set_zero(dk);
        set_zero(dv);

        int group = a.heads / a.kv_heads;
        for (int head = kv_head * group; seen && head < (kv_head + 1) * group; head++) {
            size_t q_base = ((size_t)batch * a.heads + head) * a.n_q;
            for (int i0 = first / BR * BR; i0 < end; i0 += BR) {
                // [step: load Q]
                load_tile<THREADS>(q_tile, a.q + q_base * a.d, i0, a.n_q, a.d);

                // [step: load dO]
                load_tile<THREADS>(grad_o_tile, a.grad_o + q_base * a.d_v, i0, a.n_q, a.d_v);
                __syncthreads();

                // [step: load L]
                float lse[QUERIES];
                load_column<LANES>(lse, a.lse + q_base, i0, a.n_q, lane);

                // [step: load D]
                float delta[QUERIES];
                load_column<LANES>(delta, a.delta + q_base, i0, a.n_q, lane);

                // [step: scores]
                float s[QUERIES], squashed[QUERIES];
                products<LANES>(s, k, q_tile, lane);
                #pragma unroll
                for (int n = 0; n < QUERIES; n++) {
                    // A query past n_q has no bias to be read; the mask hides it.
                    int i = min(i0 + n * LANES + lane, a.n_q - 1);
                    squashed[n] = squash(a, s[n]);
                    s[n] = score(a, s[n], batch, head, i, j);
                }

                // [step: mask]
                // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key or
                // query.
                int last = i0 + BR - 1;
                bool whole = last < a.n_q && first_key(a, last, diagonal) <= j0 &&
                             j0 + BC <= end_key(a, i0, key_length, diagonal);
                if (!whole) {
                    #pragma unroll
                    for (int n = 0; n < QUERIES; n++) {
                        int i = i0 + n * LANES + lane;
                        bool sees = first_key(a, i, diagonal) <= j && j0 + row < end_key(a, i, key_length, diagonal);
                        if (!sees || i >= a.n_q) s[n] = NEG_INF;
                    }
                }

                // [step: recompute]
                // The rows of p and of ds are read back by the lanes that wrote them, but for dQ.
                #pragma unroll
                for (int n = 0; n < QUERIES; n++) {
                    s[n] = exp_minus(s[n], lse[n]);
                    p[row][n * LANES + lane] = s[n];
                }

                // [step: load keep, dropout]
                // p is what is kept of a weight, s the weight.
                if (a.dropout) {
                    #pragma unroll
                    for (int n = 0; n < QUERIES; n++) {
                        int i = n * LANES + lane;
                        if (s[n] != 0.0f) p[row][i] = s[n] * keep(a, batch, head, i0 + i, j);
                    }
                }
                __syncwarp();

                // [step: accumulate dv]
                for (int i = 0; i < BR; i++) {
                    // 0 * NaN is NaN: what a query does not see must not leak, here and below.
                    if (p[row][i] != 0.0f) add_row<LANES>(dv, p[row][i], grad_o_tile[i], lane);
                }

                // [step: grad weights]
                float dp[QUERIES];
                products<LANES>(dp, v, grad_o_tile, lane);

                // [step: dropout grad]
                // The lane knows what it dropped by its row of p.
                if (a.dropout) {
                    #pragma unroll
                    for (int n = 0; n < QUERIES; n++) dp[n] = p[row][n * LANES + lane] == 0.0f ? 0.0f : dp[n] * a.kept;
                }

                // [step: grad scores, uncap]
                #pragma unroll
                for (int n = 0; n < QUERIES; n++) {
                    float of_score = s[n] * (dp[n] - delta[n]) * (1.0f - squashed[n] * squashed[n]);
                    ds[row][n * LANES + lane] = s[n] == 0.0f ? 0.0f : of_score;
                }
                __syncthreads();

                // [step: accumulate dq dQ]
                // Here a thread has a part of a query. Every key block adds to the same dQ, in an order that nobody fixes;
                // those of a slice to one of their own, in order, each number by one thread.
                int query = threadIdx.x / QUERY_LANES, part = threadIdx.x % QUERY_LANES;
                float4 dq[QUERY_VECS];
                set_zero(dq);
                for (int key = 0; key < BC; key++) {
                    float weight = a.scale * ds[key][query];
                    if (weight != 0.0f) add_row<QUERY_LANES>(dq, weight, k_tile[key], part);
                }
                if (i0 + query < a.n_q) {
                    float *to = dq_of(a, q_base, slice, i0 + query);
                    if (DETERMINISTIC) add_to_row<QUERY_LANES>(to, dq, part, a.d);
                    else atomic_add_row<QUERY_LANES>(to, dq, part, a.d);
                }

                // [step: accumulate dk]
                for (int i = 0; i < BR; i++) {
                    float weight = a.scale * ds[row][i];
                    if (weight != 0.0f) add_row<LANES>(dk, weight, q_tile[i], lane);
                }
                __syncthreads();
            }
        }

        if (inside) {
            // [step: store dK]
            store_row<LANES>(a.grad_k + (kv_base + j) * a.d, dk, lane, a.d);

            // [step: store dV]
            store_row<LANES>(a.grad_v + (kv_base + j) * a.d_v, dv, lane, a.d_v);
        }
    } while (DETERMINISTIC && (j0 += a.splits * BC) < a.n_k);
}

#if DETERMINISTIC
// dQ as the sum of what each slice has, the first one first.
extern "C" __global__ void __launch_bounds__(THREADS, 2) flash2_backward_sum(const Attention a) {
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int lane = threadIdx.x % QUERY_LANES;
    int i = (a.first_block + blockIdx.x) * BR + threadIdx.x / QUERY_LANES;
    if (i >= a.n_q) return;
    size_t q_base = ((size_t)batch * a.heads + head) * a.n_q;

    float4 dq[QUERY_VECS], part[QUERY_VECS];
    set_zero(dq);
    for (int slice = 0; slice < a.splits; slice++) {
        load_row<QUERY_LANES>(part, dq_of(a, q_base, slice, i), lane, a.d);
        add_part(dq, 1.0f, part);
    }
    store_row<QUERY_LANES>(a.grad_q + (q_base + i) * a.d, dq, lane, a.d);
}
#endif
