//! The costs that follow from the lines of `standard`, `flash1` and `flash2`: the table that the engine was built on.

use std::collections::BTreeSet;

use tilescope::attention::Precision;
use tilescope::schedule::language::{Algorithm, Cost, Counts, Line, Linear, Setting, Test};
use tilescope::schedule::{DropoutCost, Plan, Tiling, algorithm};

use super::{read, text};

const TEXTS: [&str; 3] = ["standard", "flash1", "flash2"];
/// The table as it was, as data: `tests/data/costs.txt`.
const TABLE: &str = include_str!("../data/costs.txt");

/// Every choice of modifiers.
fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for dropout in [DropoutCost::None, DropoutCost::Regenerated, DropoutCost::Materialised] {
        for bits in 0..8 {
            let [softcap, alibi, bias] = [1, 2, 4].map(|bit| bits & bit != 0);
            let plan = Plan::new(20, 30, 5, Tiling { br: 4, bc: 6 }, Precision::F32);
            plans.push(Plan { d_v: 7, softcap, alibi, bias, dropout, ..plan });
        }
    }
    plans
}

/// What a line is called in the table: `load Q`, `scores`, and of which maximum.
fn name(algorithm: &Algorithm, line: &Line) -> String {
    let tensor = line.tensor().map_or(String::new(), |tensor| format!(" {}", algorithm.tensors[tensor].name));
    format!("{}{tensor}", line.label)
}

fn modifiers(plan: &Plan) -> String {
    let on = [(plan.softcap, "softcap"), (plan.alibi, "alibi"), (plan.bias, "bias")];
    let mut all: Vec<&str> = on.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
    match plan.dropout {
        DropoutCost::None => {}
        DropoutCost::Regenerated => all.push("dropout"),
        DropoutCost::Materialised => all.push("keep"),
    }
    if all.is_empty() { "plain".into() } else { all.join("+") }
}

/// One row of the table: seven linear forms, each as `pairs,queries,keys`.
fn row(name: &str, plan: &Plan, forms: &[[u64; 3]; 7]) -> String {
    let forms = forms.map(|[rc, r, c]| format!("{rc},{r},{c}"));
    format!("{name} | {} | {}", modifiers(plan), forms.join(" "))
}

/// The costs of every line that is a step under `plan`, on a partial tile.
fn derived(algorithm: &Algorithm, plan: &Plan) -> Vec<(String, [[u64; 3]; 7])> {
    let setting = Setting::new(plan.clone());
    let holds = |line: &Line| {
        let all = |conditions: &[(Test, bool)]| {
            conditions.iter().all(|&(test, wanted)| {
                (if test.is_of_place() { test == Test::Seen } else { setting.of_run(test) }) == wanted
            })
        };
        line.statements.iter().enumerate().fold(0, |held, (n, s)| held | u32::from(all(&s.conditions)) << n)
    };
    let mut costs = Vec::new();
    for line in &algorithm.lines {
        let held = holds(line);
        if held == 0 {
            continue;
        }
        let cost = Cost::of(algorithm, line, plan, setting.of_run(Test::KeepGiven), held);
        let all = [cost.hbm_read, cost.hbm_write, cost.sram_read, cost.sram_write, cost.matmul, cost.exp, cost.other];
        let basis = |form: Linear| {
            assert_eq!(
                form.at(Counts { one: 1, ..Counts::default() }),
                0,
                "no cost of these texts is of a place alone"
            );
            [
                form.at(Counts { rc: 1, ..Counts::default() }),
                form.at(Counts { r: 1, ..Counts::default() }),
                form.at(Counts { c: 1, ..Counts::default() }),
            ]
        };
        costs.push((name(algorithm, line), all.map(basis)));
    }
    costs
}

/// The lane and the beat of each line of the forward passes.
#[test]
fn lanes_and_beats_of_the_lines() {
    use tilescope::schedule::{Beat, Lane};
    let table = [
        ("load", Lane::Load, Beat::Load),
        ("store", Lane::Store, Beat::Store),
        ("initialise", Lane::Store, Beat::Store),
        ("start-rows", Lane::Vector, Beat::Load),
        ("start-output", Lane::Vector, Beat::Load),
        ("scores", Lane::Matmul, Beat::Score),
        ("mask", Lane::Vector, Beat::Score),
        ("row-max", Lane::Vector, Beat::Softmax),
        ("tile-max", Lane::Vector, Beat::Softmax),
        ("exponentiate", Lane::Exp, Beat::Softmax),
        ("row-sum", Lane::Vector, Beat::Softmax),
        ("dropout", Lane::Vector, Beat::Softmax),
        ("rescale", Lane::Vector, Beat::Rescale),
        ("merge-stats", Lane::Exp, Beat::Rescale),
        ("accumulate", Lane::Matmul, Beat::Accumulate),
        ("product", Lane::Matmul, Beat::Accumulate),
        ("merge-output", Lane::Matmul, Beat::Accumulate),
        ("normalise", Lane::Vector, Beat::Store),
        ("divide-rows", Lane::Vector, Beat::Store),
    ];
    let mut used = BTreeSet::new();
    for known in *algorithm::ALL {
        for (n, line) in known.text().lines.iter().enumerate() {
            let found = table.iter().find(|(label, ..)| *label == line.label).expect(&line.label);
            let facts = known.facts(n);
            assert_eq!((facts.lane, facts.beat), (found.1, found.2), "{}: {}", known.name(), line.label);
            used.insert(found.0);
        }
    }
    assert_eq!(used.len(), table.len(), "{used:?}");
}

#[test]
fn derived_costs_are_those_of_the_table() {
    let (mut rows, mut used) = (BTreeSet::new(), BTreeSet::new());
    rows.extend(TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
    for name_of_text in TEXTS {
        let algorithm = text(name_of_text);
        for plan in plans() {
            for (name, forms) in derived(&algorithm, &plan) {
                let row = row(&name, &plan, &forms);
                assert!(rows.contains(&row), "{name_of_text}: not in the table: {row}");
                used.insert(row);
            }
        }
    }
    assert_eq!(rows.len(), used.len(), "rows of the table that no line has: {:?}", rows.difference(&used).next());
}

/// The cost of one line of a text on blocks of 3 x 2 with d = 5, as elements: SRAM read and written, other operations.
fn of_line(line: &str, plan: Plan) -> [u64; 3] {
    let text = format!(
        "language 1\ntitle x\nin Q K\nout dQ:acc\nkernel k\nshared Q, K, keep ; registers S, P, twice\nparallel for i in query blocks\n  load Q[i]\n  \
         initialise: fill dQ[i] = 0\n  rows: m = rowsum(Q); l = rowsum(Q)\n  for j in key blocks\n    load K[j]\n    \
         load keep[i,j] when keep is given\n    scores: S = Q @ K^T; P = 0 * S; twice = 0 * S\n    add dQ[i] += S @ K\n    {line}\n"
    );
    let algorithm = read(&text);
    let setting = Setting::new(plan);
    let line = algorithm.lines.last().expect("a line");
    let held = setting.held_in_run(line);
    let cost = Cost::of(&algorithm, line, &setting.plan, setting.of_run(Test::KeepGiven), held);
    [cost.sram_read, cost.sram_write, cost.other].map(|form| form.at(Counts::place(3, 2)))
}

fn small_plan() -> Plan {
    Plan::new(9, 8, 5, Tiling { br: 3, bc: 2 }, Precision::F32)
}

#[test]
fn a_second_name_ends_with_a_value_of_its_own() {
    let of = |line: &str| of_line(line, small_plan());
    // m is read under its second name, and written under no name.
    assert_eq!(of("x: a = m; b = a + 1"), [3, 3, 3]);
    // Once a has a value of its own, m is not read at all.
    assert_eq!(of("x: a = m; a = l + 1; b = a + 1"), [3, 6, 6]);
    assert_eq!(of("x: a = m; b = a + m"), [3, 3, 3]);
}

#[test]
fn a_keep_mask_is_read_once_a_line() {
    let of = |dropout, line: &str| of_line(line, Plan { dropout, ..small_plan() });
    let once = "x: P = S * keep when dropout";
    let twice = "x: P = S * keep when dropout; twice = S * keep when dropout";
    assert_eq!(of(DropoutCost::Materialised, once), [12, 6, 6]);
    assert_eq!(of(DropoutCost::Materialised, twice), [12, 12, 12]);
    assert_eq!(of(DropoutCost::Regenerated, twice), [6, 12, 12]);
}

#[test]
fn what_is_added_to_hbm_costs_its_addition_once() {
    let of = |line: &str| of_line(line, small_plan());
    // The product accumulates; a value is added element by element.
    assert_eq!(of("add dQ[i] += S @ K"), [6 + 10, 0, 0]);
    assert_eq!(of("add dQ[i] += Q"), [15, 0, 15]);
    assert_eq!(of("add dQ[i] += Q * 2"), [15, 0, 30]);
}

#[test]
fn numbers_of_the_run_are_free() {
    let of = |line: &str| of_line(line, small_plan());
    assert_eq!(of("x: P = (2 * scale - ln(2)) * S"), [6, 6, 6]);
    assert_eq!(of("x: a = 2 * scale"), [0, 1, 0]);
}

#[test]
fn a_sign_is_an_operation_and_a_comparison_is_none() {
    let of = |line: &str| of_line(line, small_plan());
    assert_eq!(of("x: P = -S"), [6, 6, 6]);
    assert_eq!(of("x: P = pick(S > 0, S, 2)"), [6, 6, 0]);
    assert_eq!(of("x: P = pick(S > 0, S, -S)"), [6, 6, 6]);
}
