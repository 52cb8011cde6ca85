//! HBM: every tensor of a text, given or made, by name.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::attention::precision::store_scores_as;
use crate::attention::product::Grid;
use crate::attention::{Format, Real};
use crate::number;
use crate::schedule::cuts::Cut;
use crate::schedule::language::{Axis, Inner, Role, Setting, Tensor, TensorId, format_in_hbm};
use crate::schedule::{self, Algorithm, Place, Plan};
use crate::sentence::Sentence;

use super::chip::Hides;
use super::fault::Fault;
use super::given::Given;

/// The most that the tensors of one run may take.
pub const MOST_BYTES: u64 = 4 << 30;

/// A block of a tensor of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    pub tensor: TensorId,
    /// Only the axes that the tensor has.
    pub place: Place,
    pub head: usize,
}

impl Block {
    /// The block of a tensor that a step at `place` for `head` touches.
    pub fn of(algorithm: &Algorithm, tensor: TensorId, place: Place, head: usize) -> Self {
        let of = &algorithm.text().tensors[tensor];
        let mut own = Place::default();
        for axis in of.axes().iter().filter(|&axis| axis != Axis::H) {
            if let Some(index) = place.at(axis) {
                own = own.with(axis, index);
            }
        }
        Self { tensor, place: own, head: if of.is_of_group { 0 } else { head } }
    }
}

pub struct Hbm<'a, T: Real> {
    /// By tensor, then by head; one entry where all heads share it, none for a bias or a keep mask.
    tensors: Vec<Vec<Kept<'a, T>>>,
}

enum Kept<'a, T: Real> {
    Input(Input<'a, T>),
    Made(Slab<T>),
}

/// A tensor that is given.
pub struct Input<'a, T: Real> {
    /// Row by row.
    values: Cow<'a, [T]>,
    cols: usize,
    is_finite: OnceCell<bool>,
    /// Rows of a block.
    block: usize,
    /// Where blocks begin, of several sequences.
    cut: Option<Cut>,
    turned: Turned<T>,
}

/// A tensor that steps write.
#[derive(Clone)]
pub struct Slab<T> {
    /// `[splits * n, width]`: splits lie one below the other.
    values: Array2<T>,
    /// Of each block: written, and with pairs that the mask hides.
    written: Vec<bool>,
    hides: Vec<Hides>,
}

/// What a machine leaves for the next, of each tensor and head.
pub struct Spare<T> {
    /// The tensors that steps write, with nothing in them.
    slabs: Vec<Slab<T>>,
    /// What was turned of the inputs.
    turned: Vec<Turned<T>>,
}

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self { slabs: Vec::new(), turned: Vec::new() }
    }
}

/// Of each block, its columns as rows, once a product has wanted it so: those of K in Q K^T, for one.
type Turned<T> = OnceCell<Vec<OnceCell<Vec<T>>>>;

/// Where a block lies.
struct Area {
    rows: Range<usize>,
    cols: Range<usize>,
    number: usize,
}

impl<'a, T: Real> Hbm<'a, T> {
    /// Empty tensors, in the memory of `spare` where it has any, and those that are given.
    pub fn new(
        algorithm: &Algorithm,
        setting: &Setting,
        given: &'a [Given<T>],
        spare: Spare<T>,
    ) -> Result<Self, Fault> {
        let elements: u64 = algorithm.text().tensors.iter().map(|tensor| elements(tensor, setting)).sum();
        let bytes = elements.saturating_mul(size_of::<T>() as u64);
        if bytes > MOST_BYTES {
            return Err(Fault::TooLarge { bytes, most: MOST_BYTES });
        }
        let (mut tensors, mut slabs, mut turned) = (Vec::new(), spare.slabs.into_iter(), spare.turned.into_iter());
        for tensor in &algorithm.text().tensors {
            let heads = if tensor.is_of_group { 1 } else { setting.heads };
            let mut empty = || slabs.next().unwrap_or_else(|| Slab::empty(tensor, setting));
            tensors.push(match tensor.role {
                Role::Modifier(_) => Vec::new(),
                Role::In => given[..heads]
                    .iter()
                    .map(|head| input(tensor, setting, head, turned.next().unwrap_or_default()).map(Kept::Input))
                    .collect::<Result<_, _>>()?,
                Role::Out | Role::Between => (0..heads).map(|_| Kept::Made(empty())).collect(),
            });
        }
        Ok(Self { tensors })
    }

    /// Its memory, empty again: what no step wrote is 0 as it is. It is for the same text, setting and inputs.
    pub fn into_spare(self, algorithm: &Algorithm, setting: &Setting) -> Spare<T> {
        let mut spare = Spare::default();
        for (tensor, heads) in algorithm.text().tensors.iter().zip(self.tensors) {
            for kept in heads {
                match kept {
                    Kept::Made(slab) => spare.slabs.push(slab.emptied(tensor, setting)),
                    Kept::Input(input) => spare.turned.push(input.turned),
                }
            }
        }
        spare
    }

    /// `None` of a bias and of a keep mask.
    fn kept(&self, tensor: TensorId, head: usize) -> Option<&Kept<'a, T>> {
        let heads = &self.tensors[tensor];
        heads.get(head).or(heads.last())
    }

    /// A tensor that steps write, of a head.
    fn slab(&self, tensor: TensorId, head: usize) -> Option<&Slab<T>> {
        match self.kept(tensor, head)? {
            Kept::Made(slab) => Some(slab),
            Kept::Input(_) => None,
        }
    }

    fn slab_mut(&mut self, block: Block) -> &mut Slab<T> {
        match &mut self.tensors[block.tensor][block.head] {
            Kept::Made(slab) => slab,
            Kept::Input(_) => unreachable!("the checker lets no line write an input"),
        }
    }

    /// A tensor that is given, of a head.
    #[inline]
    pub fn input(&self, tensor: TensorId, head: usize) -> Option<&Input<'a, T>> {
        match self.kept(tensor, head)? {
            Kept::Input(input) => Some(input),
            Kept::Made(_) => None,
        }
    }

    /// A block that was written, and whether it has hidden pairs.
    pub fn load(&self, algorithm: &Algorithm, setting: &Setting, block: Block) -> Option<(ArrayView2<'_, T>, Hides)> {
        let slab = self.slab(block.tensor, block.head)?;
        let area = area(&algorithm.text().tensors[block.tensor], setting, block.place);
        slab.written[area.number].then(|| (slab.values.slice(s![area.rows, area.cols]), slab.hides[area.number]))
    }

    /// Lets `write` change a block, and rounds it as its tensor is kept. Gives how many of its elements saturate.
    pub fn change(
        &mut self,
        algorithm: &Algorithm,
        setting: &Setting,
        block: Block,
        hides: Hides,
        write: impl FnOnce(ArrayViewMut2<'_, T>),
    ) -> u64 {
        let of = &algorithm.text().tensors[block.tensor];
        let area = area(of, setting, block.place);
        let slab = self.slab_mut(block);
        (slab.written[area.number], slab.hides[area.number]) = (true, hides);
        let mut values = slab.values.slice_mut(s![area.rows, area.cols]);
        write(values.view_mut());
        match format_in_hbm(of, setting.plan.precision) {
            Some(format) if of.shape().is_tile() && format.is_narrow() => {
                rounded(values, |row| store_scores_as(row, format))
            }
            Some(format) => round(values, format),
            None => 0,
        }
    }

    /// A whole tensor that steps write, of one head; the blocks that no step wrote are 0.
    pub fn tensor(&self, tensor: TensorId, head: usize) -> Option<ArrayView2<'_, T>> {
        Some(self.slab(tensor, head)?.values.view())
    }

    /// A copy of a tensor that steps write, to be given back with [`Self::restore`].
    pub fn copy(&self, tensor: TensorId, head: usize) -> Option<Slab<T>> {
        self.slab(tensor, head).cloned()
    }

    /// Puts one block back as `copy` has it.
    pub fn restore(&mut self, algorithm: &Algorithm, setting: &Setting, block: Block, copy: &Slab<T>) {
        let area = area(&algorithm.text().tensors[block.tensor], setting, block.place);
        let slab = self.slab_mut(block);
        slab.written[area.number] = copy.written[area.number];
        slab.hides[area.number] = copy.hides[area.number];
        let from = copy.values.slice(s![area.rows.clone(), area.cols.clone()]);
        slab.values.slice_mut(s![area.rows, area.cols]).assign(&from);
    }
}

impl<T: Real> Input<'_, T> {
    /// Its elements row by row, and how many a row has.
    #[inline]
    pub fn rows(&self) -> (&[T], usize) {
        (&self.values, self.cols)
    }

    /// The columns of a whole block as rows, one behind the other; `None` of rows that are no block.
    pub fn turned(&self, first: usize, rows: usize) -> Option<&[T]> {
        let all = self.values.len() / self.cols.max(1);
        let (count, number, block) = match &self.cut {
            None => {
                let number = first / self.block;
                (all.div_ceil(self.block), number, number * self.block..all.min((number + 1) * self.block))
            }
            Some(cut) => (cut.blocks(), cut.block_of(first), cut.block(cut.block_of(first))),
        };
        if block != (first..first + rows) {
            return None;
        }
        let blocks = self.turned.get_or_init(|| vec![OnceCell::new(); count]);
        let turned = blocks[number].get_or_init(|| {
            let mut turned = Vec::new();
            let data = &self.values[first * self.cols..];
            Grid { data, stride: self.cols, rows, cols: self.cols }.turned_into(&mut turned);
            turned
        });
        Some(turned)
    }

    /// All of it is finite: hidden pairs may meet any of it.
    pub fn is_finite(&self) -> bool {
        *self.is_finite.get_or_init(|| self.values.iter().all(|value| value.is_finite()))
    }
}

/// Where a block of an input begins: row and column.
pub fn first_of(tensor: &Tensor, setting: &Setting, place: Place) -> (usize, usize) {
    let area = area(tensor, setting, place);
    (area.rows.start, area.cols.start)
}

/// Rounds each value to a format, where that is narrower than what computes. Gives how many saturate.
pub fn round<T: Real>(values: ArrayViewMut2<'_, T>, format: Format) -> u64 {
    if format.is_narrow() { rounded(values, |row| T::store_as(row, format)) } else { 0 }
}

fn rounded<T: Real>(mut values: ArrayViewMut2<'_, T>, store: impl Fn(&mut [T]) -> u64) -> u64 {
    let rows = values.rows_mut().into_iter().map(|mut row| match row.as_slice_mut() {
        Some(row) => store(row),
        None => row.iter_mut().map(|value| store(std::slice::from_mut(value))).sum(),
    });
    rows.sum()
}

impl<T: Real> Slab<T> {
    fn empty(tensor: &Tensor, setting: &Setting) -> Self {
        let (rows, cols) = size(tensor, &setting.plan);
        let splits = splits(tensor, setting);
        let blocks = splits * blocks_of(tensor, &setting.plan);
        let (written, hides) = (vec![false; blocks], vec![Hides::Nothing; blocks]);
        Self { values: Array2::zeros((rows * splits, cols)), written, hides }
    }

    /// With nothing written, in the same memory.
    fn emptied(mut self, tensor: &Tensor, setting: &Setting) -> Self {
        for number in (0..self.written.len()).filter(|&number| self.written[number]) {
            let area = area(tensor, setting, place_of(tensor, &setting.plan, number));
            self.values.slice_mut(s![area.rows, area.cols]).fill(T::zero());
        }
        self.written.fill(false);
        self.hides.fill(Hides::Nothing);
        self
    }
}

fn input<'a, T: Real>(
    tensor: &Tensor,
    setting: &Setting,
    given: &'a Given<T>,
    turned: Turned<T>,
) -> Result<Input<'a, T>, Fault> {
    let name = &tensor.name;
    let (values, is_rounded) = given.tensor(name).ok_or_else(|| Fault::NotGiven { name: name.clone() })?;
    let (rows, cols) = size(tensor, &setting.plan);
    let expected = (rows * splits(tensor, setting), cols);
    if values.dim() != expected {
        return Err(Fault::Size { name: name.clone(), found: values.dim(), expected });
    }
    let mut elements = match values.to_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(values.iter().copied().collect()),
    };
    let format = format_in_hbm(tensor, setting.plan.precision).filter(|format| format.is_narrow() && !is_rounded);
    if let Some(format) = format {
        T::store_as(elements.to_mut(), format);
    }
    // Of V that is known already.
    let is_finite = match name.as_str() {
        "V" => OnceCell::from(given.head.odd_values.is_none()),
        _ => OnceCell::new(),
    };
    let (plan, is_of_rows) = (&setting.plan, tensor.axes().has(Axis::I));
    let block = if is_of_rows { plan.br } else { plan.bc };
    let cut = plan.cuts.as_ref().map(|cuts| if is_of_rows { cuts.queries.clone() } else { cuts.keys.clone() });
    Ok(Input { values: elements, cols, is_finite, block, cut, turned })
}

/// Refuses a run whose text keeps scores in HBM, as `standard` does, where they would take more memory than there may be;
/// everything else is small beside the inputs.
pub fn check_scores(algorithm: &Algorithm, plan: &Plan) -> Result<(), Sentence> {
    let form = algorithm.closed_form(plan);
    let elements: u64 =
        [schedule::Tensor::S, schedule::Tensor::P].into_iter().map(|tensor| form.write.get(tensor)).sum();
    let bytes = elements.saturating_mul(plan.precision.accumulator_bytes());
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    let fault = "{0} would keep S and P of {1} x {2} in memory, {3}, and {4} is the limit here; flash2 needs neither";
    let fault = Sentence::new(fault).with(algorithm.name()).with(plan.n_q).with(plan.n_k);
    let [bytes, most] = number::bytes_apart(bytes, MOST_BYTES);
    Err(fault.with(bytes).with(most))
}

fn elements(tensor: &Tensor, setting: &Setting) -> u64 {
    if matches!(tensor.role, Role::Modifier(_)) {
        return 0;
    }
    let (rows, cols) = size(tensor, &setting.plan);
    let heads = if tensor.is_of_group { 1 } else { setting.heads };
    [rows, cols, splits(tensor, setting), heads].into_iter().fold(1u64, |all, n| all.saturating_mul(n as u64))
}

/// Rows and columns of a tensor, apart from splits.
fn size(tensor: &Tensor, plan: &Plan) -> (usize, usize) {
    let axes = tensor.axes();
    let rows = match (axes.has(Axis::I), axes.has(Axis::J)) {
        (true, _) => plan.n_q,
        (false, true) => plan.n_k,
        (false, false) => 1,
    };
    let cols = match tensor.of {
        _ if axes.has(Axis::I) && axes.has(Axis::J) => plan.n_k,
        Inner::One => 1,
        Inner::D => plan.d,
        Inner::Dv => plan.d_v,
    };
    (rows, cols)
}

fn splits(tensor: &Tensor, setting: &Setting) -> usize {
    if tensor.axes().has(Axis::S) { setting.splits } else { 1 }
}

fn blocks_of(tensor: &Tensor, plan: &Plan) -> usize {
    let axes = tensor.axes();
    let along = |axis, blocks| if axes.has(axis) { blocks } else { 1 };
    along(Axis::I, plan.t_r()) * along(Axis::J, plan.t_c())
}

/// Where the block with this number stands, as [`area`] numbers them.
fn place_of(tensor: &Tensor, plan: &Plan, number: usize) -> Place {
    let (axes, blocks) = (tensor.axes(), blocks_of(tensor, plan));
    let (split, at) = (number / blocks, number % blocks);
    let is_tile = axes.has(Axis::I) && axes.has(Axis::J);
    let (i, j) = if is_tile { (at / plan.t_c(), at % plan.t_c()) } else { (at, at) };
    Place::new(Some(i), Some(j)).with(Axis::S, split)
}

fn area(tensor: &Tensor, setting: &Setting, place: Place) -> Area {
    let (plan, axes) = (&setting.plan, tensor.axes());
    let (n, width) = size(tensor, plan);
    let at = |axis| if axes.has(axis) { place.at(axis).unwrap_or(0) } else { 0 };
    let (i, j, s) = (at(Axis::I), at(Axis::J), at(Axis::S));
    let (rows, cols) = match (axes.has(Axis::I), axes.has(Axis::J)) {
        (true, true) => (plan.rows(i), plan.cols(j)),
        (true, false) => (plan.rows(i), 0..width),
        (false, true) => (plan.cols(j), 0..width),
        (false, false) => (0..1, 0..width),
    };
    let number = match (axes.has(Axis::I), axes.has(Axis::J)) {
        (true, true) => i * plan.t_c() + j,
        _ => i + j,
    };
    Area { rows: rows.start + s * n..rows.end + s * n, cols, number: s * blocks_of(tensor, plan) + number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Tiling, algorithm};

    /// Refused before anything is made: inputs, what goes between kernels, and outputs, of each head.
    #[test]
    fn tensors_that_are_too_large_are_refused() {
        let standard = algorithm::by_name("standard").unwrap();
        let plan = |n: usize| Plan { d_v: 3, ..Plan::new(n, n, 2, Tiling { br: n, bc: n }, Precision::F32) };
        let n = 1 << 15;
        let setting = Setting { heads: 2, ..Setting::new(plan(n)) };
        // S and P of each head; Q and O of each, K and V of both.
        let elements = (2 * 2 * n * n + 2 * n * (2 + 3) + n * (2 + 3)) as u64;
        let fault = Hbm::<f32>::new(standard, &setting, &[], Spare::default()).err();
        assert_eq!(fault, Some(Fault::TooLarge { bytes: 4 * elements, most: MOST_BYTES }));
        assert!(check_scores(standard, &plan(1 << 14)).is_ok());
        let wrong = check_scores(standard, &plan(n)).unwrap_err().to_string();
        assert!(wrong.starts_with("standard would keep S and P of 32768 x 32768 in memory, "), "{wrong}");
        assert!(check_scores(algorithm::by_name("flash2").unwrap(), &plan(n)).is_ok());
    }
}
