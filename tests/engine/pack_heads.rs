//! Packed GQA against a run of each head: the same numbers, and a block of keys that is loaded once for all of a group.

use std::borrow::Cow;

use ndarray::{Array3, Array4};
use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Input, Precision};
use tilescope::machine::MeterIndex;
use tilescope::schedule::spec::{Choice, RunSpec};
use tilescope::schedule::{Algorithm, Schedule, Tensor, algorithm};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Under every mask that a decode step may have, for every forward text.
    #[test]
    fn packed_heads_have_the_numbers_of_each(
        (n_k, d, kv_heads, group) in (1usize..40, 1usize..6, 1usize..4, 1usize..6),
        (br, bc, splits) in (1usize..8, 1usize..12, 1usize..4),
        (length, padding, window, causal, moves) in (0usize..40, 0usize..9, 0i64..9, any::<bool>(), any::<bool>()),
    ) {
        let source = random::read(&format!("random:1,{n_k},{d},{},{kv_heads}", kv_heads * group), 5).expect("an input");
        let (br, bc, splits) = (br.to_string(), bc.to_string(), splits.to_string());
        let (length, padding) = (length.min(n_k).to_string(), padding.min(n_k).to_string());
        let window = format!("{},{}", if window > 6 { -1 } else { window }, window - 1);
        let mut chosen = vec![("br", br.as_str()), ("bc", &bc), ("left-padding", &padding), ("window", &window)];
        chosen.push(("kv-lengths", &length));
        chosen.push(("causal", if causal { "true" } else { "false" }));
        chosen.push(("diagonal", if moves { "lengths" } else { "whole" }));
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
    let fault = |source: &str, chosen: &[(&str, &str)]| {
        let source = random::read(source, 1).expect("an input");
        packed(&spec(chosen)).apply(Cow::Owned(source)).map(drop).expect_err("refused").to_string()
    };
    assert!(fault("random:2,9,4,4,2", &[]).contains("with one query, and the input has 2"));
    for (chosen, what) in
        [(("alibi", "0.5"), "ALiBi"), (("sinks", "0.5"), "learned sink"), (("dropout", "0.1"), "dropout")]
    {
        let fault = fault("random:1,9,4,4,2", &[chosen]);
        assert!(fault.contains(&format!("packed heads have no {what}")), "{fault}");
    }
    assert!(fault("random:1,9,4,4,2", &[("window", "2,0"), ("sink-keys", "1")]).contains("see one run of keys"));
    let backward = algorithm::by_name("flash2-backward").expect("it is of the program");
    assert!(packed(&spec(&[])).check_text(backward).expect_err("refused").to_string().contains("a backward pass"));
    // A head of its own for each key/value head has nothing to be packed with.
    let source = random::read("random:1,9,4,3", 1).expect("an input");
    let alone = packed(&spec(&[("alibi", "0.5")])).apply(Cow::Borrowed(&source)).expect("nothing to pack");
    assert_eq!((alone.problem.shape, alone.has_packed_heads), (source.problem.shape, false));
    let shape = random::read("random:1,9,4,4,2", 1).expect("an input").problem.shape;
    let head = |head| RunSpec { head: Some(head), ..packed(&RunSpec::default()) }.check_head(&shape).is_ok();
    assert_eq!([head(0), head(1), head(2)], [true, true, false]);
}
