// The instructions of kernels/tensor_cores.cuh on the CPU, as the PTX manual describes each.
//
// An asynchronous copy may arrive at once or when it is waited for, and a kernel must be right in either case: threads
// that run forwards copy at once, backwards as late as is allowed, at random each copy by a coin.
#pragma once

#include "thread_block.h"

using SharedAddress = unsigned char *;

inline SharedAddress shared_address(const void *pointer) { return (SharedAddress)pointer; }

namespace cpu {

inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

// f32 to f16, to nearest, ties to even.
inline uint16_t to_f16(float x) {
    uint32_t sign = bits_of(x) >> 16 & 0x8000, bits = bits_of(x) & 0x7fffffff;
    if (bits > 0x7f800000) return 0x7fff;                   // NaN, as the instruction writes it
    if (bits >= 0x477ff000) return sign | 0x7c00;           // rounds to infinity
    if (bits < 0x38800000) {                                // below 2^-14: multiples of 2^-24, the spacing at 0.5
        return sign | (bits_of(__int_as_float(bits) + 0.5f) - bits_of(0.5f));
    }
    bits += 0xfff + (bits >> 13 & 1);
    return sign | (bits - 0x38000000) >> 13;
}

inline float from_f16(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
    float size = exponent == 0 ? ldexpf(fraction, -24)
        : exponent == 31       ? (fraction ? NAN : INFINITY)
                               : ldexpf(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

inline uint16_t to_bf16(float x) {
    uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

inline float from_bf16(uint16_t bits) { return __int_as_float((uint32_t)bits << 16); }

inline uint16_t to_element(float x) {
#ifdef BF16
    return to_bf16(x);
#else
    return to_f16(x);
#endif
}

// By a table: half of the time of a product would go into this.
inline float from_element(uint16_t bits) {
    static const std::vector<float> table = [] {
        std::vector<float> values(1 << 16);
        for (int at = 0; at < 1 << 16; at++) {
#ifdef BF16
            values[at] = from_bf16(at);
#else
            values[at] = from_f16(at);
#endif
        }
        return values;
    }();
    return table[bits];
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
    struct Operand {
        float *c;
        const unsigned *a, *b;
    } operand = {c, a, b};
    cpu::together(0xffffffff, line, &operand, [](void **operands) {
        // Registers to whole matrices, the product, and back.
        float a[16][16], b[8][16];
        double sums[16][8];     // products are exact, and rounded once they are added up
        auto half = [](unsigned both, int which) { return cpu::from_element(both >> 16 * which); };
        for (int lane = 0; lane < cpu::WARP_SIZE; lane++) {
            auto *from = (Operand *)operands[lane];
            int g = lane / 4, t = lane % 4 * 2;
            for (int which = 0; which < 2; which++) {
                a[g][t + which] = half(from->a[0], which);
                a[g + 8][t + which] = half(from->a[1], which);
                a[g][t + 8 + which] = half(from->a[2], which);
                a[g + 8][t + 8 + which] = half(from->a[3], which);
                b[g][t + which] = half(from->b[0], which);
                b[g][t + 8 + which] = half(from->b[1], which);
                sums[g][t + which] = from->c[which];
                sums[g + 8][t + which] = from->c[2 + which];
            }
        }
        for (int i = 0; i < 16; i++) {
            for (int j = 0; j < 8; j++) {
                for (int k = 0; k < 16; k++) sums[i][j] += (double)a[i][k] * b[j][k];
            }
        }
        for (int lane = 0; lane < cpu::WARP_SIZE; lane++) {
            auto *to = (Operand *)operands[lane];
            int g = lane / 4, t = lane % 4 * 2;
            for (int which = 0; which < 2; which++) {
                to->c[which] = (float)sums[g][t + which];
                to->c[2 + which] = (float)sums[g + 8][t + which];
            }
        }
    });
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
    bool at_once = cpu::block.order == cpu::Order::Forwards ||
        (cpu::block.order == cpu::Order::Random && cpu::next_random() % 2);
    if (at_once) {
        cpu::carry_out(copy);
    } else {
        cpu::block.current->open_copies.push_back(copy);
    }
}

inline void commit_copies() {
    cpu::Thread &thread = *cpu::block.current;
    thread.groups.push_back(std::move(thread.open_copies));
    thread.open_copies.clear();
}

template <int PENDING>
inline void wait_for_copies() {
    auto &groups = cpu::block.current->groups;
    while (groups.size() > PENDING) {
        for (const cpu::Copy &copy : groups.front()) cpu::carry_out(copy);
        groups.pop_front();
    }
}

inline unsigned pack(float low, float high) { return cpu::to_element(low) | (unsigned)cpu::to_element(high) << 16; }

// The instruction flushes results below 2^-126 to 0.
inline float exp2_fast(float x) {
    float y = exp2f(x);
    return y < 0x1p-126f ? 0.0f : y;
}
