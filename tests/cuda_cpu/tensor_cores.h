// The instructions of kernels/tensor_cores.cuh on the CPU, as the PTX manual describes each.
//
// An asynchronous copy may arrive at once or when it is waited for, and a kernel must be right in either case: threads
// that run forwards copy at once, backwards as late as is allowed, at random each copy by a coin.
#pragma once

#include "formats.h"
#include "thread_block.h"

using SharedAddress = unsigned char *;

inline SharedAddress shared_address(const void *pointer) { return (SharedAddress)pointer; }

inline unsigned block_y() { return blockIdx.y; }
inline unsigned block_z() { return blockIdx.z; }

inline SharedAddress flip(SharedAddress at, unsigned bits) { return (SharedAddress)((uintptr_t)at ^ bits); }

// One variable, whatever a kernel keeps in it: the sanitizer sees what is beyond its end.
#define LAUNCH_SHARED(name, bytes) __shared__ unsigned char name[bytes]

namespace cpu {

inline uint16_t to_element(float x) {
#ifdef BF16
    return to_bf16(x);
#else
    return to_f16(x);
#endif
}

inline float from_element(uint16_t bits) {
#ifdef BF16
    return from_bf16(bits);
#else
    return from_f16(bits);
#endif
}

inline void carry_out(const Copy &copy) {
    memcpy(copy.to, copy.from, copy.bytes);
    memset((char *)copy.to + copy.bytes, 0, 16 - copy.bytes);
}

inline void load_matrices(unsigned *to, SharedAddress row, bool transposed, int line) {
    struct Operand {
        unsigned *to;
        SharedAddress row;
        bool transposed;
        int line;
    } operand = {to, row, transposed, line};
    together(0xffffffff, line, &operand, [](void **operands) {
        for (int matrix = 0; matrix < 4; matrix++) {
            uint16_t rows[8][8];
            unsigned groups = 0;
            for (int row = 0; row < 8; row++) {
                auto *from = (Operand *)operands[matrix * 8 + row];
                if ((uintptr_t)from->row % 16) fail("a row of a matrix is not aligned", from->line, from->line);
                groups |= 1 << (uintptr_t)from->row / 16 % 8;
                memcpy(rows[row], from->row, 16);
            }
            auto *first = (Operand *)operands[0];
            if (groups != 0xff) fail("rows of a matrix share banks", first->line, first->line);
            for (int lane = 0; lane < WARP_SIZE; lane++) {
                auto *mine = (Operand *)operands[lane];
                int major = lane / 4, minor = lane % 4 * 2;
                uint16_t low = mine->transposed ? rows[minor][major] : rows[major][minor];
                uint16_t high = mine->transposed ? rows[minor + 1][major] : rows[major][minor + 1];
                mine->to[matrix] = low | (unsigned)high << 16;
            }
        }
    });
}

}  // namespace cpu

inline void mma(float *c, const unsigned *a, const unsigned *b, int line = __builtin_LINE()) {
    cpu::Product operand = {c, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
#ifdef BF16
    cpu::together(0xffffffff, line, &operand, cpu::multiply_bf16);
#else
    cpu::together(0xffffffff, line, &operand, cpu::multiply_f16);
#endif
}

inline void load_matrices(unsigned *to, SharedAddress row, int line = __builtin_LINE()) {
    cpu::load_matrices(to, row, false, line);
}

inline void load_matrices_transposed(unsigned *to, SharedAddress row, int line = __builtin_LINE()) {
    cpu::load_matrices(to, row, true, line);
}

inline void copy_async(SharedAddress to, const void *from, int bytes) {
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16) cpu::fail("an asynchronous copy is not aligned");
    cpu::Copy copy = {to, from, bytes};
    cpu::is_early() ? cpu::carry_out(copy) : cpu::add_copy(copy);
}

inline void commit_copies() { cpu::end_group(); }

template <int PENDING>
inline void wait_for_copies() {
    cpu::Copy copy;
    while (cpu::take_copy(PENDING, copy)) cpu::carry_out(copy);
}

inline unsigned pack(float low, float high) { return cpu::to_element(low) | (unsigned)cpu::to_element(high) << 16; }

// The instruction flushes results below 2^-126 to 0.
inline float exp2_fast(float x) {
    float y = exp2f(x);
    return y < 0x1p-126f ? 0.0f : y;
}
