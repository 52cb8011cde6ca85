// Prints what g++ makes of the structs of kernels/attention.cuh: size, then where each field begins.
#include <cstddef>
#include <cstdio>

#define __device__
static inline float __int_as_float(unsigned) { return 0; }
static inline float expf(float x) { return x; }
static inline float tanhf(float x) { return x; }
static inline float max_nan(float a, float) { return a; }
static inline int abs(int x) { return x; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned sm_id() { return 0; }
static inline unsigned long long nanoseconds() { return 0; }

#include "attention.cuh"

#define FIELD(type, name) printf("%s %zu\n", #name, offsetof(type, name));

int main() {
    printf("Attention %zu\nTileTime %zu\n", sizeof(Attention), sizeof(TileTime));
    FIELD(Attention, q) FIELD(Attention, k) FIELD(Attention, v) FIELD(Attention, bias) FIELD(Attention, slopes)
    FIELD(Attention, key_lengths) FIELD(Attention, diagonals) FIELD(Attention, ahead) FIELD(Attention, keep_mask)
    FIELD(Attention, o) FIELD(Attention, m) FIELD(Attention, l) FIELD(Attention, lse)
    FIELD(Attention, s) FIELD(Attention, p) FIELD(Attention, part_o) FIELD(Attention, part_lse) FIELD(Attention, grad_o)
    FIELD(Attention, delta) FIELD(Attention, grad_q) FIELD(Attention, part_q) FIELD(Attention, grad_k)
    FIELD(Attention, grad_v)
    FIELD(Attention, tap_m) FIELD(Attention, tap_l) FIELD(Attention, tap_tiles)
    FIELD(Attention, bias_strides) FIELD(Attention, n_q) FIELD(Attention, n_k) FIELD(Attention, d) FIELD(Attention, d_v)
    FIELD(Attention, heads) FIELD(Attention, kv_heads) FIELD(Attention, left)
    FIELD(Attention, right) FIELD(Attention, scale) FIELD(Attention, softcap)
    FIELD(Attention, dropout) FIELD(Attention, kept) FIELD(Attention, seed) FIELD(Attention, last_dropped)
    FIELD(Attention, drawn_q) FIELD(Attention, drawn_k) FIELD(Attention, first_block)
    FIELD(Attention, first_head) FIELD(Attention, first_batch) FIELD(Attention, end_block) FIELD(Attention, splits)
    FIELD(TileTime, begin) FIELD(TileTime, end) FIELD(TileTime, sm) FIELD(TileTime, visited)
}
