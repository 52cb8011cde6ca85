//! What a kernel's taps record, against the stepper: m and l of every row after every key block.

use super::player::{Answer, Job, Player, Variant};
use super::{Case, can_build, own_cases, taken_cases};
use tilescope::attention::{Precision, Problem, error_rule};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

const ALL: [Variant; 5] = [
    Variant { kernel: "standard", precision: Precision::F32, d: 128, taps: true, deterministic: false },
    Variant { kernel: "flash1", precision: Precision::F32, d: 64, taps: true, deterministic: false },
    Variant { kernel: "flash2", precision: Precision::F32, d: 64, taps: true, deterministic: false },
    Variant { kernel: "flash2_mma", precision: Precision::F16, d: 32, taps: true, deterministic: false },
    Variant { kernel: "flash2_mma", precision: Precision::BF16, d: 96, taps: true, deterministic: false },
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
    // The bounds of the last step, as shares: m and l may be larger on their way there than they are at the end.
    let reference = error_rule::reference(problem, at / shape.heads, at % shape.heads, Precision::F32);
    let bound = reference.bound;
    let share = bound.l / reference.exact.l.iter().fold(1.0, |most, l| f64::max(most, *l));
    let head = problem.head::<f32>(at / shape.heads, at % shape.heads, Precision::F32);
    let is_open = |l: f64| l == 0.0 || l.is_nan();
    let mut wrong = Vec::new();
    for (j, rows) in expected.iter().enumerate() {
        let has_seen = |i: usize| (0..((j + 1) * bc).min(shape.n_k)).any(|key| head.sees(i, key));
        for (i, want) in rows.iter().enumerate() {
            let index = (at * visits + j) * shape.n_q + i;
            let got = [f64::from(m[index]), f64::from(l[index])];
            let right = match want {
                None => got[0].is_nan() && got[1].is_nan(),
                // Scores of -inf alone so far: l is 0, the sum, or NaN, what the row is if it ends here.
                Some([f64::NEG_INFINITY, l]) if has_seen(i) && is_open(*l) => {
                    got[0] == f64::NEG_INFINITY && is_open(got[1])
                }
                Some(want) => {
                    let is_same = |got: f64, want: f64| got == want || got.is_nan() && want.is_nan();
                    let near = |got: f64, want: f64, bound: f64| is_same(got, want) || (got - want).abs() <= bound;
                    near(got[0], want[0], bound.m.max(2e-6 * want[0].abs()))
                        && near(got[1], want[1], share * want[1].max(1.0))
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
    let run = Run::new(Schedule::new(algorithm, plan), problem, batch, head, |_| true);
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

/// The cases of a variant with taps, and its own.
fn cases_of(variant: Variant) -> (Vec<&'static Case>, Vec<Case>) {
    let all = if variant.precision == Precision::BF16 { Vec::new() } else { taken_cases(variant.precision) };
    let fits = |case: &&Case| variant.takes(case.problem());
    (all.into_iter().filter(fits).collect(), own_cases(variant.d, variant.precision))
}

/// Runs all cases in one order; gives the pairs compared and what is wrong.
fn check(player: &Player, cases: &[&Case]) -> (usize, Vec<String>) {
    let jobs: Vec<Job<'_>> = cases.iter().map(|case| Job::new(case.problem(), 2)).collect();
    let answers = match player.run(&jobs) {
        Ok(answers) => answers,
        Err(why) => return (0, vec![why]),
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for (case, answer) in cases.iter().zip(&answers) {
        let problem = case.problem();
        for at in 0..problem.shape.batch * problem.shape.heads {
            let expected = steps(problem, at, player, answer);
            compared += expected.iter().flatten().flatten().count();
            let faults = compare(problem, at, answer, player.blocks().1, &expected);
            wrong.extend(faults.into_iter().take(2).map(|why| format!("{}: {why}", case.name())));
        }
    }
    (compared, wrong)
}

#[test]
fn taps_equal_the_stepper_at_every_step() {
    if !can_build(ALL.len()) {
        return;
    }
    for variant in ALL {
        let player = Player::new(variant, &[]).expect("the kernel compiles with taps");
        let (shared, own) = cases_of(variant);
        let cases: Vec<&Case> = shared.into_iter().chain(&own).collect();
        let (compared, wrong) = check(&player, &cases);
        println!("{}: {} cases, {compared} pairs of m and l", variant.name(), cases.len());
        assert!(wrong.is_empty(), "{}:\n{}", variant.name(), wrong.join("\n"));
    }
}

/// Kernels with right results that do too much or tell it wrongly: only the taps show it.
const MUTANTS: [(usize, &str, &str); 5] = [
    (1, "if (first >= end) continue;", ""),
    (1, "lane == 0 && i0 + row <= last", "lane == 0"),
    (2, "if (first >= end) end = 0;", ""),
    (2, "int end = end_key(a, last, key_length, diagonal);", "int end = key_length;"),
    (3, "int start = first_key(a, i0, diagonal) / BC * BC;", "int start = 0;"),
];

#[test]
fn taps_show_tiles_that_should_be_skipped() {
    if !can_build(MUTANTS.len()) {
        return;
    }
    for (which, from, to) in MUTANTS {
        let variant = ALL[which];
        let file = format!("{}.cu", variant.kernel);
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(&file);
        let source = std::fs::read_to_string(path).expect("the kernel is part of the project");
        assert_eq!(source.matches(from).count(), 1, "{file}: {from:?} is not there once");
        let player = Player::new(variant, &[(&file, &source.replace(from, to))]).expect("a mutant must compile");
        let (shared, own) = cases_of(variant);
        let cases: Vec<&Case> = shared.into_iter().chain(&own).collect();
        // Most die early: there is no need to run the rest.
        let fault = cases.chunks(15).find_map(|some| check(&player, some).1.into_iter().next());
        println!("{file}, {from:?}: {}", fault.as_deref().unwrap_or("survives"));
        assert!(fault.is_some(), "{file} survives: {from:?} becomes {to:?}");
    }
}
