// FlashAttention-2 forward on tensor cores, f16 or bf16 in, f32 sums.
//
// Rung 3: the same loop, laid out for the hardware.
//
// Idea     Both products are m16n8k16 instructions of a warp. A warp owns whole rows of the block, so that a row's
//          maximum and sum need no more than two shuffles, and warps never wait for each other's results.
// Changes  Over flash2, in the order of what each is worth:
//          - products on tensor cores: 16 times the rate of f32 arithmetic on an A100;
//          - shared memory swizzled, so that the eight rows of a load lie in eight different groups of banks;
//          - two tiles of 16 rows a warp: each load of K and V feeds two products. S and O fill the registers, and Q is
//            read from shared memory again for every tile;
//          - no barrier between softmax and P V: exponentials of some keys are taken while tensor cores work on others;
//          - copies that run on their own: V_j arrives during Q K_j^T, and K_(j+1) during the softmax and P V;
//          - the sums of S, packed to 16 bits, are P as the next product wants it: P never passes through shared memory;
//          - exp(s - m) as 2^(s c - m c) with c = scale log2(e): one multiply-add and one special function;
//          - O is rescaled only where a row's maximum rises.
// Cost     Shared memory (BR + 2 BC) D elements, 64 KiB at most, given by the launch: an SM with 100 KiB of it (8.6, 8.9)
//          holds one block of d 128. Two barriers per tile. Almost every register that a thread can have, so that an SM
//          holds two blocks: see README.md.
// Limits   d and d_v are D, one of 32, 64, 80, 96, 128: the host pads smaller rows with zeros. Every row begins at a
//          multiple of 16 bytes. A NaN or an infinity in V would leak from keys that only a mask hides (0 * NaN), though
//          not from keys past the key length, which are never read: the host refuses such a V. No dropout. Hopper's own
//          instructions (wgmma, TMA) are not used.

#define ELEMENT unsigned short      // the bits of an f16, or with BF16 of a bf16
#include "attention.cuh"
#include "tensor_cores.cuh"

#ifndef D
#define D 128
#endif

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * 32;
#ifdef TAPS
constexpr int TILES = D <= 64 ? 2 : 1;      // what taps take of the registers must come from somewhere
#else
constexpr int TILES = 2;                    // tiles of 16 queries that one warp owns: they share each load of K and V
#endif
constexpr int WARP_ROWS = TILES * 16;
constexpr int BR = WARPS * WARP_ROWS;       // queries of a block
constexpr int BC = D <= 64 ? 128 : 64;      // keys of a block: of S and O a lane holds 192 sums at most
constexpr int CHUNKS = D / 8;               // pieces of 16 bytes in a row: what one lane copies or one row of a matrix
constexpr int SPAN = D % 64 == 0 ? 8 : D % 32 == 0 ? 4 : 2;     // pieces of a row that change places
constexpr int SHARED_BYTES = (BR + 2 * BC) * D * 2;             // what a launch must give a block
static_assert(SHARED_BYTES <= 99 << 10, "no architecture from 8.0 on gives a block less");
constexpr unsigned WARP = 0xffffffff;       // all threads of a warp take part
constexpr float LOG2_E = 1.4426950408889634f;

// Where a piece of a row lies in a tile, in bytes. Rows of 128 bytes begin in the same bank: without the exclusive or,
// the eight rows that a load of a matrix reads would queue for it.
__device__ inline unsigned place(int row, int chunk) {
    return (row * CHUNKS + (chunk ^ row * SPAN / 8 % SPAN)) * 16;
}

// From one of the first two pieces of a row to one that is an even number further on, in one instruction at most. It
// works on addresses because parts of rows that change places begin at multiples of their size.
__device__ inline SharedAddress further(SharedAddress piece, int chunks) {
    return flip(piece, chunks % SPAN * 16) + chunks / SPAN * SPAN * 16;
}

// Starts to copy rows `first`, first + 1, ... of the matrix that begins at row `base` to a tile; zeros from row `rows` on,
// which is not read.
template <int COUNT>
__device__ inline void load_tile(SharedAddress tile, const ELEMENT *matrix, size_t base, int first, int rows) {
    static_assert(COUNT * CHUNKS % THREADS == 0, "copies are shared out evenly");
    int thread = threadIdx.x % THREADS;     // said so that the compiler knows its bits
    const ELEMENT *from = matrix + (base + first) * D + thread * 8;
    #pragma unroll
    for (int n = 0; n < COUNT * CHUNKS / THREADS; n++) {
        int at = n * THREADS + thread, row = at / CHUNKS;
        copy_async(tile + place(row, at % CHUNKS), from + n * THREADS * 8, row < rows - first ? 16 : 0);
    }
    commit_copies();
}

// What is subtracted in the exponent. A row that has seen no key subtracts 0: 2^(-inf) is 0, 2^(-inf + inf) is not.
__device__ inline float shift_of(float m, float c) {
    return m == NEG_INF ? 0.0f : m * c;
}

// The exponent of 2 of a score x beside the maximum m. A bias may be the lowest number of its format, whose product with
// c overflows: where there is one, m is subtracted first.
__device__ inline float exponent(float x, float m, float c, bool plain) {
    return plain ? fmaf(x, c, -shift_of(m, c)) : (x - shift_of(m, 1.0f)) * c;
}

// l relative to m itself. It was summed relative to m c after rounding, which for scores of 10,000 is off by 3e-4.
__device__ inline float exact_l(float m, float c, float l, bool plain) {
    if (m == NEG_INF || !plain) return l;
    return l * exp2_fast(-fmaf(m, c, -shift_of(m, c)));
}

// Where this block's head begins in Q and O, in rows. Asked for at the start and again at the end: between them there is no
// register to keep it in.
__device__ inline size_t first_row(const Attention &a) {
    return ((size_t)(a.first_batch + block_z()) * a.heads + a.first_head + block_y()) * a.n_q;
}

// Out of line: a copy for each of a lane's scores would take registers from kernels that need none of them.
__device__ __noinline__ float modified_score(const Attention &a, float product, int i, int j) {
    return score(a, product, a.first_batch + blockIdx.z, a.first_head + blockIdx.y, i, j);
}

// __grid_constant__: the parameters stay where they are when a function is given their address.
extern "C" __global__ void __launch_bounds__(THREADS, 2) flash2_mma(const __grid_constant__ Attention a) {
    LAUNCH_SHARED(memory, SHARED_BYTES);
    SharedAddress q_at = shared_address(memory), k_at = q_at + BR * D * 2, v_at = k_at + BC * D * 2;

    // With a causal mask the last queries see most keys: the longest programs start first.
    int block = a.first_block + gridDim.x - 1 - blockIdx.x;
    int head = a.first_head + blockIdx.y;
    int batch = a.first_batch + blockIdx.z;
    int kv_head = head / (a.heads / a.kv_heads);
    int lane = threadIdx.x % 32;
    int warp_row = threadIdx.x / 32 * WARP_ROWS;

    size_t rows = first_row(a);
    size_t kv_base = ((size_t)batch * a.kv_heads + kv_head) * a.n_k;

    // Keys that some query of the block sees; a key block outside them is never visited.
    int key_length = a.key_lengths[batch], diagonal = a.diagonals[batch];
    int i0 = block * BR, last = min(i0 + BR, a.n_q) - 1;
    int start = first_key(a, i0, diagonal) / BC * BC;
    int end = end_key(a, last, key_length, diagonal);
    if (first_key(a, i0, diagonal) >= end) end = 0;   // none

    // Scores stay dot products where nothing but a positive scale is done to them: the scale waits for the exponential.
    bool plain = a.scale > 0.0f && a.softcap == 0.0f && !a.slopes && !a.bias;
    float unit = plain ? a.scale : 1.0f;    // of s and m
    float c = unit * LOG2_E;

    // [step: load Q]
    // The first K block is asked for as well. Q stays in shared memory: the registers are needed for O and S.
    if (start < end) {
        load_tile<BR>(q_at, a.q, rows, i0, a.n_q);
        load_tile<BC>(k_at, a.k, kv_base, start, key_length);
    }

    // [step: start rows]
    // A lane has two rows of each tile, g and g + 8; of l it has its own part of the sum.
    float m[TILES][2], l[TILES][2];
    float o[TILES][D / 8][4];
    #pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        m[tile][0] = m[tile][1] = NEG_INF;
        l[tile][0] = l[tile][1] = 0.0f;
        #pragma unroll
        for (int n = 0; n < D / 8; n++) o[tile][n][0] = o[tile][n][1] = o[tile][n][2] = o[tile][n][3] = 0.0f;
    }

    // Where this lane's rows begin of the matrices that it loads for its warp.
    SharedAddress q_row = q_at + place(warp_row + lane % 16, lane / 16);
    SharedAddress k_row = k_at + place(lane / 16 * 8 + lane % 8, lane / 8 % 2);
    SharedAddress v_row = v_at + place(lane % 16, lane / 16);
    for (int j0 = start; j0 < end; j0 += BC) {
#ifdef TAPS
        unsigned long long begin = nanoseconds();
#endif
        // [step: load K]
        // K was asked for during the softmax of the tile before. After the barrier all see it, and all are done with the
        // V before: the next V arrives during the products.
        wait_for_copies<0>();
        __syncthreads();
        load_tile<BC>(v_at, a.v, kv_base, j0, key_length);

        // [step: scores]
        // Four matrices of K make the operands of two products: keys 0 to 7 and 8 to 15, 16 columns of each.
        float s[TILES][BC / 8][4];
        #pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            #pragma unroll
            for (int n = 0; n < BC / 8; n++) s[tile][n][0] = s[tile][n][1] = s[tile][n][2] = s[tile][n][3] = 0.0f;
        }
        // Unrolled as far as there are registers for loads that run ahead.
        #pragma unroll (D < 128 ? D / 16 : 4)
        for (int depth = 0; depth < D / 16; depth++) {
            unsigned q[TILES][4];
            #pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                load_matrices(q[tile], further(q_row, depth * 2) + tile * 16 * D * 2);
            }
            #pragma unroll
            for (int n = 0; n < BC / 16; n++) {
                unsigned k[4];
                load_matrices(k, further(k_row, depth * 2) + n * 16 * D * 2);
                #pragma unroll
                for (int tile = 0; tile < TILES; tile++) {
                    mma(s[tile][2 * n], q[tile], k);
                    mma(s[tile][2 * n + 1], q[tile], k + 2);
                }
            }
        }
        // After the barrier all see V, and all are done with K: the next K arrives during the softmax. There is no third
        // barrier: the exponentials below and the products with V are one stretch of code, and so run at the same time.
        wait_for_copies<0>();
        __syncthreads();
        if (j0 + BC < end) load_tile<BC>(k_at, a.k, kv_base, j0 + BC, key_length);
        if (!plain) {
            #pragma unroll
            for (int at = 0; at < TILES * BC / 2; at++) {
                int tile = at / (BC / 2), n = at / 4 % (BC / 8), e = at % 4;
                int i = min(i0 + warp_row + tile * 16 + lane / 4 + e / 2 * 8, a.n_q - 1);
                int j = min(j0 + n * 8 + lane % 4 * 2 + e % 2, a.n_k - 1);
                s[tile][n][e] = modified_score(a, s[tile][n][e], i, j);
            }
        }

        // [step: mask]
        // Only a tile that some query does not see whole: on the diagonal, at a window's edge, at the last key.
        bool whole = first_key(a, i0 + BR - 1, diagonal) <= j0 && j0 + BC <= end_key(a, i0, key_length, diagonal);
        if (!whole) {
            #pragma unroll
            for (int at = 0; at < TILES * BC / 2; at++) {
                int tile = at / (BC / 2), n = at / 4 % (BC / 8), e = at % 4;
                int i = i0 + warp_row + tile * 16 + lane / 4 + e / 2 * 8;
                int j = j0 + n * 8 + lane % 4 * 2 + e % 2;
                if (j < first_key(a, i, diagonal) || j >= end_key(a, i, key_length, diagonal)) s[tile][n][e] = NEG_INF;
            }
        }

        // [step: row max]
        float m_new[TILES][2];
        #pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            #pragma unroll
            for (int half = 0; half < 2; half++) {
                float most = m[tile][half];
                #pragma unroll
                for (int n = 0; n < BC / 8; n++) {
                    most = max_nan(most, max_nan(s[tile][n][2 * half], s[tile][n][2 * half + 1]));
                }
                most = max_nan(most, __shfl_xor_sync(WARP, most, 1));
                m_new[tile][half] = max_nan(most, __shfl_xor_sync(WARP, most, 2));
            }
        }

        // [step: exponentiate]
        // Of 16 keys at a time, just before their product with V, so that special functions and tensor cores work at the
        // same time. What is subtracted is `shift`: nothing where m was subtracted first.
        float shift[TILES][2];
        #pragma unroll
        for (int at = 0; at < TILES * 2; at++) shift[at / 2][at % 2] = shift_of(m_new[at / 2][at % 2], c);
        if (!plain) {
            #pragma unroll
            for (int at = 0; at < TILES * BC / 2; at++) {
                int tile = at / (BC / 2), n = at / 4 % (BC / 8), e = at % 4;
                s[tile][n][e] -= shift_of(m_new[tile][e / 2], 1.0f);
            }
            #pragma unroll
            for (int at = 0; at < TILES * 2; at++) shift[at / 2][at % 2] = 0.0f;
        }
        auto exponentiate = [&](float &x, int tile, int half) { x = exp2_fast(fmaf(x, c, -shift[tile][half])); };

        // [step: row sum]
        // Of this lane's keys, as their weights are known; the four lanes of a row add up at the end.
        auto add_to_sum = [&](float weight, int tile, int half) { l[tile][half] += weight; };

        // [step: rescale]
        // Left out where no row of the warp has a new maximum, which soon is most of the time.
        float alpha[TILES][2];
        bool rises = false;
        #pragma unroll
        for (int at = 0; at < TILES * 2; at++) {
            int tile = at / 2, half = at % 2;
            alpha[tile][half] = exp2_fast(exponent(m[tile][half], m_new[tile][half], c, plain));
            rises |= !(m_new[tile][half] == m[tile][half]);
            m[tile][half] = m_new[tile][half];
        }
        if (__any_sync(WARP, rises)) {
            #pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                #pragma unroll
                for (int half = 0; half < 2; half++) {
                    l[tile][half] *= alpha[tile][half];
                    #pragma unroll
                    for (int n = 0; n < D / 8; n++) {
                        o[tile][n][2 * half] *= alpha[tile][half], o[tile][n][2 * half + 1] *= alpha[tile][half];
                    }
                }
            }
        }

        // [step: load V]
        // It is there since the second barrier.
        SharedAddress v_now = v_row;

        // [step: accumulate]
        // The sums of S lie as a product wants its left operand. Four matrices of V, transposed: 16 keys, 16 columns.
        #pragma unroll
        for (int depth = 0; depth < BC / 16; depth++) {
            #pragma unroll
            for (int at = 0; at < TILES * 8; at++) {
                int tile = at / 8, half = at / 2 % 2;
                float &x = s[tile][2 * depth + at / 4 % 2][at % 4];
                exponentiate(x, tile, half);
                add_to_sum(x, tile, half);
            }
            unsigned p[TILES][4];
            #pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                #pragma unroll
                for (int quarter = 0; quarter < 4; quarter++) {
                    const float *pair = s[tile][2 * depth + quarter / 2] + quarter % 2 * 2;
                    p[tile][quarter] = pack(pair[0], pair[1]);
                }
            }
            #pragma unroll
            for (int n = 0; n < D / 16; n++) {
                unsigned v[4];
                load_matrices_transposed(v, further(v_now, n * 2) + depth * 16 * D * 2);
                #pragma unroll
                for (int tile = 0; tile < TILES; tile++) {
                    mma(o[tile][2 * n], p[tile], v);
                    mma(o[tile][2 * n + 1], p[tile], v + 2);
                }
            }
        }

#ifdef TAPS
        int i_blocks = (a.n_q + BR - 1) / BR, j_blocks = (a.n_k + BC - 1) / BC;
        #pragma unroll
        for (int at = 0; at < TILES * 2; at++) {
            int i = i0 + warp_row + at / 2 * 16 + lane / 4 + at % 2 * 8;
            float whole_l = l[at / 2][at % 2];
            whole_l += __shfl_xor_sync(WARP, whole_l, 1);
            whole_l += __shfl_xor_sync(WARP, whole_l, 2);
            if (lane % 4 == 0 && i < a.n_q) {
                float natural = m[at / 2][at % 2] * unit;
                tap_row(a, batch, head, i, j0 / BC, j_blocks, natural, exact_l(m[at / 2][at % 2], c, whole_l, plain));
            }
        }
        if (threadIdx.x == 0) tap_tile(a, batch, head, block, i_blocks, j0 / BC, j_blocks, begin);
#endif
    }

    // [step: normalise]
    rows = first_row(a);
    // A query that saw no key has l = 0, and its O stays 0. One that saw some, all at scores of -inf, has no weights.
    #pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        #pragma unroll
        for (int half = 0; half < 2; half++) {
            l[tile][half] += __shfl_xor_sync(WARP, l[tile][half], 1);
            l[tile][half] += __shfl_xor_sync(WARP, l[tile][half], 2);
            int i = i0 + warp_row + tile * 16 + lane / 4 + half * 8;
            bool empty = plain ? l[tile][half] == 0.0f && first_key(a, i, diagonal) < end_key(a, i, key_length, diagonal)
                               : m[tile][half] == LOWEST;
            if (empty) m[tile][half] = NEG_INF, l[tile][half] = NOT_A_NUMBER;
            float inverse = l[tile][half] == 0.0f ? 0.0f : 1.0f / l[tile][half];
            #pragma unroll
            for (int n = 0; n < D / 8; n++) o[tile][n][2 * half] *= inverse, o[tile][n][2 * half + 1] *= inverse;
        }
    }

    // [step: store O]
    // Through shared memory, where Q was, so that each lane stores 16 bytes in a row. A warp's rows of Q are read by no
    // other warp.
    #pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        #pragma unroll
        for (int n = 0; n < D / 8; n++) {
            #pragma unroll
            for (int half = 0; half < 2; half++) {
                unsigned at = place(warp_row + tile * 16 + lane / 4 + half * 8, n) / 4 + lane % 4;
                ((unsigned *)memory)[at] = pack(o[tile][n][2 * half], o[tile][n][2 * half + 1]);
            }
        }
    }
    __syncwarp();
    #pragma unroll
    for (int n = 0; n < WARP_ROWS * CHUNKS / 32; n++) {
        int row = warp_row + (n * 32 + lane) / CHUNKS, chunk = (n * 32 + lane) % CHUNKS;
        if (i0 + row < a.n_q) {
            uint4 *to = (uint4 *)(a.o + (rows + i0 + row) * D) + chunk;
            *to = ((uint4 *)memory)[place(row, chunk) / 16];
        }
    }

    // [step: store L]
    // L is all that backward needs; m and l go along to be checked.
    #pragma unroll
    for (int at = 0; at < TILES * 2; at++) {
        int i = i0 + warp_row + at / 2 * 16 + lane / 4 + at % 2 * 8;
        if (lane % 4 == 0 && i < a.n_q) {
            float natural = m[at / 2][at % 2] * unit, sum = exact_l(m[at / 2][at % 2], c, l[at / 2][at % 2], plain);
            a.m[rows + i] = natural;
            a.l[rows + i] = sum;
            a.lse[rows + i] = natural + logf(sum);
        }
    }
}
