//! m and l as a GPU's kernel has them after every key block, held against the stepper with the same blocks.

use tilescope::attention::cases::with;
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::{Precision, Problem};
use tilescope::gpu::{HeadTaps, Taps};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

/// What the error rule allows m and l of one head when the keys end after each key block.
fn bounds(problem: &Problem, batch: usize, head: usize, plan: &Plan) -> Vec<Errors> {
    let shape = problem.shape;
    let up_to = |keys: usize| {
        let prefix = with(problem.clone(), |p| {
            // Each sequence keeps its diagonal: what it sees of the keys up to there is what it saw of them.
            p.mask = p.mask.until_key(&shape, keys);
            let [cut, whole] = [&*p, problem].map(|p| p.mask.band(&shape, batch));
            assert!((0..shape.n_q).all(|i| (0..shape.n_k).all(|j| cut.keeps(i, j) == (j < keys && whole.keeps(i, j)))));
        });
        error_rule::reference(&prefix, batch, head, Precision::F32).bound
    };
    (0..plan.t_c()).map(|j| up_to(plan.cols(j).end)).collect()
}

/// Compares every visit of one head; gives how many values were compared, and the largest share of a bound.
fn compare(run: &Run, taps: &HeadTaps, bounds: &[Errors]) -> Result<(usize, f64), String> {
    let plan = run.schedule.plan();
    if taps.m.dim() != (plan.t_c(), plan.n_q) {
        return Err(format!("taps of {:?} for {} key blocks, {} queries", taps.m.dim(), plan.t_c(), plan.n_q));
    }
    let (mut visits, mut worst) = (0, 0.0);
    for block in 0..plan.t_r() {
        for (row, history) in plan.rows(block).zip(run.history(block)) {
            let is_nan = |j: usize| history.iter().any(|visit| visit.j == j && visit.m.is_nan());
            if !taps.visited(row, is_nan).eq(history.iter().map(|visit| visit.j)) {
                return Err(format!("query {row}: other key blocks were visited"));
            }
            for visit in history {
                let (m, l) = (taps.m[[visit.j, row]], taps.l[[visit.j, row]]);
                let bound = bounds[visit.j];
                for (name, got, want, bound) in [("m", m, visit.m, bound.m), ("l", l, visit.l, bound.l)] {
                    let error = error_rule::max_error(&[got], &[want]);
                    // A NaN is within no bound.
                    let within = error <= bound;
                    if !within {
                        let place = format!("query {row} after key block {}", visit.j);
                        return Err(format!("{place}: {name} is {got}, the stepper's {want}, the bound {bound:e}"));
                    }
                    worst = f64::max(worst, error / bound);
                    visits += 1;
                }
            }
        }
    }
    Ok((visits, worst))
}

/// The stepper on one head with the blocks of the taps.
pub fn stepper(problem: &Problem, name: &str, precision: Precision, taps: &Taps, at: usize) -> Run {
    let algorithm = algorithm::by_name(name).expect("an algorithm");
    let (batch, head) = (at / problem.shape.heads, at % problem.shape.heads);
    let plan = Plan::of_problem(problem, batch, Tiling { br: taps.br, bc: taps.bc }, precision);
    Run::new(Schedule::new(algorithm, plan), problem, batch, head, |_| true).expect("nobody stops it")
}

/// Every head: values compared and the largest share of a bound.
pub fn check(problem: &Problem, name: &str, precision: Precision, taps: &Taps) -> Result<(usize, f64), String> {
    let mut all = (0, 0.0);
    for (at, head_taps) in taps.heads.iter().enumerate() {
        let run = stepper(problem, name, precision, taps, at);
        let bounds = bounds(problem, run.batch, run.head, run.schedule.plan());
        let compared = compare(&run, head_taps, &bounds);
        let (visits, worst) = compared.map_err(|why| format!("{name}, head {at}: {why}"))?;
        all = (all.0 + visits, f64::max(all.1, worst));
    }
    Ok(all)
}
