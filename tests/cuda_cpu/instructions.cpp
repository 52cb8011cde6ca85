// Checks the instructions that tensor_cores.h plays against the layouts in the PTX manual, written down once more here,
// element by element as the manual lists them, and what the thread block catches.
//
// Arguments: `layouts`, or `f16` or `bf16` with a file of f32 to convert and a file for the results, or the name of a
// fault, which must end the process.
#include "tensor_cores.h"

#include <math.h>

static uint16_t element(int row, int column, int salt) {
    return cpu::to_element((float)((row * 7 + column * 13 + salt) % 31 - 15) / 8);
}

static void expect(bool holds, const char *what, int lane, int at) {
    if (holds) return;
    fprintf(stderr, "wrong: %s, lane %d, element %d\n", what, lane, at);
    exit(4);
}

// One warp runs `kernel`.
template <class Kernel>
static void warp(Kernel kernel) {
    for (auto order : {cpu::Order::Forwards, cpu::Order::Backwards, cpu::Order::Random}) {
        cpu::launch({1, 1, 1}, 32, order, 5, kernel);
    }
}

// PTX manual, "Matrix fragments for mma.m16n8k16 with floating point type", one branch per sentence.
static int a_row(int lane, int i) { return (0 <= i && i < 2) || (4 <= i && i < 6) ? lane >> 2 : (lane >> 2) + 8; }
static int a_column(int lane, int i) { return i < 4 ? (lane % 4) * 2 + (i & 1) : (lane % 4) * 2 + (i & 1) + 8; }
static int b_row(int lane, int i) { return i < 2 ? (lane % 4) * 2 + (i & 1) : (lane % 4) * 2 + (i & 1) + 8; }
static int b_column(int lane) { return lane >> 2; }
static int c_row(int lane, int i) { return i < 2 ? lane >> 2 : (lane >> 2) + 8; }
static int c_column(int lane, int i) { return (lane % 4) * 2 + (i & 1); }

static void check_mma() {
    warp([] {
        int lane = threadIdx.x;
        unsigned a[4] = {}, b[2] = {};
        float c[4];
        for (int i = 0; i < 8; i++) a[i / 2] |= (unsigned)element(a_row(lane, i), a_column(lane, i), 1) << 16 * (i % 2);
        for (int i = 0; i < 4; i++) b[i / 2] |= (unsigned)element(b_row(lane, i), b_column(lane), 2) << 16 * (i % 2);
        for (int i = 0; i < 4; i++) c[i] = (float)(c_row(lane, i) * 8 + c_column(lane, i));
        mma(c, a, b);
        for (int i = 0; i < 4; i++) {
            float want = (float)(c_row(lane, i) * 8 + c_column(lane, i));
            for (int k = 0; k < 16; k++) {
                want += cpu::from_element(element(c_row(lane, i), k, 1)) * cpu::from_element(element(k, c_column(lane, i), 2));
            }
            expect(c[i] == want, "mma", lane, i);   // sums of multiples of 1/64: exact
        }
    });
}

// PTX manual, "ldmatrix": thread 0 to 3 hold row 0, two elements each, ...; addresses 0-7, 8-15, 16-23, 24-31.
static void check_ldmatrix() {
    static uint16_t tile[4][8][8] __attribute__((aligned(128)));
    for (int at = 0; at < 256; at++) (&tile[0][0][0])[at] = at;
    warp([] {
        int lane = threadIdx.x;
        unsigned plain[4], transposed[4];
        load_matrices(plain, shared_address(tile[lane / 8][lane % 8]));
        load_matrices_transposed(transposed, shared_address(tile[lane / 8][lane % 8]));
        for (int matrix = 0; matrix < 4; matrix++) {
            for (int i = 0; i < 2; i++) {
                int row = lane / 4, column = lane % 4 * 2 + i;
                expect((plain[matrix] >> 16 * i & 0xffff) == (unsigned)(matrix * 64 + row * 8 + column), "ldmatrix", lane, matrix);
                expect((transposed[matrix] >> 16 * i & 0xffff) == (unsigned)(matrix * 64 + column * 8 + row), "ldmatrix.trans", lane, matrix);
            }
        }
    });
}

// Copies arrive when they are waited for, at the latest; what is not read becomes zeros; groups arrive in order.
static void check_copies() {
    static unsigned char to[2][32][16] __attribute__((aligned(128))), from[32][16] __attribute__((aligned(16)));
    memset(from, 7, sizeof from);
    warp([] {
        int lane = threadIdx.x;
        memset(to[0][lane], 1, 16), memset(to[1][lane], 1, 16);
        copy_async(to[0][lane], from[lane], lane % 17);
        commit_copies();
        copy_async(to[1][lane], from[lane], 16);
        commit_copies();
        if (cpu::place.order == cpu::Order::Backwards) expect(to[0][lane][0] == 1, "a copy that is early", lane, 0);
        wait_for_copies<1>();
        for (int at = 0; at < 16; at++) expect(to[0][lane][at] == (at < lane % 17 ? 7 : 0), "cp.async", lane, at);
        if (cpu::place.order == cpu::Order::Backwards) expect(to[1][lane][0] == 1, "a group that is early", lane, 1);
        wait_for_copies<0>();
        for (int at = 0; at < 16; at++) expect(to[1][lane][at] == 7, "cp.async", lane, at);
    });
}

static void check_words() {
    warp([] {
        int lane = threadIdx.x;
        expect(__shfl_xor_sync(0xffffffff, lane * 3, 5) == (lane ^ 5) * 3, "shfl.bfly", lane, 0);
        expect(__shfl_sync(0xffffffff, lane * 3, 9) == 27, "shfl.idx", lane, 0);
    });
    expect(pack(1.5f, -2.0f) == (unsigned)(cpu::to_element(1.5f) | cpu::to_element(-2.0f) << 16), "pack", 0, 0);
    expect(exp2_fast(-INFINITY) == 0 && exp2_fast(3) == 8 && exp2_fast(-130) == 0, "ex2", 0, 0);
    for (int bits = 0; bits < 1 << 16; bits++) {
        float value = cpu::from_element(bits);
        expect(value != value || cpu::to_element(value) == bits, "a format that does not come back", 0, bits);
    }
}

// A shared variable that all threads write and read, for faults.
__shared__ float shared_array[32];

// Out of line, so that only AddressSanitizer can know how long an array is.
__attribute__((noinline)) static void write(volatile int *to, int at) { to[at] = 1; }

static int fault(const char *name) {
    auto is = [&](const char *other) { return !strcmp(name, other); };
    auto run = [](auto kernel) { cpu::launch({1, 1, 1}, 64, cpu::Order::Forwards, 1, kernel); };
    if (is("different barriers")) run([] { if (threadIdx.x < 32) { __syncthreads(); } else {
        __syncthreads(); } });
    if (is("left behind")) run([] { if (threadIdx.x < 63) __syncthreads(); });
    if (is("divergent warp")) run([] { if (threadIdx.x % 32) __syncwarp(); });
    if (is("part of a warp")) run([] { __shfl_xor_sync(0xffff, 1, 1); });
    if (is("open copies")) run([] { copy_async((SharedAddress)shared_array, shared_array, 0), commit_copies(); });
    if (is("misaligned copy")) run([] { copy_async((SharedAddress)shared_array + 4, shared_array, 16); });
    if (is("bank conflict")) run([] { unsigned to[4]; load_matrices(to, (SharedAddress)shared_array); });
    if (is("past shared memory")) run([] { ((volatile float *)shared_array)[threadIdx.x] = 1; });
    if (is("past an array of its own")) run([] { int own[40]; write(own, threadIdx.x); });
    return 0;   // not caught
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    if (count == 4) {
        FILE *in = fopen(arguments[2], "rb"), *out = fopen(arguments[3], "wb");
        float value;
        while (fread(&value, 4, 1, in) == 1) {
            uint16_t bits = strcmp(what, "f16") ? cpu::to_bf16(value) : cpu::to_f16(value);
            float back = strcmp(what, "f16") ? cpu::from_bf16(bits) : cpu::from_f16(bits);
            fwrite(&bits, 2, 1, out), fwrite(&back, 4, 1, out);
        }
        return fclose(out);
    }
    if (strcmp(what, "layouts")) return fault(what);
    check_mma(), check_ldmatrix(), check_copies(), check_words();
    return 0;
}
