//! A text whose names and labels are all others is told as the original is: what its values are for is read off what is
//! done with them.

use ndarray::Array2;
use serde_json::Value;
use tilescope::attention::{Input, Precision};
use tilescope::machine::{Run, View};
use tilescope::schedule::{Algorithm, Part, Plan, Schedule, Setting, Tiling, algorithm};
use tilescope::trace::{self, Export, Origin, Tiles};

use super::common::golden;
use super::common::renamed::{back, relabelled, renamed};

/// Forward passes, with the names by which a reader knows their parts.
const TEXTS: [&str; 5] = ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"];

/// The original, with other names, with other names and labels.
fn three(name: &str) -> [Algorithm; 3] {
    let original = algorithm::by_name(name).expect("a text of the program");
    let other = renamed(original);
    let read = |text: &str| Algorithm::read(name, text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
    [original.clone(), read(&other), read(&relabelled(&other))]
}

/// Cases with dead rows, splits that are empty, dropout and a softcap.
fn cases() -> Vec<golden::Case> {
    let all = golden::cases();
    let small = |case: &golden::Case| {
        let shape = case.problem.shape;
        shape.n_q * shape.n_k <= 64 * 64
    };
    let cases: Vec<golden::Case> = all.into_iter().filter(small).take(12).collect();
    assert!(cases.len() >= 8, "the golden data is not all there");
    cases
}

fn run(algorithm: &Algorithm, case: &golden::Case) -> Run {
    let plan = Plan::of_problem(&case.problem, 0, Tiling { br: 5, bc: 7 }, Precision::F64);
    let splits = if algorithm.has_splits() { 3 } else { 1 };
    let schedule = Schedule::of(algorithm, Setting { splits, ..Setting::new(plan) });
    Run::new(schedule, &case.problem, 0, 0, |_| true).unwrap_or_else(|fault| panic!("{}: {fault}", case.name))
}

/// A NaN is one too: compared by bits.
fn bits(values: &Array2<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn the_parts_of_a_text_do_not_hang_on_its_names() {
    for name in TEXTS {
        let [original, others @ ..] = three(name);
        for other in others {
            assert!(other.text().names.iter().any(|name| name.starts_with("z_")), "{name}: nothing was renamed");
            for kernel in 0..original.text().kernels.len() {
                for part in Part::ALL {
                    let of = |text: &Algorithm| text.parts(kernel).get(part).map(|id| text.text().names[id].clone());
                    assert_eq!(of(&other).map(|own| back(&own)), of(&original), "{name}, kernel {kernel}: {part:?}");
                }
            }
            for part in [Part::Output, Part::Max, Part::Sum, Part::Lse] {
                assert_eq!(other.result(part).map(back), original.result(part).map(str::to_owned), "{name}: {part:?}");
            }
            for (n, _) in original.text().lines.iter().enumerate() {
                let (own, of) = (other.facts(n), original.facts(n));
                let facts = |facts: tilescope::schedule::LineFacts| {
                    (facts.lane, facts.makes_scores, facts.makes_weights, facts.change)
                };
                assert_eq!(facts(own), facts(of), "{name}, line {n}");
            }
        }
    }
}

#[test]
fn its_row_is_told_and_drawn_as_that_of_the_original() {
    for name in TEXTS {
        let [original, others @ ..] = three(name);
        for case in cases() {
            let right = run(&original, &case);
            for other in &others {
                let own = run(other, &case);
                let place = format!("{name}, {}", case.name);
                let (got, want) = (own.output().expect("an output"), right.output().expect("an output"));
                assert_eq!(bits(&got.o), bits(&want.o), "{place}");
                let column = |rows: &[f64]| rows.iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
                for (got, want) in [(&got.m, &want.m), (&got.l, &want.l), (&got.lse, &want.lse)] {
                    assert_eq!(column(got), column(want), "{place}");
                }
                for (symbol, want) in
                    [("O", want.o.clone()), ("m", per_row(&want.m)), ("l", per_row(&want.l)), ("L", per_row(&want.lse))]
                {
                    let called = own.results().called(symbol);
                    assert_eq!(
                        called.map(|got| bits(&got)),
                        (!want.is_empty()).then(|| bits(&want)),
                        "{place}: {symbol}"
                    );
                }
                for i in 0..right.schedule.plan().t_r() {
                    assert_eq!(format!("{:?}", own.history(i)), format!("{:?}", right.history(i)), "{place}");
                }
                for query in [0, right.schedule.plan().n_q - 1] {
                    let (got, want) = (own.story(query), right.story(query));
                    assert_eq!(format!("{got:?}"), format!("{want:?}"), "{place}");
                    let has_pieces = original.has_part(Part::Alpha);
                    let (i, row) = (query / right.schedule.plan().br, query % right.schedule.plan().br);
                    let history = right.history(i).swap_remove(row);
                    assert_eq!(want.visits.len(), history.len(), "{place}");
                    let blocks = right.schedule.plan().visible_key_blocks(i).len();
                    assert_eq!(history.len(), if has_pieces { blocks } else { 0 }, "{place}");
                    for (visit, of) in want.visits.iter().zip(&history) {
                        let told = [visit.new.m, visit.new.l, visit.alpha].map(f64::to_bits);
                        assert_eq!(
                            (visit.j, visit.done_at, told),
                            (of.j, of.n, [of.m, of.l, of.alpha].map(f64::to_bits))
                        );
                    }
                }
                let len = right.schedule.len();
                for cursor in (0..=len).step_by((len / 9 + 1) as usize) {
                    assert_eq!(seen(&own.view(cursor)), seen(&right.view(cursor)), "{place}, after {cursor}");
                }
            }
        }
    }
}

fn per_row(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row])
}

/// All that is on chip, by the names of the original.
fn seen(view: &View) -> Vec<(String, Vec<u64>)> {
    let mut all: Vec<(String, Vec<u64>)> = view.iter().map(|seen| (back(&seen.name), bits(&seen.values))).collect();
    all.sort();
    all
}

/// Each step of a trace with its numbers: what has a field of its own is there by its part, others by their names.
#[test]
fn its_trace_has_the_same_fields() {
    let mut named = 0;
    for name in TEXTS {
        let [original, others @ ..] = three(name);
        for case in cases().into_iter().take(4) {
            let right = steps(&original, &case);
            for other in &others {
                let own: Vec<Value> = steps(other, &case);
                assert_eq!(own.len(), right.len(), "{name}, {}", case.name);
                for (own, right) in own.iter().zip(&right) {
                    assert_eq!(own, right, "{name}, {}", case.name);
                    named += ["m", "l", "alpha", "beta", "m_tile", "l_tile", "L", "s", "p", "o"]
                        .into_iter()
                        .filter(|field| right.get(field).is_some())
                        .count();
                }
            }
        }
    }
    assert!(named > 1000, "{named} fields are too few");
}

fn steps(algorithm: &Algorithm, case: &golden::Case) -> Vec<Value> {
    let plan = Plan::of_problem(&case.problem, 0, Tiling { br: 5, bc: 7 }, Precision::F64);
    let splits = if algorithm.has_splits() { 3 } else { 1 };
    let schedule = Schedule::of(algorithm, Setting { splits, ..Setting::new(plan) });
    let export = Export {
        origin: Origin::of(&Input::new("case", case.problem.clone(), 4), None),
        problem: &case.problem,
        schedule: &schedule,
        batch: 0,
        head: 0,
        hardware: None,
        kernel_source: None,
        d_o: None,
    };
    let mut bytes = Vec::new();
    trace::write_json(&mut bytes, &export, Tiles::Full, |_| true).expect("memory takes everything");
    let text = back(&String::from_utf8(bytes).expect("JSON is UTF-8"));
    let trace: Value = serde_json::from_str(&text).expect("it is JSON");
    trace["steps"].as_array().expect("it has steps").clone()
}

/// Forms that a person may write: all on one line, the old maximum kept aside, a product with a name of its own.
#[test]
fn other_ways_to_write_it_are_understood() {
    let flash2 = algorithm::by_name("flash2").expect("a text of the program");
    let text = &flash2.text().text;
    let (head, _) = text.split_once("  for j in").expect("a loop");
    let ends = "  normalise:    O = ratio(O, l); L = m + ln(l)\n  store O[i]\n  store L[i]\n";
    let body = |buffers: &str, lines: &str| {
        let head = head.replace("O, S P, m, l", buffers);
        let text = format!("{head}  for j in key blocks seen by i\n    load K[j]\n    load V[j]\n{lines}{ends}");
        let text = text.replace(", bias, keep", "");
        Algorithm::read("mine", &text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"))
    };
    let at_once = "    all: S = scale * (Q @ K^T); S = -inf where hidden unless full; before = m; \
                   m = max(before, rowmax(S)); a = exp(before - finite(m)); P = exp(S - finite(m)); \
                   l = a * l + rowsum(P); O = a * O + P @ V\n";
    let apart = "    one:   raw = Q @ K^T\n    two:   S = scale * raw; S = -inf where hidden unless full\n    \
                 three: n = max(m, rowmax(S)); a = exp(m - finite(n)); m = n\n    four:  P = exp(S - finite(m))\n    \
                 five:  U = P @ V; t = rowsum(P)\n    six:   O = a * O + U; l = a * l + t\n";
    let plain = |case: &golden::Case| {
        let problem = &case.problem;
        let has_none = problem.bias.is_none() && problem.softcap.is_none() && problem.alibi_slopes.is_none();
        has_none && problem.dropout.is_none()
    };
    let all = cases();
    let case = all.iter().find(|case| plain(case)).expect("a case without modifiers");
    let right = run(flash2, case);
    for own in [body("O, S P, m, l", at_once), body("O, S P, raw, U, m, l", apart)] {
        let name = |part: Part| own.parts(0).get(part).map(|id| own.text().names[id].as_str());
        let all = [Part::Scores, Part::Weights, Part::Max, Part::Sum, Part::Alpha, Part::Output, Part::Lse];
        assert_eq!(all.map(name), ["S", "P", "m", "l", "a", "O", "L"].map(Some), "{}", own.text().text);
        let own = run(&own, case);
        for query in 0..right.schedule.plan().n_q {
            let (got, want) = (own.story(query), right.story(query));
            assert_eq!(got.visits.len(), want.visits.len());
            for (got, want) in got.visits.iter().zip(&want.visits) {
                let numbers = |visit: &tilescope::machine::RowVisit| {
                    let (old, new) = (&visit.old, &visit.new);
                    let all = [visit.m, visit.alpha, visit.beta, old.m, old.l, new.m, new.l];
                    let all = all.into_iter().chain(visit.scores.iter().copied()).chain(visit.weights.iter().copied());
                    all.chain(old.o.iter().copied()).chain(new.o.iter().copied()).collect::<Vec<f64>>()
                };
                let (got, want) = (numbers(got), numbers(want));
                assert_eq!(got.len(), want.len());
                for (got, want) in got.into_iter().zip(want) {
                    let is_same = got == want || (got - want).abs() <= 1e-12 * want.abs().max(1.0);
                    assert!(is_same, "row {query}: {got} is not {want}");
                }
            }
        }
    }
}
