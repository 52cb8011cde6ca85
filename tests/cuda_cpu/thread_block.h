// Plays a CUDA thread block on the CPU, so that a kernel's own source runs, and is checked, without a GPU.
//
// A kernel is compiled as C++ after this header. Each of its threads is a fibre that runs until it reaches a barrier or
// an instruction of the whole warp. Between barriers one warp runs far ahead of the others: the first, the last,
// or any at random, and so do its lanes between instructions of the warp: a kernel that needs a barrier it does not have gives other results in one of them.
//
// What a GPU would let pass in silence ends the process with a sentence:
// - threads that wait at different barriers, or leave while others wait;
// - lanes of a warp that meet in different instructions, or with a mask that is not the whole warp;
// - reads and writes outside of a buffer in memory or in shared memory (AddressSanitizer: each buffer has its exact
//   size, and each shared array is a variable of its own);
// - misaligned vectors and asynchronous copies (UndefinedBehaviorSanitizer, and checks in tensor_cores.h).
// Shared memory holds NaN when a block begins: what is read before it is written shows in the results.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include "fibre.h"

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

// A GPU has no clock to tell here, and no SMs.
inline unsigned sm_id() { return 0; }
inline unsigned long long nanoseconds() { return 0; }

namespace cpu {

// The order in which threads run between barriers; also when asynchronous copies are carried out (tensor_cores.h).
enum class Order { Forwards, Backwards, Random };

[[noreturn]] inline void fail(const char *what, int line_a = 0, int line_b = 0) {
    fprintf(stderr, "thread block: %s (lines %d and %d)\n", what, line_a, line_b);
    exit(3);
}

constexpr int WARP_SIZE = 32;
enum class State { Ready, AtBarrier, InWarp, Done };

// A copy that was started and whose bytes may not have arrived.
struct Copy {
    void *to;
    const void *from;
    int bytes;          // of 16; the rest is filled with zeros
};

struct Thread {
    Context context;
    unsigned index;
    uint3 position;
    State state;
    int line;                               // where it waits
    void *operand;                          // what it brings to an instruction of the warp
    std::vector<Copy> open_copies;          // not yet in a group
    std::deque<std::vector<Copy>> groups;
};

inline struct Block {
    Context scheduler;
    std::deque<Thread> threads;
    unsigned size = 0;
    Thread *current = nullptr;
    uint3 position{}, grid{};
    std::function<void()> kernel;
    Order order = Order::Forwards;
    uint32_t random = 1;
} block;

inline uint32_t next_random() {
    block.random ^= block.random << 13;
    block.random ^= block.random >> 17;
    return block.random ^= block.random << 5;
}

inline void wait(State state, int line) {
    Thread &thread = *block.current;
    thread.state = state;
    thread.line = line;
    switch_to(thread.context, block.scheduler);
}

inline void sync_threads(int line) { wait(State::AtBarrier, line); }

// An instruction that a warp carries out together: the last lane to arrive does it for all, on their operands.
template <class Action>
void together(unsigned mask, int line, void *operand, Action action) {
    Thread &self = *block.current;
    if (mask != 0xffffffff) fail("a mask that is not the whole warp", line, line);
    if (block.size % WARP_SIZE) fail("a warp instruction in a block of parts of warps", line, line);
    self.operand = operand;
    unsigned first = self.index / WARP_SIZE * WARP_SIZE;
    for (unsigned lane = 0; lane < WARP_SIZE; lane++) {
        Thread &other = block.threads[first + lane];
        if (&other == &self) continue;
        if (other.state == State::Done) fail("a lane has left that a warp instruction needs", line, line);
        if (other.state != State::InWarp) return wait(State::InWarp, line);
        if (other.line != line) fail("lanes of a warp meet in different instructions", line, other.line);
    }
    void *operands[WARP_SIZE];
    for (unsigned lane = 0; lane < WARP_SIZE; lane++) operands[lane] = block.threads[first + lane].operand;
    action(operands);
    for (unsigned lane = 0; lane < WARP_SIZE; lane++) block.threads[first + lane].state = State::Ready;
}

template <class T>
T shuffle(unsigned mask, int line, T value, unsigned source_lane) {
    struct Operand {
        T in, out;
        unsigned source;
    } operand = {value, value, source_lane};
    together(mask, line, &operand, [](void **operands) {
        for (int lane = 0; lane < WARP_SIZE; lane++) {
            auto *mine = (Operand *)operands[lane];
            mine->out = ((Operand *)operands[mine->source % WARP_SIZE])->in;
        }
    });
    return operand.out;
}

inline unsigned lane() { return block.current->index % WARP_SIZE; }

inline void run_fibre() {
    entered_from(block.scheduler);
    for (;;) {
        block.kernel();
        Thread &thread = *block.current;
        if (!thread.open_copies.empty() || !thread.groups.empty()) fail("copies are under way when a thread ends");
        wait(State::Done, 0);
    }
}

extern "C" char __start_shared_memory[] __attribute__((weak));
extern "C" char __stop_shared_memory[] __attribute__((weak));

// All of it, with what the sanitizer keeps between the variables, so it must not be watched here.
__attribute__((no_sanitize("address", "undefined"))) inline void poison_shared_memory() {
    for (volatile char *at = __start_shared_memory; at < __stop_shared_memory; at++) *at = (char)0xff;
}

// Gives each of these threads that can go on one turn; false if none can.
inline bool run_some(Thread **threads, unsigned count) {
    if (block.order == Order::Random) {
        for (unsigned left = count; left > 1; left--) std::swap(threads[left - 1], threads[next_random() % left]);
    }
    bool moved = false;
    for (unsigned at = 0; at < count; at++) {
        if (threads[at]->state != State::Ready) continue;
        block.current = threads[at];
        switch_to(block.scheduler, threads[at]->context);
        moved = true;
    }
    return moved;
}

// Runs one thread block to its end.
inline void run_block() {
    poison_shared_memory();
    // Threads warp by warp, each in the order of the day.
    std::vector<Thread *> turn;
    for (unsigned at = 0; at < block.size; at++) {
        Thread &thread = block.threads[block.order == Order::Backwards ? block.size - 1 - at : at];
        thread.state = State::Ready;
        turn.push_back(&thread);
    }
    for (;;) {
        bool moved = false;
        for (unsigned warp = 0; warp < block.size; warp += WARP_SIZE) {
            unsigned end = std::min(warp + WARP_SIZE, block.size);
            // A warp runs as far ahead of the others as it can; at random, as far as chance has it.
            while (run_some(&turn[warp], end - warp)) {
                moved = true;
                if (block.order == Order::Random && next_random() % 4 == 0) break;
            }
        }
        if (moved) continue;
        // Nobody can go on: all are done, or all wait at one barrier, or the kernel is wrong.
        for (Thread *thread : turn) {
            if (thread->state == State::InWarp) fail("lanes wait for others of their warp", thread->line, thread->line);
            if (thread->state != turn[0]->state) fail("a thread has left while others wait at a barrier");
            if (thread->line != turn[0]->line) fail("threads wait at different barriers", thread->line, turn[0]->line);
        }
        if (turn[0]->state == State::Done) return;
        for (Thread *thread : turn) thread->state = State::Ready;
    }
}

// Runs a grid of blocks, one after another; backwards, the last block comes first.
inline void launch(uint3 grid, unsigned size, Order order, uint32_t seed, std::function<void()> kernel) {
    block.grid = grid;
    block.size = size;
    block.order = order;
    block.random = seed | 1;
    block.kernel = kernel;
    while (block.threads.size() < size) {
        block.threads.emplace_back();
        Thread &thread = block.threads.back();
        thread.index = (unsigned)block.threads.size() - 1;
        thread.position = {thread.index, 0, 0};
        start_fibre(thread.context, run_fibre);
    }
    unsigned blocks = grid.x * grid.y * grid.z;
    for (unsigned n = 0; n < blocks; n++) {
        unsigned at = order == Order::Backwards ? blocks - 1 - n : n;
        block.position = {at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
        run_block();
    }
}

}  // namespace cpu

#define threadIdx (cpu::block.current->position)
#define blockIdx (cpu::block.position)
#define gridDim (cpu::block.grid)
#define __syncthreads() cpu::sync_threads(__LINE__)
#define __syncwarp() cpu::together(0xffffffff, __LINE__, nullptr, [](void **) {})
#define __shfl_xor_sync(mask, value, lanes) cpu::shuffle(mask, __LINE__, value, cpu::lane() ^ (lanes))
#define __shfl_sync(mask, value, source) cpu::shuffle(mask, __LINE__, value, source)
