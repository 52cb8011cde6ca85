//! A batch as one schedule against a run of each of its sequences: the same numbers, and all that they move and compute.

use std::borrow::Cow;

use ndarray::{Array2, Array4, ArrayView3, Axis, s};
use proptest::prelude::*;
use tilescope::attention::input::{Input, Packed, random};
use tilescope::attention::{Precision, Problem};
use tilescope::machine::{MeterIndex, Results, Run};
use tilescope::schedule::spec::{Choice, RunSpec};
use tilescope::schedule::{Algorithm, PerTensor, Schedule, Tensor, TileCounts, Traffic, algorithm};

/// Query heads over key/value heads.
const HEADS: (usize, usize) = (4, 2);
const TEXTS: [&str; 10] = [
    "standard",
    "flash1",
    "flash2",
    "flash2-lazy",
    "flash2-lanes",
    "split-kv",
    "standard-backward",
    "flash1-backward",
    "flash2-backward",
    "two-kernel-backward",
];

fn spec(chosen: &[(&str, &str)]) -> RunSpec {
    let mut spec = RunSpec { precision: Some(Precision::F64), ..RunSpec::default() };
    for (name, value) in chosen {
        Choice::by_name(name).expect(name).set(&mut spec, value).expect(value);
    }
    spec
}

fn numbers(shape: [usize; 4], seed: u64) -> Array4<f64> {
    let [batch, heads, n, d] = shape;
    let source = random::read(&format!("random:{},1,{d},1", (batch * heads * n).max(1)), seed).expect("an input");
    let values: Vec<f64> = source.problem.q.iter().copied().take(shape.iter().product()).collect();
    Array4::from_shape_vec(shape, values).expect("as many numbers")
}

/// The batch as a file with `cu_seqlens_q` and `cu_seqlens_k` gives it, with dO, and each sequence alone.
struct Batch {
    input: Input,
    alone: Vec<Input>,
}

impl Batch {
    fn new(sequences: &[[usize; 2]], d: usize, d_v: usize) -> Self {
        let (heads, kv_heads) = HEADS;
        let alone = (0..).zip(sequences).map(|(n, &[n_q, n_k])| {
            let of = |heads, n, d, seed| numbers([1, heads, n, d], seed);
            let (q, k) = (of(heads, n_q, d, 4 * n), of(kv_heads, n_k, d, 4 * n + 1));
            let problem = Problem::new(q, k, of(kv_heads, n_k, d_v, 4 * n + 2)).expect("they fit");
            let mut input = Input::new("alone", problem, 4);
            input.d_o = Some(of(heads, n_q, d_v, 4 * n + 3));
            input
        });
        let alone: Vec<Input> = alone.collect();
        let [n_q, n_k] = [0, 1].map(|side| sequences.iter().map(|of| of[side]).max().expect("some"));
        let padded = |n: usize, of: &dyn Fn(&Input) -> Array4<f64>| {
            let (_, heads, _, width) = of(&alone[0]).dim();
            let mut all = Array4::zeros((alone.len(), heads, n, width));
            for (batch, input) in alone.iter().enumerate() {
                let own = of(input);
                all.slice_mut(s![batch, .., ..own.len_of(Axis(2)), ..]).assign(&own.index_axis(Axis(0), 0));
            }
            all
        };
        let [q, k, v] = [
            padded(n_q, &|of| of.problem.q.clone()),
            padded(n_k, &|of| of.problem.k.clone()),
            padded(n_k, &|of| of.problem.v.clone()),
        ];
        let mut input = Input::new("packed", Problem::new(q, k, v).expect("they fit"), 3);
        input.d_o = Some(padded(n_q, &|of| of.d_o.clone().expect("it has one")));
        let side = |side: usize| sequences.iter().map(|of| of[side]).collect();
        let packed = Packed { queries: side(0), keys: side(1) };
        input.problem.mask.key_lengths = Some(packed.keys.clone());
        input.problem.mask.sequences = packed.diagonals();
        input.packed = Some(packed);
        Self { input, alone }
    }
}

/// What a run leaves, moves and computes, of the first head of a group (or of all of it).
struct Done {
    results: Results,
    counted: Traffic,
    tiles: TileCounts,
    steps: u64,
}

fn run(text: &Algorithm, spec: &RunSpec, source: &Input, batch: usize, head: usize) -> Done {
    let input = spec.apply(Cow::Borrowed(source)).expect("it can be run");
    let setting = spec.setting(text, &input, batch);
    assert_eq!(setting, spec.setting(text, source, batch), "whole and applied meet the same");
    let schedule = Schedule::of(text, setting);
    let d_o: Option<ArrayView3<'_, f64>> = input.d_o.as_ref().map(|d_o| d_o.index_axis(Axis(0), batch));
    let (counted, steps) = (*MeterIndex::new(&schedule).total(), schedule.len());
    assert_eq!(counted.traffic, text.closed_form_of(&schedule.setting), "counted is the closed form: {}", text.name());
    assert_eq!(steps, text.steps_of(&schedule.setting), "steps of {}", text.name());
    let tiles = TileCounts::of_plan(schedule.plan());
    let run = Run::with_gradient(schedule, &input.problem, d_o, batch, head, |_| true).expect("it runs");
    Done { results: run.results().clone(), counted: counted.traffic, tiles, steps }
}

/// The sum of what each sequence alone moves and computes.
fn sum(parts: &[Done]) -> (Vec<(Tensor, u64, u64)>, [u64; 6], TileCounts) {
    let mut tensors: Vec<Tensor> = parts.iter().flat_map(|done| done.counted.tensors()).collect();
    tensors.sort();
    tensors.dedup();
    let of = |side: fn(&Traffic) -> &PerTensor, tensor| parts.iter().map(|done| side(&done.counted).get(tensor)).sum();
    let moved = tensors.iter().map(|&tensor| (tensor, of(|t| &t.read, tensor), of(|t| &t.write, tensor)));
    let add = |f: fn(&Done) -> u64| parts.iter().map(f).sum::<u64>();
    let tiles = TileCounts {
        full: add(|done| done.tiles.full),
        partial: add(|done| done.tiles.partial),
        skipped: add(|done| done.tiles.skipped),
    };
    let rest = [
        add(|done| done.counted.sram_read),
        add(|done| done.counted.sram_write),
        add(|done| done.counted.flops.matmul),
        add(|done| done.counted.flops.exp),
        add(|done| done.counted.flops.other),
        add(|done| done.steps),
    ];
    (moved.collect(), rest, tiles)
}

fn is_near(got: &Array2<f64>, want: &[Array2<f64>]) -> bool {
    let want = want.iter().flatten();
    let near = |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    got.len() == want.clone().count() && got.iter().zip(want).all(near)
}

/// Every text on the batch in one schedule, and on each sequence alone.
fn compare(batch: &Batch, chosen: &[(&str, &str)]) {
    for name in TEXTS {
        let text = algorithm::by_name(name).expect("it is of the program");
        let mut chosen = chosen.to_vec();
        if !text.has_splits() {
            chosen.retain(|(name, _)| *name != "splits");
        }
        let (one, each) = (spec(&[&chosen[..], &[("varlen", "true")]].concat()), spec(&chosen));
        for head in [0, 3] {
            let together = run(text, &one, &batch.input, 0, head);
            let alone: Vec<Done> = batch.alone.iter().map(|input| run(text, &each, input, 0, head)).collect();
            assert_eq!(sum(std::slice::from_ref(&together)), sum(&alone), "{name}");
            let is_of_splits = |name: &str| name.ends_with("_part");
            for (result, got) in together.results.iter().filter(|(result, _)| !is_of_splits(result)) {
                let want: Vec<_> = alone.iter().map(|done| done.results.get(result).expect(result).clone()).collect();
                assert!(is_near(got, &want), "{result} of {name}: {got:?} {want:?}");
            }
        }
    }
}

/// Lengths beside the size of a tile and far from it; a sequence may have nothing at all.
fn lengths() -> impl Strategy<Value = Vec<[usize; 2]>> {
    let one = || prop_oneof![Just(1usize), Just(3), Just(4), Just(5), Just(7), Just(13), 1usize..24];
    let sequence = prop_oneof![6 => (one(), one()).prop_map(|(q, k)| [q, k]), 2 => one().prop_map(|n| [n, n])];
    prop::collection::vec(sequence, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_batch_in_one_schedule_is_its_sequences(
        sequences in lengths(),
        (d, d_v, br, bc, splits) in (1usize..5, 1usize..5, 1usize..6, 1usize..6, 1usize..4),
        (causal, top_left, window, sink_keys, prefix_keys) in
            (any::<bool>(), any::<bool>(), -1i64..5, 0usize..3, prop_oneof![2 => Just(0usize), 1 => 1usize..4]),
        (alibi, softcap, sinks) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let said = |of: &dyn ToString| of.to_string();
        let (br, bc, splits) = (said(&br), said(&bc), said(&splits));
        let (window, sink_keys, prefix_keys) = (format!("{window},-1"), said(&sink_keys), said(&prefix_keys));
        let mut chosen = vec![("br", br.as_str()), ("bc", &bc), ("splits", &splits), ("window", &window)];
        chosen.extend([("sink-keys", sink_keys.as_str()), ("prefix-keys", &prefix_keys)]);
        chosen.push(("causal", if causal { "true" } else { "false" }));
        chosen.push(("align", if top_left { "top-left" } else { "bottom-right" }));
        chosen.extend(alibi.then_some(("alibi", "standard")));
        chosen.extend(softcap.then_some(("softcap", "1.5")));
        chosen.extend(sinks.then_some(("sinks", "0.5,-1,0.25,2")));
        compare(&Batch::new(&sequences, d, d_v), &chosen);
    }
}

/// A mixed batch of a prefill, a chunk and two decode steps, and sequences beside the size of a tile.
#[test]
fn mixed_batches() {
    for sequences in [&[[13, 13], [4, 21], [1, 30], [1, 7]][..], &[[1, 1]], &[[3, 4], [4, 4], [5, 4], [4, 3]]] {
        compare(&Batch::new(sequences, 3, 2), &[("br", "4"), ("bc", "4"), ("causal", "true"), ("splits", "3")]);
    }
}

/// Dropout is drawn as in a run of each batch entry, and the result comes back as the file has it.
#[test]
fn outputs_come_back_packed() {
    let batch = Batch::new(&[[5, 7], [1, 9], [8, 3]], 3, 2);
    let text = algorithm::by_name("flash2").expect("it is of the program");
    let chosen = [("br", "3"), ("bc", "4"), ("causal", "true"), ("dropout", "0.4"), ("dropout-seed", "5")];
    let outputs = |spec: &RunSpec| {
        let input = spec.apply(Cow::Borrowed(&batch.input)).expect("it can be run");
        let shape = input.problem.shape;
        let mut o = Vec::new();
        for (entry, head) in (0..shape.batch).flat_map(|entry| (0..shape.heads).map(move |head| (entry, head))) {
            o.extend(run(text, spec, &batch.input, entry, head).results.get("O").expect("O").iter().copied());
        }
        let o = Array4::from_shape_vec((shape.batch, shape.heads, shape.n_q, shape.d_v), o).expect("each head");
        input.restore(o)
    };
    let (each, one) = (outputs(&spec(&chosen)), outputs(&spec(&[&chosen[..], &[("varlen", "true")]].concat())));
    assert_eq!(each.shape(), one.shape());
    assert_eq!(each.len(), 14 * 4 * 2);
    assert!(each.iter().zip(&one).all(|(a, b)| (a - b).abs() <= 1e-12), "{each:?} {one:?}");
}

/// Sequences of one batch entry with key lengths, in a layout with a batch: no keys beyond the lengths, all queries.
#[test]
fn a_batch_with_key_lengths() {
    let source = random::read("random:5,9,4,2", 3).expect("an input");
    let of = |tensor: &Array4<f64>| ndarray::concatenate![Axis(0), tensor.view(), tensor.mapv(|x| -x), tensor.view()];
    let of = [&source.problem.q, &source.problem.k, &source.problem.v].map(of);
    let [q, k, v] = of;
    let input = Input::new("batch", Problem::new(q, k, v).expect("they fit"), 4);
    let chosen = [("br", "2"), ("bc", "4"), ("causal", "true"), ("kv-lengths", "9,0,5"), ("diagonal", "lengths")];
    let text = algorithm::by_name("flash2").expect("it is of the program");
    let one = spec(&[&chosen[..], &[("varlen", "true")]].concat());
    let setting = one.setting(text, &input, 0);
    assert_eq!((setting.plan.n_q, setting.plan.n_k, setting.plan.t_r(), setting.plan.t_c()), (15, 14, 9, 5));
    // The second has no key: its rows see nothing, and its query blocks have no tile.
    assert_eq!(setting.plan.tiles(), 3 * 3 + 3 * 2);
    for head in 0..2 {
        let together = run(text, &one, &input, 0, head);
        let alone: Vec<_> = (0..3).map(|batch| run(text, &spec(&chosen), &input, batch, head)).collect();
        for name in ["O", "L", "m", "l"] {
            let want: Vec<_> = alone.iter().map(|done| done.results.get(name).expect(name).clone()).collect();
            assert!(is_near(together.results.get(name).expect(name), &want), "{name}");
        }
    }
}

#[test]
fn what_cannot_be_one_schedule_is_one_line() {
    let batch = Batch::new(&[[4, 4], [6, 6]], 2, 2);
    let fault = |chosen: &[(&str, &str)], input: &Input| {
        let spec = spec(&[chosen, &[("varlen", "true")]].concat());
        spec.apply(Cow::Borrowed(input)).map(drop).expect_err("it is refused").to_string()
    };
    for (chosen, expected) in [
        (&[("left-padding", "1,0")][..], "left padding"),
        (&[("documents", "2,4")], "documents"),
        (&[("pack-heads", "true")], "pack"),
        (&[("kv-lengths", "0,0")], "10 queries and 0 keys"),
    ] {
        let said = fault(chosen, &batch.input);
        assert!(said.contains(expected) && !said.contains('\n'), "{said}");
    }
    let mut biased = batch.input.clone();
    biased.problem.bias = Some(Array4::zeros((1, 1, 1, 1)));
    assert!(fault(&[], &biased).contains("a bias"));
    let mut slopes = batch.input.clone();
    slopes.problem.alibi_slopes = Some(Array2::from_shape_fn((2, 4), |(batch, _)| batch as f64));
    assert!(fault(&[], &slopes).contains("slopes"));
    // The kernels of the GPU have it not.
    let one = spec(&[("varlen", "true")]).apply(Cow::Borrowed(&batch.input)).expect("it can be run");
    assert_eq!(one.problem.beyond_band(), Some("sequences in one schedule"));
}
