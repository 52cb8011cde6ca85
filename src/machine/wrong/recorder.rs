//! The values that one number of a result hangs on, step by step.

use ndarray::{ArrayView2, Axis as Dimension};

use crate::attention::Real;
use crate::machine::chip::Sizes;
use crate::machine::compile::Program;
use crate::machine::evaluate::Machine;
use crate::machine::given::Given;
use crate::machine::hbm::{Block, first_of};
use crate::machine::lazy::{Past, restore};
use crate::machine::view::shapes;
use crate::schedule::language::{Axis, Extent, NameId, Role, Shape};
use crate::schedule::{Place, Schedule, Step, written};

/// The row that is looked at: a query, or a key, of a head of the group.
#[derive(Clone, Copy)]
pub struct Watched {
    pub row: usize,
    pub is_key: bool,
    pub head: usize,
}

/// A step with what it left.
pub struct Moment<'s> {
    pub n: u64,
    pub step: Step,
    pub values: Vec<Values<'s>>,
}

/// A name on chip, or a tensor in HBM.
pub type Key<'s> = (&'s str, bool);

/// The part of a value that belongs to the row looked at, or all of one that has no such part.
pub struct Values<'s> {
    pub name: &'s str,
    is_in_hbm: bool,
    pub shape: Shape,
    /// Row and column of the first number, in the whole tensor.
    first: (usize, usize),
    width: usize,
    pub numbers: Vec<f64>,
}

/// More numbers than this are not kept.
const MOST_NUMBERS: usize = 1 << 24;

/// Carries out the steps that the block of the row hangs on. `None` where that would be too much to keep.
pub fn record<'s, T: Real>(schedule: &'s Schedule, given: &[Given<T>], watched: Watched) -> Option<Vec<Moment<'s>>> {
    let program = Program::new(&schedule.algorithm);
    let mut machine = Machine::new(&program, &schedule.setting, given).ok()?;
    let blocks = blocks_of(schedule, watched);
    let (mut moments, mut kept) = (Vec::new(), 0);
    let past = Past { schedule, written: &written::of_sections(schedule), checkpoints: None };
    let done = restore(&mut machine, &past, schedule.len(), false, &blocks, |n, step, machine| {
        if kept < MOST_NUMBERS && !is_load(schedule, step) {
            let values = left_by(schedule, step, machine, watched);
            kept += values.iter().map(|values| values.numbers.len()).sum::<usize>();
            moments.push(Moment { n, step: *step, values });
        }
    });
    (done.is_ok() && kept < MOST_NUMBERS).then_some(moments)
}

/// What is loaded was made by another step.
fn is_load(schedule: &Schedule, step: &Step) -> bool {
    let effects = schedule.effects(step);
    schedule.line(step).tensor().is_some() && effects.hbm_write.is_none()
}

/// The blocks of results that the row is of.
fn blocks_of(schedule: &Schedule, watched: Watched) -> Vec<Block> {
    let (algorithm, plan) = (&schedule.algorithm, schedule.plan());
    let axis = if watched.is_key { Axis::J } else { Axis::I };
    let place = match watched.is_key {
        true => Place::new(None, Some(plan.key_block(watched.row))),
        false => Place::new(Some(plan.query_block(watched.row)), None),
    };
    let tensors = algorithm.text().tensors.iter().enumerate();
    let is_it = |tensor: &crate::schedule::language::Tensor| {
        tensor.role == Role::Out && tensor.axes().has(axis) && !tensor.shape().is_tile()
    };
    tensors
        .filter(|(_, tensor)| is_it(tensor))
        .map(|(tensor, _)| Block::of(algorithm, tensor, place, watched.head))
        .collect()
}

/// What a step has written: names on chip, and a block in HBM.
fn left_by<'s, T: Real>(
    schedule: &'s Schedule,
    step: &Step,
    machine: &Machine<'_, T>,
    watched: Watched,
) -> Vec<Values<'s>> {
    let text = schedule.algorithm.text();
    let effects = schedule.effects(step);
    // In the order in which its statements give them values.
    let statements = &schedule.line(step).statements;
    let nth = |name: NameId| statements.iter().position(|statement| statement.action.assigns() == Some(name));
    let mut on_chip = shapes(&schedule.algorithm, schedule.line(step).kernel);
    on_chip.retain(|(name, _)| effects.writes.has(*name));
    on_chip.sort_by_key(|(name, _)| nth(*name));
    let on_chip = on_chip.into_iter().filter_map(|(name, shape): (NameId, Shape)| {
        let shape = shape.at(step.place);
        let values = shape.is_known_at(step.place).then(|| machine.value(name, shape, step.place))??;
        Part { schedule, step, watched, shape }.of(&text.names[name], false, values)
    });
    let in_hbm = effects.hbm_write.and_then(|id| {
        let tensor = &text.tensors[id];
        let whole = machine.hbm.tensor(id, if tensor.is_of_group { 0 } else { step.head })?;
        let (row, column) = first_of(tensor, &schedule.setting, step.place);
        let (shape, sizes) = (tensor.shape(), Sizes::at(step.place, schedule.plan()));
        let rows = row..row + sizes.of(shape.rows);
        let values = whole.slice_move(ndarray::s![rows, column..column + sizes.of(shape.cols)]);
        Part { schedule, step, watched, shape }.of(&tensor.name, true, values)
    });
    on_chip.chain(in_hbm).collect()
}

/// Picks the part of a block that is looked at.
struct Part<'a> {
    schedule: &'a Schedule,
    step: &'a Step,
    watched: Watched,
    shape: Shape,
}

impl Part<'_> {
    /// `None` of a block of other rows.
    fn of<'s, T: Real>(&self, name: &'s str, is_in_hbm: bool, values: ArrayView2<'_, T>) -> Option<Values<'s>> {
        let (plan, place) = (self.schedule.plan(), self.step.place);
        let (queries, keys) = plan.spans(place);
        let start = |extent| match extent {
            Extent::Rows => queries.start,
            Extent::Keys | Extent::AllKeys => keys.start,
            _ => 0,
        };
        let mut first = (start(self.shape.rows), start(self.shape.cols));
        let (row, is_key) = (self.watched.row, self.watched.is_key);
        let of_queries = (!is_key).then_some(Extent::Rows);
        let is_watched = |extent| match extent {
            Extent::Rows => of_queries.is_some(),
            Extent::Keys | Extent::AllKeys => is_key,
            _ => false,
        };
        let within = if is_key { keys.contains(&row) } else { queries.contains(&row) };
        let values = match (is_watched(self.shape.rows), is_watched(self.shape.cols)) {
            (true, _) | (_, true) if !within => return None,
            (true, _) => {
                let own = row - first.0;
                first.0 = row;
                values.slice_axis_move(Dimension(0), (own..own + 1).into())
            }
            (_, true) => {
                let own = row - first.1;
                first.1 = row;
                values.slice_axis_move(Dimension(1), (own..own + 1).into())
            }
            _ => values,
        };
        let (width, numbers) = (values.ncols(), values.iter().map(|value| value.widen()).collect());
        Some(Values { name, is_in_hbm, shape: self.shape, first, width, numbers })
    }
}

impl<'s> Values<'s> {
    pub fn key(&self) -> Key<'s> {
        (self.name, self.is_in_hbm)
    }

    /// Row and column of the number at an index.
    pub fn place_of(&self, index: usize) -> (usize, usize) {
        (self.first.0 + index / self.width, self.first.1 + index % self.width)
    }
}
