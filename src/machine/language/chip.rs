//! What a program holds on chip, by name.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::attention::Real;
use crate::schedule::language::{Algorithm, Extent, Kernel, NameId, Names, Shape};
use crate::schedule::{Place, Plan};

/// A value on chip.
#[derive(Clone, Debug)]
struct Value<T> {
    /// As large as a whole block; a ragged block uses its first rows and columns.
    array: Array2<T>,
    /// Pairs that the mask hides were given -inf, so that they stay out of products.
    hides: bool,
}

/// The names of a kernel with their values.
#[derive(Clone, Debug)]
pub struct Chip<T> {
    values: Vec<Option<Value<T>>>,
    /// Names of whole rows, of which a tile is a part.
    over_keys: Names,
}

/// The size of a value where it is used: rows, columns, and where its columns begin in a whole row.
#[derive(Clone, Copy, Debug)]
struct Window {
    rows: usize,
    cols: usize,
    start: usize,
}

impl<T: Real> Chip<T> {
    pub fn new(algorithm: &Algorithm) -> Self {
        Self { values: vec![None; algorithm.names.len()], over_keys: Names::default() }
    }

    /// An empty chip for a program of `kernel`.
    pub fn restart(&mut self, kernel: &Kernel) {
        self.values.fill(None);
        let whole = kernel.buffers.iter().filter(|buffer| buffer.shape == Shape::WHOLE_ROWS);
        let names = whole.flat_map(|buffer| &buffer.names);
        self.over_keys = names.fold(Names::default(), |names, &name| names.with(Names::of(name)));
    }

    fn window(&self, name: NameId, shape: Shape, plan: &Plan, place: Place) -> Window {
        let (rows, cols) = (length(shape.rows, plan, place), length(shape.cols, plan, place));
        let part = self.over_keys.has(name) && shape.cols == Extent::Keys;
        let start = if part { place.j().map_or(0, |j| plan.cols(j).start) } else { 0 };
        Window { rows, cols, start }
    }

    /// The value of a name, which the checker knows to have one of this shape.
    pub fn view(&self, name: NameId, shape: Shape, plan: &Plan, place: Place) -> ArrayView2<'_, T> {
        let Window { rows, cols, start } = self.window(name, shape, plan, place);
        let value = self.values[name].as_ref().expect("the checker sees to it that a name has a value");
        value.array.slice(s![..rows, start..start + cols])
    }

    /// The place of a value that is to be written.
    pub fn view_mut(&mut self, name: NameId, shape: Shape, plan: &Plan, place: Place) -> ArrayViewMut2<'_, T> {
        let Window { rows, cols, start } = self.window(name, shape, plan, place);
        let is_whole = self.over_keys.has(name);
        let value = self.values[name].get_or_insert_with(|| {
            let width = if is_whole { plan.n_k } else { most(shape.cols, plan) };
            Value { array: Array2::zeros((most(shape.rows, plan), width)), hides: false }
        });
        value.array.slice_mut(s![..rows, start..start + cols])
    }

    pub fn hides(&self, name: NameId) -> bool {
        self.values[name].as_ref().is_some_and(|value| value.hides)
    }

    /// Of a whole row, one hidden part makes all of it one that hides.
    pub fn set_hides(&mut self, name: NameId, hides: bool) {
        let is_whole = self.over_keys.has(name);
        if let Some(value) = &mut self.values[name] {
            value.hides = hides || (is_whole && value.hides);
        }
    }
}

/// The size of an axis at `place`.
pub fn length(extent: Extent, plan: &Plan, place: Place) -> usize {
    match extent {
        Extent::Rows => place.i().map_or(plan.n_q, |i| plan.rows(i).len()),
        Extent::Keys => place.j().map_or(plan.n_k, |j| plan.cols(j).len()),
        _ => most(extent, plan),
    }
}

fn most(extent: Extent, plan: &Plan) -> usize {
    match extent {
        Extent::One => 1,
        Extent::Rows => plan.br,
        Extent::Keys => plan.bc,
        Extent::AllKeys => plan.n_k,
        Extent::D => plan.d,
        Extent::Dv => plan.d_v,
    }
}
