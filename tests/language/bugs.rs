//! The bugs and the misprints that come with the program, as variants of its texts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tilescope::attention::{Band, Head, Mask, Precision, Problem, Real, Shape, oracle};
use tilescope::machine::Given;
use tilescope::playback::lesson::BUGS;
use tilescope::schedule::language::{Algorithm, LeftOut, Setting, TEXTS, Totals, VARIANTS, closed_form, variant_of};
use tilescope::schedule::{Plan, Tiling};

use super::common::golden;
use super::common::{plans, problems};
use super::outcome::carry_out;
use super::{read, text};

const FORWARD: [&str; 3] = ["standard", "flash1", "flash2"];
/// The statistics and outputs of one head by name.
type Results = BTreeMap<&'static str, Vec<f64>>;

/// What a text leaves of the first query head of a batch entry.
fn results<T: Real>(algorithm: &Algorithm, setting: &Setting, head: Head<T>) -> Results {
    let given = [Given::new(head)];
    let outcome = carry_out(algorithm, setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
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

/// Whose diagonal the mask goes by.
#[derive(Clone, Copy, PartialEq)]
enum Diagonal {
    Own,
    Moved(i64),
    OtherCorner,
}

/// What a bug does to a row, as it stands on paper.
#[derive(Clone, Copy)]
struct Bug {
    /// l shrinks by alpha when the maximum rises, and so does O.
    rescales: [bool; 2],
    diagonal: Diagonal,
    /// L is taken to the base 2.
    is_base_2: bool,
    /// A row that has seen no key subtracts 0 instead of its maximum of -inf.
    guards: bool,
    /// Scores lose their maximum before the exponential.
    subtracts: bool,
    /// The 0 that a guard subtracts in place of -inf is kept as the row's maximum.
    keeps_guard: bool,
    /// What the mask makes of the score of a hidden key.
    hidden: f64,
    /// Keys in the second half of a block have the values of the block that was visited before, if there is one.
    tears: bool,
}

const RIGHT: Bug = Bug {
    rescales: [true, true],
    diagonal: Diagonal::Own,
    is_base_2: false,
    guards: true,
    subtracts: true,
    keeps_guard: false,
    hidden: f64::NEG_INFINITY,
    tears: false,
};

fn bug(name: &str) -> Option<Bug> {
    Some(match name {
        "forget-alpha" => Bug { rescales: [false, false], ..RIGHT },
        "output-not-rescaled" => Bug { rescales: [true, false], ..RIGHT },
        "sum-not-rescaled" => Bug { rescales: [false, true], ..RIGHT },
        "diagonal-one-far" => Bug { diagonal: Diagonal::Moved(1), ..RIGHT },
        "diagonal-one-short" => Bug { diagonal: Diagonal::Moved(-1), ..RIGHT },
        "other-corner" => Bug { diagonal: Diagonal::OtherCorner, ..RIGHT },
        "lse-base-2" => Bug { is_base_2: true, ..RIGHT },
        "no-max" => Bug { subtracts: false, ..RIGHT },
        "no-guard" => Bug { guards: false, ..RIGHT },
        "minus-1000" => Bug { hidden: -1000.0, ..RIGHT },
        "zero" => Bug { hidden: 0.0, ..RIGHT },
        "stuck-max" => Bug { keeps_guard: true, ..RIGHT },
        "drop-barrier" => Bug { tears: true, ..RIGHT },
        _ => return None,
    })
}

impl Bug {
    fn kept(self, max: f64) -> f64 {
        if self.keeps_guard && max == f64::NEG_INFINITY { 0.0 } else { max }
    }

    /// The mask that it goes by.
    fn band(self, head: &Head<f64>) -> Band {
        let corners = head.n_k() as i64 - head.n_q() as i64;
        let offset = match self.diagonal {
            Diagonal::Own => head.band.offset,
            Diagonal::Moved(keys) => head.band.offset + keys,
            Diagonal::OtherCorner => corners - head.band.offset,
        };
        Band { offset, ..head.band.clone() }
    }

    fn weight(self, s: f64, max: f64) -> f64 {
        let is_guarded = self.guards && max == f64::NEG_INFINITY;
        (s - if is_guarded || !self.subtracts { 0.0 } else { max }).exp()
    }
}

fn factor(old: f64, new: f64) -> f64 {
    if old == f64::NEG_INFINITY { 0.0 } else { (old - new).exp() }
}

/// O, m and l of query `i` by `base` with a bug, one key after another.
fn by_hand(head: &Head<f64>, i: usize, base: &str, bug: Bug, tiling: Tiling) -> (Vec<f64>, f64, f64) {
    let (own, band) = (&head.band, bug.band(head));
    // The scores of all pairs: a mask that is wrong shows some that the right one hides.
    let open = Band { offset: own.offset, ahead: own.ahead, ..Band::open(head.n_q(), head.n_k()) };
    let exact = oracle::row(&Head { band: open, ..head.clone() }, i).s;
    let score = |j: usize, is_masked: bool| if !is_masked || band.keeps(i, j) { exact[j] } else { bug.hidden };
    let of_block = i - i % tiling.br..(i - i % tiling.br + tiling.br).min(head.n_q());
    let size = if base == "standard" { head.n_k() } else { tiling.bc };
    let (mut m, mut l, mut o) = (f64::NEG_INFINITY, 0.0, vec![0.0; head.v.ncols()]);
    // The block that was visited before.
    let mut last: Option<usize> = None;
    for start in (0..head.n_k()).step_by(size) {
        let keys = start..(start + size).min(head.n_k());
        let is_seen = of_block.clone().any(|i| keys.clone().any(|j| own.keeps(i, j)));
        let is_full = of_block.clone().all(|i| keys.clone().all(|j| own.keeps(i, j)));
        let is_masked = !is_full || bug.diagonal == Diagonal::OtherCorner;
        if base != "standard" && !is_seen {
            continue;
        }
        let most = keys.clone().map(|j| score(j, is_masked)).fold(f64::NEG_INFINITY, f64::max);
        let of_tile = base != "flash2";
        let m_tile = bug.kept(if of_tile { most } else { most.max(m) });
        let m_new = if of_tile { m.max(m_tile) } else { m_tile };
        let alpha = |is_applied: bool| if is_applied { factor(m, m_new) } else { 1.0 };
        let beta = if of_tile { factor(m_tile, m_new) } else { 1.0 };
        l *= alpha(bug.rescales[0]);
        o.iter_mut().for_each(|o| *o *= alpha(bug.rescales[1]));
        let end = keys.end;
        for j in keys {
            let p = beta * bug.weight(score(j, is_masked), m_tile);
            l += p;
            let is_torn = bug.tears && j - start >= size.div_ceil(2);
            let v = head.v.row(last.filter(|_| is_torn).map_or(j, |last| last + j - start));
            o.iter_mut().zip(v).for_each(|(o, v)| *o += p * head.dropout_factor(i, j) * v);
        }
        (m, last) = (m_new, Some(start));
        // All that the row sees was made -inf: no weights follow from that.
        let has_seen_all = own.keys_of(i).hull().end <= end && (0..end).any(|j| head.sees(i, j));
        if bug.diagonal != Diagonal::Own && l == 0.0 && m == f64::NEG_INFINITY && has_seen_all {
            l = f64::NAN;
        }
    }
    (o.iter().map(|o| if l == 0.0 { *o } else { o / l }).collect(), m, l)
}

/// Holds every bug of every text against the same row on paper.
fn are_those_on_paper(problem: &Problem, batch: usize, tiling: Tiling) {
    let setting = Setting::new(Plan::of_problem(problem, batch, tiling, Precision::F64));
    let tiling = Tiling { br: setting.plan.br, bc: setting.plan.bc };
    let head = problem.head::<f64>(batch, 0, Precision::F64);
    for (base, name, text) in VARIANTS {
        let Some(bug) = bug(name) else { continue };
        let got = results(&read(text), &setting, head.clone());
        assert!(got.contains_key("O") && got.contains_key("m") && got.contains_key("l"), "{base} {name}");
        for i in 0..head.n_q() {
            let (o, m, l) = by_hand(&head, i, base, bug, tiling);
            let own: Vec<f64> = got["O"][i * o.len()..][..o.len()].to_vec();
            let largest = o.iter().chain([&l]).filter(|x| x.is_finite()).fold(1.0, |most, x| f64::max(most, x.abs()));
            let lse = (m + l.ln()) / if bug.is_base_2 { std::f64::consts::LN_2 } else { 1.0 };
            let stored = got.get("L").map(|rows| ("L", rows[i], lse));
            let pairs = own.iter().zip(&o).map(|(got, want)| ("O", *got, *want)).chain(stored);
            for (of, got, want) in pairs.chain([("m", got["m"][i], m), ("l", got["l"][i], l)]) {
                let is_near = got == want || (got - want).abs() <= 1e-10 * largest || got.is_nan() && want.is_nan();
                assert!(is_near, "{of} of row {i} of {base} with {name}, {tiling:?}: {got}, on paper {want}");
            }
        }
    }
}

/// The papers know no learned sinks.
fn without_sinks() -> impl Strategy<Value = (Problem, Tiling, Precision)> {
    problems().prop_map(|(problem, tiling, precision)| (Problem { sinks: None, ..problem }, tiling, precision))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn bugs_are_those_on_paper((problem, tiling, _) in without_sinks()) {
        are_those_on_paper(&problem, 0, tiling);
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
                let cheaper = [
                    ("no-max", "exponentiate"),
                    ("forget-alpha", "merge-stats"),
                    ("forget-alpha", "merge-output"),
                    ("output-not-rescaled", "rescale"),
                    ("sum-not-rescaled", "rescale"),
                ];
                // More arithmetic in a misprint; a mask also where nothing is hidden.
                let is_dearer = matches!(
                    (name, got.0.as_str()),
                    ("fa2-section-2-3-first" | "fa2-section-2-3-revised" | "fa2-section-3-1-1", "merge-output")
                        | ("lse-base-2", "normalise")
                        | ("other-corner", "mask")
                );
                if is_dearer {
                    let moves = |line: Totals| (line.hbm_read, line.hbm_write, line.flops.exp, line.flops.matmul);
                    prop_assert_eq!(moves(want.1), moves(got.1), "{}", name);
                    // Section 3.1.1 has no product of alpha and l.
                    let is_more = got.1.flops.other >= want.1.flops.other || name == "fa2-section-3-1-1";
                    prop_assert!(got.1.steps >= want.1.steps && is_more, "{}", name);
                    continue;
                }
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
    fn the_slip_is_the_inverse_of_the_factor((problem, tiling, _) in without_sinks()) {
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

    /// What FlashAttention-2 prints of rows that are kept divided, against the same on paper, a row at a time.
    #[test]
    fn sections_are_as_printed((problem, tiling, _) in without_sinks()) {
        let head = problem.head::<f64>(0, 0, Precision::F64);
        let setting = Setting::new(Plan::of_problem(&problem, 0, tiling, Precision::F64));
        let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
        type Old = fn(f64, f64, f64, &dyn Fn(f64, f64) -> f64) -> f64;
        let printed: [(&str, Old); 3] = [
            ("fa2-section-2-3-first", |o, l_old, l_new, ratio| ratio(l_new, l_old) * o),
            ("fa2-section-2-3-revised", |o, l_old, l_new, ratio| ratio(l_old, l_new) * o),
            ("fa2-section-3-1-1", |o, l_old, l_new, ratio| ratio(ratio(o, l_old), l_new)),
        ];
        for (name, old) in printed {
            let got = results(&read(variant_of("flash1", name).expect("a variant of flash1")), &setting, head.clone());
            for i in 0..head.n_q() {
                let want = divided(&head, i, tiling, |o, l_old, l_new| old(o, l_old, l_new, &ratio));
                let got = &got["O"][i * want.len()..][..want.len()];
                let largest = want.iter().fold(1.0, |most, x| f64::max(most, x.abs()));
                for (got, want) in got.iter().zip(&want) {
                    prop_assert!((got - want).abs() <= 1e-10 * largest, "{name}, row {i}: {got} is not {want}");
                }
            }
        }
    }
}

/// O of query `i`, kept divided; `old` says what of it stays beside a new block, from O and l before and l after.
fn divided(head: &Head<f64>, i: usize, tiling: Tiling, old: impl Fn(f64, f64, f64) -> f64) -> Vec<f64> {
    let scores = oracle::row(head, i).s;
    let of_block = i - i % tiling.br..(i - i % tiling.br + tiling.br).min(head.n_q());
    let (mut m, mut l, mut o) = (f64::NEG_INFINITY, 0.0, vec![0.0; head.v.ncols()]);
    for start in (0..head.n_k()).step_by(tiling.bc) {
        let keys = start..(start + tiling.bc).min(head.n_k());
        if !of_block.clone().any(|i| keys.clone().any(|j| head.band.keeps(i, j))) {
            continue;
        }
        let m_new = scores[keys.clone()].iter().copied().fold(m, f64::max);
        let weights: Vec<(usize, f64)> =
            keys.filter(|&j| scores[j] > f64::NEG_INFINITY).map(|j| (j, (scores[j] - m_new).exp())).collect();
        let l_new = factor(m, m_new) * l + weights.iter().map(|(_, p)| p).sum::<f64>();
        for (c, o) in o.iter_mut().enumerate() {
            let added: f64 = weights.iter().map(|&(j, p)| p * head.dropout_factor(i, j) * head.v[[j, c]]).sum();
            *o = old(*o, l, l_new) + if l_new == 0.0 { 0.0 } else { added / l_new };
        }
        (m, l) = (m_new, l_new);
    }
    o
}

/// O of query `i` where the old O is divided by the factor; `first` is 0 / 0.
fn slipped(head: &Head<f64>, i: usize, tiling: Tiling, first: f64) -> Vec<f64> {
    let scores = oracle::row(head, i).s;
    let of_block = i - i % tiling.br..(i - i % tiling.br + tiling.br).min(head.n_q());
    let (mut m, mut l, mut o) = (f64::NEG_INFINITY, 0.0, vec![0.0; head.v.ncols()]);
    for start in (0..head.n_k()).step_by(tiling.bc) {
        let keys = start..(start + tiling.bc).min(head.n_k());
        if !of_block.clone().any(|i| keys.clone().any(|j| head.band.keeps(i, j))) {
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
    // ratio(O, l) of a row without keys: 0, unless the slip has made a NaN of it.
    o.iter().map(|o| if l == 0.0 && o.is_finite() { 0.0 } else { o / l }).collect()
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
            are_those_on_paper(&case.problem, batch, Tiling { br: 5, bc: 7 });
            are_those_on_paper(&case.problem, batch, Tiling { br: 16, bc: 16 });
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
            // It has no factor to forget.
            let has_none = bug == BUGS[0] || base == "standard" && bug == "forget-alpha";
            assert_eq!(variant_of(base, bug).is_none(), has_none, "{base} {bug}");
        }
    }
    assert_eq!(variant_of("split-kv", "no-max"), None);
    for (base, name, text) in VARIANTS {
        let algorithm = read(text);
        assert_eq!(algorithm.variant.as_ref().map(|variant| variant.base.as_str()), Some(base), "{name}");
        let is_misprint =
            name.starts_with("fa2-") || name == "first-print" || ["inverse-alpha", "late"].contains(&name);
        assert!(bug(name).is_some() != is_misprint, "{name}");
    }
    for (name, _) in TEXTS {
        assert_eq!(text(name).variant, None, "{name}");
    }
}

/// What a picture of a tile may call masked: the pairs to which the mask of the text gives -inf, and no others.
#[test]
fn a_mask_that_is_wrong_hides_its_own_pairs() {
    let causal = Mask { causal: true, ..Mask::default() }.band(&Shape::single(6, 9, 2), 0);
    let plan = Plan { band: causal, ..Plan::new(6, 9, 2, Tiling { br: 2, bc: 3 }, Precision::F32) };
    let hidden = |name: &str, i: usize| -> Vec<usize> {
        let of = tilescope::schedule::algorithm::by_name(name).expect("a text");
        (0..9).filter(|&j| !of.keeps(&plan, i, j)).collect()
    };
    for (name, of_row_1, of_row_2) in [
        ("flash2", &[5, 6, 7, 8][..], &[6, 7, 8][..]),
        ("standard", &[5, 6, 7, 8], &[6, 7, 8]),
        ("flash2/output-not-rescaled", &[5, 6, 7, 8], &[6, 7, 8]),
        ("flash2/diagonal-one-far", &[6, 7, 8], &[7, 8]),
        // Rows 2 and 3 see all of keys 3 to 5: no mask is applied there.
        ("flash2/diagonal-one-short", &[4, 5, 6, 7, 8], &[6, 7, 8]),
        ("flash2/other-corner", &[2, 3, 4, 5, 6, 7, 8], &[3, 4, 5, 6, 7, 8]),
        ("flash2/zero", &[], &[]),
        ("flash1/minus-1000", &[], &[]),
        ("flash2/no-guard", &[5, 6, 7, 8], &[6, 7, 8]),
        ("two-kernel-backward", &[5, 6, 7, 8], &[6, 7, 8]),
        ("standard-backward", &[5, 6, 7, 8], &[6, 7, 8]),
    ] {
        assert_eq!((hidden(name, 1).as_slice(), hidden(name, 2).as_slice()), (of_row_1, of_row_2), "{name}");
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
