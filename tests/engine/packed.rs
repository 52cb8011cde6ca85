//! Packed sequences, as flash-attn's varlen functions and Transformer Engine's thd have them: each gives its own attention,
//! comes back packed, and what it is padded with is nowhere taken for data.

use crate::common::saved::{Arrays, Saved, everywhere, npz, numbers, safetensors};
use ndarray::{Array3, Array4, ArrayD, Ix3};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input, Layout, Reading, Understood};
use tilescope::attention::{Precision, oracle};

const H: usize = 4;
const H_KV: usize = 2;
const D: usize = 3;
const D_V: usize = 5;

/// What a mask makes of a score, from the query, the key and the lengths of their sequence.
type Score<'a> = &'a dyn Fn(usize, usize, usize, [usize; 2], f64) -> f64;

fn plain(_: usize, _: usize, _: usize, _: [usize; 2], score: f64) -> f64 {
    score
}

/// flash-attn: the last query of each sequence sees its last key.
fn causal(_: usize, i: usize, j: usize, [n_q, n_k]: [usize; 2], score: f64) -> f64 {
    if j + n_q > i + n_k { f64::NEG_INFINITY } else { score }
}

fn ends(lengths: &[usize]) -> Vec<i64> {
    let sums = lengths.iter().scan(0, |end, &length| {
        *end += length as i64;
        Some(*end)
    });
    [0].into_iter().chain(sums).collect()
}

fn offsets(lengths: &[usize]) -> Saved {
    let ends = ends(lengths);
    Saved::ints(&[ends.len()], |at| ends[at])
}

/// Q, K and V of these sequences, `[total, heads, d]`.
fn tensors(queries: &[usize], keys: &[usize]) -> [Array3<f64>; 3] {
    let (total_q, total_k) = (queries.iter().sum(), keys.iter().sum());
    [([total_q, H, D], 1), ([total_k, H_KV, D], 2), ([total_k, H_KV, D_V], 3)]
        .map(|(shape, seed)| numbers(&shape, seed).into_dimensionality::<Ix3>().expect("three axes"))
}

fn arrays(queries: &[usize], keys: &[usize], more: &[(&'static str, Saved)]) -> Arrays {
    let tensors = tensors(queries, keys).map(|tensor| Saved::f64(&tensor.into_dyn()));
    ["q", "k", "v"].into_iter().zip(tensors).chain(more.to_vec()).collect()
}

/// The attention of each sequence on its own, written out once more: O `[total, heads, d_v]` and L `[total, heads]`.
fn right(queries: &[usize], keys: &[usize], score: Score<'_>) -> (Vec<f64>, Vec<f64>) {
    let [q, k, v] = tensors(queries, keys);
    let (mut o, mut lse) = (Vec::new(), Vec::new());
    let (mut first_q, mut first_k) = (0, 0);
    for (&n_q, &n_k) in queries.iter().zip(keys) {
        for (i, h) in (0..n_q).flat_map(|i| (0..H).map(move |h| (i, h))) {
            let g = h * H_KV / H;
            let dot = |j: usize| (0..D).map(|x| q[[first_q + i, h, x]] * k[[first_k + j, g, x]]).sum::<f64>();
            let weight = |j: usize| score(h, i, j, [n_q, n_k], dot(j) / (D as f64).sqrt()).exp();
            let sum: f64 = (0..n_k).map(weight).sum();
            let of = |x: usize| (0..n_k).map(|j| weight(j) * v[[first_k + j, g, x]]).sum::<f64>();
            o.extend((0..D_V).map(|x| if sum == 0.0 { 0.0 } else { of(x) / sum }));
            lse.push(sum.ln());
        }
        (first_q, first_k) = (first_q + n_q, first_k + n_k);
    }
    (o, lse)
}

/// O and L of every head as the program's oracle computes them, as the file would have them.
fn computed(input: &Input) -> (ArrayD<f64>, ArrayD<f64>) {
    let shape = input.problem.shape;
    let heads = (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head)));
    let (mut o, mut lse) = (Vec::new(), Vec::new());
    for (batch, head) in heads {
        let output = oracle::attention(&input.problem.head(batch, head, Precision::F64));
        o.extend(output.o.iter().copied());
        lse.extend(output.lse);
    }
    let o = Array4::from_shape_vec((shape.batch, shape.heads, shape.n_q, shape.d_v), o).expect("each head");
    let lse = Array3::from_shape_vec((shape.batch, shape.heads, shape.n_q), lse).expect("each row");
    (input.restore(o), input.restore_rows(lse))
}

/// What every container must give for these sequences, and no warning.
fn gives(queries: &[usize], keys: &[usize], more: &[(&'static str, Saved)], how: &Reading, score: Score<'_>) {
    let (o, lse) = right(queries, keys, score);
    let total: usize = queries.iter().sum();
    let said: Vec<_> = more.iter().map(|(name, _)| *name).collect();
    for (container, read) in everywhere(&arrays(queries, keys, more), how) {
        let what = format!("{container} {said:?} {queries:?} {keys:?}");
        let input = read.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (got_o, got_lse) = computed(&input);
        assert_eq!((got_o.shape(), got_lse.shape()), (&[total, H, D_V][..], &[total, H][..]), "{what}");
        assert!(max_error(&got_o.iter().copied().collect::<Vec<_>>(), &o) <= 1e-12, "{what}");
        let rows = got_lse.iter().zip(&lse);
        assert!(rows.clone().all(|(got, lse)| got == lse || (got - lse).abs() <= 1e-12), "{what}: {rows:?}");
        assert!(input.warnings.is_empty(), "{what}: {:?}", input.warnings);
        assert_eq!(input.layout, Layout::Thd, "{what}");
    }
}

fn refused(arrays: &Arrays, expected: &str) {
    for (container, read) in everywhere(arrays, &Reading::default()) {
        let text = read.map(drop).expect_err(expected).to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{container}: {text}, and not {expected}");
    }
}

fn truth() -> Saved {
    Saved::bools(&[], |_| true)
}

#[test]
fn one_sequence_needs_no_offsets() {
    let by_option = Reading { layout: Some(Layout::Thd), ..Reading::default() };
    for (queries, keys) in [(1, 1), (7, 7), (5, 9), (9, 5)] {
        for score in [plain, causal] {
            let is_causal = ("causal", Saved::bools(&[], |_| score(0, 0, 1, [1, 1], 0.0) < 0.0));
            gives(&[queries], &[keys], std::slice::from_ref(&is_causal), &by_option, &score);
            gives(
                &[queries],
                &[keys],
                &[is_causal.clone(), ("layout", Saved::text("thd"))],
                &Reading::default(),
                &score,
            );
            let both = [is_causal, ("cu_seqlens_q", offsets(&[queries])), ("cu_seqlens_k", offsets(&[keys]))];
            gives(&[queries], &[keys], &both, &Reading::default(), &score);
        }
    }
    let said = Understood::of(&input::read_as("x.npz", &npz(&arrays(&[5], &[9], &[])), &by_option).expect("an input"));
    assert!(said.sentence.contains("layout thd from the option") && said.packed.is_none(), "{}", said.sentence);
}

#[test]
fn sequences_become_the_batch() {
    let default = Reading::default();
    for lengths in [&[4, 4, 4][..], &[5, 7, 3], &[1, 1], &[1, 17, 2, 1], &[3, 0, 2], &[0, 6]] {
        for (q, k) in
            [("cu_seqlens_q", "cu_seqlens_k"), ("cu_seq_lens_q", "cu_seq_lens_k"), ("cu_seqlens_q", "cu_seqlens_kv")]
        {
            let more = [(q, offsets(lengths)), (k, offsets(lengths)), ("causal", truth())];
            gives(lengths, lengths, &more, &default, &causal);
            gives(lengths, lengths, &more[..2], &default, &plain);
        }
        let alone = [("cu_seqlens", offsets(lengths)), ("causal", truth())];
        gives(lengths, lengths, &alone, &default, &causal);
        let window = |h: usize, i: usize, j: usize, n: [usize; 2], score: f64| {
            if j + 2 < i { f64::NEG_INFINITY } else { causal(h, i, j, n, score) }
        };
        let more = [("cu_seqlens", offsets(lengths)), ("window_size", Saved::ints(&[2], |at| [2, 0][at]))];
        gives(lengths, lengths, &more, &default, &window);
        let slopes = numbers(&[H], 9);
        let alibi =
            |h: usize, i: usize, j: usize, _: [usize; 2], score: f64| score - slopes[[h]] * i.abs_diff(j) as f64;
        gives(
            lengths,
            lengths,
            &[("cu_seqlens", offsets(lengths)), ("alibi_slopes", Saved::f64(&slopes))],
            &default,
            &alibi,
        );
    }
    // As long as the longest is said to be, and in the words of the metadata.
    let file = safetensors(
        &arrays(&[5, 7, 3], &[5, 7, 3], &[]),
        &[("cu_seqlens", "[0, 5, 12, 15]"), ("max_seqlen_q", "7"), ("qkv_format", "thd")],
    );
    let input = input::read("x.safetensors", &file).expect("an input");
    assert!(input.warnings.is_empty(), "{:?}", input.warnings);
    assert!(
        max_error(computed(&input).0.as_slice().expect("in order"), &right(&[5, 7, 3], &[5, 7, 3], &plain).0) <= 1e-12
    );
}

#[test]
fn sequences_whose_queries_and_keys_differ() {
    let default = Reading::default();
    for (queries, keys) in [
        (&[2, 1, 3][..], &[5, 9, 3][..]),
        (&[7, 3, 1, 1], &[7, 9, 12, 4]),
        (&[1, 1], &[6, 2]),
        (&[7, 2], &[1, 4]),
        (&[3, 3], &[0, 2]),
    ] {
        let more = [("cu_seqlens_q", offsets(queries)), ("cu_seqlens_k", offsets(keys))];
        gives(queries, keys, &more, &default, &plain);
        // From the top left there is one diagonal for all.
        let top =
            |_: usize, i: usize, j: usize, _: [usize; 2], score: f64| if j > i { f64::NEG_INFINITY } else { score };
        let more = [&more[..], &[("causal", truth()), ("align", Saved::text("top-left"))]].concat();
        gives(queries, keys, &more, &default, &top);
        gives(queries, keys, &more[..3], &default, &causal);
        let window = |h: usize, i: usize, j: usize, n: [usize; 2], score: f64| {
            if j + n[0] + 2 < i + n[1] { f64::NEG_INFINITY } else { causal(h, i, j, n, score) }
        };
        let sliding = ("window_size", Saved::ints(&[2], |at| [2, 0][at]));
        gives(queries, keys, &[&more[..2], &[sliding]].concat(), &default, &window);
        let slopes = numbers(&[H], 9);
        let alibi = |h: usize, i: usize, j: usize, [n_q, n_k]: [usize; 2], score: f64| {
            score - slopes[[h]] * (i + n_k).abs_diff(j + n_q) as f64
        };
        let slopes = ("alibi_slopes", Saved::f64(&slopes));
        gives(queries, keys, &[&more[..2], &[slopes]].concat(), &default, &alibi);
    }
    // As many keys ahead in each: one diagonal.
    let (queries, keys) = (&[2, 4, 1][..], &[5, 7, 4][..]);
    let more = [("cu_seqlens_q", offsets(queries)), ("cu_seqlens_k", offsets(keys)), ("causal", truth())];
    gives(queries, keys, &more, &default, &causal);
}

#[test]
fn offsets_that_contradict_are_one_line() {
    let lengths = [5, 7, 3];
    let with = |name: &'static str, saved: Saved| arrays(&lengths, &lengths, &[(name, saved)]);
    let ints = |values: &'static [i64]| Saved::ints(&[values.len()], |at| values[at]);
    for (values, expected) in [
        (&[0, 12, 5, 15][..], "falls from 12 to 5"),
        (&[1, 5, 12, 15], "begins with 1"),
        (&[-1, 5, 15], "begins with -1"),
        (&[0, 5, 12, 14], "ends at 14, and Q holds 15 tokens"),
        (&[0, 5, 12, 16], "ends at 16, and Q holds 15 tokens"),
        (&[5, 7, 3], "begins with 5"),
        (&[0], "whole numbers are needed"),
        (&[], "whole numbers are needed"),
    ] {
        refused(&with("cu_seqlens", ints(values)), expected);
    }
    refused(&with("cu_seqlens", Saved::f64(&numbers(&[4], 1))), "whole numbers are needed");
    refused(&with("cu_seqlens_q_padded", offsets(&lengths)), "room between packed sequences");
    let both = |q: Saved, k: Saved| arrays(&lengths, &lengths, &[("cu_seqlens_q", q), ("cu_seqlens_k", k)]);
    refused(&both(offsets(&lengths), offsets(&[5, 10])), "tells of 3 sequences, and cu_seqlens_k of 2");
    refused(&both(offsets(&lengths), ints(&[0, 5])), "ends at 5, and K holds 15 tokens");
    let twice = [("cu_seqlens", offsets(&lengths)), ("cu_seqlens_q", offsets(&lengths))];
    refused(&arrays(&lengths, &lengths, &twice), "comes twice, as cu_seqlens and as cu_seqlens_q");
    refused(&arrays(&[5, 2], &[5, 3], &[("cu_seqlens_q", offsets(&[5, 2]))]), "ends at 7, and K holds 8 tokens");
    let bhnd = [("cu_seqlens", offsets(&lengths)), ("layout", Saved::text("bhnd"))];
    refused(&arrays(&lengths, &lengths, &bhnd), "the layout is said to be bhnd");
    let longest = [("cu_seqlens", offsets(&lengths)), ("max_seqlen", Saved::ints(&[], |_| 6))];
    refused(&arrays(&lengths, &lengths, &longest), "max_seqlen is 6, and a sequence has 7 tokens");
    refused(
        &arrays(&[9], &[9], &[("layout", Saved::text("thd")), ("max_seqlen", Saved::ints(&[], |_| 6))]),
        "cu_seqlens",
    );
    let longer = [("cu_seqlens", offsets(&lengths)), ("kv_lengths", Saved::ints(&[3], |at| [5, 7, 4][at]))];
    refused(&arrays(&lengths, &lengths, &longer), "sequence 2 of the packed input has 3 keys");
    // Small files that ask for much.
    let many = [vec![20_000], vec![0; 60_000]].concat();
    refused(&arrays(&many, &many, &[("cu_seqlens", offsets(&many))]), "MiB for one input");
}

/// Options and the window set masks after a file was read.
#[test]
fn padding_stays_hidden_whatever_is_chosen() {
    let lengths = [5, 7, 3];
    let more = [("cu_seqlens", offsets(&lengths)), ("causal", truth())];
    let input = input::read("x.npz", &npz(&arrays(&lengths, &lengths, &more))).expect("an input");
    assert_eq!(input.validate(), Ok(()));
    let changed = |change: &dyn Fn(&mut Input)| {
        let mut input = input.clone();
        change(&mut input);
        input.validate().map_err(|error| error.to_string())
    };
    let seen = changed(&|input| input.problem.mask.key_lengths = None).expect_err("zeros would be keys");
    assert!(seen.contains("sequence 0 of the packed input has 5 keys, and 7 would be seen"), "{seen}");
    assert!(changed(&|input| input.problem.mask.key_lengths = Some(vec![5, 7, 4])).is_err());
    assert_eq!(changed(&|input| input.problem.mask.key_lengths = Some(vec![1, 0, 3])), Ok(()));
    // A prefix is one of each.
    let prefix = input.prefix(4).expect("it is causal");
    assert_eq!(prefix.validate(), Ok(()));
    let (o, _) = computed(&prefix);
    let all = right(&lengths, &lengths, &causal).0;
    let rows = [0..4, 5..9, 12..15].into_iter().flatten();
    let expected: Vec<f64> = rows.flat_map(|row| all[row * H * D_V..(row + 1) * H * D_V].to_vec()).collect();
    assert!(max_error(o.as_slice().expect("in order"), &expected) <= 1e-12);
    let (queries, keys) = ([2, 1], [5, 9]);
    let more = [("cu_seqlens_q", offsets(&queries)), ("cu_seqlens_k", offsets(&keys))];
    let mut input = input::read("x.npz", &npz(&arrays(&queries, &keys, &more))).expect("an input");
    input.problem.mask.causal = true;
    assert_eq!(input.validate(), Ok(()));
    assert!(max_error(computed(&input).0.as_slice().expect("in order"), &right(&queries, &keys, &causal).0) <= 1e-12);
}

#[test]
fn an_output_is_compared_in_the_rows_of_the_file() {
    let lengths = [5, 7, 3];
    let o = right(&lengths, &lengths, &causal).0;
    let saved = |o: &[f64], shape: &[usize]| {
        Saved::f64(&ArrayD::from_shape_vec(shape, o.to_vec()).expect("every row of each head"))
    };
    let read = |o: Saved| {
        let more = [("cu_seqlens", offsets(&lengths)), ("causal", truth()), ("out", o)];
        input::read("x.npz", &npz(&arrays(&lengths, &lengths, &more))).expect("an input")
    };
    for shape in [&[15, H, D_V][..], &[15, H * D_V]] {
        let own = Understood::of(&read(saved(&o, shape))).own_output.expect("an output");
        assert!(own.agrees && own.rows == 15 * H && own.of_rows == 15 * H, "{own:?}");
    }
    // Each row counts, the last of each sequence too.
    for row in 0..15 * H {
        let mut wrong = o.clone();
        wrong[row * D_V + 1] += 0.5;
        let own = Understood::of(&read(saved(&wrong, &[15, H, D_V]))).own_output.expect("an output");
        assert!(!own.agrees && (own.max_error - 0.5).abs() < 1e-9, "{row}: {own:?}");
    }
    let padded = saved(&vec![0.0; 3 * 7 * H * D_V], &[3, 7, H, D_V]);
    assert!(read(padded).warnings[0].to_string().contains("not compared"));
}

#[test]
fn what_is_understood_of_packed_sequences() {
    let said = |queries: &[usize], keys: &[usize]| {
        let more = [("cu_seqlens_q", offsets(queries)), ("cu_seqlens_k", offsets(keys))];
        Understood::of(&input::read("x.npz", &npz(&arrays(queries, keys, &more))).expect("an input")).sentence
    };
    for (queries, keys, expected) in [
        (&[5, 7, 3][..], &[5, 7, 3][..], "packed: 3 sequences of 5, 7 and 3 tokens (the shorter are padded with zeros"),
        (&[4, 4], &[4, 4], "packed: 2 sequences of 4 tokens each, not causal"),
        (&[1, 1], &[1, 1], "packed: 2 sequences of 1 token each"),
        (&[1, 2], &[6, 3], "packed: 2 sequences of 1 and 2 queries on 6 and 3 keys (the shorter"),
        (&[1; 9], &[2; 9], "packed: 9 sequences of 1, 1, 1, 1, 1, 1, 1, 1, .. queries on 2, 2"),
    ] {
        let said = said(queries, keys);
        assert!(said.contains(expected) && said.contains("layout thd from the file"), "{said}");
    }
}
