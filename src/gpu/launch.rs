//! Cuts a grid of programs into launches short enough for a watchdog and for a cancel button.

use std::time::Duration;

use crate::attention::{Mask, Shape};

/// Programs of a kernel: x query blocks, y heads, z batch entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub blocks: usize,
    pub heads: usize,
    pub batch: usize,
}

/// A box of programs that runs as one dispatch; both are `[block, head, batch]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    pub origin: [usize; 3],
    pub size: [usize; 3],
}

impl Launch {
    pub fn programs(&self) -> usize {
        self.size.iter().product()
    }
}

impl Grid {
    pub fn programs(&self) -> usize {
        self.blocks * self.heads * self.batch
    }

    /// The next launch when `done` programs have run: at most `budget` programs (but always one), at most `per_axis`
    /// along each axis. A box grows along blocks, then heads, then batch, and along the next only when the one
    /// before is covered whole, so boxes follow each other without a gap.
    pub fn launch_after(&self, done: usize, budget: usize, per_axis: usize) -> Launch {
        let full = [self.blocks, self.heads, self.batch];
        let origin = [done % self.blocks, done / self.blocks % self.heads, done / self.blocks / self.heads];
        let mut size = [1; 3];
        let mut left = budget.max(1);
        for axis in 0..3 {
            size[axis] = left.min(per_axis).min(full[axis] - origin[axis]);
            if size[axis] < full[axis] {
                break;
            }
            left = (left / size[axis]).max(1);
        }
        Launch { origin, size }
    }
}

/// Learns how fast a device is, so that a launch takes about [`Pace::TARGET`].
#[derive(Clone, Debug)]
pub struct Pace {
    /// FLOPs that the next launch may hold.
    flops: f64,
}

impl Pace {
    /// Half of the 200 ms that every watchdog leaves a launch.
    pub const TARGET: Duration = Duration::from_millis(100);
    /// A first launch that takes the target time at 0.2 GFLOP/s, the slowest software driver seen.
    const FIRST: f64 = 2e7;
    /// A launch grows by this at most: one short measurement is not trusted with more.
    const GROWTH: f64 = 8.0;

    /// Programs of `flops` each that the next launch may hold.
    pub fn programs(&self, flops: f64) -> usize {
        (self.flops / flops.max(1.0)) as usize
    }

    /// Takes in that a launch of `flops` took `time`. Only a late launch makes the next one smaller: a small one is
    /// slow for its size and says nothing.
    pub fn record(&mut self, flops: f64, time: Duration) {
        let fit = flops * Self::TARGET.as_secs_f64() / time.as_secs_f64().max(1e-6);
        self.flops = if time > Self::TARGET { fit.max(1.0) } else { fit.clamp(self.flops, self.flops * Self::GROWTH) };
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { flops: Self::FIRST }
    }
}

impl Pace {
    /// For a device that is known to carry out so many FLOPs well within the target.
    #[cfg(feature = "cuda")]
    pub fn starting_at(flops: f64) -> Self {
        Self { flops }
    }
}

/// What kernels skip by: an array is a bias to them.
fn by_index(mask: &Mask) -> Mask {
    Mask { array: None, ..mask.clone() }
}

/// Most keys that a query block of `br` queries sees.
pub fn most_keys(shape: &Shape, mask: &Mask, br: usize) -> usize {
    let of_batch = |batch| {
        let band = by_index(mask).band(shape, batch);
        let blocks = (0..shape.n_q).step_by(br);
        blocks.map(|start| band.keys_of_rows(start..(start + br).min(shape.n_q)).len()).max().unwrap_or(0)
    };
    (0..shape.batch).map(of_batch).max().unwrap_or(0)
}

/// Most queries that see something of a key block of `bc` keys.
pub fn most_queries(shape: &Shape, mask: &Mask, bc: usize) -> usize {
    let of_batch = |batch| {
        let band = by_index(mask).band(shape, batch);
        let blocks = (0..shape.n_k).step_by(bc);
        blocks.map(|start| band.rows_of_keys(start..(start + bc).min(shape.n_k)).len()).max().unwrap_or(0)
    };
    (0..shape.batch).map(of_batch).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn launches_cover_each_program_once(
            blocks in 1usize..9, heads in 1usize..6, batch in 1usize..5, budget in 0usize..60, per_axis in 1usize..12,
        ) {
            let grid = Grid { blocks, heads, batch };
            let mut seen = vec![0; grid.programs()];
            let mut done = 0;
            while done < grid.programs() {
                let launch = grid.launch_after(done, budget, per_axis);
                prop_assert!(launch.programs() <= budget.max(1));
                prop_assert!(launch.size.iter().all(|&size| size <= per_axis));
                for z in 0..launch.size[2] {
                    for y in 0..launch.size[1] {
                        for x in 0..launch.size[0] {
                            let [i, h, b] = launch.origin;
                            seen[((b + z) * heads + h + y) * blocks + i + x] += 1;
                        }
                    }
                }
                done += launch.programs();
            }
            prop_assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
        }
    }

    #[test]
    fn pace_shrinks_at_once_and_grows_in_steps() {
        let mut pace = Pace::default();
        let first = pace.programs(1e6);
        pace.record(2e7, Duration::from_micros(1));
        assert_eq!(pace.programs(1e6), 8 * first);
        pace.record(1.6e8, Duration::from_secs(1));
        assert_eq!(pace.programs(1e6), 16);
        pace.record(1.0, Duration::from_millis(1));
        assert_eq!(pace.programs(1e6), 16);
    }
}
