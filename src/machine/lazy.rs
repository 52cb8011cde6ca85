//! State after any step, recomputed from a checkpoint by carrying out only the steps that made what is looked at.
//!
//! Walking back from the step looked at, a step joins the list if it writes something still needed; what it reads is
//! then needed too. The list, carried out forwards, gives the very bits that carrying out every step would.

use crate::attention::Real;
use crate::schedule::{Names, Schedule, Step};

use super::evaluate::Machine;
use super::hbm::Block;
use super::recording::{Checkpoint, Checkpoints};

/// What is to be carried out, latest first.
enum Task<'c, T> {
    Step {
        step: Step,
        n: u64,
    },
    /// Take these values from a checkpoint.
    Restore {
        checkpoint: &'c Checkpoint<T>,
        /// A step of the program whose chip it is.
        step: Step,
        chip: bool,
        blocks: Vec<Block>,
    },
}

/// Values that are still to be made.
pub(super) struct Needed {
    pub chip: Names,
    pub blocks: Vec<Block>,
}

impl Needed {
    pub fn is_empty(&self) -> bool {
        self.chip.is_empty() && self.blocks.is_empty()
    }

    /// If `step` writes something needed, its reads are needed instead.
    pub fn take(&mut self, schedule: &Schedule, step: &Step) -> bool {
        let effects = schedule.effects(step);
        let block = |tensor| Block::of(&schedule.algorithm, tensor, step.place, step.head);
        let written = effects.hbm_write.map(block);
        let written_block = written.and_then(|block| self.blocks.iter().position(|needed| *needed == block));
        if !effects.writes.meets(self.chip) && written_block.is_none() {
            return false;
        }
        if let Some(index) = written_block {
            self.blocks.swap_remove(index);
        }
        self.chip = self.chip.without(effects.replaces).with(effects.reads);
        if let Some(block) = effects.hbm_read.map(block).filter(|block| !self.blocks.contains(block)) {
            self.blocks.push(block);
        }
        true
    }
}

/// Makes the chip (all of it, or nothing) and `blocks` of HBM as they are after the first `cursor` steps, in `machine`.
/// `observe` is called after each step that is carried out, with its number.
pub fn restore<T: Real>(
    machine: &mut Machine<'_, T>,
    schedule: &Schedule,
    checkpoints: &Checkpoints<T>,
    cursor: u64,
    chip: bool,
    blocks: &[Block],
    mut observe: impl FnMut(u64, &Step, &Machine<'_, T>),
) {
    for task in plan_back(schedule, checkpoints, cursor, chip, blocks).into_iter().rev() {
        match task {
            Task::Step { step, n } => {
                let done = machine.execute(&step);
                debug_assert!(done.is_ok(), "the first pass carried it out");
                observe(n, &step, machine);
            }
            Task::Restore { checkpoint, step, chip, blocks } => {
                machine.enter(&step);
                checkpoint.give(machine, schedule, chip, &blocks);
            }
        }
    }
}

/// The steps to carry out, latest first.
fn plan_back<'c, T: Real>(
    schedule: &Schedule,
    checkpoints: &'c Checkpoints<T>,
    cursor: u64,
    chip: bool,
    blocks: &[Block],
) -> Vec<Task<'c, T>> {
    let mut needed = Needed { chip: if chip { Names::ALL } else { Names::default() }, blocks: blocks.to_vec() };
    let (mut tasks, mut steps) = (Vec::new(), Vec::new());
    if cursor == 0 {
        return tasks;
    }
    let mut index = schedule.section_of(cursor - 1);
    let mut end = cursor;
    loop {
        let (section, range) = (schedule.section(index), schedule.section_steps(index));
        if !needed.chip.is_empty() || checkpoints.section_writes(index, &needed.blocks) {
            schedule.write_section(index, &mut steps);
            for n in (range.start..end).rev() {
                let step = steps[(n - range.start) as usize];
                // A checkpoint at `n + 1` holds the state after step `n`.
                if let Some(checkpoint) = checkpoints.at(n + 1) {
                    let (held, rest): (Vec<Block>, Vec<Block>) =
                        needed.blocks.iter().partition(|block| checkpoint.holds(block));
                    tasks.push(Task::Restore { checkpoint, step, chip: !needed.chip.is_empty(), blocks: held });
                    needed = Needed { chip: Names::default(), blocks: rest };
                }
                if needed.is_empty() {
                    return tasks;
                }
                if needed.take(schedule, &step) {
                    tasks.push(Task::Step { step, n });
                }
            }
        }
        if section.section == 0 {
            // A program starts with nothing on chip.
            needed.chip = Names::default();
        }
        if needed.is_empty() || index == 0 {
            return tasks;
        }
        end = range.start;
        index -= 1;
    }
}
