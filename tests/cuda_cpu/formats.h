// f16 and bf16 as f32, and back.
#pragma once

#include <stdint.h>
#include <string.h>

namespace cpu {

inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

// f32 to f16, to nearest, ties to even.
inline uint16_t to_f16(float x) {
    uint32_t sign = bits_of(x) >> 16 & 0x8000, bits = bits_of(x) & 0x7fffffff;
    if (bits > 0x7f800000) return 0x7fff;                   // NaN, as the instruction writes it
    if (bits >= 0x477ff000) return sign | 0x7c00;           // rounds to infinity
    if (bits < 0x38800000) {                                // below 2^-14: multiples of 2^-24, the spacing at 0.5
        return sign | (bits_of(float_of(bits) + 0.5f) - bits_of(0.5f));
    }
    bits += 0xfff + (bits >> 13 & 1);
    return sign | (bits - 0x38000000) >> 13;
}

// Exponent and fraction where f32 has them, and 2^112 for the difference of the biases.
inline float from_f16(uint16_t bits) {
    uint32_t sign = (bits & 0x8000u) << 16, size = (bits & 0x7fffu) << 13;
    if (size >= 0x0f800000) return float_of(sign | 0x70000000 | size);   // infinity and NaN
    return float_of(sign | bits_of(float_of(size) * 0x1p112f));
}

inline uint16_t to_bf16(float x) {
    uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

inline float from_bf16(uint16_t bits) { return float_of((uint32_t)bits << 16); }

}  // namespace cpu
