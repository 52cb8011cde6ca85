//! Kernels broken on purpose, one line at a time: each must be caught.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::backward_mutants::{ATOMIC, BACKWARD, FLASH2_BACKWARD, IN_ORDER, OWN, TWO_KERNEL_BACKWARD};
use super::player::{Player, Variant};
use super::{Case, Fault, backward, can_build, check, taken_cases};
use tilescope::attention::{Precision, Problem};

/// What is changed, which text of the file (found once), into what.
pub type Mutant = (&'static str, &'static str, &'static str);

const FLASH2: &[Mutant] = &[
    ("O is not rescaled", "o[n].x *= alpha, o[n].y *= alpha, o[n].z *= alpha, o[n].w *= alpha;", ""),
    (
        "O is divided by alpha, as the paper misprints",
        "o[n].x *= alpha, o[n].y *= alpha,",
        "o[n].x /= alpha, o[n].y /= alpha,",
    ),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("the tile's maximum replaces the row's", "float m_new = m;", "float m_new = NEG_INF;"),
    ("rows past the last key are read", "first + row < rows && c < columns", "c < columns"),
    ("columns past d are read", "first + row < rows && c < columns", "first + row < rows"),
    ("queries past the last column are read", "q[n].y = c + 1 < a.d ? from[1] : 0.0f;", "q[n].y = from[1];"),
    ("O is written past its last column", "if (c + 3 < a.d_v) to[3]", "to[3]"),
    ("queries past the last are read", "int i = min(block * BR + row, last);", "int i = block * BR + row;"),
    ("a bias past the last key is read", "min(j0 + n * LANES + lane, a.n_k - 1)", "j0 + n * LANES + lane"),
    ("no barrier after K is loaded", "a.n_k, a.d);\n        __syncthreads();", "a.n_k, a.d);"),
    (
        "no barrier before V takes the place of K",
        "__syncthreads();\n        load_tile(tile, a.v",
        "load_tile(tile, a.v",
    ),
    ("no barrier after V is loaded", "a.n_k, a.d_v);\n        __syncthreads();", "a.n_k, a.d_v);"),
    ("no barrier before the next K", "        __syncthreads();\n\n#ifdef TAPS", "\n#ifdef TAPS"),
    ("half of a row's lanes give no maximum", "m_new = max_nan(m_new, __shfl_xor_sync(WARP, m_new, 2));", ""),
    ("a row passes over NaN", "m_new = max_nan(m_new, s[n]);", "m_new = fmaxf(m_new, s[n]);"),
    ("a row of -inf alone is a row of numbers", "if (m == LOWEST) m = NEG_INF, l = NOT_A_NUMBER;", ""),
    ("a row of -inf alone is one without keys", "l = NOT_A_NUMBER;", "l = 0.0f;"),
    (
        "half of a row's lanes give no sum",
        "for (int n = 0; n < KEYS; n++) sum += s[n];\n        sum += __shfl_xor_sync(WARP, sum, 1);",
        "for (int n = 0; n < KEYS; n++) sum += s[n];",
    ),
    ("nothing is masked", "if (!whole) {", "if (false) {"),
    ("keys past the last are not masked", " && j0 + BC <= end_key(a, block * BR, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(a, last, diagonal) <= j0 && ", ""),
    ("the last tile is skipped", "j0 < end; j0 += BC", "j0 + BC < end; j0 += BC"),
    ("the first tile of a window is skipped", "int j0 = first / BC * BC;", "int j0 = (first + BC - 1) / BC * BC;"),
    ("the key length is forgotten", "a.key_lengths[batch]", "a.n_k"),
    ("GQA reads another head", "head / (a.heads / a.kv_heads)", "head % a.kv_heads"),
    ("V of a masked key leaks", "if (weight != 0.0f)", "if (true)"),
    ("O is not normalised", "o[n].x *= inverse, o[n].y *= inverse, o[n].z *= inverse, o[n].w *= inverse;", ""),
    ("a dead row divides by 0", "l == 0.0f ? 0.0f : 1.0f / l", "1.0f / l"),
    ("L leaves out m", "m + logf(l)", "logf(l)"),
    ("a later launch begins at the first block", "a.first_block + blockIdx.x", "blockIdx.x"),
    ("the diagonal of another sequence", "a.diagonals[batch]", "a.diagonals[0]"),
    ("dropout is forgotten", "if (a.dropout) {", "if (false) {"),
    ("l leaves out weights", "p[row][j] = s[n] * keep(a, batch", "sum -= s[n], p[row][j] = s[n] * keep(a, batch"),
    ("dropout of the keys of another tile", "head, i, j0 + j);", "head, i, j);"),
    ("dropout of a hidden pair is drawn", "if (s[n] != 0.0f) p[row][j] = ", "p[row][j] = "),
];

/// In what all kernels share; run through flash2.
const SHARED: &[Mutant] = &[
    ("the diagonal is one off", "i + diagonal + a.right + 1", "i + diagonal + a.right"),
    ("the window is one off", "i + diagonal - a.left)", "i + diagonal - a.left + 1)"),
    ("the offset of the diagonal is forgotten", "i + diagonal + a.right + 1", "i + a.right + 1"),
    ("exp of -inf minus -inf", "x == NEG_INF ? 0.0f : expf(", "expf("),
    ("a small weight is 0, and hides NaN", "expf(max_nan(x - shift, LEAST))", "expf(x - shift)"),
    ("a score of -inf is hidden", "return max_nan(x + bias, LOWEST);", "return x + bias;"),
    ("a score of NaN is the lowest", "return max_nan(x + bias, LOWEST);", "return fmaxf(x + bias, LOWEST);"),
    ("a bias of -inf is added", "if (bias == NEG_INF) return NEG_INF;", ""),
    ("a mild sentinel", "#define NEG_INF __int_as_float(0xff800000)", "#define NEG_INF (-1e4f)"),
    ("no softcap", "if (a.softcap > 0.0f)", "if (false)"),
    ("no scale", "a.scale * product", "product"),
    ("ALiBi ignores the offset", "abs(i + a.ahead[batch] - j)", "abs(i - j)"),
    ("ALiBi is of another sequence", "a.ahead[batch]", "a.ahead[0]"),
    ("ALiBi is measured from the diagonal", "a.ahead[batch]", "a.diagonals[batch]"),
    ("what is kept is not scaled up", "return keeps ? a.kept : 0.0f;", "return keeps ? 1.0f : 0.0f;"),
    ("a mask of the wrong sense", "a.keep_mask ? a.keep_mask[n]", "a.keep_mask ? !a.keep_mask[n]"),
    ("a seed drops what it should keep", "> a.last_dropped", "< a.last_dropped"),
    ("the mask of a longer input has other rows", "a.drawn_q + i) * a.drawn_k", "a.drawn_q + i) * a.n_k"),
    ("the mask of a longer input has other heads", "a.drawn_q + i) * a.drawn_k", "a.n_q + i) * a.drawn_k"),
    (
        "heads share what is dropped",
        "((unsigned long long)batch * a.heads + head)",
        "((unsigned long long)batch * a.heads)",
    ),
    ("sequences share what is dropped", "((unsigned long long)batch * a.heads + head)", "((unsigned long long)head)"),
    ("elements beyond 2^32 begin anew", "unsigned long long n = (((", "unsigned n = (unsigned)((("),
    ("counters beyond 2^32 begin anew", "(unsigned)(n / 4 >> 32)", "0"),
    ("a round is missing", "round < 10", "round < 9"),
    ("the key stays", "key += 0x9e3779b9u, ", "key += 0, "),
    ("the high half of the seed is not used", "other = a.seed[1]", "other = 0"),
    ("four elements share a word", "n % 4 < 2 ? n % 2 ? x[1] : x[0] : n % 2 ? x[3] : x[2]", "x[0]"),
    ("words in another order", "n % 2 ? x[3] : x[2]", "n % 2 ? x[2] : x[3]"),
    ("ALiBi takes another head's slope", "batch * a.heads + head] *", "head] *"),
    ("the bias is not broadcast", "step[2] * i", "(step[2] ? step[2] : 1) * i"),
    (
        "the key length is no end",
        "return min(key_length, i + diagonal + a.right + 1)",
        "return i + diagonal + a.right + 1",
    ),
];

const FLASH1: &[Mutant] = &[
    ("old O is not rescaled", "float old_factor = l * alpha * inverse,", "float old_factor = l * inverse,"),
    ("old O is not weighed by l", "float old_factor = l * alpha * inverse,", "float old_factor = alpha * inverse,"),
    ("the tile is not rescaled", "new_factor = beta * inverse", "new_factor = inverse"),
    ("a row passes over NaN", "m_tile = max_nan(m_tile, s[n]);", "m_tile = fmaxf(m_tile, s[n]);"),
    ("a tile of NaN is passed over", "float m_new = max_nan(m, m_tile);", "float m_new = fmaxf(m, m_tile);"),
    ("a small weight is 0 in its tile", "max_nan(new_factor * p[row][j], TINY)", "new_factor * p[row][j]"),
    ("a row of -inf alone is a row of numbers", "m_new = NEG_INF, l_new = NOT_A_NUMBER;", ";"),
    ("a row gives up before its last key", " && end_key(a, i, key_length, diagonal) <= j0 + BC)", ")"),
    ("l is not rescaled", "alpha * l + beta * l_tile", "l + beta * l_tile"),
    ("l of the tile is not rescaled", "alpha * l + beta * l_tile", "alpha * l + l_tile"),
    ("O does not start at 0", "o_out[at] = 0.0f", "(void)o_out[at]"),
    ("l does not start at 0", "l_out[i] = 0.0f", "(void)l_out[i]"),
    ("m does not start at -inf", "m_out[i] = NEG_INF", "m_out[i] = 0.0f"),
    ("no barrier before K", "__syncthreads();\n        load_tile(k_tile", "load_tile(k_tile"),
    ("no barrier after V", "a.n_k, a.d_v);\n        __syncthreads();", "a.n_k, a.d_v);"),
    ("queries before the diagonal are visited too late", "j0 - diagonal - a.right)", "j0 - diagonal - a.right + BR)"),
    ("queries past the window are not visited", "key_end - diagonal + a.left)", "key_end - diagonal + a.left - BR)"),
    ("a later launch begins at the first key block", "int j0 = a.first_block * BC;", "int j0 = 0;"),
    ("queries past the last are read", "int i = min(i0 + row, last);", "int i = i0 + row;"),
    ("nothing is masked", "if (!whole) {", "if (false) {"),
    ("V of a masked key leaks", "if (p[row][j] != 0.0f)", "if (true)"),
    ("GQA reads another head", "head / (a.heads / a.kv_heads)", "head % a.kv_heads"),
];

const STANDARD: &[Mutant] = &[
    ("S is written past the last key", "bool inside = i <= at.last && j < a.n_k;", "bool inside = i <= at.last;"),
    ("S is written past the last query", "bool inside = i <= at.last && j < a.n_k;", "bool inside = j < a.n_k;"),
    ("nothing is masked", "if (j < first_key(a, i, diagonal) || j >= end_key", "if (false && j >= end_key"),
    ("the key length is forgotten", "a.key_lengths[at.batch]", "a.n_k"),
    ("no barrier after K is loaded", "a.n_k, a.d);\n        __syncthreads();", "a.n_k, a.d);"),
    ("no barrier before the next K", "* a.n_k + j] = s;\n        __syncthreads();", "* a.n_k + j] = s;"),
    ("the maximum of half a row", "lanes > 0; lanes /= 2) m =", "lanes > 1; lanes /= 2) m ="),
    ("the sum of half a row", "lanes > 0; lanes /= 2) l +=", "lanes > 1; lanes /= 2) l +="),
    ("P is not normalised", "max_nan(p[j] * inverse, TINY)", "p[j]"),
    ("what is hidden weighs something", "p[j] == 0.0f ? 0.0f : max_nan", "max_nan"),
    ("a row passes over NaN", "m = max_nan(m, s[j]);", "m = fmaxf(m, s[j]);"),
    ("a row of -inf alone is a row of numbers", "if (m == LOWEST) m = NEG_INF, l = NOT_A_NUMBER;", ""),
    ("no barrier after V is loaded", "a.n_k, a.d_v);\n        __syncthreads();", "a.n_k, a.d_v);"),
    ("no barrier before the next V", "        __syncthreads();\n\n#ifdef TAPS", "\n#ifdef TAPS"),
    ("V of a masked key leaks", "if (weight != 0.0f)", "if (true)"),
    ("O is written past its last column", "if (i <= at.last && c < a.d_v)", "if (i <= at.last)"),
    ("O is written past its last query", "if (i <= at.last && c < a.d_v)", "if (c < a.d_v)"),
    ("GQA reads another head", "at.head / (a.heads / a.kv_heads)", "at.head % a.kv_heads"),
];

const FLASH2_MMA: &[Mutant] = &[
    (
        "O is not rescaled",
        "o[tile][n][2 * half] *= alpha[tile][half], o[tile][n][2 * half + 1] *= alpha[tile][half];",
        ";",
    ),
    (
        "half of O is not rescaled",
        "*= alpha[tile][half], o[tile][n][2 * half + 1] *= alpha[tile][half];",
        "*= alpha[tile][half];",
    ),
    ("l is not rescaled", "l[tile][half] *= alpha[tile][half];", ""),
    ("nothing is rescaled", "if (__any_sync(WARP, rises)) {", "if (false) {"),
    ("only the last row's rise counts", "rises |= !(m_new", "rises = !(m_new"),
    ("a warp rescales by one lane", "__any_sync(WARP, rises)", "__shfl_sync(WARP, (int)rises, 0)"),
    ("weights are not added up", "add_to_sum(x, tile, half);", ""),
    ("the tile's maximum replaces the row's", "float most = m[tile][half];", "float most = NEG_INF;"),
    (
        "half of a row's lanes give no maximum",
        "m_new[tile][half] = max_nan(most, __shfl_xor_sync(WARP, most, 2));",
        "m_new[tile][half] = most;",
    ),
    ("half of a row's lanes give no sum", "l[tile][half] += __shfl_xor_sync(WARP, l[tile][half], 2);", ""),
    ("a row that has seen nothing subtracts -inf", "m == NEG_INF ? 0.0f : m * c", "m * c"),
    ("a biased row that has seen nothing subtracts -inf", "(x - shift_of(m, 1.0f)) * c", "(x - m) * c"),
    (
        "a row passes over NaN",
        "most = max_nan(most, max_nan(s[tile][n][2 * half], s[tile][n][2 * half + 1]));",
        "most = fmaxf(most, fmaxf(s[tile][n][2 * half], s[tile][n][2 * half + 1]));",
    ),
    ("a row of -inf alone has no key", "if (empty) m[tile][half] = NEG_INF, l[tile][half] = NOT_A_NUMBER;", ""),
    ("a biased row of -inf alone has weights", ": m[tile][half] == LOWEST;", ": false;"),
    (
        "a row that sees no key has no weights",
        "l[tile][half] == 0.0f && first_key(a, i, diagonal) < end_key(a, i, key_length, diagonal)",
        "l[tile][half] == 0.0f",
    ),
    ("a biased score keeps its maximum", "s[tile][n][e] -= shift_of(m_new[tile][e / 2], 1.0f);", ""),
    ("a biased score loses its maximum twice", "shift[at / 2][at % 2] = 0.0f;", ";"),
    ("the scale is not folded", "float c = unit * LOG2_E;", "float c = LOG2_E;"),
    ("powers of 2 of natural scores", "float c = unit * LOG2_E;", "float c = unit;"),
    ("a negative scale is plain", "a.scale > 0.0f && a.softcap", "a.softcap"),
    ("a softcap is plain", " && a.softcap == 0.0f", ""),
    ("ALiBi is plain", " && !a.slopes", ""),
    ("a bias is plain", " && !a.bias", ""),
    ("keys past the last are read", "row < rows - first ? 16 : 0", "16"),
    (
        "copies are not swizzled",
        "copy_async(tile + place(row, at % CHUNKS)",
        "copy_async(tile + (row * CHUNKS + at % CHUNKS) * 16",
    ),
    ("no swizzle", "chunk ^ row * SPAN / 8 % SPAN", "chunk"),
    (
        "K is not waited for",
        "wait_for_copies<0>();\n        __syncthreads();\n        load_tile<BC>(v_at",
        "__syncthreads();\n        load_tile<BC>(v_at",
    ),
    ("no barrier after K", "__syncthreads();\n        load_tile<BC>(v_at", "load_tile<BC>(v_at"),
    (
        "V is not waited for",
        "wait_for_copies<0>();\n        __syncthreads();\n        if (j0 + BC < end)",
        "wait_for_copies<1>();\n        __syncthreads();\n        if (j0 + BC < end)",
    ),
    ("no barrier after V", "__syncthreads();\n        if (j0 + BC < end)", "if (j0 + BC < end)"),
    (
        "the next K comes in the place of V",
        "load_tile<BC>(k_at, a.k, kv_base, j0 + BC",
        "load_tile<BC>(v_at, a.k, kv_base, j0 + BC",
    ),
    ("K does not go on", "load_tile<BC>(k_at, a.k, kv_base, j0 + BC", "load_tile<BC>(k_at, a.k, kv_base, j0"),
    ("a warp does not wait for its own O", "    __syncwarp();\n", ""),
    ("queries past the last are stored", "if (i0 + row < a.n_q) {", "{"),
    (
        "L of queries past the last is stored",
        "if (lane % 4 == 0 && i < a.n_q) {\n            float",
        "if (lane % 4 == 0) {\n            float",
    ),
    ("nothing is masked", "if (!whole) {", "if (false) {"),
    ("keys past the last are not masked", " && j0 + BC <= end_key(a, i0, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(a, i0 + BR - 1, diagonal) <= j0 && ", ""),
    (
        "the last tile is skipped",
        "for (int j0 = start; j0 < end; j0 += BC)",
        "for (int j0 = start; j0 + BC < end; j0 += BC)",
    ),
    ("the key length is forgotten", "a.key_lengths[batch]", "a.n_k"),
    ("GQA reads another head", "head / (a.heads / a.kv_heads)", "head % a.kv_heads"),
    ("K operands are swapped", "mma(s[tile][2 * n + 1], q[tile], k + 2);", "mma(s[tile][2 * n + 1], q[tile], k);"),
    ("V is not transposed", "load_matrices_transposed(v,", "load_matrices(v,"),
    ("P of other keys", "s[tile][2 * depth + quarter / 2]", "s[tile][2 * depth]"),
    ("O is not normalised", "*= inverse, o[tile][n][2 * half + 1] *= inverse;", "*= inverse;"),
    ("a dead row divides by 0", "l[tile][half] == 0.0f ? 0.0f : 1.0f / l[tile][half]", "1.0f / l[tile][half]"),
    ("L leaves out m", "natural + logf(sum)", "logf(sum)"),
    (
        "m stays a dot product",
        "float natural = m[at / 2][at % 2] * unit, sum",
        "float natural = m[at / 2][at % 2], sum",
    ),
    ("a later launch begins at the first block", "a.first_block + gridDim.x", "gridDim.x"),
    ("a later launch begins at the first head", "a.heads + a.first_head + block_y()", "a.heads + block_y()"),
];

/// In what was not there before: splits, their partial results, and the kernel that combines them.
const SPLIT_KV: &[Mutant] = &[
    (
        "a split goes on to the last key",
        "min(end_key(a, last, key_length, diagonal), min((split + 1) * each, key_blocks) * BC)",
        "end_key(a, last, key_length, diagonal)",
    ),
    (
        "a split begins at the first key",
        "max(first_key(a, block * BR, diagonal), min(split * each, key_blocks) * BC)",
        "first_key(a, block * BR, diagonal)",
    ),
    ("the last key blocks are in no split", "(key_blocks + a.splits - 1) / a.splits", "max(key_blocks / a.splits, 1)"),
    ("a later launch begins at the first split", "(a.first_block + blockIdx.x) % a.splits", "blockIdx.x % a.splits"),
    ("a later launch begins at the first block", "int block = a.first_block + blockIdx.x;", "int block = blockIdx.x;"),
    ("a partial O is not normalised", "multiply(o, l == 0.0f ? 0.0f : 1.0f / l);", ""),
    (
        "a row without keys in a split divides by 0",
        "multiply(o, l == 0.0f ? 0.0f : 1.0f / l);",
        "multiply(o, 1.0f / l);",
    ),
    (
        "a split of -inf alone gives up",
        "float lse = m + logf(l);",
        "float lse = m == LOWEST ? NOT_A_NUMBER : m + logf(l);",
    ),
    ("splits share their partial results", "* a.splits + split) * a.n_q", "* a.splits) * a.n_q"),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("O is not rescaled", "multiply(o, alpha);\n\n", "\n\n"),
    ("O of the splits before is not rescaled", "multiply(o, alpha);\n        add_part", "add_part"),
    ("weights of the splits before are not rescaled", "weight = alpha * weight + w;", "weight = weight + w;"),
    ("splits weigh the same", "float w = exp_minus(lse, top);", "float w = lse == NEG_INF ? 0.0f : 1.0f;"),
    ("a row of -inf alone is a row of numbers", "if (top == LOWEST) top = weight = NOT_A_NUMBER;", ""),
    ("a dead row divides by 0", "weight == 0.0f ? 0.0f : 1.0f / weight", "1.0f / weight"),
    ("L leaves out the largest", "top + logf(weight)", "logf(weight)"),
    ("no barrier after K is loaded", "a.n_k, a.d);\n        __syncthreads();", "a.n_k, a.d);"),
    (
        "no barrier before V takes the place of K",
        "__syncthreads();\n        load_tile<THREADS>(tile, a.v",
        "load_tile<THREADS>(tile, a.v",
    ),
    ("no barrier after V is loaded", "a.n_k, a.d_v);\n        __syncthreads();", "a.n_k, a.d_v);"),
    ("no barrier before the next K", "        __syncthreads();\n    }\n\n    // [step: normalise]", "    }\n"),
    ("nothing is masked", "if (!whole) {", "if (false) {"),
    ("V of a masked key leaks", "if (p[row][j] != 0.0f)", "if (true)"),
    ("GQA reads another head", "head / (a.heads / a.kv_heads)", "head % a.kv_heads"),
];

/// In what the kernels after flash2 share; run through split_kv.
const TILES: &[Mutant] = &[
    ("rows past the last are read", "first + row < rows && c < columns", "c < columns"),
    ("columns past the last are read", "first + row < rows && c < columns", "first + row < rows"),
    ("a row is read past its end", "part[n].y = c + 1 < columns ? row[c + 1] : 0.0f;", "part[n].y = row[c + 1];"),
    ("a row is written past its end", "if (c + 3 < columns) row[c + 3] = part[n].w;", "row[c + 3] = part[n].w;"),
    ("the sum of half of the lanes", "lanes < LANES; lanes *= 2) x +=", "lanes < LANES / 2; lanes *= 2) x +="),
    (
        "the maximum of half of the lanes",
        "lanes < LANES; lanes *= 2) x = max",
        "lanes < LANES / 2; lanes *= 2) x = max",
    ),
    ("each lane keeps the last product", "if (lane == keeper) x[n] = sum;", "x[n] = sum;"),
];

const ALL: [(&str, &str, &[Mutant]); 6] = [
    ("split_kv", "split_kv.cu", SPLIT_KV),
    ("split_kv", "tiles.cuh", TILES),
    ("flash2", "flash2.cu", FLASH2),
    ("flash2", "attention.cuh", SHARED),
    ("flash1", "flash1.cu", FLASH1),
    ("standard", "standard.cu", STANDARD),
];

/// What a mutant is run on.
trait Subject: Sync {
    fn problem(&self) -> &Problem;
    /// Runs cases in all orders; gives what is wrong.
    fn check(player: &Player, cases: &[&Self]) -> Vec<Fault>;
}

impl Subject for Case {
    fn problem(&self) -> &Problem {
        self.problem()
    }

    fn check(player: &Player, cases: &[&Self]) -> Vec<Fault> {
        check(player, cases)
    }
}

impl Subject for backward::Case {
    fn problem(&self) -> &Problem {
        &self.problem
    }

    fn check(player: &Player, cases: &[&Self]) -> Vec<Fault> {
        backward::check(player, cases)
    }
}

/// How a mutant is caught: by a wrong or order-dependent result, by a guard, or by the compiler; none if it survives.
/// `killers` are the cases of which other mutants died, the last one first: they are tried before the others.
fn caught<T: Subject>(
    variant: Variant,
    file: &str,
    (name, from, to): Mutant,
    cases: &[&T],
    killers: &Mutex<Vec<usize>>,
) -> Option<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(file);
    let source = std::fs::read_to_string(path).expect("the kernel is part of the project");
    assert_eq!(source.matches(from).count(), 1, "{file}, {name}: {from:?} is not there once");
    let player = Player::new(variant, &[(file, &source.replace(from, to))]);
    let player = player.unwrap_or_else(|why| panic!("{file}, {name}: a mutant must compile: {why}"));
    let mut order = killers.lock().expect("no panic").clone();
    order.extend((0..cases.len()).filter(|at| !order.contains(at)).collect::<Vec<_>>());
    order.retain(|&at| player.variant.takes(cases[at].problem()));
    // Most die of what the last ones died of: a few cases at first, then ever more in one process.
    let (mut rest, mut count) = (&order[..], 1);
    while !rest.is_empty() {
        let (some, later) = rest.split_at(count.min(rest.len()));
        let chosen: Vec<&T> = some.iter().map(|&at| cases[at]).collect();
        if let Some(fault) = T::check(&player, &chosen).into_iter().next() {
            // A process that died with a single case died of it.
            if let Some(at) = fault.case.or((some.len() == 1).then_some(0)) {
                let mut killers = killers.lock().expect("no panic");
                killers.retain(|&killer| killer != some[at]);
                killers.insert(0, some[at]);
            }
            return Some(fault.what);
        }
        (rest, count) = (later, (2 * count).min(MOST_AT_ONCE));
    }
    None
}

/// Cases that one process runs of a mutant.
const MOST_AT_ONCE: usize = 16;

/// Each mutant of these files, two at a time.
fn check_all<T: Subject>(mutants: &[(Variant, &str, Mutant)], cases: &[&T]) {
    if !can_build(mutants.len()) {
        return;
    }
    let (next, killers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut survivors = Vec::new();
        while let Some(&(variant, file, mutant)) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            match caught(variant, file, mutant, cases, &killers) {
                Some(why) => println!("{file}, {}: {}", mutant.0, why.chars().take(160).collect::<String>()),
                None => survivors.push(format!("{file} survives: {}", mutant.0)),
            }
        }
        survivors
    };
    let survivors = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().expect("a worker that ends")).concat()
    });
    println!("{} mutants, {} survive", mutants.len(), survivors.len());
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

#[test]
fn every_mutant_of_a_scalar_kernel_is_caught() {
    let mutants: Vec<_> = ALL
        .into_iter()
        .flat_map(|(kernel, file, mutants)| {
            let d = if kernel == "standard" { 128 } else { 64 };
            let variant = Variant { kernel, precision: Precision::F32, d, taps: false, deterministic: false };
            mutants.iter().map(move |&mutant| (variant, file, mutant))
        })
        .collect();
    check_all(&mutants, &taken_cases(Precision::F32));
}

#[test]
fn every_mutant_of_the_tensor_core_kernel_is_caught() {
    let variant = Variant { kernel: "flash2_mma", precision: Precision::F16, d: 32, taps: false, deterministic: false };
    let mutants: Vec<_> = FLASH2_MMA.iter().map(|&mutant| (variant, "flash2_mma.cu", mutant)).collect();
    check_all(&mutants, &taken_cases(Precision::F16));
}

#[test]
fn every_mutant_of_a_backward_kernel_is_caught() {
    let [atomic, two_kernel] = ["flash2_backward", "two_kernel_backward"].map(|kernel| backward::variant(kernel, 64));
    let files: [(Variant, &str, &[Mutant]); 6] = [
        (atomic, "flash2_backward.cu", FLASH2_BACKWARD),
        (backward::in_order(64), "flash2_backward.cu", IN_ORDER),
        (two_kernel, "two_kernel_backward.cu", TWO_KERNEL_BACKWARD),
        (atomic, "backward.cuh", BACKWARD),
        (atomic, "tiles.cuh", ATOMIC),
        (backward::in_order(64), "tiles.cuh", OWN),
    ];
    let of_file = |(variant, file, mutants): (Variant, &'static str, &'static [Mutant])| {
        mutants.iter().map(move |&mutant| (variant, file, mutant))
    };
    let mutants: Vec<_> = files.into_iter().flat_map(of_file).collect();
    if !can_build(mutants.len()) {
        return;
    }
    let cases = backward::cases_of(mutants[0].0, 0).expect("flash2 runs them");
    check_all(&mutants, &cases.iter().collect::<Vec<_>>());
}
