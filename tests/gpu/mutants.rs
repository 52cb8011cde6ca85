//! Mutants of the WGSL kernels: each changes one place of the text, and the built-in cases must catch it.
#![cfg(feature = "wgpu")]

use crate::common::dropout;
use crate::common::gpu::{Prepared, backend, cases};
use tilescope::attention::Shape;
use tilescope::attention::cases::{Case, problem};
use tilescope::gpu::kernels::by_file;
use tilescope::gpu::wgpu::WgpuBackend;
use tilescope::gpu::{Backend, DeviceKind};

/// What is changed, which text, into what.
type Mutant = (&'static str, &'static str, &'static str);

/// In the text that all kernels share; each rung must notice.
const SHARED: &[Mutant] = &[
    ("the diagonal is one off", "diagonal + params.right + 1)", "diagonal + params.right)"),
    ("a window is one off", "i32(i) + diagonal - params.left)", "i32(i) + diagonal - params.left + 1)"),
    ("the key length is forgotten", "return i32(batch_in[batch * (params.heads + 3u)]);", "return i32(params.n_k);"),
    (
        "the key length of another entry",
        "return i32(batch_in[batch * (params.heads + 3u)]);",
        "return i32(batch_in[0]);",
    ),
    ("the diagonal of another entry", "(params.heads + 3u) + 1u]", "(params.heads + 3u) * 0u + 1u]"),
    ("ALiBi has the diagonal of another entry", "(params.heads + 3u) + 2u]", "(params.heads + 3u) * 0u + 2u]"),
    (
        "ALiBi is measured from the diagonal",
        "i32(i) + ahead_of(batch) - i32(j)",
        "i32(i) + diagonal_of(batch) - i32(j)",
    ),
    ("a mild sentinel", "const HIDDEN = -3.4028234663852886e38;", "const HIDDEN = -1e4;"),
    ("the bias is not broadcast", "let at = params.bias_strides", "let at = max(params.bias_strides, vec4u(1u))"),
    ("a bias of -inf is no mask", "{ return HIDDEN; }", "{ return 0.0; }"),
    ("ALiBi ignores the offset", "i32(i) + ahead_of(batch) - i32(j)", "i32(i) - i32(j)"),
    ("ALiBi has one slope", "(params.heads + 3u) + 3u + head]", "(params.heads + 3u) + 3u]"),
    ("no softcap", "if (params.softcap > 0.0)", "if (false)"),
    ("L leaves out m", "m + log(", "log("),
    ("a dead row has a finite m", "select(bitcast<u32>(m), NEG_INF_BITS, m <= BELOW)", "bitcast<u32>(m)"),
    ("a dead row has a finite L", "NEG_INF_BITS, dead);", "0u, dead);"),
    ("a score of NaN is a number", "if (size > INF_BITS) { return ODD; }", "if (size > INF_BITS) { return 0.0; }"),
    ("an infinite score is a number", "return select(ABOVE, BELOW, bits == NEG_INF_BITS);", "return 0.0;"),
    ("a score of -inf is hidden", "select(ABOVE, BELOW, bits", "select(ABOVE, HIDDEN, bits"),
    ("infinities change their sign", "select(ABOVE, BELOW, bits", "select(BELOW, ABOVE, bits"),
    ("a softcap makes a number of NaN", "if (stand_in(x) == ODD) { return ODD; }", ""),
    ("a row of -inf alone is a row of numbers", "return m == BELOW || m >= ABOVE;", "return m >= ABOVE;"),
    ("a row of +inf is a row of numbers", "return m == BELOW || m >= ABOVE;", "return m == BELOW || m > ABOVE;"),
    ("a row of NaN is a row of numbers", "return m == BELOW || m >= ABOVE;", "return m == BELOW || m == ABOVE;"),
    ("m of a row of NaN is a number", "if (m == ODD) { return NAN_BITS; }", ""),
    ("m of a row of +inf is a number", "if (m == ABOVE) { return INF_BITS; }", ""),
    ("l of a row of NaN is a number", "select(bitcast<u32>(l), NAN_BITS, is_odd(m))", "bitcast<u32>(l)"),
    ("L of a row of NaN is a number", "if (is_odd(m)) { return NAN_BITS; }", ""),
    ("a small weight is 0, and hides NaN", "exp(max(x - shift, LEAST))", "exp(x - shift)"),
];

const STANDARD: &[Mutant] = &[
    (
        "products before all keys are there",
        "workgroupBarrier();\n\n        // [step: scores]",
        "\n        // [step: scores]",
    ),
    (
        "products before all values are there",
        "workgroupBarrier();\n\n        // [step: product]",
        "\n        // [step: product]",
    ),
    ("GQA reads another head of K", "k_in[kv_row * LANES", "k_in[(kv_row % params.n_k) * LANES"),
    ("GQA reads another head of V", "v_in[kv_row * LANES", "v_in[(kv_row % params.n_k) * LANES"),
    (
        "no mask",
        "if (i32(j) < first_key(i, diagonal) || i32(j) >= end_key(i, key_length, diagonal)) { s = HIDDEN; }",
        "",
    ),
    ("keys before a window are seen", "i32(j) < first_key(i, diagonal) || ", ""),
    (
        "the last tile is left out of S",
        "j0 < params.n_k; j0 += BC) {\n        // Keys past",
        "j0 + BC < params.n_k; j0 += BC) {\n        // Keys past",
    ),
    (
        "the maximum is of a quarter of the row",
        "max(rows[row * LANES + 2u], rows[row * LANES + 3u])",
        "rows[row * LANES]",
    ),
    ("the sum is of half of the row", " + (rows[row * LANES + 2u] + rows[row * LANES + 3u])", ""),
    ("exp of the score itself", "exp_minus(s_mem[begin + j], m)", "exp_minus(s_mem[begin + j], 0.0)"),
    ("rows are not divided", "max(inverse * kept, TINY)", "kept"),
    (
        "what is hidden weighs something",
        "select(0.0, max(inverse * kept, TINY), kept != 0.0)",
        "max(inverse * kept, TINY)",
    ),
    ("O of a row of NaN is a number", "if (odd) { o[n] = vec4f(nan()); }", ""),
    ("keys past the last weigh something", "select(0.0, p_mem[at], j0 + j < params.n_k)", "p_mem[at]"),
    ("V of a masked key leaks", "if (weight != 0.0)", "if (true)"),
    ("O of another query", "o_out[q_row *", "o_out[(q_row ^ 1u) *"),
];

const FLASH1: &[Mutant] = &[
    (
        "products before all keys and values are there",
        "workgroupBarrier();\n\n        for (var block = ",
        "\n        for (var block = ",
    ),
    ("O is not rescaled", "o[n] *= l * alpha;", "o[n] *= l;"),
    ("O is not taken back from its division", "o[n] *= l * alpha;", "o[n] *= alpha;"),
    ("O is not divided", "o[n] *= inverse;", ""),
    (
        "the tile is not made relative to the new maximum",
        "let weight = max(beta * p[row * BC + j], TINY);",
        "let weight = p[row * BC + j];",
    ),
    ("a small weight is 0 in its tile", "max(beta * p[row * BC + j], TINY)", "beta * p[row * BC + j]"),
    ("O of a row of NaN is a number", "is_odd(m) && c < LANES * DV_VECS", "false"),
    ("stand-ins leave as m", "stats_out[at] = m_bits(m);", ""),
    ("l is not rescaled", "alpha * l + beta * l_tile", "l + beta * l_tile"),
    ("the sum of the tile is not rescaled", "alpha * l + beta * l_tile", "alpha * l + l_tile"),
    ("the tile's maximum replaces the row's", "let m_new = max(m, m_tile);", "let m_new = m_tile;"),
    ("O does not start at 0", "+ n * LANES + lane] = vec4f();", "+ n * LANES + lane] = vec4f(1.0);"),
    ("m does not start at -inf", "= bitcast<u32>(HIDDEN);", "= 0u;"),
    ("the first query block is off", "- diagonal - params.right);", "- diagonal - params.right + i32(BR));"),
    (
        "queries past a window's edge are left out",
        "j_end - diagonal + params.left);",
        "j_end - diagonal + params.left - 1);",
    ),
    ("keys past the last are not masked", " && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(last, diagonal) <= i32(j0) && ", ""),
    ("GQA reads another head", "head / (params.heads / params.kv_heads)", "head % params.kv_heads"),
    ("V of a masked key leaks", "if (p[row * BC + j] != 0.0)", "if (true)"),
    ("K of half a block", "c < LANES * D_VECS; c += LOADERS", "c < LANES * D_VECS / 2u; c += LOADERS"),
    ("L is not stored", "stats_out[at + 2u] = ", "_ = "),
];

const FLASH2: &[Mutant] = &[
    (
        "products before all keys are there",
        "workgroupBarrier();\n\n        // [step: scores]",
        "\n        // [step: scores]",
    ),
    (
        "products before all values are there",
        "workgroupBarrier();\n\n        // [step: accumulate]",
        "\n        // [step: accumulate]",
    ),
    ("O is not rescaled", "o[n] *= alpha;", ""),
    ("O is divided by alpha, as the paper misprints", "o[n] *= alpha;", "o[n] /= alpha;"),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("the tile's maximum replaces the row's", "var m_new = m;", "var m_new = HIDDEN;"),
    ("keys past the last are not masked", " && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(last, diagonal) <= i32(j0) && ", ""),
    ("GQA reads another head", "head / (params.heads / params.kv_heads)", "head % params.kv_heads"),
    ("V of a masked key leaks", "if (weight != 0.0)", "if (true)"),
    ("O is not normalised", "o[n] *= inverse;", ""),
    ("O of a row of NaN is a number", "if (is_odd(m)) { o[n] = vec4f(nan()); }", ""),
];

/// In what is of dropout alone.
const DROPOUT: &[Mutant] = &[
    ("dropout is forgotten", "if (params.kept != 0.0) {", "if (false) {"),
    ("dropout of the keys of another tile", "*= keep(batch, head, i, j0 + j);", "*= keep(batch, head, i, j);"),
    ("what is kept is not scaled up", "select(0.0, params.kept, random_word", "select(0.0, 1.0, random_word"),
    ("what a mask keeps is not scaled up", "select(0.0, params.kept, ((bytes", "select(0.0, 1.0, ((bytes"),
    ("a mask of the wrong sense", "& 0xffu) != 0u", "& 0xffu) == 0u"),
    ("a mask of words", "n.x / 4u", "n.x"),
    ("a mask begins at the first word", "params.keep_at + n.x", "n.x"),
    ("a mask is not looked at", "if (params.keep_at != 0u) {", "if (false) {"),
    ("a seed drops what it should keep", "> params.last_dropped", "< params.last_dropped"),
    (
        "heads share what is dropped",
        "wide_product((batch * params.heads + head)",
        "wide_product((batch * params.heads)",
    ),
    (
        "the mask of a longer input has other rows",
        "params.drawn_q + i, params.drawn_k)",
        "params.drawn_q + i, params.n_k)",
    ),
    (
        "the mask of a longer input has other heads",
        "params.drawn_q + i, params.drawn_k)",
        "params.n_q + i, params.drawn_k)",
    ),
    ("elements beyond 2^32 begin anew", "vec2u(low, begins.y + u32(low < j))", "vec2u(low, 0u)"),
    ("counters beyond 2^32 begin anew", "n.y >> 2u, 0u, 0u)", "0u, 0u, 0u)"),
    ("counters beyond 2^30 begin anew", "(n.x >> 2u) | (n.y << 30u)", "(n.x >> 2u)"),
    ("half of a product is lost", "x.y * y.y + (middle >> 16u)", "x.y * y.y"),
    ("a product does not carry", "(middle & 0xffffu)", "0u"),
    ("a product does not carry its lowest", " + ((x.x * y.x) >> 16u)", ""),
    ("a round is missing", "turn < 10u", "turn < 9u"),
    ("half of the seed stays", "vec2u(0x9e3779b9u, 0xbb67ae85u)", "vec2u(0x9e3779b9u, 0u)"),
    ("four elements share a word", "return x[n.x & 3u];", "return x[0];"),
];

const SPLIT_KV: &[Mutant] = &[
    (
        "products before all keys are there",
        "workgroupBarrier();\n\n        // [step: scores]",
        "\n        // [step: scores]",
    ),
    (
        "products before all values are there",
        "workgroupBarrier();\n\n        // [step: accumulate]",
        "\n        // [step: accumulate]",
    ),
    ("O is not rescaled", "o[n] *= alpha;", ""),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("the tile's maximum replaces the row's", "var m_new = m;", "var m_new = HIDDEN;"),
    ("keys past the last are not masked", " && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(last, diagonal) <= i32(j0) && ", ""),
    ("GQA reads another head", "head / (params.heads / params.kv_heads)", "head % params.kv_heads"),
    ("V of a masked key leaks", "if (weight != 0.0)", "if (true)"),
    ("O of a split is not normalised", "o[n] *= inverse;\n    }\n    let lse", "}\n    let lse"),
    ("a key block is in two splits", "(split + 1u) * each", "(split + 1u) * each + 1u"),
    ("the first key block of a split is left out", "i32(min(split * each,", "i32(min(split * each + 1u,"),
    ("every split is the first", "(params.origin.x + group.x) % params.splits", "0u"),
    ("splits are not weighed", "let w = exp_minus(lse, top);", "let w = exp_minus(lse, lse);"),
    ("O of the splits so far is not rescaled", "alpha * o[n] + w * o_part[n]", "o[n] + w * o_part[n]"),
    ("the weights so far are not rescaled", "weight = alpha * weight + w;", "weight = weight + w;"),
    (
        "L of the first split stands for all",
        "let lse = part_lse[at];",
        "let lse = part_lse[part_row(batch, head, 0u, i)];",
    ),
    ("the last split is left out", "split < params.splits; split++", "split + 1u < params.splits; split++"),
    ("O of a row of NaN is a number", "if (is_odd(top)) { o[n] = vec4f(nan()); }", ""),
    ("L is not stored", "stats_out[3u * q_row + 2u] = ", "_ = "),
];

/// What only shows when programs run one at a time, the last first. Without its bounds check on queries a program writes
/// into the next head, which mends it when its turn comes later; and flash1 may be done in a single launch.
const ORDER: &[(&str, Mutant)] = &[
    (
        "standard.wgsl",
        (
            "S of queries past the last is stored",
            "let i = min(block * BR + row, last);\n    let stores = block * BR + row <= last;",
            "let i = block * BR + row;\n    let stores = true;",
        ),
    ),
    ("flash1.wgsl", ("every launch starts over", "if (params.origin.x == 0u)", "if (true)")),
    (
        "flash1.wgsl",
        (
            "queries past the last are stored",
            "let last = min(block * BR + BR, params.n_q) - 1u;",
            "let last = block * BR + BR - 1u;",
        ),
    ),
    (
        "flash2_wide.wgsl",
        (
            "queries past the last are stored",
            "let last = min(block * BR + BR, params.n_q) - 1u;",
            "let last = block * BR + BR - 1u;",
        ),
    ),
    (
        "split_kv.wgsl",
        (
            "queries past the last are stored",
            "let last = min(block * BR + BR, params.n_q) - 1u;",
            "let last = block * BR + BR - 1u;",
        ),
    ),
    (
        "flash2.wgsl",
        (
            "queries past the last are stored",
            "let last = min(block * BR + BR, params.n_q) - 1u;",
            "let last = block * BR + BR - 1u;",
        ),
    ),
];

#[test]
fn programs_that_run_backwards_show_what_their_order_hides() {
    let case = problem(Shape { heads: 3, kv_heads: 3, ..Shape::single(17, 33, 8) });
    let case = Prepared::new(Case { name: "three heads of 17 queries".into(), problem: case });
    for (file, (name, from, to)) in ORDER {
        let Some(mut backend) = backend(ORDER.len()).map(WgpuBackend::backwards) else { return };
        let kernel = by_file(file).expect("a WGSL kernel");
        case.check(&mut backend, kernel).expect("the kernel itself is right");
        let text = kernel.text();
        assert_eq!(text.matches(from).count(), 1, "{file}: {from:?} is not there exactly once");
        backend = backend.with_source(file, &text.replace(from, to)).expect("a mutant that compiles");
        let why = case.check(&mut backend, kernel).expect_err(name);
        println!("{file}: {name}: {why}");
    }
}

const FLASH2_WIDE: &[Mutant] = &[
    ("O is not rescaled", "o[n] = mat4x4f(alpha.x * o[n][0]", "o[n] = mat4x4f(o[n][0]"),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("the tile's maximum replaces the row's", "var m_new = m;", "var m_new = vec4f(HIDDEN);"),
    (
        "products before all keys are there",
        "workgroupBarrier();\n\n        // [step: scores]",
        "\n        // [step: scores]",
    ),
    (
        "products before all values are there",
        "workgroupBarrier();\n\n        // [step: accumulate]",
        "\n        // [step: accumulate]",
    ),
    ("the maximum leaves out a key", "max(max(s[0], s[1]), max(s[2], s[3]))", "max(max(s[0], s[1]), s[2])"),
    (
        "two queries change places",
        "q_tile[at + 2u * step], q_tile[at + 3u * step]",
        "q_tile[at + 3u * step], q_tile[at + 2u * step]",
    ),
    ("keys past the last are not masked", " && i32(j0 + BC) <= end_key(block * BR, key_length, diagonal)", ""),
    ("keys before a window are not masked", "first_key(last, diagonal) <= i32(j0) && ", ""),
    ("a window ends where it begins", "(key < starts) | (key >= ends)", "key >= ends"),
    ("GQA reads another head", "head / (params.heads / params.kv_heads)", "head % params.kv_heads"),
    ("V of a masked key leaks", "if (all(weights != vec4f()))", "if (true)"),
    ("V of a key that one query does not see leaks", "if (weights.z != 0.0)", "if (true)"),
    ("O is not normalised", "mat4x4f(inverse.x * o[n][0]", "mat4x4f(o[n][0]"),
    ("O of a row of NaN is a number", "if (is_odd(m.y)) { o[n][1] = vec4f(nan()); }", ""),
];

/// Catches every one of `own` and `shared`, mutants of one kernel.
fn catch_all(file: &str, own: &[Mutant], shared: &[Mutant]) {
    let Some(mut backend) = backend(own.len() + shared.len()) else { return };
    // Several key blocks in each.
    backend.set_splits(2);
    let mut cases = cases();
    let kernel = by_file(file).expect("a WGSL kernel");
    if kernel.has_dropout() {
        cases.extend(dropout::cases(24).into_iter().map(Prepared::new));
    }
    // Each head dimension is a pipeline of its own, and most time goes into those: cases that share one come first.
    cases.sort_by_key(Prepared::vectors);
    let text = kernel.text();
    let (mut ran, mut survivors) = (0, Vec::new());
    for (name, from, to) in own.iter().chain(shared) {
        assert_eq!(text.matches(from).count(), 1, "{name}: {from:?} is not there exactly once");
        backend = backend.with_source(file, &text.replace(from, to)).expect("a mutant that compiles");
        ran += 1;
        match cases.iter().find_map(|case| case.check(&mut backend, kernel).err().map(|why| (case.name(), why))) {
            Some((case, why)) => println!("{file}: {name}: caught by {case:?}: {why}"),
            None => survivors.push(*name),
        }
    }
    println!("{file}: {ran} mutants, {} survive", survivors.len());
    // A missing barrier is a race, which a GPU may win every time; a software driver runs one thread after another.
    if backend.info().kind != DeviceKind::Software {
        survivors.retain(|name| !name.starts_with("products before all "));
    }
    assert!(survivors.is_empty(), "{file}: {survivors:?} survive");
}

#[test]
fn every_mutant_of_standard_is_caught() {
    catch_all("standard.wgsl", STANDARD, SHARED);
}

#[test]
fn every_mutant_of_flash1_is_caught() {
    catch_all("flash1.wgsl", FLASH1, SHARED);
}

/// It tells L, and neither m nor l.
#[test]
fn every_mutant_of_split_kv_is_caught() {
    let of_m_or_l = ["a dead row has a finite m", "m of a row of NaN", "m of a row of +inf", "l of a row of NaN"];
    let is_told = |mutant: &&Mutant| !of_m_or_l.iter().any(|name| mutant.0.starts_with(name));
    let shared: Vec<Mutant> = SHARED.iter().filter(is_told).copied().collect();
    assert_eq!(shared.len() + of_m_or_l.len(), SHARED.len());
    catch_all("split_kv.wgsl", SPLIT_KV, &shared);
}

#[test]
fn every_mutant_of_flash2_is_caught() {
    catch_all("flash2.wgsl", &[FLASH2, DROPOUT].concat(), SHARED);
}

#[test]
fn every_mutant_of_flash2_wide_is_caught() {
    // Its pipelines take a software driver long to compile: what it shares with flash2 is tried there.
    catch_all("flash2_wide.wgsl", FLASH2_WIDE, &[]);
}
