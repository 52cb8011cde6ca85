//! The kernels of gradients broken on purpose, one line at a time.

use super::mutants::Mutant;

pub const FLASH2_BACKWARD: &[Mutant] = &[
    ("D is left out", "s[n] * (dp[n] - delta[n])", "s[n] * dp[n]"),
    ("the cap has no gradient", " * (1.0f - squashed[n] * squashed[n])", ""),
    ("dK without the scale", "float weight = a.scale * ds[row][i];", "float weight = ds[row][i];"),
    ("dQ without the scale", "a.scale * ds[key][query]", "ds[key][query]"),
    (
        "dQ does not start at 0",
        "if (place < a.n_q) store_row<QUERY_LANES>(dq_of",
        "if (false) store_row<QUERY_LANES>(dq_of",
    ),
    (
        "D of a query past the last is stored",
        "if (place < a.n_q && lane == 0) a.delta[q_row]",
        "a.delta[q_row + place - i]",
    ),
    ("no barrier after dO is loaded", "a.n_q, a.d_v);\n                __syncthreads();", "a.n_q, a.d_v);"),
    (
        "no barrier before dQ",
        "of_score;\n                }\n                __syncthreads();",
        "of_score;\n                }",
    ),
    (
        "no barrier before the next Q",
        "weight, q_tile[i], lane);\n                }\n                __syncthreads();",
        "weight, q_tile[i], lane);\n                }",
    ),
    ("lanes do not wait for each other's P", "            __syncwarp();\n", ""),
    ("nothing is masked", "if (!whole) {", "if (false) {"),
    ("queries past the last are not masked", "last < a.n_q && ", ""),
    ("a query past the last gives", " || i >= a.n_q) s[n]", ") s[n]"),
    (
        "keys past the last are not masked",
        " &&\n                             j0 + BC <= end_key(a, i0, key_length, diagonal)",
        "",
    ),
    (
        "keys before a window are not masked",
        "first_key(a, last, diagonal) <= j0 &&\n                             j0",
        "j0",
    ),
    ("one head of the group gives", "head < (kv_head + 1) * group", "head < kv_head * group + 1"),
    ("a hidden key leaks into dQ", "s[n] == 0.0f ? 0.0f : of_score", "of_score"),
    ("dO of a query that sees nothing leaks", "if (p[row][i] != 0.0f) add_row", "add_row"),
    ("a hidden key of NaN leaks into dQ", "if (weight != 0.0f) add_row<QUERY_LANES>", "add_row<QUERY_LANES>"),
    ("a query of NaN that sees nothing leaks", "if (weight != 0.0f) add_row<LANES>", "add_row<LANES>"),
    ("the key length is forgotten", "a.key_lengths[batch]", "a.n_k"),
    ("dQ past the last query is added to", "if (i0 + query < a.n_q) {", "{"),
    ("dK of a key past the last is stored", "if (inside) {", "if (inside || (j = j0 + row)) {"),
    (
        "a later launch begins at the first key block",
        "int slice = a.first_block + blockIdx.x;",
        "int slice = blockIdx.x;",
    ),
    (
        "a later launch begins at the first query block",
        "int place = (a.first_block + blockIdx.x) * BR",
        "int place = blockIdx.x * BR",
    ),
    ("the diagonal of another sequence", "a.diagonals[batch]", "a.diagonals[0]"),
    ("dV is of all weights", "p[row][i] = s[n] * keep(a, batch, head, i0 + i, j);", ";"),
    ("dropout of the queries of another tile", "keep(a, batch, head, i0 + i, j)", "keep(a, batch, head, i, j)"),
    ("dropout of hidden pairs is drawn", "if (s[n] != 0.0f) p[row][i] = ", "p[row][i] = "),
    ("dP is of all weights", "== 0.0f ? 0.0f : dp[n] * a.kept;", "== 0.0f ? dp[n] : dp[n];"),
    ("what is dropped has a gradient", "== 0.0f ? 0.0f : dp[n] * a.kept;", "== 0.0f ? dp[n] : dp[n] * a.kept;"),
    ("the gradient of what is kept is not scaled up", "== 0.0f ? 0.0f : dp[n] * a.kept;", "== 0.0f ? 0.0f : dp[n];"),
];

/// In what is of its deterministic variant alone.
pub const IN_ORDER: &[Mutant] = &[
    ("a slice takes the key blocks of the next", "(j0 += a.splits * BC)", "(j0 += BC)"),
    ("a slice ends after its first key block", "(j0 += a.splits * BC) < a.n_k", "(j0 += a.splits * BC) < 0"),
    ("a slice begins at the first key block", "int j0 = slice * BC;", "int j0 = 0;"),
    (
        "slices share a dQ, in the order of arrival",
        "float *to = dq_of(a, q_base, slice, i0 + query);",
        "float *to = dq_of(a, q_base, 0, i0 + query);",
    ),
    ("slices of a head lie in one place", "(size_t)slice * a.n_q + i) * a.d", "i) * a.d"),
    ("heads share their slices", "(q_base * a.splits + ", "(q_base + "),
    ("only the first slice starts at 0", "slice < (DETERMINISTIC ? a.splits : 1)", "slice < 1"),
    (
        "the last slice is left out",
        "for (int slice = 0; slice < a.splits;",
        "for (int slice = 0; slice + 1 < a.splits;",
    ),
    ("the first slice is left out", "for (int slice = 0; slice < a.splits;", "for (int slice = 1; slice < a.splits;"),
    ("queries past the last are added up", "if (i >= a.n_q) return;", ""),
    (
        "a later launch adds up the first query block",
        "int i = (a.first_block + blockIdx.x) * BR",
        "int i = blockIdx.x * BR",
    ),
    ("dQ past the last query is added to", "if (i0 + query < a.n_q) {", "{"),
    ("the key length is forgotten", "a.key_lengths[batch]", "a.n_k"),
];

pub const TWO_KERNEL_BACKWARD: &[Mutant] = &[
    ("dQ leaves out D", "(dp[n] - delta)", "(dp[n])"),
    ("dK leaves out D", "(dp[n] - delta[n])", "dp[n]"),
    ("dQ without the scale", "a.scale * ds[row][j]", "ds[row][j]"),
    ("dK without the scale", "a.scale * ds[row][i]", "ds[row][i]"),
    ("no barrier after V is loaded", "a.n_k, a.d_v);\n        __syncthreads();", "a.n_k, a.d_v);"),
    (
        "no barrier before the next K",
        "weight, k_tile[j], lane);\n        }\n        __syncthreads();",
        "weight, k_tile[j], lane);\n        }",
    ),
    ("lanes of a query do not wait for each other's dS", "        }\n        __syncwarp();\n", "        }\n"),
    ("no barrier after dO is loaded", "a.n_q, a.d_v);\n            __syncthreads();", "a.n_q, a.d_v);"),
    (
        "lanes of a key do not wait for each other's dS",
        "of_score;\n            }\n            __syncwarp();",
        "of_score;\n            }",
    ),
    (
        "no barrier before the next Q",
        "weight, q_tile[i], lane);\n            }\n            __syncthreads();",
        "weight, q_tile[i], lane);\n            }",
    ),
    (
        "dQ goes past its window",
        "int first = first_key(a, block * BR, diagonal);",
        "int first = first_key(a, block * BR, diagonal) + BC;",
    ),
    (
        "dQ past the last query is stored",
        "if (block * BR + row <= last) store_row",
        "if (i = block * BR + row, q_row += i > last) store_row",
    ),
    ("a hidden key of NaN leaks into dQ", "if (weight != 0.0f) add_row<QUERY_LANES>", "add_row<QUERY_LANES>"),
    ("GQA reads another head", "head / (a.heads / a.kv_heads)) * a.n_k", "head % a.kv_heads) * a.n_k"),
    ("one head of the group gives", "head < (kv_head + 1) * group", "head < kv_head * group + 1"),
    ("dQ takes all weights", "if (s[n] != 0.0f) dp[n] *= keep", "if (false) dp[n] *= keep"),
    ("dQ draws hidden pairs", "if (s[n] != 0.0f) dp[n] *= keep", "dp[n] *= keep"),
    ("dQ draws the keys of another tile", "i, j0 + n * QUERY_LANES + lane);", "i, n * QUERY_LANES + lane);"),
    ("dV is of all weights", "p[row][i] = s[n] * keep(a, batch, head, i0 + i, j);", ";"),
    ("what is dropped has a gradient", "== 0.0f ? 0.0f : dp[n] * a.kept;", "== 0.0f ? dp[n] : dp[n] * a.kept;"),
    ("the gradient of what is kept is not scaled up", "== 0.0f ? 0.0f : dp[n] * a.kept;", "== 0.0f ? 0.0f : dp[n];"),
];

/// In what the backward kernels share; run through the one with atomics.
pub const BACKWARD: &[Mutant] = &[
    (
        "L past the last query is read",
        "column[min(first + n * LANES + lane, rows - 1)]",
        "column[first + n * LANES + lane]",
    ),
    ("the cap is of the bare product", "tanhf(a.scale * product / a.softcap)", "tanhf(product / a.softcap)"),
    ("queries before the diagonal are visited too late", "j0 - diagonal - a.right)", "j0 - diagonal - a.right + BR)"),
    ("queries past the window are not visited", "key_end - diagonal + a.left)", "key_end - diagonal + a.left - BR)"),
];

/// In what adds to memory that is its own.
pub const OWN: &[Mutant] = &[
    ("dQ of the key blocks before is lost", "row[c + 1] += part[n].y", "row[c + 1] = part[n].y"),
    ("dQ is added to past its end", "if (c + 3 < columns) row[c + 3] += part[n].w;", "row[c + 3] += part[n].w;"),
];

/// In what adds to memory.
pub const ATOMIC: &[Mutant] = &[
    ("dQ is not added to", "atomicAdd(row + c + 1, part[n].y)", "row[c + 1] = part[n].y"),
    ("dQ is added to past its end", "if (c + 3 < columns) atomicAdd", "atomicAdd"),
];
