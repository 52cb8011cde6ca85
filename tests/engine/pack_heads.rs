//! Packed GQA against a run of each head: the same numbers, and a block of keys that is loaded once for all of a group.

use std::borrow::Cow;

use ndarray::{Array3, Array4};
use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Input, Mask, Precision, Shape};
use tilescope::machine::MeterIndex;
use tilescope::schedule::spec::{Choice, RunSpec};
use tilescope::schedule::{Algorithm, Schedule, Tensor, TileCounts, algorithm};
use tilescope::trace::{Export, Tiles, read, write_json};

use crate::common;

fn spec(chosen: &[(&str, &str)]) -> RunSpec {
    let mut spec = RunSpec { precision: Some(Precision::F64), ..RunSpec::default() };
    for (name, value) in chosen {
        Choice::by_name(name).expect(name).set(&mut spec, value).expect(value);
    }
    spec
}

fn packed(spec: &RunSpec) -> RunSpec {
    RunSpec { pack_heads: Some(true), ..spec.clone() }
}

/// O and L as the file of the input would have them.
fn outputs(text: &Algorithm, spec: &RunSpec, source: &Input) -> (Vec<f64>, Vec<f64>) {
    let input = spec.apply(Cow::Borrowed(source)).expect("it can be run");
    let shape = input.problem.shape;
    let (mut o, mut lse) = (Vec::new(), Vec::new());
    for batch in 0..shape.batch {
        let schedule = Schedule::of(text, spec.setting(text, source, batch));
        assert_eq!(schedule.setting, spec.setting(text, &input, batch), "whole and applied meet the same");
        for head in 0..shape.heads {
            let (output, totals) = common::run(&schedule, &input.problem, batch, head);
            assert_eq!(totals.traffic, text.closed_form_of(&schedule.setting), "counted is the closed form");
            o.extend(output.o.iter().copied());
            lse.extend(output.lse);
        }
    }
    let o = Array4::from_shape_vec((shape.batch, shape.heads, shape.n_q, shape.d_v), o).expect("each head");
    let lse = Array3::from_shape_vec((shape.batch, shape.heads, shape.n_q), lse).expect("each row");
    (input.restore(o).into_iter().collect(), input.restore_rows(lse).into_iter().collect())
}

/// An input of these sizes with a bias of each head where `has_bias`.
fn source(of: [usize; 5], has_bias: bool) -> Input {
    let [n_q, n_k, d, kv_heads, group] = of;
    let heads = kv_heads * group;
    let mut source = random::read(&format!("random:{n_q},{n_k},{d},{heads},{kv_heads}"), 5).expect("an input");
    if has_bias {
        let hash = |head: usize, i: usize, j: usize| (head * 7 + i * 5 + j * 3) % 11;
        let value = |head, i, j| if hash(head, i, j) == 4 { f64::NEG_INFINITY } else { hash(head, i, j) as f64 / 8.0 };
        source.problem.bias = Some(Array4::from_shape_fn((1, heads, n_q, n_k), |(_, head, i, j)| value(head, i, j)));
    }
    source
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Any number of queries, under every mask and with every modifier, for every forward text.
    #[test]
    fn packed_heads_have_the_numbers_of_each(
        (n_q, n_k, d, kv_heads, group) in (1usize..8, 1usize..40, 1usize..6, 1usize..4, 1usize..6),
        (br, bc, splits) in (1usize..9, 1usize..12, 1usize..4),
        (length, padding, window, causal, moves) in (0usize..40, 0usize..9, 0i64..9, any::<bool>(), any::<bool>()),
        (sink_keys, prefix_keys, top_left) in (0usize..4, 0usize..4, any::<bool>()),
        (alibi, sinks, dropout, has_bias, softcap) in any::<(bool, bool, bool, bool, bool)>(),
    ) {
        let source = source([n_q, n_k, d, kv_heads, group], has_bias);
        let [br, bc, splits] = [br, bc, splits].map(|n| n.to_string());
        let [length, padding] = [length, padding].map(|n| n.min(n_k).to_string());
        let [sink_keys, prefix_keys] = [sink_keys, prefix_keys].map(|n| n.min(n_k).to_string());
        let window = format!("{},{}", if window > 6 { -1 } else { window }, window - 1);
        let mut chosen = vec![("br", br.as_str()), ("bc", &bc), ("left-padding", &padding), ("window", &window)];
        chosen.extend([("kv-lengths", length.as_str()), ("sink-keys", &sink_keys), ("prefix-keys", &prefix_keys)]);
        chosen.push(("causal", if causal { "true" } else { "false" }));
        chosen.push(("diagonal", if moves { "lengths" } else { "whole" }));
        chosen.push(("align", if top_left { "top-left" } else { "bottom-right" }));
        // Slopes and sinks that are others in each head.
        chosen.extend(alibi.then_some(("alibi", "standard")));
        chosen.extend(sinks.then_some(("sinks", "random:3")));
        chosen.extend(dropout.then_some(("dropout", "0.4")));
        chosen.extend(softcap.then_some(("softcap", "2")));
        for name in ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"] {
            let text = algorithm::by_name(name).expect("it is of the program");
            let more = if text.has_splits() { &[("splits", splits.as_str())][..] } else { &[] };
            let spec = spec(&[&chosen[..], more].concat());
            let (each, together) = (outputs(text, &spec, &source), outputs(text, &packed(&spec), &source));
            let is_near = |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= 1e-12 * (1.0 + a.abs());
            prop_assert!(each.0.iter().zip(&together.0).all(is_near) && each.0.len() == together.0.len(), "O of {}", name);
            prop_assert!(each.1.iter().zip(&together.1).all(is_near) && each.1.len() == together.1.len(), "L of {}", name);
        }
    }
}

/// A keep mask of the file, a prefix, and a batch: what is told of heads and queries goes to the rows that are theirs.
#[test]
fn masks_of_the_input_go_with_their_rows() {
    for (prefix, name) in [(0, "flash2"), (5, "flash1"), (3, "standard")] {
        let mut source = random::read("random:9,9,4,6,2", 8).expect("an input");
        source.keep = Some(Array4::from_shape_fn((1, 6, 9, 9), |(_, h, i, j)| (h * 5 + i * 3 + j) % 4 != 1).into());
        let prefix = prefix.to_string();
        let chosen = [("causal", "true"), ("prefix", &prefix), ("dropout", "0.3"), ("br", "4"), ("bc", "2")];
        let (text, spec) = (algorithm::by_name(name).expect("it is of the program"), spec(&chosen));
        let (each, together) = (outputs(text, &spec, &source), outputs(text, &packed(&spec), &source));
        assert!(each.0.iter().zip(&together.0).all(|(a, b)| (a - b).abs() <= 1e-12), "{name}, the first {prefix}");
        assert_eq!(each.0.len(), together.0.len());
    }
}

/// The heads of a query are neighbours: causal tiles are skipped as those of queries are, each `g` rows tall.
#[test]
fn the_diagonal_is_a_staircase() {
    let shape = Shape { heads: 8, kv_heads: 2, ..Shape::single(64, 64, 16) };
    let text = algorithm::by_name("flash2").expect("it is of the program");
    let chosen = [("causal", "true"), ("br", "64"), ("bc", "16")];
    let together = packed(&spec(&chosen)).on_shape(text, &shape, &Mask::default(), 0);
    // As many blocks of sixteen queries with four heads each as there are without.
    let alone = spec(&[("causal", "true"), ("br", "16"), ("bc", "16")]).on_shape(text, &shape, &Mask::default(), 0);
    assert_eq!(TileCounts::of_plan(&together.plan), TileCounts::of_plan(&alone.plan));
    let [packed, each] = [&together, &alone].map(|setting| text.closed_form_of(setting));
    for tensor in [Tensor::K, Tensor::V] {
        assert_eq!(packed.read.get(tensor), each.read.get(tensor), "once for the four heads");
    }
    assert_eq!(packed.read.get(Tensor::Q), 4 * each.read.get(Tensor::Q));
    assert_eq!(packed.flops.matmul, 4 * each.flops.matmul);
}

/// K and V of a group: `ceil(g / br) n_k d` elements each, and `g n_k d` where each head is a run of its own.
#[test]
fn keys_are_loaded_once_for_a_block_of_heads() {
    let text = algorithm::by_name("flash2").expect("it is of the program");
    for (group, n_k, d, br) in [(8, 100, 16, 8), (8, 100, 16, 3), (5, 37, 4, 2), (4, 64, 8, 16), (1, 9, 4, 4)] {
        let source = random::read(&format!("random:1,{n_k},{d},{},2", 2 * group), 1).expect("an input");
        let (br_text, causal) = (br.to_string(), ("causal", "true"));
        let spec = packed(&spec(&[("br", &br_text), ("bc", "16"), causal]));
        let input = spec.apply(Cow::Borrowed(&source)).expect("a decode step");
        assert_eq!((input.problem.shape.heads, input.problem.shape.n_q), (2, group));
        let totals = *MeterIndex::new(&Schedule::of(text, spec.setting(text, &source, 0))).total();
        let blocks = group.div_ceil(br.min(group));
        for tensor in [Tensor::K, Tensor::V] {
            assert_eq!(totals.traffic.read.get(tensor), (blocks * n_k * d) as u64, "{group} heads, br {br}");
        }
        assert_eq!(totals.traffic.read.get(Tensor::Q), (group * d) as u64);
        assert_eq!(totals.traffic.write.get(Tensor::O), (group * d) as u64);
    }
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let backward = algorithm::by_name("flash2-backward").expect("it is of the program");
    assert!(packed(&spec(&[])).check_text(backward).expect_err("refused").to_string().contains("a backward pass"));
    // What takes the sink for one number of the run would have that of one row.
    let flash2 = include_str!("../../src/schedule/algorithms/flash2.tile");
    for (line, with) in [
        ("start-rows:   O", "start-rows:   twice = 2 * sink when sinks; O"),
        ("S = scale * (Q @ K^T);", "S = scale * (Q @ K^T); S = slope * (Q @ K^T) when alibi;"),
    ] {
        assert!(flash2.contains(line));
        let of = Algorithm::read("mine", &flash2.replace(line, with)).expect("a text");
        let fault = packed(&spec(&[])).check_text(&of).expect_err("refused").to_string();
        assert!(fault.contains("of mine makes one number of a slope or a sink"), "{fault}");
        assert!(spec(&[]).check_text(&of).is_ok());
    }
    // A head of its own for each key/value head has nothing to be packed with.
    let source = random::read("random:1,9,4,3", 1).expect("an input");
    let alone = packed(&spec(&[("alibi", "0.5")])).apply(Cow::Borrowed(&source)).expect("nothing to pack");
    assert_eq!((alone.problem.shape, alone.has_packed_heads), (source.problem.shape, false));
    let shape = random::read("random:1,9,4,4,2", 1).expect("an input").problem.shape;
    let head = |head| RunSpec { head: Some(head), ..packed(&RunSpec::default()) }.check_head(&shape).is_ok();
    assert_eq!([head(0), head(1), head(2)], [true, true, false]);
    // No kernel of the GPU knows whose diagonal, slope or draw a row has; a range of keys they know.
    let beyond = |source: &str, chosen: &[(&str, &str)]| {
        let source = random::read(source, 1).expect("an input");
        packed(&spec(chosen)).apply(Cow::Owned(source)).expect("it is packed").problem.beyond_band()
    };
    assert_eq!(beyond("random:1,9,4,4,2", &[("causal", "true")]), None);
    for (source, chosen) in [
        ("random:2,9,4,4,2", ("causal", "true")),
        ("random:1,9,4,4,2", ("alibi", "0.5")),
        ("random:1,9,4,4,2", ("dropout", "0.5")),
    ] {
        assert!(beyond(source, &[chosen]).is_some_and(|what| what.contains("query heads as rows")), "{chosen:?}");
    }
}

/// A trace of packed heads is held against itself, and says under which mask.
#[test]
fn a_trace_of_packed_heads_agrees_with_itself() {
    let source = random::read("random:5,9,4,6,2", 2).expect("an input");
    let text = algorithm::by_name("flash2").expect("it is of the program");
    let spec = packed(&spec(&[("causal", "true"), ("alibi", "standard"), ("br", "4"), ("bc", "2")]));
    let input = spec.apply(Cow::Borrowed(&source)).expect("it can be run");
    let schedule = Schedule::of(text, spec.setting(text, &source, 0));
    let mut bytes = Vec::new();
    let export = Export::of(&spec, &input, &schedule);
    write_json(&mut bytes, &export, Tiles::Stats, |_| true).expect("it is written");
    let trace = read(&bytes).expect("a trace");
    assert_eq!((trace.problem.mask.heads_as_rows, trace.check.map(|check| check.passed)), (Some(3), Some(true)));
    let text = String::from_utf8(bytes).expect("JSON is text");
    for heads in ["0", "4"] {
        let wrong = text.replacen("\"heads_as_rows\":3", &format!("\"heads_as_rows\":{heads}"), 1);
        let fault = read(wrong.as_bytes()).expect_err("refused").to_string();
        assert!(fault.contains("the rows are not those of whole queries"), "{fault}");
    }
}
