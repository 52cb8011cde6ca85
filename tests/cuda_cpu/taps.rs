//! What a kernel's taps record, against the stepper: m and l of every row after every key block.

use super::player::{Answer, Job, Player, Variant};
use super::{Case, all_cases, can_build, own_cases, rounded_cases};
use tilescope::attention::{Precision, Problem, error_rule};
use tilescope::machine::{Meaning, Run};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

const ALL: [Variant; 5] = [
    Variant { kernel: "standard", precision: Precision::F32, d: 128, taps: true },
    Variant { kernel: "flash1", precision: Precision::F32, d: 64, taps: true },
    Variant { kernel: "flash2", precision: Precision::F32, d: 64, taps: true },
    Variant { kernel: "flash2_mma", precision: Precision::F16, d: 32, taps: true },
    Variant { kernel: "flash2_mma", precision: Precision::Bf16, d: 96, taps: true },
];

/// Compares the taps of one head with `expected[j][i]`: m and l of query `i` after key block `j`, where it was visited.
fn compare(
    problem: &Problem,
    at: usize,
    answer: &Answer,
    bc: usize,
    expected: &[Vec<Option<[f64; 2]>>],
) -> Vec<String> {
    let shape = problem.shape;
    let visits = shape.n_k.div_ceil(bc);
    let [m, l] = answer.taps.as_ref().expect("a variant with taps");
    // The bounds of the last step, l's as a share of it: l may be larger on its way there than it is at the end.
    let reference = error_rule::reference(problem, at / shape.heads, at % shape.heads, Precision::F32);
    let bound = reference.bound;
    let share = bound.l / reference.exact.l.iter().fold(1.0, |most, l| f64::max(most, *l));
    let mut wrong = Vec::new();
    for (j, rows) in expected.iter().enumerate() {
        for (i, want) in rows.iter().enumerate() {
            let index = (at * visits + j) * shape.n_q + i;
            let got = [f64::from(m[index]), f64::from(l[index])];
            let right = match want {
                None => got[0].is_nan() && got[1].is_nan(),
                Some(want) => {
                    let near = |got: f64, want: f64, bound: f64| got == want || (got - want).abs() <= bound;
                    near(got[0], want[0], bound.m) && near(got[1], want[1], share * want[1].max(1.0))
                }
            };
            if !right {
                wrong.push(format!("head {at}, query {i}, key block {j}: {got:?}, but the stepper has {want:?}"));
            }
        }
    }
    wrong
}

/// m and l of one head after every visit, by the stepper with the kernel's blocks; `None` where nothing is visited.
fn steps(problem: &Problem, at: usize, player: &Player, answer: &Answer) -> Vec<Vec<Option<[f64; 2]>>> {
    let (shape, (br, bc)) = (problem.shape, player.blocks());
    let (batch, head) = (at / shape.heads, at % shape.heads);
    let mut expected = vec![vec![None; shape.n_q]; shape.n_k.div_ceil(bc)];
    let name = player.variant.kernel.trim_end_matches("_mma");
    if name == "standard" {
        // It knows m and l before its last kernel, which is the one that passes over tiles.
        let output = &answer.outputs[at];
        let ends = output.m.iter().zip(&output.l).map(|(m, l)| Some([*m, *l])).collect::<Vec<_>>();
        expected.fill(ends);
        return expected;
    }
    let algorithm = algorithm::by_name(name).expect("a kernel is named after its algorithm");
    let plan = Plan::of_problem(problem, batch, Tiling { br, bc }, player.variant.precision);
    let run = Run::new(Schedule::new(algorithm, plan), problem, batch, head, Meaning::RIGHT, |_| true);
    let run = run.expect("nobody stops it");
    for block in 0..shape.n_q.div_ceil(br) {
        for (row, visits) in run.history(block).into_iter().enumerate() {
            for visit in visits {
                expected[visit.j][block * br + row] = Some([visit.m, visit.l]);
            }
        }
    }
    expected
}

#[test]
fn taps_equal_the_stepper_at_every_step() {
    if !can_build(ALL.len()) {
        return;
    }
    for variant in ALL {
        let player = Player::new(variant, &[]).expect("the kernel compiles with taps");
        let is_half = variant.kernel == "flash2_mma";
        let cases = if is_half { rounded_cases(variant.precision) } else { all_cases() };
        let own = own_cases(variant.d).into_iter().map(|case| case.rounded(variant.precision));
        let cases: Vec<Case> = match variant.d {
            96 => own.collect(),
            _ => cases.into_iter().filter(|case| player.takes(case.problem())).chain(own).collect(),
        };
        let jobs: Vec<Job<'_>> = cases.iter().map(|case| Job { problem: case.problem(), order: 2 }).collect();
        let answers = player.run(&jobs).expect("a run");
        let (mut wrong, mut steps_compared) = (Vec::new(), 0);
        for (case, answer) in cases.iter().zip(&answers) {
            let problem = case.problem();
            for at in 0..problem.shape.batch * problem.shape.heads {
                let expected = steps(problem, at, &player, answer);
                steps_compared += expected.iter().flatten().flatten().count();
                let faults = compare(problem, at, answer, player.blocks().1, &expected);
                wrong.extend(faults.into_iter().take(2).map(|why| format!("{}: {why}", case.name())));
            }
        }
        println!("{}: {} cases, {steps_compared} pairs of m and l", variant.name(), cases.len());
        assert!(wrong.is_empty(), "{}:\n{}", variant.name(), wrong.join("\n"));
    }
}
