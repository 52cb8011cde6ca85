// Backward in f32 without atomics: dQ by query blocks in one kernel, dK and dV by key blocks in another.
//
// Rung 6: every sum belongs to one thread block, so that every run gives the same bits.
//
// Idea     A tile of dS gives to dQ along its row of blocks and to dK along its column. Two kernels each make the tile again
//          and keep the sum of one side in registers: the first as the forward pass does, with queries outside, the
//          second as flash2_backward does, with keys outside.
// Changes  flash2_backward makes a tile once and adds to dQ in memory, in no fixed order. Here nothing is added in memory,
//          for which S and dP are made twice: seven products for each tile, not five. It is what runs where a device has no
//          atomic addition of floats (WebGPU, Metal).
// Cost     The first kernel reads Q, dO, L and D once, and K and V once per query block; the second K and V once, and Q, dO,
//          L and D once per key block. Writes dQ, dK and dV once. Shared memory 20,608 B and 24,832 B, at D = 128 34,880 B and
//          20,736 B; three barriers per tile in the second, two in the first.
// Limits   Those of flash2_backward.
//
// Threads that share a query (QUERY_LANES) or a key (four) hold parts of its row.

#include "backward.cuh"

constexpr int KEYS = BC / QUERY_LANES;          // scores of a tile that one lane of a query holds
constexpr int QUERIES = BR / LANES;             // and that one lane of a key holds

// D = rowsum(dO * O).
extern "C" __global__ void __launch_bounds__(THREADS, 2) two_kernel_backward_preprocess(const Attention a) {
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int lane = threadIdx.x % QUERY_LANES;
    int place = (a.first_block + blockIdx.x) * BR + threadIdx.x / QUERY_LANES;
    int i = min(place, a.n_q - 1);      // past n_q the last query again, and nothing stored
    size_t q_row = ((size_t)batch * a.heads + head) * a.n_q + i;

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
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) two_kernel_backward_dq(const Attention a) {
    __shared__ float4 k_tile[BC][D / 4], v_tile[BC][D / 4];
    __shared__ float ds[BR][BC + 1];    // one more column, so that rows begin in different banks

    int block = a.first_block + blockIdx.x;
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int row = threadIdx.x / QUERY_LANES;
    int lane = threadIdx.x % QUERY_LANES;

    // Past n_q a ragged block repeats its last query, and stores nothing for it.
    int last = min(block * BR + BR, a.n_q) - 1;
    int i = min(block * BR + row, last);
    size_t q_row = ((size_t)batch * a.heads + head) * a.n_q + i;
    size_t kv_base = ((size_t)batch * a.kv_heads + head / (a.heads / a.kv_heads)) * a.n_k;
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];
    int first = first_key(a, block * BR, diagonal);
    int end = end_key(a, last, key_length, diagonal);
    if (first >= end) end = 0;          // none

    // [step: load Q]
    float4 q[QUERY_VECS];
    load_row<QUERY_LANES>(q, a.q + q_row * a.d, lane, a.d);

    // [step: load dO]
    float4 grad_o[QUERY_VECS];
    load_row<QUERY_LANES>(grad_o, a.grad_o + q_row * a.d_v, lane, a.d_v);

    // [step: load L]
    float lse = a.lse[q_row];

    // [step: load D]
    float delta = a.delta[q_row];

    // [step: start rows]
    float4 dq[QUERY_VECS];
    set_zero(dq);

    for (int j0 = first / BC * BC; j0 < end; j0 += BC) {
        // [step: load K]
        load_tile<THREADS>(k_tile, a.k + kv_base * a.d, j0, a.n_k, a.d);

        // [step: load V]
        load_tile<THREADS>(v_tile, a.v + kv_base * a.d_v, j0, a.n_k, a.d_v);
        __syncthreads();

        // [step: scores]
        float s[KEYS], squashed[KEYS];
        products<QUERY_LANES>(s, q, k_tile, lane);
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            // A key past n_k has no bias to be read; the mask hides it.
            squashed[n] = squash(a, s[n]);
            s[n] = score(a, s[n], batch, head, i, min(j0 + n * QUERY_LANES + lane, a.n_k - 1));
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        bool whole = first_key(a, last, diagonal) <= j0 && j0 + BC <= end_key(a, block * BR, key_length, diagonal);
        if (!whole) {
            #pragma unroll
            for (int n = 0; n < KEYS; n++) {
                int j = j0 + n * QUERY_LANES + lane;
                if (j < first_key(a, i, diagonal) || j >= end_key(a, i, key_length, diagonal)) s[n] = NEG_INF;
            }
        }

        // [step: recompute]
        #pragma unroll
        for (int n = 0; n < KEYS; n++) s[n] = exp_minus(s[n], lse);

        // [step: grad weights]
        float dp[KEYS];
        products<QUERY_LANES>(dp, grad_o, v_tile, lane);

        // [step: load keep, dropout grad]
        if (a.dropout) {
            #pragma unroll
            for (int n = 0; n < KEYS; n++) {
                if (s[n] != 0.0f) dp[n] *= keep(a, batch, head, i, j0 + n * QUERY_LANES + lane);
            }
        }

        // [step: grad scores, uncap]
        // 0 * NaN is NaN: a key that the query does not see must not leak, here and below.
        #pragma unroll
        for (int n = 0; n < KEYS; n++) {
            float of_score = s[n] * (dp[n] - delta) * (1.0f - squashed[n] * squashed[n]);
            ds[row][n * QUERY_LANES + lane] = s[n] == 0.0f ? 0.0f : of_score;
        }
        __syncwarp();

        // [step: accumulate dq]
        for (int j = 0; j < BC; j++) {
            float weight = a.scale * ds[row][j];
            if (weight != 0.0f) add_row<QUERY_LANES>(dq, weight, k_tile[j], lane);
        }
        __syncthreads();
    }

    // [step: store dQ]
    if (block * BR + row <= last) store_row<QUERY_LANES>(a.grad_q + q_row * a.d, dq, lane, a.d);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) two_kernel_backward_dk_dv(const Attention a) {
    __shared__ float4 q_tile[BR][D / 4], grad_o_tile[BR][D / 4];
    __shared__ float p[BC][BR + 1], ds[BC][BR + 1]; // one more column, so that rows begin in different banks

    int j0 = (a.first_block + blockIdx.x) * BC;
    int kv_head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int row = threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;

    // Past n_k a ragged block repeats its last key, which the mask hides there, and stores nothing for it.
    bool inside = j0 + row < a.n_k;
    int j = min(j0 + row, a.n_k - 1);
    size_t kv_row = ((size_t)batch * a.kv_heads + kv_head) * a.n_k + j;
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];
    int first = first_query(a, j0, diagonal);
    int end = end_query(a, j0, key_length, diagonal);
    bool seen = first < end;

    // [step: load K]
    float4 k[VECS];
    load_row<LANES>(k, a.k + kv_row * a.d, lane, seen ? a.d : 0);

    // [step: load V]
    float4 v[VECS];
    load_row<LANES>(v, a.v + kv_row * a.d_v, lane, seen ? a.d_v : 0);

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
                squashed[n] = squash(a, s[n]);
                s[n] = score(a, s[n], batch, head, min(i0 + n * LANES + lane, a.n_q - 1), j);
            }

            // [step: mask]
            // Only a tile that some query does not see whole: as above, or at the last query.
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
            // The rows of p and of ds are read back by the lanes that wrote them.
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
            __syncwarp();

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
        store_row<LANES>(a.grad_k + kv_row * a.d, dk, lane, a.d);

        // [step: store dV]
        store_row<LANES>(a.grad_v + kv_row * a.d_v, dv, lane, a.d_v);
    }
}
