// Reads attention problems from a file, runs each through the kernel that it was compiled with, and writes the results.
//
// Compiled once per variant, with KERNEL_FILE, one of KERNEL_FLASH2, KERNEL_FLASH1, KERNEL_STANDARD, .., and what the kernel
// itself takes (D, TAPS, ...). Every array is an allocation of its exact size, so that the sanitizer sees one step
// beyond it; results are NaN until the kernel writes them.
#include "thread_block.h"
#ifdef TENSOR_CORES
#include "tensor_cores.h"
#endif

#include KERNEL_FILE

// As the test writes it: sizes first, then floats, then arrays in the order in which `main` reads them.
struct Header {
    int32_t order, seed;
    int32_t batch, heads, kv_heads, n_q, n_k, d, d_v;
    int32_t left, right;
    int32_t bias_length, bias_strides[4];   // length 0: none
    int32_t has_slopes, splits;
    int32_t dropout, mask_length;           // of dropout, 0: none; of its mask, 0: by the seed
    uint32_t drop_seed[2], last_dropped;
    int32_t drawn_q, drawn_k;
    float scale, softcap, kept;
};

// An array of exactly `count` elements.
template <class T>
struct Array {
    T *data;
    size_t count;
    explicit Array(size_t count) : data((T *)malloc(count * sizeof(T))), count(count) {
        memset((void *)data, 0xff, count * sizeof(T));
    }
    Array(const Array &) = delete;
    ~Array() { free(data); }
    void read(FILE *file) {
        if (fread(data, sizeof(T), count, file) != count) cpu::fail("the problem is cut short");
    }
    void write(FILE *file) const {
        if (fwrite(data, sizeof(T), count, file) != count) cpu::fail("the results could not be written");
    }
};

static int blocks_of(int rows, int size) { return (rows + size - 1) / size; }

// Runs `kernel` on the grid in several launches, so that the places where a launch begins are used; backwards, the last
// launch comes first.
template <class Kernel>
static void in_pieces(const Header &h, Attention a, int blocks, int all_heads, Kernel kernel) {
    int pieces = 2 * h.batch;
    for (int n = 0; n < pieces; n++) {
        int at = (cpu::Order)h.order == cpu::Order::Backwards ? pieces - 1 - n : n;
        int begin = at % 2, count = begin ? blocks - 1 : 1;
        a.first_batch = at / 2;
        a.first_block = begin;
        int split = all_heads / 2;
        for (int head : {0, split}) {
            unsigned heads = head ? all_heads - split : split ? split : all_heads;
            a.first_head = head;
            if (!count || (!split && head)) continue;
            uint3 grid = {(unsigned)count, heads, 1};
            cpu::launch(grid, THREADS, (cpu::Order)h.order, h.seed, [=] { kernel(a); });
            if (!split) break;
        }
    }
}

static void run(const Header &h, Attention a) {
#if defined(KERNEL_FLASH2)
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, flash2);
#elif defined(KERNEL_FLASH2_MMA)
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, flash2_mma);
#elif defined(KERNEL_FLASH1)
    // One block per head; the key blocks are cut into two launches.
    int key_blocks = blocks_of(h.n_k, BC);
    uint3 grid = {1, (unsigned)h.heads, (unsigned)h.batch};
    a.end_block = 1;
    cpu::launch(grid, THREADS, (cpu::Order)h.order, h.seed, [=] { flash1(a); });
    if (key_blocks > 1) {
        a.first_block = 1;
        a.end_block = key_blocks;
        cpu::launch(grid, THREADS, (cpu::Order)h.order, h.seed, [=] { flash1(a); });
    }
    for (long long at = 0; at < (long long)h.batch * h.heads * h.n_q; at++) a.lse[at] = a.m[at] + logf(a.l[at]);
#elif defined(KERNEL_STANDARD)
    int blocks = blocks_of(h.n_q, BR);
    in_pieces(h, a, blocks, h.heads, standard_scores);
    in_pieces(h, a, blocks, h.heads, standard_softmax);
    in_pieces(h, a, blocks, h.heads, standard_output);
#elif defined(KERNEL_SPLIT_KV)
    in_pieces(h, a, blocks_of(h.n_q, BR) * h.splits, h.heads, split_kv_splits);
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, split_kv_combine);
#elif defined(KERNEL_FLASH2_BACKWARD)
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, flash2_backward_preprocess);
#if DETERMINISTIC
    in_pieces(h, a, h.splits, h.kv_heads, flash2_backward_gradients);
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, flash2_backward_sum);
#else
    in_pieces(h, a, blocks_of(h.n_k, BC), h.kv_heads, flash2_backward_gradients);
#endif
#elif defined(KERNEL_TWO_KERNEL_BACKWARD)
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, two_kernel_backward_preprocess);
    in_pieces(h, a, blocks_of(h.n_q, BR), h.heads, two_kernel_backward_dq);
    in_pieces(h, a, blocks_of(h.n_k, BC), h.kv_heads, two_kernel_backward_dk_dv);
#endif
}

#if defined(KERNEL_FLASH2_BACKWARD) || defined(KERNEL_TWO_KERNEL_BACKWARD)
#define BACKWARD
#endif

int main(int count, char **arguments) {
    if (count != 3) cpu::fail("give the file of problems and the file of results");
    FILE *problems = fopen(arguments[1], "rb"), *results = fopen(arguments[2], "wb");
    if (!problems || !results) cpu::fail("a file could not be opened");
    Header h;
    while (fread(&h, sizeof h, 1, problems) == 1) {
        size_t rows = (size_t)h.batch * h.heads * h.n_q, keys = (size_t)h.batch * h.kv_heads * h.n_k;
        Array<ELEMENT> q(rows * h.d), k(keys * h.d), v(keys * h.d_v), o(rows * h.d_v);
        Array<float> bias(h.bias_length), slopes(h.has_slopes ? h.batch * h.heads : 0);
        Array<int> key_lengths(h.batch), diagonals(h.batch), ahead(h.batch);
        Array<unsigned char> keep_mask(h.mask_length);
        Array<float> m(rows), l(rows), lse(rows);
        q.read(problems), k.read(problems), v.read(problems);
        bias.read(problems), slopes.read(problems);
        key_lengths.read(problems), diagonals.read(problems), ahead.read(problems), keep_mask.read(problems);

        Attention a = {};
        a.q = q.data, a.k = k.data, a.v = v.data, a.o = o.data;
        a.bias = h.bias_length ? bias.data : nullptr;
        a.slopes = h.has_slopes ? slopes.data : nullptr;
        a.key_lengths = key_lengths.data, a.diagonals = diagonals.data, a.ahead = ahead.data;
        a.dropout = h.dropout, a.kept = h.kept, a.keep_mask = h.mask_length ? keep_mask.data : nullptr;
        a.seed[0] = h.drop_seed[0], a.seed[1] = h.drop_seed[1], a.last_dropped = h.last_dropped;
        a.drawn_q = h.drawn_q, a.drawn_k = h.drawn_k;
        a.m = m.data, a.l = l.data, a.lse = lse.data;
        for (int axis = 0; axis < 4; axis++) a.bias_strides[axis] = h.bias_strides[axis];
        a.n_q = h.n_q, a.n_k = h.n_k, a.d = h.d, a.d_v = h.d_v, a.heads = h.heads, a.kv_heads = h.kv_heads;
        a.left = h.left, a.right = h.right, a.scale = h.scale, a.softcap = h.softcap;
#if defined(KERNEL_STANDARD)
        Array<float> s(rows * h.n_k), p(rows * h.n_k);
        a.s = s.data, a.p = p.data;
#endif
#if defined(TAPS)
        size_t visits = (size_t)blocks_of(h.n_k, BC), blocks = (size_t)blocks_of(h.n_q, BR);
        Array<float> tap_m(rows * visits), tap_l(rows * visits);
        Array<TileTime> tiles((size_t)h.batch * h.heads * blocks * visits);
        a.tap_m = tap_m.data, a.tap_l = tap_l.data, a.tap_tiles = tiles.data;
#endif
#if defined(KERNEL_SPLIT_KV)
        Array<float> part_o(rows * h.splits * h.d_v), part_lse(rows * h.splits);
        a.part_o = part_o.data, a.part_lse = part_lse.data;
        a.splits = h.splits;
        a.m = a.l = nullptr;            // it tells neither
#elif defined(BACKWARD)
        // What the forward pass left, and the gradient of its output.
        Array<float> grad_o(rows * h.d_v), delta(rows), grad_q(rows * h.d), grad_k(keys * h.d), grad_v(keys * h.d_v);
        o.read(problems), lse.read(problems), grad_o.read(problems);
        a.grad_o = grad_o.data, a.delta = delta.data;
        a.grad_q = grad_q.data, a.grad_k = grad_k.data, a.grad_v = grad_v.data;
#if defined(KERNEL_FLASH2_BACKWARD) && DETERMINISTIC
        Array<float> part_q(rows * h.splits * h.d);
        a.part_q = part_q.data;
        a.splits = h.splits;
#endif
#endif
        run(h, a);
#if defined(BACKWARD)
        grad_q.write(results), grad_k.write(results), grad_v.write(results);
        continue;
#endif
        o.write(results);
#if !defined(KERNEL_SPLIT_KV)
        m.write(results), l.write(results);
#endif
        lse.write(results);
#if defined(TAPS)
        tap_m.write(results), tap_l.write(results), tiles.write(results);
#endif
    }
    return fclose(results) ? 3 : 0;
}
