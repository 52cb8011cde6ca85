//! How many thread blocks an SM holds at once, by what each keeps on chip.

use crate::schedule::{Hardware, OnChip};

/// Thread blocks of an SM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlocksPerSm {
    /// 0 where not even one fits.
    pub count: u64,
    pub limit: Limit,
}

/// What there is no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    SharedMemory,
    Registers,
    /// The number of blocks that an SM can hold, however small.
    Blocks,
}

impl Limit {
    pub fn name(self) -> &'static str {
        match self {
            Limit::SharedMemory => "shared memory",
            Limit::Registers => "registers",
            Limit::Blocks => "blocks that an SM can hold",
        }
    }
}

impl BlocksPerSm {
    /// Of blocks that keep `on_chip`. Each block also takes what the chip keeps back of shared memory: the difference
    /// between what an SM has and what one block may use (CUDA C++ Programming Guide, "shared memory"). Threads and the limit
    /// of registers of a thread are not known here.
    pub fn of(on_chip: OnChip, chip: &Hardware) -> Self {
        if !on_chip.fits(chip) {
            let too_much = on_chip.shared > chip.shared_bytes_per_block || chip.is_unified;
            let limit = if too_much { Limit::SharedMemory } else { Limit::Registers };
            return Self { count: 0, limit };
        }
        let kept_back = chip.shared_bytes_per_sm.saturating_sub(chip.shared_bytes_per_block);
        let (shared, registers) =
            if chip.is_unified { (on_chip.total(), 0) } else { (on_chip.shared, on_chip.registers) };
        let fitting = |have: u64, need: u64| have.checked_div(need).unwrap_or(u64::MAX);
        let limits = [
            (fitting(chip.shared_bytes_per_sm, shared + kept_back), Limit::SharedMemory),
            (fitting(chip.register_bytes_per_sm, registers), Limit::Registers),
            (chip.blocks_per_sm, Limit::Blocks),
        ];
        let (count, limit) = limits.into_iter().min_by_key(|(count, _)| *count).unwrap_or((0, Limit::Blocks));
        Self { count, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::hardware;

    fn on(chip: &str, shared_kib: u64, register_kib: u64) -> (u64, Limit) {
        let on_chip = OnChip { shared: shared_kib << 10, registers: register_kib << 10 };
        let of = BlocksPerSm::of(on_chip, &hardware::by_name(chip).expect("known"));
        (of.count, of.limit)
    }

    #[test]
    fn the_scarcest_of_three_is_the_limit() {
        // 164 / (48 + 1) = 3.3; 256 / 97 = 2.6.
        assert_eq!(on("a100-80gb", 48, 64), (3, Limit::SharedMemory));
        assert_eq!(on("a100-80gb", 48, 97), (2, Limit::Registers));
        assert_eq!(on("a100-80gb", 163, 256), (1, Limit::SharedMemory));
        assert_eq!(on("a100-80gb", 164, 1), (0, Limit::SharedMemory));
        assert_eq!(on("a100-80gb", 1, 257), (0, Limit::Registers));
        assert_eq!(on("a100-80gb", 1, 1), (32, Limit::Blocks));
        // A T4 keeps nothing back, and has 64 KiB.
        assert_eq!(on("t4", 32, 1), (2, Limit::SharedMemory));
        assert_eq!(on("t4", 0, 0), (16, Limit::Blocks));
    }

    #[test]
    fn the_chip_of_the_lessons_holds_one() {
        let toy = hardware::by_name("toy").expect("known");
        let of = |shared, registers| BlocksPerSm::of(OnChip { shared, registers }, &toy).count;
        assert_eq!([of(300, 52), of(300, 212), of(300, 213)], [1, 1, 0]);
    }
}
