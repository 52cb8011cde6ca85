//! What a kernel takes of a multiprocessor, and how many of its blocks run at once: known before it is launched.

use crate::clock;

/// One entry point of a kernel on one device, for one problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Occupancy {
    /// The function.
    pub entry: String,
    /// Threads of a block.
    pub threads: usize,
    /// Per thread.
    pub registers: usize,
    /// Per block.
    pub shared_bytes: usize,
    /// Blocks that an SM holds at once; 0 where not even one fits.
    pub blocks_per_sm: usize,
    pub sms: usize,
    /// Threads that an SM can hold.
    pub sm_threads: usize,
    /// Blocks of the whole problem.
    pub blocks: usize,
}

impl Occupancy {
    /// The part of an SM's threads that are there while the device is full.
    pub fn share(&self) -> f64 {
        (self.blocks_per_sm * self.threads) as f64 / self.sm_threads.max(1) as f64
    }

    /// Times that the device is filled; the last time perhaps in part. `None` where no block fits.
    pub fn waves(&self) -> Option<f64> {
        clock::waves(self.blocks as u64, (self.blocks_per_sm * self.sms) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_count_the_last_one_in_part() {
        let of = |blocks_per_sm, blocks| Occupancy {
            entry: "flash2".into(),
            threads: 128,
            registers: 128,
            shared_bytes: 0,
            blocks_per_sm,
            sms: 10,
            sm_threads: 2048,
            blocks,
        };
        assert_eq!((of(4, 60).share(), of(4, 60).waves()), (0.25, Some(1.5)));
        assert_eq!((of(0, 60).share(), of(0, 60).waves()), (0.0, None));
    }
}
