//! HBM: every tensor of a text, given or made, by name.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::attention::{Precision, Real};
use crate::schedule::language::{Algorithm, Axis, Inner, Kind, Role, Setting, Tensor, TensorId};
use crate::schedule::{Place, Plan};

use super::fault::Fault;
use super::given::Given;

/// The most that the tensors of one run may take.
const MOST_BYTES: u64 = 4 << 30;

pub struct Hbm<T> {
    /// By tensor, then by head; one entry where all heads share it, none for a bias or a keep mask.
    slabs: Vec<Vec<Slab<T>>>,
}

/// One tensor of one head.
struct Slab<T> {
    /// `[splits * n, width]`: splits lie one below the other.
    values: Array2<T>,
    /// Of each block: written, and with pairs that the mask hides.
    written: Vec<bool>,
    hides: Vec<bool>,
}

/// Where a block lies.
struct Block {
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    number: usize,
}

impl<T: Real> Hbm<T> {
    /// Empty tensors, and those that are given.
    pub fn new(algorithm: &Algorithm, setting: &Setting, given: &[Given<T>]) -> Result<Self, Fault> {
        let elements: u64 = algorithm.tensors.iter().map(|tensor| elements(tensor, setting)).sum();
        let bytes = elements.saturating_mul(size_of::<T>() as u64);
        if bytes > MOST_BYTES {
            return Err(Fault::TooLarge { bytes, most: MOST_BYTES });
        }
        let mut slabs = Vec::new();
        for tensor in &algorithm.tensors {
            let heads = if tensor.is_of_group { 1 } else { setting.heads };
            slabs.push(match tensor.role {
                Role::Modifier(_) => Vec::new(),
                Role::In => given[..heads].iter().map(|head| input(tensor, setting, head)).collect::<Result<_, _>>()?,
                Role::Out | Role::Between => (0..heads).map(|_| Slab::empty(tensor, setting)).collect(),
            });
        }
        Ok(Self { slabs })
    }

    fn slab(&self, tensor: TensorId, head: usize) -> &Slab<T> {
        let heads = &self.slabs[tensor];
        &heads[head.min(heads.len() - 1)]
    }

    fn slab_mut(&mut self, tensor: TensorId, head: usize) -> &mut Slab<T> {
        let heads = &mut self.slabs[tensor];
        let last = heads.len() - 1;
        &mut heads[head.min(last)]
    }

    /// A block that was written, and whether it has hidden pairs.
    pub fn load(
        &self,
        algorithm: &Algorithm,
        tensor: TensorId,
        setting: &Setting,
        place: Place,
        head: usize,
    ) -> Option<(ArrayView2<'_, T>, bool)> {
        let slab = self.slab(tensor, head);
        let block = block(&algorithm.tensors[tensor], setting, place);
        slab.written[block.number].then(|| (slab.values.slice(s![block.rows, block.cols]), slab.hides[block.number]))
    }

    /// Lets `write` change a block, and rounds it as its tensor is kept.
    pub fn change(
        &mut self,
        algorithm: &Algorithm,
        tensor: TensorId,
        setting: &Setting,
        (place, head): (Place, usize),
        hides: bool,
        write: impl FnOnce(ArrayViewMut2<'_, T>),
    ) {
        let of = &algorithm.tensors[tensor];
        let block = block(of, setting, place);
        let slab = self.slab_mut(tensor, head);
        (slab.written[block.number], slab.hides[block.number]) = (true, hides);
        let mut values = slab.values.slice_mut(s![block.rows, block.cols]);
        write(values.view_mut());
        if of.kind == Kind::Element {
            round(values, setting.plan.precision);
        }
    }

    /// A whole tensor of one head; the blocks that no step wrote are 0.
    pub fn tensor(&self, tensor: TensorId, head: usize) -> Option<ArrayView2<'_, T>> {
        (!self.slabs[tensor].is_empty()).then(|| self.slab(tensor, head).values.view())
    }
}

/// Rounds each value as 16-bit formats do when they are stored.
pub fn round<T: Real>(mut values: ArrayViewMut2<'_, T>, precision: Precision) {
    if precision.element_bytes() < 4 {
        for mut row in values.rows_mut() {
            match row.as_slice_mut() {
                Some(row) => T::store_as(row, precision),
                None => row.iter_mut().for_each(|value| T::store_as(std::slice::from_mut(value), precision)),
            }
        }
    }
}

impl<T: Real> Slab<T> {
    fn empty(tensor: &Tensor, setting: &Setting) -> Self {
        let (rows, cols) = size(tensor, &setting.plan);
        let splits = splits(tensor, setting);
        let blocks = splits * blocks_of(tensor, &setting.plan);
        Self { values: Array2::zeros((rows * splits, cols)), written: vec![false; blocks], hides: vec![false; blocks] }
    }
}

fn input<T: Real>(tensor: &Tensor, setting: &Setting, given: &Given<T>) -> Result<Slab<T>, Fault> {
    let name = &tensor.name;
    let values = given.tensor(name).ok_or_else(|| Fault::NotGiven { name: name.clone() })?;
    let mut slab = Slab::empty(tensor, setting);
    if values.dim() != slab.values.dim() {
        let (found, expected) = (values.dim(), slab.values.dim());
        return Err(Fault::Size { name: name.clone(), found, expected });
    }
    slab.values.assign(&values);
    if tensor.kind == Kind::Element {
        round(slab.values.view_mut(), setting.plan.precision);
    }
    slab.written.fill(true);
    // A tile of pairs that a forward pass made has hidden pairs like the ones made here.
    slab.hides.fill(tensor.shape().is_tile());
    Ok(slab)
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

fn block(tensor: &Tensor, setting: &Setting, place: Place) -> Block {
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
    Block { rows: rows.start + s * n..rows.end + s * n, cols, number: s * blocks_of(tensor, plan) + number }
}
