// Plays a CUDA thread block on the CPU, so that a kernel's own source runs, and is checked, without a GPU.
//
// A kernel is compiled as C++ after this header. Each of its threads is a fibre that runs until it reaches a barrier or
// an instruction of the whole warp. Between barriers one warp runs far ahead of the others: the first, the last,
// or any at random, and so do its lanes between instructions of the warp: a kernel that needs a barrier it does not have gives other results in one of them.
//
// What runs the threads is in thread_block.cpp, which is compiled once and without the sanitizers: only what a kernel
// reads and writes must be watched, and a kernel is compiled for every variant and every mutant of it.
//
// What a GPU would let pass in silence ends the process with a sentence:
// - threads that wait at different barriers, or leave while others wait;
// - lanes of a warp that meet in different instructions, or with a mask that is not the whole warp;
// - reads and writes outside of a buffer in memory or in shared memory (AddressSanitizer: each buffer has its exact
//   size, and each shared array is a variable of its own, as is all that a launch gives);
// - misaligned vectors and asynchronous copies (UndefinedBehaviorSanitizer, and checks in tensor_cores.h).
// Shared memory holds NaN when a block begins: what is read before it is written shows in the results.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

// Of <math.h>, which in C++ takes longer to read than a kernel does to compile.
extern "C" {
float expf(float) noexcept;
float exp2f(float) noexcept;
float fmaf(float, float, float) noexcept;
float fmaxf(float, float) noexcept;
float logf(float) noexcept;
float tanhf(float) noexcept;
}

// --- The words of CUDA ---------------------------------------------------------------------------------------------

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __noinline__ __attribute__((noinline))
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
// A shared array is a variable in a section of its own, which is found by its name when a block begins.
#define __shared__ static __attribute__((section("shared_memory"), aligned(128)))

struct uint3 {
    unsigned x, y, z;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

inline float __int_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

// max.NaN.f32
inline float max_nan(float a, float b) { return a != a || a > b ? a : b; }

// One thread runs at a time: in which order they come is what a GPU leaves open.
inline float atomicAdd(float *to, float value) {
    float before = *to;
    *to += value;
    return before;
}

// A GPU has no clock to tell here, and no SMs.
inline unsigned sm_id() { return 0; }
inline unsigned long long nanoseconds() { return 0; }

namespace cpu {

// The order in which threads run between barriers; also when asynchronous copies are carried out (tensor_cores.h).
enum class Order { Forwards, Backwards, Random };

[[noreturn]] void fail(const char *what, int line_a = 0, int line_b = 0);

constexpr int WARP_SIZE = 32;

// What a thread knows of itself and its block.
struct Place {
    uint3 thread, block, grid;
    Order order;
};
extern Place place;

inline unsigned lane() { return place.thread.x % WARP_SIZE; }

void sync_threads(int line);

// An instruction that a warp carries out together: the last lane to arrive does it for all, on their operands.
void together(unsigned mask, int line, void *operand, void (*action)(void **operands));

// What every lane brings to `shuffle`, and from which lane it takes.
struct Shuffled {
    uint32_t in, out;
    unsigned source;
};
void exchange(void **operands);

template <class T>
T shuffle(unsigned mask, int line, T value, unsigned source_lane) {
    static_assert(sizeof value == 4, "a register");
    Shuffled operand = {0, 0, source_lane};
    memcpy(&operand.in, &value, 4);
    together(mask, line, &operand, exchange);
    memcpy(&value, &operand.out, 4);
    return value;
}

// A copy that was started and whose bytes may not have arrived.
struct Copy {
    void *to;
    const void *from;
    int bytes;          // of 16; the rest is filled with zeros
};

// Whether a copy of the running thread arrives at once.
bool is_early();
// Adds a copy that does not to the running thread's next group, and ends the group.
void add_copy(const Copy &copy);
void end_group();
// Takes the oldest copy that must arrive so that no more than `pending` groups are under way; false if there is none.
bool take_copy(unsigned pending, Copy &copy);

// Whether any lane of the warp brings true.
inline bool any(unsigned mask, int line, bool value) {
    together(mask, line, &value, [](void **operands) {
        bool found = false;
        for (int lane = 0; lane < WARP_SIZE; lane++) found |= *(bool *)operands[lane];
        for (int lane = 0; lane < WARP_SIZE; lane++) *(bool *)operands[lane] = found;
    });
    return value;
}

// What a lane brings to a product of tensor cores: C += A B.
struct Product {
    float *c;
    unsigned a[4], b[2];
};
void multiply_f16(void **operands);
void multiply_bf16(void **operands);

// Runs a grid of blocks, one after another; backwards, the last block comes first, at random any.
void launch(uint3 grid, unsigned size, Order order, uint32_t seed, void (*kernel)(const void *), const void *argument);

template <class Kernel>
void launch(uint3 grid, unsigned size, Order order, uint32_t seed, const Kernel &kernel) {
    launch(grid, size, order, seed, [](const void *kernel) { (*(const Kernel *)kernel)(); }, &kernel);
}

}  // namespace cpu

#define threadIdx (cpu::place.thread)
#define blockIdx (cpu::place.block)
#define gridDim (cpu::place.grid)
#define __syncthreads() cpu::sync_threads(__LINE__)
#define __syncwarp() cpu::together(0xffffffff, __LINE__, nullptr, [](void **) {})
#define __shfl_xor_sync(mask, value, lanes) cpu::shuffle(mask, __LINE__, value, cpu::lane() ^ (lanes))
#define __any_sync(mask, value) cpu::any(mask, __LINE__, value)
#define __shfl_sync(mask, value, source) cpu::shuffle(mask, __LINE__, value, source)
