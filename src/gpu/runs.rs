//! Runs of a workload, timed one by one until there are enough or it takes too long.

use std::time::{Duration, Instant};

/// Runs that count.
pub(super) const RUNS: usize = 30;
/// No workload is measured for longer than this.
pub(super) const LONGEST: Duration = Duration::from_secs(3);
/// Runs that are enough where they take long.
const LEAST_RUNS: usize = 3;

/// Times of runs one by one, and the launches of the last; `run` makes one by its number, and gives both.
pub(super) fn one_by_one<E>(
    mut run: impl FnMut(usize) -> Result<(Duration, usize), E>,
) -> Result<(Vec<Duration>, usize), E> {
    let (mut times, mut launches, began) = (Vec::new(), 0, Instant::now());
    for at in 0..RUNS {
        let (time, of_run) = run(at)?;
        times.push(time);
        launches = of_run;
        if began.elapsed() > LONGEST && times.len() >= LEAST_RUNS {
            break;
        }
    }
    Ok((times, launches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_and_the_first_error_ends_them() {
        let run = |at: usize| Ok::<_, ()>((Duration::from_micros(at as u64), at + 1));
        let (times, launches) = one_by_one(run).expect("no run fails");
        assert_eq!((times.len(), times[7], launches), (RUNS, Duration::from_micros(7), RUNS));
        let fails = |at: usize| if at < 4 { Ok((Duration::ZERO, 1)) } else { Err(at) };
        assert_eq!(one_by_one(fails), Err(4));
    }
}
