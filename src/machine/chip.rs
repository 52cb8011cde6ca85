//! What a program holds on chip, by name.

use ndarray::{ArrayView2, ShapeBuilder};

use crate::attention::Real;
use crate::attention::product::Grid;
use crate::schedule::language::{self, Extent, NameId, Names, Shape, TensorId};
use crate::schedule::{Algorithm, Place, Plan};

/// What stands at the pairs of a value that the mask hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hides {
    /// Nothing is known of them: they are like any others.
    #[default]
    Nothing,
    /// 0: they add nothing to a product.
    Zeros,
    /// -inf, or what was made of it: they are left out of a product.
    Scores,
}

/// A value on chip.
#[derive(Clone, Debug, Default)]
struct Value<T> {
    /// As large as a whole block, row by row; a ragged block uses its first rows and columns. Empty until it is first used.
    data: Vec<T>,
    stride: usize,
    /// A block of an input, which never changes in HBM, is held by its place there.
    input: Option<InputBlock>,
    /// The block of an input that was loaded last, and the one before it, in this program; with how many rows each has.
    loaded: [Option<(InputBlock, usize)>; 2],
    hides: Hides,
    /// Its elements are ones of the format of the tensors.
    is_rounded: bool,
}

/// Where an input's block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputBlock {
    pub tensor: TensorId,
    pub head: usize,
    /// Its first row.
    pub first: usize,
    /// And column: of a tile that is given.
    pub column: usize,
}

/// The names of a kernel with their values.
#[derive(Clone, Debug)]
pub struct Chip<T> {
    values: Vec<Value<T>>,
    /// Names that this program has given a value.
    pub written: Names,
    /// Names of whole rows, of which a tile is a part.
    whole_rows: Names,
    /// Names with pairs that the mask hides.
    hiding: Names,
    /// Names of which the second half is of the block before.
    pub torn: Names,
}

/// The values of some names of a chip.
pub struct Kept<T> {
    pub names: Names,
    values: Vec<(NameId, Value<T>)>,
}

/// The size of a value where it is used: rows, columns, and where its columns begin in a whole row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub rows: usize,
    pub cols: usize,
    pub start: usize,
}

/// Where the elements of a value lie.
pub enum Held<'c, T> {
    /// In a buffer of the chip, with the length of its rows.
    Buffer(&'c [T], usize),
    Input(InputBlock),
}

impl<T: Real> Chip<T> {
    pub fn new(algorithm: &Algorithm) -> Self {
        let values = vec![Value::default(); algorithm.text().names.len()];
        let none = Names::default();
        Self { values, written: none, whole_rows: none, hiding: none, torn: none }
    }

    /// An empty chip for a program of `kernel`; keeps its memory, and nothing in it.
    pub fn restart(&mut self, algorithm: &Algorithm, kernel: usize) {
        for value in &mut self.values {
            value.data.fill(T::zero());
            value.loaded = [None; 2];
        }
        let whole_rows = algorithm.whole_rows(kernel);
        let none = Names::default();
        (self.written, self.whole_rows, self.hiding, self.torn) = (none, whole_rows, none, none);
    }

    /// The values of those of `names` that the program has written, to be given back to another chip of it.
    pub fn keep(&self, names: Names) -> Kept<T> {
        let names = names.both(self.written);
        Kept { names, values: names.iter().map(|name| (name, self.values[name].clone())).collect() }
    }

    /// Gives `names` what was kept of them, and leaves all others alone.
    pub fn give_back(&mut self, kept: &Kept<T>, names: Names) {
        for (name, value) in kept.values.iter().filter(|(name, _)| names.has(*name)) {
            self.values[*name].clone_from(value);
            self.note(*name);
        }
    }

    /// Where a value of this shape lies in its buffer.
    #[inline]
    pub fn window(&self, name: NameId, shape: Shape, sizes: &Sizes) -> Window {
        let is_part = shape.cols == Extent::Keys && self.whole_rows.has(name);
        let start = if is_part { sizes.first_key - sizes.first_of_all } else { 0 };
        Window { rows: sizes.of(shape.rows), cols: sizes.of(shape.cols), start }
    }

    /// The elements of a name, which the checker knows to have a value.
    #[inline]
    pub fn place(&self, name: NameId) -> Held<'_, T> {
        let value = &self.values[name];
        match value.input {
            Some(block) => Held::Input(block),
            None => Held::Buffer(&value.data, value.stride),
        }
    }

    /// The single value of a row, or of all rows; `None` of an input.
    #[inline]
    pub fn single(&self, name: NameId, row: usize) -> Option<T> {
        let value = &self.values[name];
        match &value.data[..] {
            _ if value.input.is_some() => None,
            // One number for all rows.
            [single] => Some(*single),
            data => data.get(row * value.stride).copied(),
        }
    }

    /// Takes the buffer of a name out, so that it can be written while others are read; [`Self::put`] puts it back.
    pub fn take(&mut self, name: NameId, shape: Shape, plan: &Plan) -> (Vec<T>, usize) {
        let width = if self.whole_rows.has(name) { plan.most_keys_beside() } else { most(shape.cols, plan) };
        let value = &mut self.values[name];
        let len = most(shape.rows, plan) * width;
        if value.data.len() != len || value.stride != width {
            (value.data, value.stride) = (vec![T::zero(); len], width);
        }
        (std::mem::take(&mut value.data), width)
    }

    /// Puts the buffer of a name back, which now has a value of its own.
    pub fn put(&mut self, name: NameId, data: Vec<T>, hides: Hides, is_rounded: bool) {
        let is_whole = self.whole_rows.has(name);
        let was_written = self.written.has(name);
        let value = &mut self.values[name];
        value.data = data;
        value.input = None;
        // Of a whole row, one hidden part makes all of it one that hides.
        value.hides = if is_whole && was_written { value.hides.max(hides) } else { hides };
        value.is_rounded = is_rounded && (!is_whole || !was_written || value.is_rounded);
        self.note(name);
    }

    /// The block of an input that was loaded last under this name.
    pub fn loaded(&self, name: NameId) -> Option<InputBlock> {
        self.values[name].loaded[0].map(|(block, _)| block)
    }

    /// The block that was there before it, and its rows.
    pub fn before(&self, name: NameId) -> Option<(InputBlock, usize)> {
        self.values[name].loaded[1]
    }

    /// Holds a block of an input, of so many rows.
    pub fn hold(&mut self, name: NameId, block: InputBlock, rows: usize, hides: Hides) {
        let value = &mut self.values[name];
        value.loaded = [Some((block, rows)), value.loaded[0]];
        (value.input, value.hides, value.is_rounded) = (Some(block), hides, true);
        self.torn = self.torn.without(Names::of(name));
        self.note(name);
    }

    /// A name has been given a value.
    fn note(&mut self, name: NameId) {
        let of = Names::of(name);
        self.written = self.written.with(of);
        let hides = self.values[name].hides != Hides::Nothing;
        self.hiding = if hides { self.hiding.with(of) } else { self.hiding.without(of) };
    }

    /// Some value has pairs that the mask hides.
    pub fn hides_some(&self) -> bool {
        !self.hiding.is_empty()
    }

    pub fn hides(&self, name: NameId) -> Hides {
        self.values[name].hides
    }

    pub fn is_rounded(&self, name: NameId) -> bool {
        self.values[name].is_rounded
    }

    /// Bytes of the buffers of `names` in the largest program.
    pub fn bytes(algorithm: &Algorithm, plan: &Plan, names: Names) -> usize {
        let text = algorithm.text();
        let of = |(kernel, _): (usize, &language::Kernel)| {
            let whole_rows = algorithm.whole_rows(kernel);
            let mut sizes = vec![0; text.names.len()];
            for statement in text.lines.iter().filter(|line| line.kernel == kernel).flat_map(|line| &line.statements) {
                if let Some((name, shape)) = statement.action.gives() {
                    let width = if whole_rows.has(name) { plan.most_keys_beside() } else { most(shape.cols, plan) };
                    sizes[name] = most(shape.rows, plan) * width;
                }
            }
            names.iter().filter_map(|name| sizes.get(name)).sum::<usize>() * size_of::<T>()
        };
        text.kernels.iter().enumerate().map(of).max().unwrap_or(0)
    }
}

/// A matrix of the machine as one of `ndarray`.
pub fn view<T>(grid: Grid<'_, T>) -> ArrayView2<'_, T> {
    let Grid { data, stride, rows, cols } = grid;
    let end = if rows == 0 { 0 } else { (rows - 1) * stride + cols };
    ArrayView2::from_shape((rows, cols).strides((stride, 1)), &data[..end]).expect("a window lies in its buffer")
}

/// The part of a buffer, whose rows have `stride` elements, where a value lies.
#[inline]
pub fn grid<T>(data: &[T], stride: usize, window: Window) -> Grid<'_, T> {
    let Window { rows, cols, start } = window;
    Grid { data: &data[start..], stride, rows, cols }
}

/// The sizes of what a step works on.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of the block at hand, or of all where the step stands on none.
    rows: usize,
    keys: usize,
    pub first_row: usize,
    pub first_key: usize,
    /// Of the whole row: its keys, and the first of them.
    all_keys: usize,
    first_of_all: usize,
    d: usize,
    d_v: usize,
}

impl Sizes {
    pub fn at(place: Place, plan: &Plan) -> Self {
        let (rows, keys) = plan.spans(place);
        let all = plan.whole_row(place);
        Self {
            rows: rows.len(),
            keys: keys.len(),
            first_row: rows.start,
            first_key: keys.start,
            all_keys: all.len(),
            first_of_all: all.start,
            d: plan.d,
            d_v: plan.d_v,
        }
    }

    #[inline]
    pub fn of(&self, extent: Extent) -> usize {
        match extent {
            Extent::One => 1,
            Extent::Rows => self.rows,
            Extent::Keys => self.keys,
            Extent::AllKeys => self.all_keys,
            Extent::D => self.d,
            Extent::Dv => self.d_v,
        }
    }
}

/// The size of an axis of a whole block.
pub fn most(extent: Extent, plan: &Plan) -> usize {
    language::length(extent, plan)
}
