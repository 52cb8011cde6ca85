// What all CUDA kernels share: the problem, which keys a query sees, how a score is modified, what a tap records.
//
// Not a rung of the ladder: no line here is an idea of FlashAttention. Rows are not padded: row i of Q begins at
// element i * d, whatever d is, and a kernel checks each index that may lie outside.

// The type of Q, K, V and O in memory; a kernel in half precision says otherwise before it includes this file.
#ifndef ELEMENT
#define ELEMENT float
#endif

// When a thread block worked on a tile, and where.
struct TileTime {
    unsigned long long begin, end;      // ns, by the clock that all SMs share
    unsigned sm, visited;               // visited: 1, so that a skipped tile can be told apart
};

// One launch. Passed by value: the driver copies it to constant memory, where every thread reads it for free.
struct Attention {
    const ELEMENT *q;           // [batch, heads, n_q, d]
    const ELEMENT *k;           // [batch, kv_heads, n_k, d]
    const ELEMENT *v;           // [batch, kv_heads, n_k, d_v]
    const float *bias;          // at bias_strides * (batch, head, i, j); null: none
    const float *slopes;        // ALiBi, [batch, heads]; null: none
    const int *key_lengths;     // [batch], none above n_k
    const int *diagonals;       // [batch]: query i sees key j if -left <= j - i - diagonal <= right and j < key length
    const int *ahead;           // [batch]: the key from which ALiBi has the distances of query 0
    const unsigned char *keep_mask; // dropout, [batch, heads, drawn_q, drawn_k]: 0 drops a weight; null: by the seed
    ELEMENT *o;                 // [batch, heads, n_q, d_v]
    float *m, *l, *lse;         // [batch, heads, n_q]; lse is L, natural log
    float *s, *p;               // standard only: [batch, heads, n_q, n_k]
    float *part_o, *part_lse;   // split_kv only: O [batch, heads, splits, n_q, d_v] and L [batch, heads, splits, n_q]
    const float *grad_o;        // backward only, and all that follows: dO, as O is
    float *delta;               // D of the papers, rowsum(dO * O): [batch, heads, n_q]
    float *grad_q;              // dQ, as Q is
    float *part_q;              // flash2_backward DETERMINISTIC: [batch, heads, splits, n_q, d]
    float *grad_k, *grad_v;     // dK and dV, as K and V are: summed over the query heads that share them
    float *tap_m, *tap_l;       // TAPS only: [batch, heads, key blocks, n_q]
    TileTime *tap_tiles;        // TAPS only: [batch, heads, query blocks, key blocks]
    long long bias_strides[4];  // floats per step of batch, head, i, j; 0 where the bias is broadcast
    int n_q, n_k, d, d_v;
    int heads, kv_heads;
    int left, right;            // of the diagonal, of a window
    float scale;
    float softcap;              // 0: none
    int dropout;                // 0: none
    float kept;                 // the factor of a weight that dropout keeps, 1 / (1 - rate)
    unsigned seed[2];           // of dropout without a mask, the low half first: ...
    unsigned last_dropped;      // ... random words up to this one drop a weight
    int drawn_q, drawn_k;       // n_q and n_k of what is drawn: of an input that this is the beginning of, its own
    int first_block;            // this launch begins at this query block (flash1: key block), ...
    int first_head, first_batch;
    int end_block;              // flash1 only: ... and ends before this key block
    int splits;                 // split_kv, and flash2_backward DETERMINISTIC: parts that the key blocks are cut into
};

// What is hidden has the score -inf and the weight 0, and nothing else has: a score of -inf that is seen becomes LOWEST,
// the lowest finite float, and no weight of a key that is seen is below TINY = e^LEAST. A row whose largest score is
// LOWEST has no weights, and its l, L and O are NaN. A NaN, or a score of +inf, makes them NaN by itself.
#define NEG_INF __int_as_float(0xff800000)
#define NOT_A_NUMBER __int_as_float(0x7fc00000)
#define LOWEST __int_as_float(0xff7fffff)
#define LEAST (-87.0f)
#define TINY 1.6458114e-38f

#ifdef __CUDACC_RTC__
// The larger of two, NaN if either is: fmaxf would pass over it.
__device__ inline float max_nan(float a, float b) {
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
}
#endif

// exp(x - shift), and 0 for what is hidden, also where the shift is -inf: a row that has seen nothing has no maximum.
__device__ inline float exp_minus(float x, float shift) {
    return x == NEG_INF ? 0.0f : expf(max_nan(x - shift, LEAST));
}

// The keys that query i sees are one run, first_key <= j < end_key; empty if the first is not below the second.
__device__ inline int first_key(const Attention &a, int i, int diagonal) {
    return max(0, i + diagonal - a.left);
}

__device__ inline int end_key(const Attention &a, int i, int key_length, int diagonal) {
    return min(key_length, i + diagonal + a.right + 1);
}

// The score of one pair from its dot product: scale, softcap, ALiBi, bias. -inf only where the bias hides the pair.
__device__ inline float score(const Attention &a, float product, int batch, int head, int i, int j) {
    float bias = 0.0f;
    if (a.bias) {
        const long long *step = a.bias_strides;
        bias = a.bias[step[0] * batch + step[1] * head + step[2] * i + step[3] * j];
        if (bias == NEG_INF) return NEG_INF;
    }
    float x = a.scale * product;
    if (a.softcap > 0.0f) x = a.softcap * tanhf(x / a.softcap);
    if (a.slopes) x -= a.slopes[batch * a.heads + head] * (float)abs(i + a.ahead[batch] - j);
    return max_nan(x + bias, LOWEST);
}

// Word n of the random numbers of a seed, by Philox 4x32-10 (Salmon et al. 2011): no word needs those before it, so that the
// backward pass draws again what the forward pass drew, and nothing is kept. Counted as cuRAND counts: word n % 4 of counter
// n / 4.
__device__ inline unsigned random_word(const Attention &a, unsigned long long n) {
    unsigned x[4] = {(unsigned)(n / 4), (unsigned)(n / 4 >> 32), 0, 0}, key = a.seed[0], other = a.seed[1];
    #pragma unroll 1
    for (int round = 0; round < 10; round++) {
        unsigned long long first = 0xd2511f53ull * x[0], second = 0xcd9e8d57ull * x[2];
        x[0] = (unsigned)(second >> 32) ^ x[1] ^ key, x[1] = (unsigned)second;
        x[2] = (unsigned)(first >> 32) ^ x[3] ^ other, x[3] = (unsigned)first;
        key += 0x9e3779b9u, other += 0xbb67ae85u;
    }
    return n % 4 < 2 ? n % 2 ? x[1] : x[0] : n % 2 ? x[3] : x[2];
}

// What dropout makes of the weight of one pair: its factor, 0 or `kept`.
__device__ inline float keep(const Attention &a, int batch, int head, int i, int j) {
    unsigned long long n = (((unsigned long long)batch * a.heads + head) * a.drawn_q + i) * a.drawn_k + j;
    bool keeps = a.keep_mask ? a.keep_mask[n] : random_word(a, n) > a.last_dropped;
    return keeps ? a.kept : 0.0f;
}

#ifdef TAPS

#ifdef __CUDACC_RTC__
__device__ inline unsigned sm_id() {
    unsigned id;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(id));
    return id;
}

__device__ inline unsigned long long nanoseconds() {
    unsigned long long time;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time));
    return time;
}
#endif

// m and l of query i after key block j of `blocks`.
__device__ inline void tap_row(const Attention &a, int batch, int head, int i, int j, int blocks, float m, float l) {
    size_t at = (((size_t)batch * a.heads + head) * blocks + j) * a.n_q + i;
    a.tap_m[at] = m == LOWEST ? NEG_INF : m;
    a.tap_l[at] = m == LOWEST ? NOT_A_NUMBER : l;
}

// Tile (i, j) of i_blocks x j_blocks, worked on since `begin`.
__device__ inline void tap_tile(const Attention &a, int batch, int head, int i, int i_blocks, int j, int j_blocks,
                                unsigned long long begin) {
    TileTime time = {begin, nanoseconds(), sm_id(), 1};
    a.tap_tiles[(((size_t)batch * a.heads + head) * i_blocks + i) * j_blocks + j] = time;
}

#endif
