//! The bugs and the misprints that come with the program, as variants of its texts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tilescope::attention::{Head, Precision, Problem, Real, oracle};
use tilescope::machine::language::{Given, carry_out};
use tilescope::machine::{Meaning, run};
use tilescope::playback::lesson::{BUGS, meaning};
use tilescope::schedule::language::{Algorithm, LeftOut, Setting, TEXTS, Totals, VARIANTS, closed_form, variant_of};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

use super::common::golden;
use super::common::{plans, problems};
use super::{read, text};

const FORWARD: [&str; 3] = ["standard", "flash1", "flash2"];
/// The statistics and outputs of one head by name.
type Results = BTreeMap<&'static str, Vec<f64>>;

/// What a text leaves of the first query head of a batch entry.
fn results<T: Real>(algorithm: &Algorithm, setting: &Setting, head: Head<T>) -> Results {
    let given = [Given::new(head)];
    let outcome = carry_out(algorithm, setting, &given, |_| true).unwrap_or_else(|fault| panic!("{fault}"));
    let mut all = Results::new();
    for name in ["O", "m", "l", "L"] {
        let reported = outcome.reported(name, 0).map(|rows| rows.iter().map(|x| x.widen()).collect());
        let stored = || outcome.tensor(name, 0).map(|values| values.iter().map(|x| x.widen()).collect());
        if let Some(values) = reported.or_else(stored) {
            all.insert(name, values);
        }
    }
    all
}

/// One bit pattern for all NaN.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { u64::MAX } else { value.to_bits() }).collect()
}

/// Demands of every bug of every text the bits that the stepper gives under that meaning.
fn are_those_of_the_stepper<T: Real>(problem: &Problem, batch: usize, tiling: Tiling, precision: Precision) {
    let plan = Plan::of_problem(problem, batch, tiling, precision);
    let setting = Setting::new(plan.clone());
    let head = problem.head::<T>(batch, 0, precision);
    for (base, name, text) in VARIANTS {
        let Some(meaning) = meaning(name) else { continue };
        let schedule = Schedule::new(algorithm::by_name(base).expect("an algorithm"), plan.clone());
        let (want, _) = run(&schedule, &head, meaning, |_| true).expect("nobody stops it");
        let got = results(&read(text), &setting, head.clone());
        assert!(got.contains_key("O") && got.contains_key("m") && got.contains_key("l"), "{base} {name}");
        let o: Vec<f64> = want.o.iter().copied().collect();
        for (of, want) in [("O", &o), ("m", &want.m), ("l", &want.l), ("L", &want.lse)] {
            if let Some(got) = got.get(of) {
                assert_eq!(
                    bits(got),
                    bits(want),
                    "{of} of {base} with {name}, {precision:?}, {tiling:?}\n{got:?}\n{want:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn bugs_are_those_of_the_stepper((problem, tiling, precision) in problems()) {
        match precision {
            Precision::F64 => are_those_of_the_stepper::<f64>(&problem, 0, tiling, precision),
            _ => are_those_of_the_stepper::<f32>(&problem, 0, tiling, precision),
        }
    }

    /// Only the lines that differ cost anything else, and no line moves anything else through HBM.
    #[test]
    fn what_does_not_differ_costs_the_same(plan in plans()) {
        let setting = Setting::new(plan);
        for (base, name, written) in VARIANTS {
            let (base, variant) = (text(base), read(written));
            let by_label = |algorithm: &Algorithm| -> Vec<(String, Totals)> {
                let lines = closed_form(algorithm, &setting).lines;
                algorithm.lines.iter().zip(lines).map(|(line, totals)| (line.label.clone(), totals)).collect()
            };
            let (mut want, got) = (by_label(&base), by_label(&variant));
            let differs = variant.variant.as_ref().expect("it is a variant");
            want.retain(|(label, _)| differs.left_out.iter().all(|line| line.label != *label));
            prop_assert_eq!(want.len(), got.len());
            for (want, got) in want.iter().zip(&got) {
                prop_assert_eq!(&want.0, &got.0);
                // A subtraction less; a factor that is one number, and not one a row.
                let cheaper = [("no-max", "exponentiate"), ("forget-alpha", "merge-stats"), ("forget-alpha", "merge-output")];
                if !cheaper.contains(&(name, got.0.as_str())) {
                    prop_assert_eq!(want, got, "{}", name);
                    continue;
                }
                let (want, got) = (want.1, got.1);
                prop_assert_eq!((got.steps, got.hbm_read, got.hbm_write), (want.steps, want.hbm_read, want.hbm_write));
                let work = |line: Totals| line.sram_read + line.flops.exp + line.flops.other;
                prop_assert!(work(got) <= work(want), "{}", name);
            }
        }
    }

    /// The slip of the first print against the update as it stands on paper, a row at a time.
    #[test]
    fn the_slip_is_the_inverse_of_the_factor((problem, tiling, _) in problems()) {
        let head = problem.head::<f64>(0, 0, Precision::F64);
        let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, Precision::F64));
        for (name, first) in [("first-print", f64::NAN), ("inverse-alpha", 0.0)] {
            let text = variant_of("flash2", name).expect("a variant of flash2");
            let got = results(&read(text), &setting, head.clone());
            for i in 0..head.n_q() {
                let want = slipped(&head, i, tiling, first);
                let d_v = want.len();
                let got = &got["O"][i * d_v..][..d_v];
                let largest = want.iter().fold(1.0, |most, x| f64::max(most, x.abs()));
                for (got, want) in got.iter().zip(&want) {
                    let is_near = (got - want).abs() <= 1e-11 * largest || got.is_nan() && want.is_nan();
                    prop_assert!(is_near, "{name}, row {i}: {got} is not {want}");
                }
            }
        }
    }
}

/// O of query `i` where the old O is divided by the factor; `first` is 0 / 0.
fn slipped(head: &Head<f64>, i: usize, tiling: Tiling, first: f64) -> Vec<f64> {
    let scores = oracle::row(head, i).s;
    let of_block = i - i % tiling.br..(i - i % tiling.br + tiling.br).min(head.n_q());
    let (mut m, mut l, mut o) = (f64::NEG_INFINITY, 0.0, vec![0.0; head.v.ncols()]);
    for start in (0..head.n_k()).step_by(tiling.bc) {
        let keys = start..(start + tiling.bc).min(head.n_k());
        if !of_block.clone().any(|i| keys.clone().any(|j| head.sees(i, j))) {
            continue;
        }
        let m_new = scores[keys.clone()].iter().copied().fold(m, f64::max);
        let alpha = if m == f64::NEG_INFINITY { 0.0 } else { (m - m_new).exp() };
        l *= alpha;
        o.iter_mut().for_each(|o| *o = if alpha == 0.0 { first } else { *o / alpha });
        for j in keys.filter(|&j| scores[j] > f64::NEG_INFINITY) {
            let p = (scores[j] - m_new).exp();
            l += p;
            o.iter_mut().zip(head.v.row(j)).for_each(|(o, v)| *o += p * head.dropout_factor(i, j) * v);
        }
        m = m_new;
    }
    // ratio(O, l) of a row without keys, whatever O is.
    o.iter().map(|o| if l == 0.0 { 0.0 } else { o / l }).collect()
}

#[test]
fn bugs_of_golden_cases() {
    let mut ran = 0;
    for case in golden::cases() {
        // `standard` keeps whole matrices: the small cases say it all.
        if case.problem.shape.n_q * case.problem.shape.n_k > 1 << 14 {
            continue;
        }
        for batch in 0..case.problem.shape.batch {
            are_those_of_the_stepper::<f64>(&case.problem, batch, Tiling { br: 5, bc: 7 }, Precision::F64);
            are_those_of_the_stepper::<f32>(&case.problem, batch, Tiling { br: 16, bc: 16 }, Precision::F32);
            ran += 1;
        }
    }
    println!("{ran} batch entries of golden cases");
    assert!(ran >= 20, "{ran}");
}

/// Each bug that lessons name is a text of each algorithm on which it has an effect.
#[test]
fn every_bug_is_there() {
    for base in FORWARD {
        for bug in BUGS {
            let is_right = meaning(bug) == Some(Meaning::RIGHT);
            // It has no factor to forget, and its product leaves hidden pairs out, so that their NaN would not show.
            let has_none = is_right || base == "standard" && ["forget-alpha", "no-guard"].contains(&bug);
            assert_eq!(variant_of(base, bug).is_none(), has_none, "{base} {bug}");
        }
    }
    assert_eq!(variant_of("split-kv", "no-max"), None);
    for (base, name, text) in VARIANTS {
        let algorithm = read(text);
        assert_eq!(algorithm.variant.as_ref().map(|variant| variant.base.as_str()), Some(base), "{name}");
        assert!(meaning(name).is_some() || name == "first-print" || name == "inverse-alpha", "{name}");
    }
    for (name, _) in TEXTS {
        assert_eq!(text(name).variant, None, "{name}");
    }
}

/// The text of a variant is its base's but for what it says itself, and reads as a text of its own.
#[test]
fn the_text_of_a_variant_is_a_text() {
    let steps = |text: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|line| !line.starts_with("kernel"));
        lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    for (of, name, text) in VARIANTS {
        let algorithm = read(text);
        let variant = algorithm.variant.as_ref().expect("it is a variant");
        let (_, base) = TEXTS.into_iter().find(|(known, _)| *known == of).expect("its base");
        let mut lines: Vec<String> = steps(&algorithm.text);
        let first = algorithm.kernels[0].span.line;
        for LeftOut { text, before, .. } in &variant.left_out {
            lines.insert((before - first) as usize, text.clone());
        }
        let base = steps(base);
        assert_eq!(lines.len(), base.len(), "{of} {name}");
        let differ = lines.iter().zip(&base).filter(|(a, b)| a != b).count();
        assert_eq!(differ, variant.replaced.len(), "{of} {name}");
        assert_eq!(variant.replaced.len() + variant.left_out.len(), 1, "{of} {name}");
        for number in &variant.replaced {
            let line = algorithm.text.lines().nth(*number as usize - 1).expect("a line");
            assert!(algorithm.lines.iter().any(|step| step.span.line == *number), "{line} is a step");
            let said = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(text.lines().any(|own| said(own) == said(line)), "{line} is what the variant says");
            let label = line.split(':').next().expect("a label");
            let column = |line: &str| line.len() - line.split_once(':').expect("a body").1.trim_start().len();
            let old = base.iter().find(|old| old.split(':').next() == Some(label)).expect("the line of the base");
            assert_eq!(column(line), column(old), "it is set as the base's: {line}");
        }
        let alone = read(&algorithm.text);
        assert_eq!(
            (alone.text, alone.title, alone.names),
            (algorithm.text, algorithm.title, algorithm.names),
            "{name}"
        );
        let told = algorithm.notes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected: &[&str] = match (of, name) {
            ("flash2", "forget-alpha") => {
                &["3:12: line 20 of flash2 does not go with this: no line of this kernel reads alpha"]
            }
            _ => &[],
        };
        assert_eq!(told, expected, "{of} {name}");
    }
}
