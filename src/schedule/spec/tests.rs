//! Every choice: its default, its limits, what it refuses; and that a description survives being written and read.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::attention::dropout::{Dropout, Keep};
use crate::attention::input::{By, Fact, GradSource, Layout, Understood, preset, random};
use crate::attention::{Input, Mask};
use crate::schedule::{DropoutCost, Plan, algorithm, hardware, tiling};

/// A name, texts that it takes, and texts that it refuses with a part of what is said of them.
type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const NUMBER: &[(&str, &str)] = &[("x", "it is a number"), ("", "it is a number"), ("1,5", "it is a number")];
const COUNT: &[(&str, &str)] = &[("-1", "is -1; it is a whole number"), ("1.5", "is 1.5; it is"), ("", "whole number")];
const FROM_ONE: &[(&str, &str)] =
    &[("0", "is 0; it is a whole number from 1"), ("-1", "is -1; it is"), ("x", "from 1")];
const SEED: &[(&str, &str)] = &[("-1", "whole number"), ("18446744073709551616", "whole number")];

const CASES: [Case; 37] = [
    ("scene", &["toy", "capture x"], &[]),
    ("layout", &["bhnd", "bnhd", "nbhd", "bnd", "thd"], &[("hbnd", "known are bhnd, bnhd, nbhd, bnd, thd")]),
    ("heads", &["1", "64"], FROM_ONE),
    ("kv-heads", &["1", "64"], FROM_ONE),
    ("bf16-bits", &["true"], &[("1", "true or false")]),
    ("seed", &["0", "18446744073709551615"], SEED),
    ("prefix", &["0", "1", "16384"], COUNT),
    ("algorithm", &["flash2", "flash2/forget-alpha", "mine.tile"], &[]),
    ("br", &["1", "128", "1000000"], FROM_ONE),
    ("bc", &["1", "128", "1000000"], FROM_ONE),
    (
        "splits",
        &["1", "2", "4096", "rule"],
        &[("0", "is 0; it is a whole number from 1 to 4096"), ("4097", "is 4097"), ("all", "1 to 4096, or rule")],
    ),
    (
        "arrival",
        &["in-order", "shuffled:0", "shuffled:18446744073709551615"],
        &[
            ("", "it is in-order"),
            ("shuffled", "shuffled:SEED"),
            ("shuffled:x", "in-order or"),
            ("random:3", "in-order"),
        ],
    ),
    ("batch", &["0", "7"], COUNT),
    ("head", &["0", "7"], COUNT),
    ("causal", &["true", "false"], &[("yes", "true or false")]),
    ("align", &["bottom-right", "top-left"], &[("middle", "it is bottom-right or top-left")]),
    (
        "window",
        &["16,0", "-1,-1", "0,-1"],
        &[("16", "two numbers with a comma"), ("-2,0", "-1 is unbounded"), ("a,b", "such as 16,0"), ("1,2,3", "16,0")],
    ),
    ("kv-lengths", &["all", "0", "3,5"], &[("", "one length"), ("3,", "one length"), ("-1", "one length")]),
    ("diagonal", &["whole", "lengths"], &[("top-left", "it is whole or lengths")]),
    ("left-padding", &["none", "0", "3,5"], &[("", "such as 5,7,4"), ("3,", "or none"), ("-1", "whole numbers")]),
    ("prefix-keys", &["0", "6"], COUNT),
    ("sink-keys", &["0", "1"], COUNT),
    ("documents", &["none", "5,7,4"], &[("", "such as 5,7,4"), ("all", "or none"), ("5;7", "with commas")]),
    ("scale", &["0.5", "-1", "0"], NUMBER),
    ("softcap", &["30"], NUMBER),
    (
        "alibi",
        &["none", "standard", "0.5", "0.5,0.25", "-1"],
        &[
            ("", "it is none"),
            ("inf", "it is none"),
            ("NaN", "it is none"),
            ("0.5,", "with commas"),
            ("all", "standard"),
        ],
    ),
    ("bias", &["own", "none"], &[("", "own or none"), ("all", "own or none")]),
    ("keys", &["own", "q"], &[("Q", "it is own"), ("", "it is own")]),
    ("pack-heads", &["true", "false"], &[("yes", "true or false")]),
    ("varlen", &["true", "false"], &[("yes", "true or false")]),
    ("page-size", &["1", "16"], &[("0", "page-size"), ("-1", "page-size"), ("x", "page-size")]),
    (
        "sinks",
        &["none", "0.5", "0.5,-1", "random:7"],
        &[
            ("", "it is none"),
            ("inf", "finite"),
            ("1e39", "finite"),
            ("0.5,", "with commas"),
            ("random:x", "random:SEED"),
        ],
    ),
    ("dropout", &["0.1"], NUMBER),
    ("dropout-seed", &["0", "7"], SEED),
    (
        "grad",
        &["ones", "random", "random:7"],
        &[
            ("", "it is ones"),
            ("zeros", "random or random:SEED"),
            ("random:x", "random:SEED"),
            ("random:-1", "random:SEED"),
        ],
    ),
    (
        "precision",
        &["f64", "f32", "f16", "bf16", "e4m3", "bf16,O=f32,P=e4m3", "e4m3,scales=block"],
        &[
            (
                "f8",
                "it is f64, f32, f16, bf16 or e4m3, and with commas what differs, as in bf16,O=f32 or e4m3,scales=block",
            ),
            ("f16,O=f64", "f64 stands alone: it keeps everything in f64"),
        ],
    ),
    ("hardware", &["a100-80gb", "toy"], &[("abacus", "known are t4,")]),
];

#[test]
fn every_choice_is_read_limited_and_written() {
    assert_eq!(CASES.map(|(name, ..)| name), CHOICES.each_ref().map(|choice| choice.name));
    for (choice, (name, taken, refused)) in CHOICES.iter().zip(CASES) {
        assert_eq!(choice.get(&RunSpec::default()), None, "{name} is chosen before it is");
        for text in taken {
            let mut spec = RunSpec::default();
            choice.set(&mut spec, text).unwrap_or_else(|fault| panic!("{name} {text}: {fault}"));
            assert_eq!(choice.get(&spec).as_deref(), Some(*text), "{name}");
            // It is the only thing that changed.
            assert_eq!(CHOICES.iter().filter(|choice| choice.get(&spec).is_some()).count(), 1, "{name}");
            assert_eq!(spec.check(), Ok(()), "{name}");
        }
        for (text, why) in refused {
            let mut spec = RunSpec::default();
            let fault = choice.set(&mut spec, text).expect_err(name).to_string();
            assert!(fault.contains(why) && !fault.contains('\n'), "{name} {text}: {fault}");
            assert_eq!(spec, RunSpec::default(), "{name}: what is refused changes nothing");
        }
    }
}

#[test]
fn what_is_not_chosen_has_one_default() {
    let spec = RunSpec::default();
    let [flash2, split] = ["flash2", "split-kv"].map(|name| algorithm::by_name(name).unwrap());
    assert_eq!((spec.algorithm(), spec.seed(), spec.prefix()), ("flash2", 0, None));
    assert_eq!((spec.batch(), spec.head(), spec.precision()), (0, 0, Precision::F32));
    assert_eq!(spec.hardware().name, "a100-80gb");
    let shape = Shape::single(300, 300, 64);
    let splits = |spec: &RunSpec, of| spec.on_shape(of, &shape, &Mask::default(), 0).splits;
    assert_eq!((splits(&spec, flash2), splits(&spec, split)), (1, 2));
    for precision in Precision::ALL {
        let spec = RunSpec { precision: Some(precision), ..RunSpec::default() };
        let chosen = Tiling::for_hardware(flash2, &shape, precision, &hardware::by_name("a100-80gb").unwrap());
        assert_eq!(spec.tiling(flash2, &shape), chosen);
        let br = RunSpec { br: Some(3), ..spec };
        assert_eq!(br.tiling(flash2, &shape), Tiling { br: 3, ..chosen });
    }
    // Splits that were asked of a text without a loop over them are refused, and never dropped.
    let asked = RunSpec { splits: Some(Splits::Count(1)), ..RunSpec::default() };
    assert_eq!(asked.check_text(split), Ok(()));
    assert_eq!(asked.check_text(flash2).unwrap_err().to_string(), "--splits: flash2 has no loop over splits");
    assert_eq!(RunSpec::default().check_text(flash2), Ok(()));
    // An order of arrival where nobody waits for anything, likewise.
    let asked = RunSpec { arrival: Some(Arrival::Shuffled(3)), ..RunSpec::default() };
    let backward = algorithm::by_name("flash2-backward").unwrap();
    assert_eq!((asked.check_text(backward), asked.arrival(backward)), (Ok(()), Arrival::Shuffled(3)));
    assert_eq!((asked.arrival(flash2), RunSpec::default().arrival(backward)), (Arrival::InOrder, Arrival::InOrder));
    assert!(asked.check_text(flash2).unwrap_err().to_string().starts_with("--arrival: no thread blocks of flash2 add"));
}

/// Of the grid of all heads and batch entries, on the chip that is chosen: as `tiling::splits` has them by hand. Packed heads
/// are fewer thread blocks, and a sequence among others is cut by itself.
#[test]
fn splits_by_the_rule_follow_the_grid_and_the_chip() {
    let [flash2, split] = ["flash2", "split-kv"].map(|name| algorithm::by_name(name).unwrap());
    let spec = |hardware: &str| {
        let hardware = hardware::by_name(hardware);
        let blocks = Tiling { br: 64, bc: 128 };
        RunSpec { splits: Some(Splits::Rule), hardware, ..RunSpec::default() }.with_blocks(blocks)
    };
    let shape = Shape { batch: 1, heads: 9, kv_heads: 3, ..Shape::single(1, 64 * 128, 64) };
    let of = |spec: &RunSpec, shape: &Shape| spec.on_shape(split, shape, &Mask::default(), 0).splits;
    let rule = |sms, blocks, n| tiling::splits(sms, blocks, n);
    assert_eq!((of(&spec("a100-80gb"), &shape), rule(216, 9, 64)), (22, 22));
    assert_eq!(of(&spec("t4"), &shape), rule(80, 9, 64));
    let packed = RunSpec { pack_heads: Some(true), ..spec("a100-80gb") };
    assert_eq!(of(&packed, &shape), rule(216, 3, 64));
    assert!(rule(216, 3, 64) != rule(216, 9, 64) && rule(80, 9, 64) != rule(216, 9, 64));
    // Enough thread blocks as it is, by batch entries or by query blocks.
    assert_eq!(of(&spec("a100-80gb"), &Shape { batch: 20, ..shape }), 1);
    assert_eq!(of(&spec("a100-80gb"), &Shape { n_q: 20 * 64, ..shape }), 1);
    let lengths = Some(KeyLengths::Each(vec![64 * 128, 4 * 128]));
    let varlen = RunSpec { varlen: Some(true), kv_lengths: lengths, ..spec("a100-80gb") };
    assert_eq!(of(&varlen, &Shape { batch: 2, ..shape }), rule(216, 18, 64));
    assert_eq!(spec("a100-80gb").on_shape(flash2, &shape, &Mask::default(), 0).splits, 1);
}

/// What a file says may be beyond what anyone can type.
#[test]
fn limits_hold_for_what_a_file_says() {
    for (json, why) in [
        (r#"{"br": 0}"#, "br is 0; it is a whole number from 1"),
        (r#"{"bc": 0}"#, "bc is 0; it is a whole number from 1"),
        (r#"{"splits": 5000}"#, "splits is 5000; it is a whole number from 1 to 4096"),
        (r#"{"reading": {"heads": 0, "bf16_bits": false}}"#, "heads is 0; it is a whole number from 1"),
    ] {
        let spec: RunSpec = serde_json::from_str(json).unwrap();
        assert_eq!(spec.check().unwrap_err().to_string(), why);
    }
    for json in [
        r#"{"precision": "f8"}"#,
        r#"{"window": "3"}"#,
        r#"{"hardware": "abacus"}"#,
        r#"{"br": -1}"#,
        r#"{"splits": "all"}"#,
    ] {
        assert!(serde_json::from_str::<RunSpec>(json).is_err(), "{json}");
    }
}

/// As every version before this one wrote a link.
#[test]
fn an_old_link_is_read() {
    let json = r#"{"input": "x.npz", "reading": {"layout": "bnd", "heads": 4, "bf16_bits": false}, "seed": 7,
        "algorithm": "flash1", "br": 4, "bc": 8, "splits": 3, "batch": 1, "head": 2, "precision": "f16", "causal": false,
        "align": "top-left", "window": "16,-1", "kv_lengths": "3,5", "prefix": 0, "hardware": "toy"}"#;
    let spec: RunSpec = serde_json::from_str(json).unwrap();
    assert_eq!(spec.input, [PathBuf::from("x.npz")]);
    assert_eq!((spec.reading.layout, spec.reading.heads, spec.seed()), (Some(Layout::Bnd), Some(4), 7));
    assert_eq!((spec.algorithm(), spec.br, spec.bc, spec.splits), ("flash1", Some(4), Some(8), Some(Splits::Count(3))));
    assert_eq!((spec.batch(), spec.head(), spec.precision(), spec.causal), (1, 2, Precision::F16, Some(false)));
    assert_eq!(spec.window, Some(Window { left: Some(16), right: None }));
    assert_eq!(spec.kv_lengths, Some(KeyLengths::Each(vec![3, 5])));
    assert_eq!((spec.align, spec.prefix(), spec.hardware().name), (Some(Align::TopLeft), None, "toy"));
    let written: serde_json::Value = serde_json::to_value(&spec).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(json).unwrap());
}

/// Any number of choices, each with a text that it takes.
fn specs() -> impl Strategy<Value = RunSpec> {
    let one = |at: usize| {
        let (name, taken, _) = CASES[at];
        prop::option::of(prop::sample::select(taken)).prop_map(move |text| text.map(|text| (name, text)))
    };
    let all: Vec<_> = (0..CASES.len()).map(one).collect();
    let paths = prop::collection::vec("[a-z]{1,4}\\.npy", 0..3);
    (all, paths, prop::option::of(any::<f64>().prop_filter("finite", |x| x.is_finite()))).prop_map(
        |(choices, paths, scale)| {
            let mut spec = RunSpec { input: paths.into_iter().map(PathBuf::from).collect(), ..RunSpec::default() };
            for (name, text) in choices.into_iter().flatten() {
                Choice::by_name(name).unwrap().set(&mut spec, text).unwrap();
            }
            spec.scale = scale.or(spec.scale);
            spec
        },
    )
}

/// Inputs of which a prefix is exact, and others.
fn inputs() -> [Input; 4] {
    let mut causal = random::read("random:9,9,4,4,2", 0).unwrap();
    causal.problem.mask.causal = true;
    let padded = preset::Preset::Padding.input(9, 12, 4, 5).unwrap();
    [causal, padded, preset::toy(), random::read("random:7,11,3", 1).unwrap()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// To JSON, and to the texts of its choices, and back.
    #[test]
    fn a_description_survives_being_written(spec in specs()) {
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(&serde_json::from_str::<RunSpec>(&json).unwrap(), &spec, "{}", json);
        let mut read = RunSpec { input: spec.input.clone(), ..RunSpec::default() };
        for choice in &CHOICES {
            if let Some(text) = choice.get(&spec) {
                choice.set(&mut read, &text).unwrap();
            }
        }
        prop_assert_eq!(read, spec);
    }

    #[test]
    fn what_lies_over_another_wins(under in specs(), over in specs()) {
        let both = under.overlaid(&over);
        let names_input = !over.input.is_empty() || over.scene.is_some();
        let input = if names_input { &over } else { &under };
        prop_assert_eq!((&both.input, &both.scene), (&input.input, &input.scene));
        for choice in CHOICES.iter().filter(|choice| choice.name != "scene") {
            prop_assert_eq!(choice.get(&both), choice.get(&over).or_else(|| choice.get(&under)), "{}", choice.name);
        }
        prop_assert_eq!(under.overlaid(&RunSpec::default()), under);
    }

    /// The plan of an input that is whole is that of what is run; and what says what the input says changes nothing.
    #[test]
    fn a_plan_needs_no_copy(
        (at, causal, align, left, right) in (0usize..4, any::<Option<bool>>(), any::<bool>(), -1i64..5, -1i64..5),
        (prefix, lengths, softcap, dropout) in (0usize..6, 0usize..12, any::<bool>(), any::<bool>()),
    ) {
        let input = &inputs()[at];
        let shape = input.problem.shape;
        let spec = RunSpec {
            causal,
            prefix: Some(prefix),
            align: align.then_some(Align::TopLeft),
            window: (left > 2).then(|| format!("{left},{right}").parse().unwrap()),
            kv_lengths: Some(lengths).filter(|n| *n % 2 == 0).map(|n| KeyLengths::Each(vec![n])),
            prefix_keys: (lengths > 8).then_some(lengths - 8),
            sink_keys: (lengths > 5).then_some(lengths / 3),
            left_padding: dropout.then(|| Lengths::Each(vec![lengths / 4])),
            documents: softcap.then(|| Lengths::Each(vec![3, shape.n_k.saturating_sub(3)])),
            softcap: softcap.then_some(5.0),
            scale: softcap.then_some(0.75),
            sinks: dropout.then_some(Sinks::Random(3)),
            dropout: dropout.then_some(0.25),
            dropout_seed: dropout.then_some(7),
            batch: Some(0),
            ..RunSpec::default()
        };
        let flash2 = algorithm::by_name("flash2").unwrap();
        let Ok(applied) = spec.apply(Cow::Borrowed(input)) else { return Ok(()) };
        let tiling = spec.tiling(flash2, &applied.problem.shape);
        let plan = Plan::of_problem(&applied.problem, 0, tiling, Precision::F32);
        prop_assert_eq!(&spec.setting(flash2, input, 0).plan, &plan);
        prop_assert_eq!(&spec.setting(flash2, &applied, 0).plan, &plan);
        // What it chooses of the problem is all that it does to it.
        let problem = spec.problem().apply(Cow::Borrowed(input)).unwrap().problem;
        prop_assert_eq!(format!("{problem:?}"), format!("{:?}", applied.problem));
        let least = spec.clone().against(input);
        prop_assert_eq!(&least.setting(flash2, input, 0).plan, &plan);
        prop_assert_eq!(least.apply(Cow::Borrowed(input)).unwrap().problem.mask, applied.problem.mask);
    }
}

#[test]
fn a_choice_holds_against_the_file_and_says_so() {
    let input = inputs()[0].clone();
    let spec = RunSpec {
        causal: Some(false),
        window: Some(Window { left: Some(2), right: Some(1) }),
        scale: Some(0.25),
        softcap: Some(3.0),
        kv_lengths: Some(KeyLengths::Each(vec![8])),
        prefix: Some(5),
        ..RunSpec::default()
    };
    let run = spec.apply(Cow::Borrowed(&input)).unwrap();
    let mask = Mask {
        causal: false,
        align: Align::BottomRight,
        window_left: Some(2),
        window_right: Some(1),
        key_lengths: Some(vec![5]),
        ..Mask::default()
    };
    assert_eq!((&run.problem.mask, run.problem.scale, run.problem.softcap), (&mask, 0.25, Some(3.0)));
    assert_eq!(run.problem.shape.n_q, 5);
    let facts: Vec<Fact> = run.told.facts.iter().filter(|(_, by)| **by == By::Option).map(|(fact, _)| *fact).collect();
    assert_eq!(facts, [Fact::Causal, Fact::Window, Fact::KeyLengths, Fact::Scale, Fact::Softcap]);
    // Chosen as a whole, only what differs is a choice.
    let mut chosen = RunSpec::default();
    chosen.choose_mask(Mask { causal: false, ..input.problem.mask.clone() }, &input);
    assert_eq!(chosen, RunSpec { causal: Some(false), ..RunSpec::default() });
    chosen.choose_mask(input.problem.mask.clone(), &input);
    assert_eq!(chosen, RunSpec::default());
}

/// Only where later keys are hidden from earlier queries, and each query has its key, is a prefix what the whole would be.
#[test]
fn a_prefix_is_exact_of_causal_squares() {
    let [causal, _, toy, wide] = inputs();
    let chosen = RunSpec { causal: Some(true), ..RunSpec::default() };
    let exact = |spec: &RunSpec, input: &Input| spec.has_exact_prefix(&input.problem);
    assert!(exact(&RunSpec::default(), &causal) && exact(&chosen, &causal));
    assert!(!toy.problem.mask.causal && !exact(&RunSpec::default(), &toy) && exact(&chosen, &toy));
    assert!(!exact(&RunSpec { causal: Some(false), ..RunSpec::default() }, &toy));
    assert!(!exact(&RunSpec::default(), &wide) && !exact(&chosen, &wide));
    // What is made causal has a prefix too.
    let run = RunSpec { prefix: Some(2), ..chosen }.apply(Cow::Borrowed(&toy)).unwrap();
    assert!(run.problem.mask.causal && run.problem.shape.n_q == 2);
}

/// Modifiers of the input cost what they do, with a mask of its own or a seed; and a rate that is chosen takes its mask.
#[test]
fn modifiers_of_the_input_are_in_the_plan() {
    let mut input = inputs()[3].clone();
    let flash2 = algorithm::by_name("flash2").unwrap();
    let plan = |spec: &RunSpec, input: &Input| spec.setting(flash2, input, 0).plan;
    let whole = RunSpec::default();
    assert!(!plan(&whole, &input).alibi && !plan(&whole, &input).bias);
    input.problem.alibi_slopes = Some(ndarray::Array2::from_elem((1, 1), 0.5));
    assert!(plan(&whole, &input).alibi && !plan(&whole, &input).bias);
    input.problem.bias = Some(ndarray::Array4::zeros((1, 1, 7, 11)));
    assert!(plan(&whole, &input).bias);
    let kept = std::sync::Arc::new(ndarray::Array4::from_elem((1, 1, 7, 11), true));
    let cost = |spec: &RunSpec, input: &Input| plan(spec, input).dropout;
    let chosen = RunSpec { dropout: Some(0.25), ..RunSpec::default() };
    assert_eq!((cost(&whole, &input), cost(&chosen, &input)), (DropoutCost::None, DropoutCost::Regenerated));
    for (keep, of_input) in [
        (Keep::by_seed(3, &input.problem.shape), DropoutCost::Regenerated),
        (Keep::Given(kept.clone()), DropoutCost::Materialised),
    ] {
        input.problem.dropout = Some(Dropout { rate: 0.25, keep });
        assert_eq!(cost(&whole, &input), of_input);
    }
    input.keep = Some(kept);
    assert_eq!(cost(&chosen, &input), DropoutCost::Materialised);
}

/// ALiBi, a bias and queries as keys are made of the input, and its plan needs no copy of it either.
#[test]
fn what_is_added_and_where_the_keys_come_from_is_chosen() {
    let [mut causal, _, _, wide] = inputs();
    let [flash2, backward] = ["flash2", "flash2-backward"].map(|name| algorithm::by_name(name).unwrap());
    causal.problem.bias = Some(ndarray::Array4::from_elem((1, 1, 9, 9), 0.25));
    let slopes = |text: &str| RunSpec { alibi: Some(text.parse().unwrap()), ..RunSpec::default() };
    let bias = |bias| RunSpec { bias: Some(bias), ..RunSpec::default() };
    let keys = |keys| RunSpec { keys: Some(keys), ..RunSpec::default() };
    for spec in
        [slopes("0.5"), slopes("standard"), slopes("none"), bias(Bias::None), bias(Bias::Own), keys(KeySource::Q)]
    {
        let applied = spec.apply(Cow::Borrowed(&causal)).unwrap();
        let tiling = spec.tiling(flash2, &applied.problem.shape);
        let plan = Plan::of_problem(&applied.problem, 0, tiling, Precision::F32);
        for input in [&causal, &applied] {
            assert_eq!(spec.setting(flash2, input, 0).plan, plan, "{spec:?}");
        }
        assert_eq!(spec.setting(backward, &causal, 0).heads, applied.problem.shape.group(), "{spec:?}");
    }
    let slopes_of = |text: &str| slopes(text).apply(Cow::Borrowed(&causal)).unwrap().problem.alibi_slopes;
    assert_eq!(slopes_of("0.5"), Some(ndarray::arr2(&[[0.5; 4]])));
    assert_eq!(slopes_of("1,2,3,4"), Some(ndarray::arr2(&[[1.0, 2.0, 3.0, 4.0]])));
    assert_eq!(slopes_of("standard"), Some(ndarray::arr2(&[[0.25, 0.0625, 0.015625, 0.00390625]])));
    assert_eq!(slopes_of("none"), None);
    assert_eq!(bias(Bias::None).apply(Cow::Borrowed(&causal)).unwrap().problem.bias, None);
    assert!(bias(Bias::Own).apply(Cow::Borrowed(&causal)).unwrap().problem.bias.is_some());
    // Two query heads share a key head before, and none after; each keeps the values of its own.
    let own = keys(KeySource::Q).apply(Cow::Borrowed(&causal)).unwrap().problem;
    assert_eq!((own.shape.heads, own.shape.kv_heads, &own.k), (4, 4, &causal.problem.q));
    for head in 0..4 {
        let v =
            |problem: &crate::attention::Problem, head: usize| problem.v.slice(ndarray::s![0, head, .., ..]).to_owned();
        assert_eq!(v(&own, head), v(&causal.problem, head / 2));
    }
    let exact = crate::attention::oracle::row(&own.head(0, 3, Precision::F64), 8);
    let q = causal.problem.q.slice(ndarray::s![0, 3, .., ..]);
    assert!((exact.s[5] - own.scale * q.row(8).dot(&q.row(5)) - 0.25).abs() < 1e-12);
    // What the input says already is no choice; what it cannot have is refused.
    for spec in [slopes("none"), bias(Bias::Own), keys(KeySource::Own)] {
        assert_eq!(spec.against(&causal), RunSpec::default());
    }
    assert_eq!(bias(Bias::None).against(&wide), RunSpec::default());
    assert_ne!(bias(Bias::None).against(&causal), RunSpec::default());
    let fault = |spec: RunSpec, input: &Input| spec.apply(Cow::Borrowed(input)).unwrap_err().to_string();
    assert!(fault(slopes("1,2"), &causal).contains("one slope, or one for each query head (4)"));
    assert!(fault(keys(KeySource::Q), &wide).contains("only where there are as many"));
    let facts = keys(KeySource::Q).apply(Cow::Borrowed(&causal)).unwrap().told.facts;
    assert_eq!(facts.get(&Fact::Keys), Some(&By::Option));
}

/// A choice that the input has made already is none; another rate, another seed is one.
#[test]
fn a_dropout_of_the_input_is_no_choice() {
    let mut input = inputs()[3].clone();
    let dropout = |rate, seed| RunSpec { dropout: Some(rate), dropout_seed: Some(seed), ..RunSpec::default() };
    let is_left = |spec: RunSpec, input: &Input| spec.against(input).dropout.is_some();
    assert!(is_left(dropout(0.25, 3), &input), "the input has none");
    input.problem.dropout = Some(Dropout { rate: 0.25, keep: Keep::by_seed(3, &input.problem.shape) });
    assert!(!is_left(dropout(0.25, 3), &input));
    assert!(is_left(dropout(0.5, 3), &input) && is_left(dropout(0.25, 4), &input));
    let kept = std::sync::Arc::new(ndarray::Array4::from_elem((1, 1, 7, 11), true));
    input.problem.dropout = Some(Dropout { rate: 0.25, keep: Keep::Given(kept) });
    assert!(!is_left(dropout(0.25, 4), &input) && is_left(dropout(0.5, 4), &input));
    let scale = |scale| RunSpec { scale: Some(scale), ..RunSpec::default() }.against(&input).scale;
    assert_eq!((scale(input.problem.scale), scale(input.problem.scale * 2.0)), (None, Some(input.problem.scale * 2.0)));
}

/// Of random: inputs by their seed, of others by that of the run; of the shape that is run; and the line says so.
#[test]
fn a_gradient_of_the_output_is_chosen() {
    let [causal, padded, toy, wide] = inputs();
    let chosen = |text: &str| RunSpec { grad: Some(text.parse().unwrap()), seed: Some(5), ..RunSpec::default() };
    let run = |spec: RunSpec, input: &Input| spec.apply(Cow::Borrowed(input)).unwrap();
    let said = |run: &Input| Understood::of(run).sentence;
    let shape = wide.problem.shape;
    assert_eq!(run(RunSpec::default(), &wide).d_o, None);
    let ones = run(chosen("ones"), &wide);
    assert_eq!(ones.d_o, Some(ndarray::Array4::ones((1, 1, 7, 3))));
    assert!(said(&ones).ends_with("dO of ones from the option"), "{}", said(&ones));
    // Those inputs are of the seeds 1 and 0; a capture is of none.
    let capture = Input { seed: None, ..toy.clone() };
    for (text, input, seed) in
        [("random", &wide, 1), ("random:9", &wide, 9), ("random", &toy, 0), ("random", &capture, 5)]
    {
        let random = run(chosen(text), input);
        assert_eq!(random.d_o, Some(random::d_o(&input.problem.shape, seed)), "{text}");
        assert!(said(&random).ends_with(&format!("dO random by seed {seed} from the option")), "{}", said(&random));
    }
    let cut = run(RunSpec { prefix: Some(5), ..chosen("random:2") }, &causal);
    assert_eq!(cut.d_o.unwrap().dim(), (1, 4, 5, 4));
    let joined = run(RunSpec { varlen: Some(true), ..chosen("random:2") }, &padded);
    assert_eq!(joined.d_o.unwrap().len_of(ndarray::Axis(2)), joined.problem.shape.n_q);
    // Gradients that a file has answer its own dO, or where it has none the one that is chosen.
    let mut own = wide.clone();
    own.about.gradients[0] = Some(own.problem.q.clone());
    assert!(run(chosen("ones"), &own).about.gradients[0].is_some());
    own.d_o = Some(random::d_o(&shape, 3));
    (own.told.grad, own.told.facts) = (Some(GradSource::Array), [(Fact::Grad, By::File)].into());
    assert!(said(&own).ends_with("dO from the file"), "{}", said(&own));
    assert!(run(chosen("ones"), &own).about.gradients[0].is_none());
    // A text that takes one is given ones, and that is said; another has no need of it.
    let taken = |name: &str| algorithm::by_name(name).unwrap().takes_gradient();
    assert_eq!(["flash2", "split-kv", "flash2-backward", "standard-backward"].map(taken), [false, false, true, true]);
    let line = |takes| Understood::for_text(&wide, takes).sentence;
    assert!(line(true).ends_with(", dO of ones") && !line(false).contains("dO"), "{}", line(true));
    // What holds anyway is no choice, and no O depends on it.
    assert_eq!(chosen("ones").against(&wide).grad, None);
    assert!(chosen("ones").against(&own).grad.is_some() && chosen("random").against(&wide).grad.is_some());
    assert!(chosen("random").keeps_to(&own));
}

#[test]
fn what_the_input_has_not_is_refused() {
    let [causal, padded, ..] = inputs();
    let fault = |spec: RunSpec, input: &Input| spec.apply(Cow::Borrowed(input)).unwrap_err().to_string();
    let lengths =
        |lengths: &[usize]| RunSpec { kv_lengths: Some(KeyLengths::Each(lengths.to_vec())), ..RunSpec::default() };
    assert!(fault(lengths(&[3, 3]), &padded).contains("one length for each of the batch entries (1)"));
    assert!(fault(lengths(&[13]), &padded).contains("a key length is 13: it must not be above n_k"));
    let prefix = |prefix| RunSpec { prefix: Some(prefix), ..RunSpec::default() };
    assert!(fault(prefix(4), &padded).contains("a causal input"));
    assert!(fault(prefix(10), &causal).contains("from 1 to 9"));
    assert!(fault(RunSpec { softcap: Some(-1.0), ..RunSpec::default() }, &causal).contains("softcap is -1"));
    assert!(fault(RunSpec { dropout: Some(1.0), ..RunSpec::default() }, &causal).contains("dropout is 1"));
    assert!(fault(RunSpec { scale: Some(f64::NAN), ..RunSpec::default() }, &causal).contains("scale is NaN"));
    let shape = causal.problem.shape;
    let head = |batch, head| RunSpec { batch: Some(batch), head: Some(head), ..RunSpec::default() }.check_head(&shape);
    assert_eq!(head(0, 3), Ok(()));
    assert_eq!(head(0, 4).unwrap_err().to_string(), "there is no head 4; the last is 3");
    assert_eq!(head(1, 0).unwrap_err().to_string(), "there is no batch entry 1; the last is 0");
    // All keys exist again, however many the file says.
    let all = RunSpec { kv_lengths: Some(KeyLengths::All), ..RunSpec::default() };
    assert_eq!(all.apply(Cow::Borrowed(&padded)).unwrap().problem.mask.key_lengths, None);
}
