//! Files as people save them: each container, name, layout, mask and element kind gives the right attention, or a word.

use std::borrow::Cow;

use crate::common::saved::{Arrays, Saved, everywhere, named, npz, numbers, safetensors, tensor};
use ndarray::{Array4, ArrayD, IxDyn};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input, Layout, Reading, Understood};
use tilescope::attention::{Precision, oracle};
use tilescope::schedule::RunSpec;
use tilescope::schedule::spec::KeyLengths;

const B: usize = 2;
const H: usize = 4;
const H_KV: usize = 2;
const N_Q: usize = 5;
const N_K: usize = 7;
const D: usize = 3;

/// Q, K and V of the sizes above.
fn qkv() -> [Array4<f64>; 3] {
    [tensor([B, H, N_Q, D], 1), tensor([B, H_KV, N_K, D], 2), tensor([B, H_KV, N_K, D], 3)]
}

fn base() -> Arrays {
    named(["q", "k", "v"], qkv())
}

fn with(more: &[(&'static str, Saved)]) -> Arrays {
    [base(), more.to_vec()].concat()
}

/// Attention written out once more, apart from the program's: `score` changes the scaled product of (b, h, i, j).
fn attention(
    tensors: &[Array4<f64>; 3],
    scale: f64,
    score: &dyn Fn(usize, usize, usize, usize, f64) -> f64,
) -> Vec<f64> {
    let [q, k, v] = tensors;
    let ((batch, heads, n_q, d), (_, kv_heads, n_k, _)) = (q.dim(), k.dim());
    let mut out = Vec::new();
    for (b, h, i) in ndarray::indices((batch, heads, n_q)) {
        let g = h * kv_heads / heads;
        let dot = |j: usize| (0..d).map(|x| q[[b, h, i, x]] * k[[b, g, j, x]]).sum::<f64>();
        let weights: Vec<f64> = (0..n_k).map(|j| score(b, h, i, j, scale * dot(j)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for x in 0..v.dim().3 {
            let o: f64 = (0..n_k).map(|j| weights[j] * v[[b, g, j, x]]).sum();
            out.push(if sum == 0.0 { 0.0 } else { o / sum });
        }
    }
    out
}

/// O of every head as the program's oracle computes it from what was read.
fn computed(input: &Input) -> Vec<f64> {
    let shape = input.problem.shape;
    let heads = (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head)));
    heads.flat_map(|(batch, head)| oracle::attention(&input.problem.head(batch, head, Precision::F64)).o).collect()
}

const HIDDEN: f64 = f64::NEG_INFINITY;

fn default_scale() -> f64 {
    1.0 / (D as f64).sqrt()
}

/// What every container must give for `arrays`: these scores, and no warning.
fn gives(arrays: &Arrays, scale: f64, score: &dyn Fn(usize, usize, usize, usize, f64) -> f64) {
    let expected = attention(&qkv(), scale, score);
    for (container, read) in everywhere(arrays, &Reading::default()) {
        let names: Vec<_> = arrays.iter().map(|(name, _)| *name).collect();
        let input = read.unwrap_or_else(|error| panic!("{container} {names:?}: {error}"));
        assert!(max_error(&computed(&input), &expected) <= 1e-12, "{container} {names:?}");
        assert!(input.warnings.is_empty(), "{container} {names:?}: {:?}", input.warnings);
    }
}

/// What every container must refuse, in words that hold `expected`.
fn refuses(arrays: &Arrays, expected: &str) {
    for (container, read) in everywhere(arrays, &Reading::default()) {
        let names: Vec<_> = arrays.iter().map(|(name, _)| *name).collect();
        let text = read.map(drop).expect_err(&format!("{container} {names:?}")).to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{container} {names:?}: {text}");
    }
}

/// What every container must read with a warning that holds `expected`.
fn warns(arrays: &Arrays, expected: &str) {
    for (container, read) in everywhere(arrays, &Reading::default()) {
        let input = read.unwrap_or_else(|error| panic!("{container}: {error}"));
        let told: Vec<String> = input.warnings.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|warning| warning.contains(expected)), "{container} {expected}: {told:?}");
    }
}

#[test]
fn names_of_q_k_and_v() {
    for names in [
        ["Q", "K", "V"],
        ["query", "key", "value"],
        ["xq", "xk", "xv"],
        ["query_states", "key_states", "value_states"],
        ["q_proj", "k_proj", "v_proj"],
        ["arr_0", "arr_1", "arr_2"],
        ["layer.3.q", "layer.3.k", "layer.3.v"],
        ["q", "k_cache", "v_cache"],
    ] {
        gives(&named(names, qkv()), default_scale(), &|_, _, _, _, s| s);
    }
    refuses(&named(["a", "b", "c"], qkv()), "found: a, b, c");
    refuses(&base()[..2].to_vec(), "no array is named as V");
    refuses(&with(&[("key", base()[1].1.clone())]), "K comes twice, as k and as key");
    refuses(&vec![("qkv", base()[0].1.clone())], "q, k, v = qkv.unbind(2)");
    let four = [named(["arr_0", "arr_1", "arr_2"], qkv()), vec![("arr_3", Saved::number(1.0))]].concat();
    refuses(&four, "arr_3 has no name");
}

#[test]
fn words_are_applied_in_every_container() {
    let plain = |_: usize, _: usize, _: usize, _: usize, s: f64| s;
    for name in ["scale", "softmax_scale", "sm_scale", "scaling"] {
        gives(&with(&[(name, Saved::number(0.5))]), 0.5, &plain);
    }
    let offset = N_K - N_Q;
    let causal = |_: usize, _: usize, i: usize, j: usize, s: f64| if j > i + offset { HIDDEN } else { s };
    for name in ["causal", "is_causal"] {
        gives(&with(&[(name, Saved::bools(&[], |_| true))]), default_scale(), &causal);
        gives(&with(&[(name, Saved::ints(&[1], |_| 1))]), default_scale(), &causal);
    }
    let lengths = |b: usize, _: usize, _: usize, j: usize, s: f64| if j >= [4, 6][b] { HIDDEN } else { s };
    for name in ["kv_lengths", "seqlens_k", "key_lengths"] {
        gives(&with(&[(name, Saved::ints(&[2], |at| [4, 6][at]))]), default_scale(), &lengths);
    }
    gives(&with(&[("kv_lengths", Saved::ints(&[], |_| 3))]), default_scale(), &|_, _, _, j, s| {
        if j >= 3 { HIDDEN } else { s }
    });
    for name in ["softcap", "logits_soft_cap", "attn_logit_softcapping"] {
        gives(&with(&[(name, Saved::number(2.0))]), default_scale(), &|_, _, _, _, s| 2.0 * (s / 2.0).tanh());
    }
    gives(&with(&[("softcap", Saved::number(0.0))]), default_scale(), &plain);
    let window = |left: usize, right: usize| {
        move |_: usize, _: usize, i: usize, j: usize, s: f64| {
            let diagonal = i + offset;
            if j + left < diagonal || j > diagonal + right { HIDDEN } else { s }
        }
    };
    gives(&with(&[("window_size", Saved::ints(&[2], |at| [2, 1][at]))]), default_scale(), &window(2, 1));
    gives(&with(&[("sliding_window", Saved::ints(&[], |_| 3))]), default_scale(), &window(2, 0));
    gives(&with(&[("window_size", Saved::ints(&[2], |_| -1))]), default_scale(), &plain);
    let slopes = numbers(&[H], 9);
    let alibi = |_: usize, h: usize, i: usize, j: usize, s: f64| s - slopes[[h]] * (i + offset).abs_diff(j) as f64;
    gives(&with(&[("alibi_slopes", Saved::f64(&slopes))]), default_scale(), &alibi);
}

#[test]
fn words_of_the_metadata_are_those_of_arrays() {
    let offset = N_K - N_Q;
    let read = |metadata: &[(&str, &str)]| input::read("x.safetensors", &safetensors(&base(), metadata));
    let expected = attention(&qkv(), 0.5, &|b, _, i, j, s| {
        let seen = j <= i + offset && j + 2 >= i + offset && j < [4, 7][b];
        if seen { 2.0 * (s / 2.0).tanh() } else { HIDDEN }
    });
    let words = [
        ("scale", "0.5"),
        ("is_causal", "True"),
        ("sliding_window", "3"),
        ("softcap", "2.0"),
        ("kv_lengths", "[4, 7]"),
        ("layout", "[batch, heads, N, d]"),
    ];
    let input = read(&words).expect("an input");
    assert!(max_error(&computed(&input), &expected) <= 1e-12);
    assert!(input.warnings.is_empty(), "{:?}", input.warnings);
    for (key, value, expected) in [
        ("scale", "big", "finite number"),
        ("causal", "2", "true or false"),
        ("window", "4", "not causal; give two"),
        ("window", "[4]", "not causal"),
        ("window_left", "-2", "one whole number"),
        ("align", "middle", "bottom-right or top-left"),
        ("softcap", "-3", "above 0"),
        ("dropout_p", "1", "below 1"),
        ("kv_lengths", "[1, 2, 3]", "batch entries"),
        ("kv_lengths", "[1, 9]", "n_k"),
        ("alibi_slopes", "[0.5]", "alibi_slopes"),
        ("heads", "0", "above 0"),
        ("head_dim", "64", "head_dim is said to be 64"),
    ] {
        let text = read(&[(key, value)]).map(drop).expect_err(key).to_string();
        assert!(text.contains(expected), "{key} {value}: {text}");
    }
    for nothing in ["None", "null", ""] {
        assert!(read(&[("sliding_window", nothing), ("softcap", nothing), ("scale", nothing)]).is_ok());
    }
}

#[test]
fn masks_of_every_shape_and_kind() {
    let seen = |at: usize| at % 3 != 1;
    let full = [B, H, N_Q, N_K];
    for (shape, name) in [
        (&[N_Q, N_K][..], "attn_mask"),
        (&[N_Q, N_K], "mask"),
        (&[1, N_K], "attn_mask"),
        (&[N_K], "attn_mask"),
        (&[N_Q, 1], "attn_mask"),
        (&[H, N_Q, N_K], "attn_mask"),
        (&[1, N_Q, N_K], "mask"),
        (&[B, 1, N_Q, N_K], "attention_mask"),
        (&[B, 1, 1, N_K], "attention_mask"),
        (&[1, H, 1, 1], "bias"),
        (&[N_Q, N_K], "bias"),
        (&full, "mask"),
        (&[], "mask"),
    ] {
        let place = |b: usize, h: usize, i: usize, j: usize| {
            let mut at = 0;
            for (axis, &size) in shape.iter().enumerate() {
                let index = [b, h, i, j][axis + 4 - shape.len()];
                at = at * size + if size == 1 { 0 } else { index };
            }
            at
        };
        let hide = |b: usize, h: usize, i: usize, j: usize, s: f64| if seen(place(b, h, i, j)) { s } else { HIDDEN };
        gives(&with(&[(name, Saved::bools(shape, seen))]), default_scale(), &hide);
        if name != "bias" {
            gives(&with(&[(name, Saved::ints(shape, |at| i64::from(seen(at))))]), default_scale(), &hide);
        }
        let added = numbers(shape, 5);
        let values: Vec<f64> = added.iter().copied().collect();
        let add = |b: usize, h: usize, i: usize, j: usize, s: f64| s + values[place(b, h, i, j)];
        gives(&with(&[(name, Saved::f32(&added))]), default_scale(), &add);
    }
    // One row of keys for each batch entry: padding at the end, and at the start.
    for padded in [[7, 4], [5, 7], [0, 7]] {
        let mask = Saved::ints(&[B, N_K], |at| i64::from(at % N_K < padded[at / N_K]));
        let hide = |b: usize, _: usize, _: usize, j: usize, s: f64| if j < padded[b] { s } else { HIDDEN };
        gives(&with(&[("attention_mask", mask.clone())]), default_scale(), &hide);
        let input = input::read("x.npz", &npz(&with(&[("attention_mask", mask)]))).expect("an input");
        assert_eq!(input.problem.mask.key_lengths.as_deref(), Some(&padded[..]));
        let left = Saved::bools(&[B, N_K], |at| at % N_K >= N_K - padded[at / N_K]);
        let hide = |b: usize, _: usize, _: usize, j: usize, s: f64| if j + padded[b] >= N_K { s } else { HIDDEN };
        gives(&with(&[("attention_mask", left)]), default_scale(), &hide);
    }
    // Both: their sum.
    let both = with(&[("mask", Saved::bools(&[N_Q, N_K], seen)), ("bias", Saved::f64(&numbers(&[1, H, 1, 1], 4)))]);
    let per_head: Vec<f64> = numbers(&[H], 4).into_iter().collect();
    gives(&both, default_scale(), &|_, h, i, j, s| if seen(i * N_K + j) { s + per_head[h] } else { HIDDEN });
}

#[test]
fn masks_that_may_mean_two_things_are_refused() {
    let square = [tensor([N_K, 1, N_K, D], 1), tensor([N_K, 1, N_K, D], 2), tensor([N_K, 1, N_K, D], 3)];
    let square = |mask: &'static str| {
        let mut arrays = named(["q", "k", "v"], square.clone());
        arrays.push((mask, Saved::bools(&[N_K, N_K], |at| at % 2 == 0)));
        arrays
    };
    refuses(&square("mask"), "give it four axes");
    for name in ["attn_mask", "attention_mask"] {
        for (container, read) in everywhere(&square(name), &Reading::default()) {
            let bias = read.unwrap_or_else(|error| panic!("{container}: {error}")).problem.bias.expect("a mask");
            let axes = if name == "attn_mask" { [1, 1, N_K, N_K] } else { [N_K, 1, 1, N_K] };
            assert_eq!(bias.shape(), axes, "{container} {name}");
        }
    }
    let ones = Saved::f32(&ArrayD::ones(IxDyn(&[N_Q, N_K])));
    refuses(&with(&[("attn_mask", ones)]), "0 and 1 as f32");
    refuses(&with(&[("attn_mask", Saved::ints(&[N_Q, N_K], |at| at as i64))]), "holds 2");
    refuses(&with(&[("key_padding_mask", Saved::bools(&[B, N_K], |_| true))]), "torch.nn.MultiheadAttention");
    refuses(&with(&[("mask", Saved::bools(&[N_Q, N_Q], |_| true))]), "mask has shape [5, 5]");
    refuses(&with(&[("bias", Saved::ints(&[N_K], |at| (at % 2) as i64))]), "0 and 1 as int64");
    gives(&with(&[("bias", Saved::ints(&[N_K], |at| -(at as i64)))]), default_scale(), &|_, _, _, j, s| s - j as f64);
    let twice = [("mask", Saved::bools(&[N_K], |_| true)), ("attn_mask", Saved::bools(&[N_K], |_| true))];
    refuses(&with(&twice), "mask comes twice, as ");
    let padding = Saved::ints(&[B, N_K], |at| i64::from(at % N_K < 4));
    refuses(&with(&[("attention_mask", padding), ("kv_lengths", Saved::ints(&[], |_| 5))]), "are others");
}

#[test]
fn layouts_by_an_option_a_key_and_an_array() {
    let expected = attention(&qkv(), default_scale(), &|_, _, _, _, s| s);
    for layout in Layout::ALL.into_iter().filter(|layout| *layout != Layout::Thd) {
        let stored = qkv().map(|tensor| Saved::f64(&layout.restore(tensor, if layout == Layout::Bnd { 3 } else { 4 })));
        let arrays: Arrays = ["q", "k", "v"].into_iter().zip(stored).collect();
        let heads = if layout == Layout::Bnd { Some(H) } else { None };
        let how = Reading { layout: Some(layout), heads, ..Reading::default() };
        for (container, read) in everywhere(&arrays, &how) {
            let input = read.unwrap_or_else(|error| panic!("{container} {layout:?}: {error}"));
            assert!(max_error(&computed(&input), &expected) <= 1e-12, "{container} {layout:?}");
            assert_eq!(input.problem.shape.kv_heads, H_KV);
        }
        let mut by_array = arrays.clone();
        by_array.push(("layout", Saved::text(if layout == Layout::Bnd { "bnd" } else { layout.name() })));
        by_array.push(("num_heads", Saved::ints(&[], |_| H as i64)));
        for (container, read) in everywhere(&by_array, &Reading::default()) {
            let input = read.unwrap_or_else(|error| panic!("{container} {layout:?}: {error}"));
            assert!(max_error(&computed(&input), &expected) <= 1e-12, "{container} {layout:?}");
        }
        let metadata = [("layout", layout.name()), ("num_heads", "4")];
        let input = input::read("x.safetensors", &safetensors(&arrays, &metadata)).expect("an input");
        assert!(max_error(&computed(&input), &expected) <= 1e-12 && input.layout == layout);
        // An output in that layout is compared with.
        let o = Array4::from_shape_vec((B, H, N_Q, D), expected.clone()).expect("four axes");
        let mut with_o = arrays.clone();
        with_o.push(("o", Saved::f64(&layout.restore(o, if layout == Layout::Bnd { 3 } else { 4 }))));
        let input = input::read_as("x.npz", &npz(&with_o), &how).expect("an input");
        assert!(Understood::of(&input).own_output.is_some_and(|own| own.agrees), "{layout:?}");
    }
}

/// Axes the other way round, without a word about it.
#[test]
fn heads_that_outnumber_tokens_are_asked_about() {
    let wrong = named(["q", "k", "v"], [1, 2, 3].map(|seed| tensor([1, 64, 2, 8], seed)));
    warns(&wrong, "--layout bnhd");
    let decode = named(["q", "k", "v"], [tensor([1, 1, 8, 4], 1), tensor([1, 9, 2, 4], 2), tensor([1, 9, 2, 4], 3)]);
    refuses(&decode, "with --layout bnhd they are 8 heads over 2, 1 query and 9 keys");
    let told = [wrong, vec![("num_heads", Saved::ints(&[], |_| 2))]].concat();
    refuses(&told, "heads is said to be 2");
}

/// Of bits of bf16 as whole numbers, an output is one as Q is.
#[test]
fn an_output_of_bits_is_compared() {
    let bits = |array: Array4<f64>| {
        let bytes = array.iter().flat_map(|x| half::bf16::from_f64(*x).to_le_bytes()).collect();
        Saved { descr: "<u2", shape: array.shape().to_vec(), bytes }
    };
    let [q, k, v] = [1, 2, 3].map(|seed| tensor([1, 2, 5, 4], seed));
    let arrays: Arrays = vec![("q", bits(q.clone())), ("k", bits(k)), ("v", bits(v)), ("o", bits(q))];
    let how = Reading { bf16_bits: true, ..Reading::default() };
    let input = input::read_as("x.npz", &npz(&arrays), &how).expect("an input");
    let own = Understood::of(&input).own_output.expect("it is compared");
    assert!(!own.agrees, "Q is no output");
}

/// Key lengths that are chosen stand in the place of a mask that hides the last keys, and that is said.
#[test]
fn a_padding_mask_that_is_replaced_is_named() {
    let mut arrays = named(["q", "k", "v"], [1, 2, 3].map(|seed| tensor([1, 2, 8, 4], seed)));
    arrays.push(("mask", Saved::bools(&[1, 1, 1, 8], |at| at < 3)));
    let input = input::read_as("x.npz", &npz(&arrays), &Reading::default()).expect("an input");
    let told = |lengths: Option<KeyLengths>| {
        let spec = RunSpec { kv_lengths: lengths, ..RunSpec::default() };
        Understood::of(&spec.apply(Cow::Borrowed(&input)).expect("a run")).sentence
    };
    assert!(told(None).contains("mask: padding from the file, as key lengths"), "{}", told(None));
    for lengths in [KeyLengths::Each(vec![6]), KeyLengths::All] {
        let told = told(Some(lengths));
        assert!(told.contains("padding from the file, replaced by the key lengths that were chosen"), "{told}");
    }
}

#[test]
fn every_element_kind_is_exact_or_named() {
    let values = [1.5, -2.0, 0.25, 3.0];
    let of = |descr: &'static str, bytes: Vec<u8>| {
        let mut arrays = named(["q", "k", "v"], [1, 2, 3].map(|seed| tensor([1, 1, 2, 2], seed)));
        arrays[0].1 = Saved { descr, shape: vec![1, 1, 2, 2], bytes };
        arrays
    };
    let exact = |arrays: &Arrays| {
        for (container, read) in everywhere(arrays, &Reading { bf16_bits: true, ..Reading::default() }) {
            let q = read.unwrap_or_else(|error| panic!("{container}: {error}")).problem.q;
            assert_eq!(q.into_raw_vec_and_offset().0, values, "{container}");
        }
    };
    let bf16: Vec<u8> = values.iter().flat_map(|x| half::bf16::from_f64(*x).to_le_bytes()).collect();
    exact(&of("<f8", values.iter().flat_map(|x: &f64| x.to_le_bytes()).collect()));
    exact(&of("<f2", values.iter().flat_map(|x| half::f16::from_f64(*x).to_le_bytes()).collect()));
    exact(&of("<V2", bf16.clone()));
    let npz_only = |arrays: &Arrays, how: &Reading| input::read_as("x.npz", &npz(arrays), how);
    let told = |arrays: &Arrays| npz_only(arrays, &Reading::default()).map(drop).expect_err("no number").to_string();
    assert_eq!(
        npz_only(&of("<u2", bf16.clone()), &Reading { bf16_bits: true, ..Reading::default() }).expect("bits").problem.q
            [[0, 0, 1, 1]],
        3.0
    );
    for descr in ["<u2", "<i2"] {
        assert!(told(&of(descr, bf16.clone())).contains("--bf16-bits"), "{descr}");
    }
    for descr in ["|V1", "<f1"] {
        assert!(told(&of(descr, vec![0; 4])).contains("float8"), "{descr}");
    }
    assert!(told(&of("<c8", vec![0; 32])).contains("complex"));
    let int8 = npz_only(&of("|i1", vec![1; 4]), &Reading::default()).expect("whole numbers").warnings;
    assert!(int8.iter().any(|warning| warning.to_string().contains("q is int8")), "{int8:?}");
}

#[test]
fn what_is_not_used_is_named() {
    warns(&with(&[("sink", Saved::number(0.5))]), "not computed here: sink");
    warns(&with(&[("position_bias", Saved::number(0.5))]), "position_bias");
    warns(&with(&[("weather", Saved::number(0.5)), ("cheese", Saved::number(1.0))]), "not used: ");
    warns(&with(&[("lse", Saved::number(0.5)), ("dq", Saved::number(1.0))]), "results, computed anew: ");
    warns(&with(&[("dropout_p", Saved::number(0.1))]), "it is not applied");
    warns(&with(&[("o", Saved::number(0.5))]), "not compared");
    warns(&with(&[("max_seqlen", Saved::ints(&[], |_| 9))]), "not used: max_seqlen");
    refuses(&with(&[("cu_seqlens_q", Saved::ints(&[3], |at| at as i64))]), "[total, heads, d] is needed");
    let many: Vec<(&'static str, Saved)> =
        (0..100).map(|n| (&*Box::leak(format!("w{n}").into_boxed_str()), Saved::number(0.0))).collect();
    warns(&with(&many), "(100 in all)");
}

#[test]
fn keys_that_all_batch_entries_share() {
    let [q, k, v] = qkv();
    let first = |tensor: &Array4<f64>| tensor.slice(ndarray::s![..1, .., .., ..]).to_owned();
    let shared = named(["q", "k", "v"], [q.clone(), first(&k), first(&v)]);
    let whole = [&k, &v].map(|tensor| first(tensor).broadcast(tensor.dim()).expect("one entry for all").to_owned());
    let expected = attention(&[q, whole[0].clone(), whole[1].clone()], default_scale(), &|_, _, _, _, s| s);
    for (container, read) in everywhere(&shared, &Reading::default()) {
        let input = read.unwrap_or_else(|error| panic!("{container}: {error}"));
        assert!(max_error(&computed(&input), &expected) <= 1e-12, "{container}");
    }
}

#[test]
fn a_dropout_mask_with_its_rate_is_applied() {
    let keep = Saved::bools(&[B, H, N_Q, N_K], |at| at % 5 != 0);
    let arrays = with(&[("keep", keep), ("dropout_p", Saved::number(0.25))]);
    for (container, read) in everywhere(&arrays, &Reading::default()) {
        let input = read.unwrap_or_else(|error| panic!("{container}: {error}"));
        assert_eq!(input.problem.dropout.map(|dropout| dropout.rate), Some(0.25), "{container}");
    }
}

/// A mebibyte of sizes that would fill the memory many times over.
#[test]
fn small_files_cannot_ask_for_much() {
    let thin =
        |shape: [usize; 4]| Saved { descr: "|b1", shape: shape.to_vec(), bytes: vec![1; shape.iter().product()] };
    let deep = |n: usize| vec![("q", thin([n, 1, 1, 1])), ("k", thin([1, 1, n, 1])), ("v", thin([1, 1, n, 1]))];
    refuses_npz(&deep(40_000), "MiB for one input");
    let mut slopes = vec![("q", thin([4000, 1, 1, 1])), ("k", thin([4000, 1, 1, 1])), ("v", thin([4000, 1, 1, 1]))];
    slopes.push(("alibi_slopes", Saved::bools(&[1_000_000], |_| true)));
    refuses_npz(&slopes, "alibi_slopes has shape [1000000]");
    for (name, expected) in [("mask", "mask has shape"), ("bias", "bias has shape"), ("keep", "keep has shape")] {
        let mut arrays = slopes[..3].to_vec();
        arrays.push((name, Saved::bools(&[100_000], |_| true)));
        refuses_npz(&arrays, expected);
    }
    // Two that are small, and large together.
    let mut sum = vec![("q", thin([1, 1, 20_000, 1])), ("k", thin([1, 1, 20_000, 1])), ("v", thin([1, 1, 20_000, 1]))];
    sum.push(("mask", Saved::bools(&[20_000, 1], |at| at > 0)));
    sum.push(("bias", Saved::f64(&numbers(&[1, 20_000], 1))));
    refuses_npz(&sum, "mask and bias together");
    let mut lengths = slopes[..3].to_vec();
    lengths.push(("kv_lengths", Saved::ints(&[70_000], |_| 1)));
    refuses_npz(&lengths, "kv_lengths has shape");
}

fn refuses_npz(arrays: &Arrays, expected: &str) {
    let text = input::read("x.npz", &npz(arrays)).map(drop).expect_err(expected).to_string();
    assert!(text.contains(expected), "{text}");
}

/// The bytes of a tensor count as they are stored: keys and values of 32,768 tokens in f16 are 128 MiB.
#[test]
fn a_long_decode_step_fits() {
    let half = |shape: &[usize]| Saved {
        descr: "<f2",
        shape: shape.to_vec(),
        bytes: vec![0; 2 * shape.iter().product::<usize>()],
    };
    let arrays = vec![("q", half(&[32, 1, 128])), ("k", half(&[8, 32_768, 128])), ("v", half(&[8, 32_768, 128]))];
    let input = input::read("x.safetensors", &safetensors(&arrays, &[])).expect("it fits");
    assert_eq!((input.problem.shape.heads, input.problem.shape.n_k), (32, 32_768));
    assert!(input.warnings.is_empty(), "{:?}", input.warnings);
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/inputs/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a fixture")
}

/// An array of f32 or f64 in a fixture.
fn right(name: &str) -> Vec<f64> {
    let bytes = fixture(name);
    let npy = npyz::NpyFile::new(&bytes[..]).expect("an npy");
    match npy.dtype().descr().as_str() {
        "'<f8'" => npy.into_vec::<f64>().expect("f64"),
        _ => npy.into_vec::<f32>().expect("f32").into_iter().map(f64::from).collect(),
    }
}

#[test]
fn inputs_that_were_read_wrongly_once() {
    let read = |name: &str| input::read(name, &fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for name in ["07_attn_mask_ignored", "10_boolean_bias"] {
        let input = read(&format!("{name}.npz"));
        assert!(max_error(&computed(&input), &right(&format!("{name}_right_O.npy"))) <= 1e-6, "{name}");
        assert!(Understood::of(&input).sentence.contains("true attends"), "{name}");
    }
    let words = read("08_scale_causal_ignored.npz");
    let (problem, told) = (&words.problem, Understood::of(&words).sentence);
    assert_eq!((problem.scale, problem.softcap, problem.mask.causal), (0.5, Some(2.0), true));
    assert_eq!(problem.mask.key_lengths, Some(vec![4]));
    for part in
        ["causal from the file", "scale 0.5 from the file", "softcap 2 from the file", "key lengths 4 from the file"]
    {
        assert!(told.contains(part), "{told}");
    }
    let flash = read("11_flash_attn_layout.npz");
    assert!(flash.warnings.iter().any(|warning| warning.to_string().contains("--layout bnhd")), "{:?}", flash.warnings);
    let how = Reading { layout: Some(Layout::Bnhd), ..Reading::default() };
    let flash = input::read_as("11.npz", &fixture("11_flash_attn_layout.npz"), &how).expect("an input");
    let o = Array4::from_shape_vec((1, 2, 64, 8), computed(&flash)).expect("two heads of 64 tokens");
    let o: Vec<f64> = flash.layout.restore(o, flash.rank).iter().copied().collect();
    assert!(max_error(&o, &right("11_flash_attn_layout_right_O.npy")) <= 1e-6);
    let hidden = read("12_capture_with_bias.safetensors");
    assert!(computed(&hidden).iter().all(|&o| o == 0.0));
    for name in ["13_bf16.safetensors", "14_bf16_ml_dtypes.npz"] {
        assert!(Understood::of(&read(name)).sentence.contains("bf16"), "{name}");
    }
    assert_eq!(read("15_decode_step.safetensors").problem.shape.n_q, 1);
    let budget =
        input::read("22.npz", &fixture("22_alibi_budget_5KB.npz")).map(drop).expect_err("too many slopes").to_string();
    assert!(budget.contains("alibi_slopes has shape [1000000]"), "{budget}");
}

#[test]
fn an_output_that_differs_is_told() {
    let name = "21_capture_whose_output_differs.safetensors";
    let mut input = input::read(name, &fixture(name)).expect("an input");
    let own = Understood::of(&input).own_output.expect("it has an output");
    assert!(own.agrees && own.rows == own.of_rows, "{own:?}");
    // Without what its metadata says, it is as far off as it was.
    (input.problem.mask.window_left, input.problem.mask.window_right, input.problem.softcap) = (None, None, None);
    let understood = Understood::of(&input);
    let warning = understood.warning().expect("a warning").to_string();
    assert!(warning.contains("the model's own output differs by 1.398: a mask or modifier is missing"), "{warning}");
    let mut odd = input.clone();
    odd.about.o.as_mut().expect("an output")[[0, 1, 3, 2]] = f64::NAN;
    assert!(Understood::of(&odd).own_output.is_some_and(|own| own.max_error.is_nan() && !own.agrees));
}

#[test]
fn every_bundled_capture_agrees_and_is_told_in_one_line() {
    for capture in &input::bundled::CAPTURES {
        let input = capture.input();
        let understood = Understood::of(&input);
        let own = understood.own_output.clone().expect("every capture has its output");
        assert!(own.agrees, "{}: {own:?}", capture.file);
        assert!(understood.warnings.is_empty(), "{}: {:?}", capture.file, understood.warnings);
        assert!(!understood.sentence.contains('\n'));
        for part in ["batch ", " heads over ", " queries", " keys", "from the file", "scale ", "mask: none", "agrees"] {
            assert!(understood.sentence.contains(part), "{}: {}", capture.file, understood.sentence);
        }
        let json = serde_json::to_value(&understood).expect("data");
        assert_eq!(json["n_k"], input.problem.shape.n_k);
        assert_eq!(json["scale"]["from"], "file");
    }
}
