//! State after any step, recomputed from a checkpoint by carrying out only the steps that made what is looked at.
//!
//! Walking back from the step looked at, a step joins the list if it writes something still needed; what it reads is
//! then needed too. The list, carried out forwards, gives the very bits that carrying out every step would.

use crate::attention::Real;
use crate::schedule::language::{Effects, TensorId};
use crate::schedule::{Names, Place, Plan, Schedule, Step, WrittenBlocks};

use super::chip::Kept;
use super::evaluate::Machine;
use super::fault::Fault;
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
    /// Take the values of these names, which a loop carries.
    GiveBack {
        kept: &'c Kept<T>,
        /// A step of their program.
        step: Step,
        names: Names,
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
        // Most blocks that are written are others' than those needed; to tell these apart costs less than to name them.
        let may_be = |needed: &Block, tensor| {
            needed.tensor == tensor && needed.place.i().is_none_or(|i| step.place.i() == Some(i))
        };
        let may_write = |tensor: &TensorId| self.blocks.iter().any(|needed| may_be(needed, *tensor));
        let written = effects.hbm_write.filter(may_write).map(block);
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

/// The part of the chip that is looked at: the last query block and key block that a step was at. A ragged block leaves what
/// was beyond it, which still stands there.
struct Looked {
    /// Names of which not all that is looked at was made yet.
    names: Names,
    rows: Option<usize>,
    keys: Option<usize>,
}

impl Looked {
    /// A step at `place` writes less than what is looked at.
    fn is_larger(&mut self, plan: &Plan, place: Place) -> bool {
        let rows = place.i().map(|i| plan.rows(i).len());
        let keys = place.j().map(|j| plan.cols(j).len());
        (self.rows, self.keys) = (self.rows.or(rows), self.keys.or(keys));
        rows.is_some_and(|rows| self.rows > Some(rows)) || keys.is_some_and(|keys| self.keys > Some(keys))
    }

    /// Names that a step replaces: whole, or but for what it leaves.
    fn take(&mut self, needed: &mut Needed, replaced: Names, leaves_some: bool) {
        if leaves_some {
            let left = self.names.both(replaced);
            needed.chip = needed.chip.with(left);
        } else {
            self.names = self.names.without(replaced);
        }
    }
}

/// What a look back goes by.
pub struct Past<'a, T> {
    pub schedule: &'a Schedule,
    /// Of each section, what it may write.
    pub written: &'a [Vec<WrittenBlocks>],
    /// To seek from, once there are any; without, every look starts at the beginning of what made it.
    pub checkpoints: Option<&'a Checkpoints<T>>,
}

/// Makes the chip (all of it, or nothing) and `blocks` of HBM as they are after the first `cursor` steps, in `machine`.
/// `observe` is called after each step that is carried out, with its number. Errors with what stops a step, where no first
/// pass has shown that nothing does.
pub fn restore<T: Real>(
    machine: &mut Machine<'_, T>,
    past: &Past<'_, T>,
    cursor: u64,
    chip: bool,
    blocks: &[Block],
    mut observe: impl FnMut(u64, &Step, &Machine<'_, T>),
) -> Result<(), Fault> {
    for task in plan_back(past, cursor, chip, blocks).into_iter().rev() {
        match task {
            Task::Step { step, n } => {
                machine.execute(&step)?;
                observe(n, &step, machine);
            }
            Task::Restore { checkpoint, step, chip, blocks } => {
                machine.enter(&step);
                checkpoint.give(machine, past.schedule, chip, &blocks);
            }
            Task::GiveBack { kept, step, names } => {
                machine.enter(&step);
                machine.chip.give_back(kept, names);
            }
        }
    }
    Ok(())
}

/// The steps to carry out, latest first.
fn plan_back<'c, T: Real>(past: &Past<'c, T>, cursor: u64, chip: bool, blocks: &[Block]) -> Vec<Task<'c, T>> {
    let &Past { schedule, written, checkpoints } = past;
    let (mut tasks, mut steps) = (Vec::new(), Vec::new());
    if cursor == 0 {
        return tasks;
    }
    // What each line may write: steps that write nothing needed are passed over.
    let lines = &schedule.algorithm.text().lines;
    let of_line = |(n, line)| schedule.algorithm.effects(n, schedule.setting.held_in_run(line));
    let may: Vec<Effects> = lines.iter().enumerate().map(of_line).collect();
    let mut index = schedule.section_of(cursor - 1);
    // On chip is what lines of this kernel write in this run, and nothing else.
    let kernel = schedule.section(index).kernel;
    let of_kernel = lines.iter().zip(&may).filter(|(line, _)| chip && line.kernel == kernel);
    let on_chip = of_kernel.fold(Names::default(), |names, (_, may)| names.with(may.writes));
    let mut needed = Needed { chip: on_chip, blocks: blocks.to_vec() };
    let mut looked = Looked { names: on_chip, rows: None, keys: None };
    let mut end = cursor;
    loop {
        let (section, range) = (schedule.section(index), schedule.section_steps(index));
        if !needed.chip.is_empty() || may_write(&written[index], &needed.blocks) {
            schedule.write_section(index, &mut steps);
            for (at, step) in steps[..(end - range.start) as usize].iter().enumerate().rev() {
                let n = range.start + at as u64;
                // A checkpoint at `n + 1` holds the state after step `n`.
                if let Some(checkpoint) = checkpoints.and_then(|kept| kept.whole(n + 1)) {
                    let (held, rest): (Vec<Block>, Vec<Block>) =
                        needed.blocks.iter().partition(|block| checkpoint.holds(block));
                    tasks.push(Task::Restore { checkpoint, step: *step, chip: !needed.chip.is_empty(), blocks: held });
                    needed = Needed { chip: Names::default(), blocks: rest };
                    looked.names = Names::default();
                }
                if let Some(kept) = checkpoints.and_then(|kept| kept.carried(n + 1)) {
                    let names = needed.chip.both(kept.names);
                    if !names.is_empty() {
                        tasks.push(Task::GiveBack { kept, step: *step, names });
                        needed.chip = needed.chip.without(names);
                        looked.names = looked.names.without(names);
                    }
                }
                if needed.is_empty() {
                    return tasks;
                }
                let may_store = may[step.line].hbm_write.is_some() && !needed.blocks.is_empty();
                if looked.names.is_empty() && !may_store && !may[step.line].writes.meets(needed.chip) {
                    continue;
                }
                let leaves_some = !looked.names.is_empty() && looked.is_larger(schedule.plan(), step.place);
                if needed.take(schedule, step) {
                    tasks.push(Task::Step { step: *step, n });
                    looked.take(&mut needed, schedule.effects(step).replaces, leaves_some);
                }
            }
        }
        if section.section == 0 {
            // A program starts with nothing on chip.
            (needed.chip, looked.names) = (Names::default(), Names::default());
        }
        if needed.is_empty() || index == 0 {
            return tasks;
        }
        end = range.start;
        index -= 1;
    }
}

fn may_write(written: &[WrittenBlocks], blocks: &[Block]) -> bool {
    written.iter().any(|of| blocks.iter().any(|block| of.tensor == block.tensor && of.has(block.place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::random;
    use crate::attention::{Mask, Precision, Problem};
    use crate::machine::{Program, Recording, View, inputs};
    use crate::schedule::{Algorithm, Setting, Tiling, algorithm, written};

    fn bits(view: &View) -> Vec<(String, Vec<u64>)> {
        view.iter().map(|seen| (seen.name.clone(), seen.values.iter().map(|x| x.to_bits()).collect())).collect()
    }

    /// After every step, what is recomputed is what carrying out every step gives: from no checkpoint but one at the end,
    /// from some, and from none at all.
    fn is_the_same_after_every_step(algorithm: &Algorithm, problem: &Problem, tiling: Tiling) {
        let plan = Plan::of_problem(problem, 0, tiling, Precision::F64);
        let schedule = Schedule::of(algorithm, Setting { splits: 2, ..Setting::new(plan) });
        let given = [inputs::<f64>(&schedule, problem, None, 0, 0).unwrap()];
        let program = Program::new(algorithm);
        let kept = [0, 1_000, 20_000]
            .map(|budget| Recording::new(&schedule, &program, &given, 0, budget, |_| true).unwrap().checkpoints);
        assert!((1..=schedule.len()).all(|cursor| kept[0].whole(cursor).is_some() == (cursor == schedule.len())));
        let written = written::of_sections(&schedule);
        let own = || Machine::new(&program, &schedule.setting, &given).unwrap();
        let (mut stepped, mut cursor) = (own(), 0);
        schedule.for_each(|_, step| {
            stepped.execute(step).unwrap();
            cursor += 1;
            let wanted = bits(&View::of(&stepped, &schedule, cursor));
            for (n, checkpoints) in kept.iter().map(Some).chain([None]).enumerate() {
                let mut machine = own();
                let past = Past { schedule: &schedule, written: &written, checkpoints };
                restore(&mut machine, &past, cursor, true, &[], |_, _, _| {}).unwrap();
                let found = bits(&View::of(&machine, &schedule, cursor));
                assert_eq!(found, wanted, "{} after {cursor} steps, checkpoints {n}", algorithm.name());
            }
        });
    }

    fn problem(n_q: usize, n_k: usize) -> Problem {
        let mut problem = random::read(&format!("random:{n_q},{n_k},2,1,1"), 4).unwrap().problem;
        problem.mask = Mask { causal: true, ..Mask::default() };
        problem
    }

    /// dK and dV come of every tile of their program: what of them is kept between whole checkpoints ends the walk back to
    /// its start.
    #[test]
    fn what_a_loop_carries_is_kept_more_often_than_the_rest() {
        let algorithm = algorithm::by_name("flash2-backward").expect("a text");
        let problem = random::read("random:96,96,2,1,1", 4).unwrap().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc: 4 }, Precision::F64);
        let schedule = Schedule::of(algorithm, Setting::new(plan));
        let given = [inputs::<f64>(&schedule, &problem, None, 0, 0).unwrap()];
        let program = Program::new(algorithm);
        // Two whole checkpoints, of which each program has at most one; dK and dV are 128 bytes of their 3 KiB.
        let checkpoints = Recording::new(&schedule, &program, &given, 0, 7_000, |_| true).unwrap().checkpoints;
        let kept = |cursor: &u64| checkpoints.carried(*cursor).is_some();
        let spacing = (1..=schedule.len()).find(kept).expect("some are kept");
        let written = written::of_sections(&schedule);
        let of_tile = algorithm.text().lines.len() as u64;
        for cursor in 1..=schedule.len() {
            let mut machine = Machine::new(&program, &schedule.setting, &given).unwrap();
            let past = Past { schedule: &schedule, written: &written, checkpoints: Some(&checkpoints) };
            let mut carried_out = 0;
            restore(&mut machine, &past, cursor, true, &[], |_, _, _| carried_out += 1).unwrap();
            // The rest is of the tile at hand and the one before it.
            assert!(carried_out <= spacing + 2 * of_tile, "{carried_out} steps after {cursor}, kept each {spacing}");
        }
    }

    #[test]
    fn what_no_checkpoint_holds_is_made_again() {
        for (n_q, n_k, tiling) in [(7, 9, Tiling { br: 2, bc: 3 }), (5, 5, Tiling { br: 1, bc: 2 })] {
            // A variant of which a line reads what stood on chip before a load.
            let torn = algorithm::by_name("flash2/drop-barrier").expect("a variant");
            let all = algorithm::of_program().chain([torn]);
            all.for_each(|of| is_the_same_after_every_step(of, &problem(n_q, n_k), tiling));
        }
    }

    /// A statement that is not carried out at a place, here or one tile further, and a tile that is a part of its row, leave
    /// what was there.
    #[test]
    fn what_a_step_leaves_alone_is_not_lost() {
        let text = "language 1\ntitle x\nin Q K\nout X\nkernel k\nshared Q, K ; registers S over keys, X\n\
                    parallel for i in query blocks\n  load Q[i]\n  start: t = 0 per row; X = 0 per row of d\n  \
                    for j in key blocks\n    load K[j]\n    scores: S = Q @ K^T; t = rowsum(S) when full\n    \
                    add: X = X + t when full; u = exp(t - t)\n  all: u = rowsum(S); X = X * u\n  store X[i]\n";
        // Nothing else reads what the condition leaves, so that no step makes it again for another's sake.
        let unread = "language 1\ntitle x\nin Q K\nout X\nkernel k\nshared Q, K ; registers S, X\n\
                      parallel for i in query blocks\n  load Q[i]\n  start: X = 0 per row of d\n  \
                      first: t = 0 per row; u = 0 per row\n  for j in key blocks\n    load K[j]\n    \
                      scores: S = Q @ K^T\n    sum: u = rowmax(S); t = rowsum(S) when full\n  all: X = X + u\n  store X[i]\n";
        for text in [text, unread] {
            let algorithm = Algorithm::read("parts", text).unwrap();
            for tiling in [Tiling { br: 2, bc: 3 }, Tiling { br: 3, bc: 2 }, Tiling { br: 1, bc: 1 }] {
                is_the_same_after_every_step(&algorithm, &problem(7, 9), tiling);
            }
        }
    }
}
