//! What an algorithm is: a text that was read, with its name. Everything here is derived from its lines.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use crate::attention::Stored;

use super::buffer::Buffer;
use super::language::{self, Action, Cost, Line, Ready, Setting, Tally, Walker};
use super::plan::Plan;
use super::step::{Max, OnChip, Op, Step, Tensor};
use super::traffic::{PerTensor, Traffic};

/// A tiled algorithm: a text of the tile language whose steps the machine knows.
#[derive(Debug)]
pub struct Algorithm {
    name: &'static str,
    text: language::Algorithm,
    /// What each line does, in the order of the text.
    ops: Vec<Op>,
}

static READ: LazyLock<[Algorithm; 3]> = LazyLock::new(|| ["standard", "flash1", "flash2"].map(Algorithm::of_program));

/// Every algorithm, in the order in which lists show them.
pub static ALL: LazyLock<[&'static Algorithm; 3]> = LazyLock::new(|| READ.each_ref());

/// The algorithm of this name.
pub fn by_name(name: &str) -> Option<&'static Algorithm> {
    ALL.into_iter().find(|algorithm| algorithm.name() == name)
}

/// What `algorithm` stores under `plan` before its results are done, read off its traffic: S, or an O that is read back.
pub fn stored(algorithm: &Algorithm, plan: &Plan) -> Stored {
    let form = algorithm.closed_form(plan);
    let output_every = (form.read.get(Tensor::O) > 0).then_some(plan.bc);
    Stored { scores: form.write.get(Tensor::S) > 0, output_every }
}

/// A grid of programs (thread blocks).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: String,
    pub programs: usize,
    /// What its buffer of scores and weights spans.
    pub span: Span,
}

/// What the buffer of scores and weights of a kernel spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// One tile, `br x bc`.
    Tile,
    /// Whole rows, `br x n_k`; tile operations work on their part of it.
    WholeRows,
}

/// How block sizes follow from a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRule {
    /// FlashAttention, Algorithm 1 line 1: `bc = ceil(M / 4d)`, `br = min(bc, d)`, M in elements.
    Paper,
    /// The largest of the usual square-ish tiles that fits the budgets.
    Largest,
}

impl Algorithm {
    /// The text of this name that comes with the program. A test reads them all.
    fn of_program(name: &'static str) -> Self {
        let text = language::TEXTS.into_iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        let text = language::read(text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        let ops = text.lines.iter().map(|line| op_of(&text, line));
        let ops =
            ops.collect::<Option<_>>().unwrap_or_else(|| panic!("{name} has a line that the machine does not know"));
        Self { name, text, ops }
    }

    /// The name on the command line and in traces.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One line for a person.
    pub fn title(&self) -> &str {
        &self.text.title
    }

    /// The text with its lines.
    pub fn text(&self) -> &language::Algorithm {
        &self.text
    }

    /// What a line of the text does.
    pub fn op(&self, line: usize) -> Op {
        self.ops[line]
    }

    /// The kernels in the order in which they run.
    pub fn kernels(&self, plan: &Plan) -> Vec<Kernel> {
        let setting = Setting::new(plan.clone());
        let ready = Ready::new(&self.text, &setting);
        let mut programs = vec![0; self.text.kernels.len()];
        let walker = Walker { algorithm: &self.text, setting: &setting, ready: &ready };
        let walked: ControlFlow<()> = walker.sections(&mut |section| {
            programs[section.kernel] = section.program as usize + 1;
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue(), "nothing breaks the walk");
        let of = |(kernel, programs): (&language::Kernel, usize)| {
            let is_whole = kernel.buffers.iter().any(|buffer| buffer.shape == language::Shape::WHOLE_ROWS);
            Kernel { name: kernel.name.clone(), programs, span: if is_whole { Span::WholeRows } else { Span::Tile } }
        };
        self.text.kernels.iter().zip(programs).map(of).collect()
    }

    /// How block sizes follow from a chip.
    pub fn block_rule(&self) -> BlockRule {
        self.text.blocks
    }

    /// The buffers of a program of `kernel`.
    pub fn buffers(&self, kernel: usize, plan: &Plan) -> Vec<Buffer> {
        let setting = Setting::new(plan.clone());
        language::buffers(&self.text, &self.text.kernels[kernel], &setting)
            .map(|buffer| Buffer::new(&self.text, buffer, plan))
            .collect()
    }

    /// The buffers of its largest program.
    pub fn footprint(&self, plan: &Plan) -> Vec<Buffer> {
        let kernels = (0..self.text.kernels.len()).map(|kernel| self.buffers(kernel, plan));
        kernels.max_by_key(|buffers| OnChip::of(buffers).total()).unwrap_or_default()
    }

    /// Whether its buffers are held against the budget of a thread block. The ideal products of `standard` are not.
    pub fn is_budgeted(&self) -> bool {
        !self.text.is_ideal
    }

    /// Totals in O(t_r + t_c), visiting no tile.
    pub fn closed_form(&self, plan: &Plan) -> Traffic {
        self.traffic(&self.tally(plan))
    }

    /// Steps in all, in O(t_r + t_c), visiting no tile.
    pub fn step_count(&self, plan: &Plan) -> u64 {
        self.tally(plan).total().steps
    }

    fn tally(&self, plan: &Plan) -> Tally {
        language::closed_form(&self.text, &Setting::new(plan.clone()))
    }

    fn traffic(&self, tally: &Tally) -> Traffic {
        let (total, [mut read, mut write]) = (tally.total(), [PerTensor::default(); 2]);
        for (line, total) in self.ops.iter().zip(&tally.lines) {
            if let Some(tensor) = line.tensor() {
                read.add(tensor, total.hbm_read);
                write.add(tensor, total.hbm_write);
            }
        }
        Traffic { read, write, sram_read: total.sram_read, sram_write: total.sram_write, flops: total.flops }
    }

    /// Bytes of live buffers at their most during any step, visiting none.
    pub fn peak(&self, plan: &Plan) -> OnChip {
        language::peak(&self.text, &Setting::new(plan.clone()))
    }

    /// The cost of a line of which the statements of `held` are carried out.
    pub fn cost(&self, line: usize, held: u32, plan: &Plan) -> Cost {
        let keep_is_given = Setting::new(plan.clone()).of_run(language::Test::KeepGiven);
        Cost::of(&self.text, &self.text.lines[line], plan, keep_is_given, held)
    }

    /// The lines of the text that a run of `plan` has.
    pub fn shown(&self, plan: &Plan) -> Vec<language::Shown> {
        language::shown(&self.text, &Setting::new(plan.clone()))
    }

    /// The line of the text (from 1) that a step carries out.
    pub fn text_line(&self, step: &Step) -> u32 {
        self.text.lines[usize::from(step.line)].span.line
    }
}

/// The cost of an operation wherever it stands: that of the first line of any text that has it.
pub fn cost_of(op: Op, plan: &Plan) -> Cost {
    let find = |wanted: &dyn Fn(Op) -> bool| {
        READ.iter().find_map(|algorithm| {
            let line = algorithm.ops.iter().position(|known| wanted(*known))?;
            let setting = Setting::new(plan.clone());
            Some(algorithm.cost(line, setting.held_in_run(&algorithm.text.lines[line]), plan))
        })
    };
    match (op, find(&|known| known == op)) {
        (_, Some(cost)) => cost,
        // A block moves as it does in the line that moves it the other way.
        (Op::Load(tensor) | Op::Store(tensor) | Op::Initialise(tensor), None) => {
            let moved = find(&|known| known.tensor() == Some(tensor)).unwrap_or_default();
            let block = moved.hbm_read + moved.hbm_write;
            let none = Cost::default();
            match op {
                Op::Load(_) => Cost { hbm_read: block, sram_write: block, ..none },
                Op::Store(_) => Cost { hbm_write: block, sram_read: block, ..none },
                _ => Cost { hbm_write: block, ..none },
            }
        }
        _ => Cost::default(),
    }
}

/// What a line does, by its label and the tensor that it moves; `None` for a line that the machine does not know.
fn op_of(text: &language::Algorithm, line: &Line) -> Option<Op> {
    let tensor = line.tensor().and_then(|tensor| {
        let name = &text.tensors[tensor].name;
        Tensor::ALL.into_iter().find(|known| known.name() == name)
    });
    let has = |label: &str| text.lines.iter().any(|other| other.kernel == line.kernel && other.label == label);
    let of = if has("row-max") { Max::Running } else { Max::Tile };
    Some(match line.statements.first()?.action {
        Action::Load { .. } => Op::Load(tensor?),
        Action::Store { .. } => Op::Store(tensor?),
        Action::Fill { .. } => Op::Initialise(tensor?),
        _ => match line.label.as_str() {
            "start-rows" => Op::StartRows,
            "scores" => Op::Scores,
            "mask" => Op::Mask,
            "row-max" => Op::RowMax(Max::Running),
            "tile-max" => Op::RowMax(Max::Tile),
            "exponentiate" => Op::Exponentiate(of),
            "row-sum" => Op::RowSum,
            "dropout" => Op::Dropout,
            "rescale" => Op::Rescale,
            "accumulate" => Op::Accumulate,
            "start-output" => Op::StartOutput,
            "product" => Op::Product,
            "normalise" => Op::Normalise,
            "merge-stats" => Op::MergeStats,
            "merge-output" => Op::MergeOutput,
            "divide-rows" => Op::DivideRows,
            _ => return None,
        },
    })
}
