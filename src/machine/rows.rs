//! Works out values row by row.

use ndarray::Array2;

use crate::attention::not_finite::{larger, scaled};
use crate::attention::product::Grid;
use crate::attention::rows::{row_max, row_maxima, row_sum, row_sums, scale_row};
use crate::attention::{Head, Real};
use crate::schedule::language::{Extent, Function, NameId, Operator, Parameter, Shape};

use super::chip::{Chip, Held, InputBlock, Sizes, Window, grid};
use super::compile::{Node, NodeKind, Source};
use super::hbm::{Hbm, Input};

/// Everything that a value is made of.
pub struct Rows<'a, T: Real> {
    pub sizes: Sizes,
    pub head: &'a Head<T>,
    pub chip: &'a Chip<T>,
    pub hbm: &'a Hbm<'a, T>,
    /// The matrices of the statement that are made already.
    pub matrices: &'a [Array2<T>],
    /// The value is over pairs of which the mask hides some: there 0 times anything is 0.
    pub guards_hidden: bool,
}

/// Rows that are not in use, kept for their memory.
pub type Spare<T> = Vec<Vec<T>>;

impl<'a, T: Real> Rows<'a, T> {
    /// The elements of a name row by row, the length of such a row, and where its value lies in them.
    #[inline]
    fn name(&self, name: NameId, shape: Shape) -> (&'a [T], usize, Window) {
        let window = self.chip.window(name, shape, &self.sizes);
        match self.chip.place(name) {
            Held::Buffer(data, stride) => (data, stride, window),
            Held::Input(block) => {
                let input = self.hbm.input(block.tensor, block.head).expect("it was loaded from there");
                let (data, stride) = input.rows();
                (&data[block.first * stride..], stride, Window { start: block.column, ..window })
            }
        }
    }

    /// A whole matrix.
    pub fn grid(&self, source: Source) -> Grid<'a, T> {
        match source {
            Source::Name(name, shape) => {
                let (data, stride, window) = self.name(name, shape);
                grid(data, stride, window)
            }
            Source::Matrix(number) => {
                let (matrix, data) = (&self.matrices[number], self.matrices[number].as_slice());
                let (rows, cols) = matrix.dim();
                Grid { data: data.expect("it was made so"), stride: cols, rows, cols }
            }
        }
    }

    /// The input that a name holds a block of, if it does.
    pub fn input_of(&self, name: NameId) -> Option<&'a Input<'a, T>> {
        match self.chip.place(name) {
            Held::Input(block) => self.hbm.input(block.tensor, block.head),
            Held::Buffer(..) => None,
        }
    }

    /// Where the columns of a whole block of an input lie as rows.
    pub fn turned(&self, name: NameId, values: Grid<'_, T>) -> Option<&'a [T]> {
        let Held::Input(block) = self.chip.place(name) else { return None };
        let input = self.hbm.input(block.tensor, block.head)?;
        if values.cols == values.stride { input.turned(block.first, values.rows) } else { None }
    }

    /// The first value of a row of an input's block.
    pub fn input_row(&self, name: NameId, row: usize) -> Option<T> {
        let Held::Input(block) = self.chip.place(name) else { return None };
        let (data, stride) = self.hbm.input(block.tensor, block.head)?.rows();
        data.get((block.first + row) * stride + block.column).copied()
    }

    /// A row of a block of an input, which is no tile.
    pub fn of_input(&self, block: InputBlock, row: usize) -> &'a [T] {
        let (data, stride) = self.hbm.input(block.tensor, block.head).expect("it was held as an input's").rows();
        &data[(block.first + row) * stride..][..stride]
    }

    /// Columns of a value.
    pub fn width(&self, shape: Shape) -> usize {
        self.sizes.of(shape.cols)
    }

    #[inline]
    fn source_row(&self, source: Source, r: usize) -> &'a [T] {
        self.grid(source).row(r)
    }

    /// Row `r` of `node` into `out`, which has its width.
    pub fn row(&self, node: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>) {
        // A value with one row is the same for every row, but for a number of each head where rows are of several.
        let at = if node.shape.rows == Extent::One { 0 } else { r };
        match &node.kind {
            NodeKind::Number(number) => out.fill(T::narrow(*number)),
            NodeKind::Parameter(parameter) => out.fill(self.parameter(*parameter, r)),
            NodeKind::Rows(source) => out.copy_from_slice(self.source_row(*source, at)),
            NodeKind::Columns(source) => {
                let columns = self.grid(*source);
                out.iter_mut().enumerate().for_each(|(c, out)| *out = columns.row(c)[at]);
            }
            NodeKind::Distance => self.each_pair(r, out, |head, i, j| T::narrow(head.band.distance(i, j) as f64)),
            NodeKind::Keep => self.each_pair(r, out, Head::dropout_factor),
            NodeKind::Negative(inner) => {
                self.row(inner, r, out, spare);
                out.iter_mut().for_each(|value| *value = -*value);
            }
            NodeKind::Each(Function::Exp, inner) if node.shape.cols != Extent::One => self.exp(inner, r, out, spare),
            NodeKind::Each(function, inner) => {
                self.row(inner, r, out, spare);
                out.iter_mut().for_each(|value| *value = of_one(*function, *value));
            }
            NodeKind::Reduce(..) => out.fill(self.single(node, r, spare)),
            NodeKind::Both(Function::Ratio, a, b) if self.guards_hidden && node.shape.is_tile() => {
                self.guarded_ratio(a, b, r, out, spare);
            }
            NodeKind::Both(function, a, b) => self.both(a, b, r, out, spare, |a, b| of_two(*function, a, b)),
            NodeKind::Binary(operator, a, b) => self.binary(*operator, a, b, r, out, spare, node.shape),
            NodeKind::Biased(a, bias) => {
                self.both(a, bias, r, out, spare, |a, bias| if bias == T::neg_infinity() { bias } else { a + bias });
            }
            NodeKind::Pick(parts) => self.pick(parts, r, out, spare),
        }
    }

    /// exp of a row.
    fn exp(&self, inner: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>) {
        match shift_of(inner) {
            Some((a, shift)) => {
                let shift = self.single(shift, r, spare);
                self.exp_minus(a, r, shift, out, spare);
            }
            None => {
                self.row(inner, r, out, spare);
                T::exp_minus(out, T::zero());
            }
        }
    }

    /// exp of a row from all of which `shift` is subtracted. What is hidden weighs nothing, also in a row of NaN.
    pub fn exp_minus(&self, a: &Node, r: usize, shift: T, out: &mut [T], spare: &mut Spare<T>) {
        self.row(a, r, out, spare);
        if shift.is_nan() {
            let weight = |s: T| if s == T::neg_infinity() { T::zero() } else { T::nan() };
            out.iter_mut().for_each(|value| *value = weight(*value));
        } else {
            T::exp_minus(out, shift);
        }
    }

    /// a / b, where 0 / NaN would give a weight to what is hidden.
    fn guarded_ratio(&self, a: &Node, b: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>) {
        let (first_row, first_key) = self.start();
        let mut c = 0;
        self.both(a, b, r, out, spare, |a, b| {
            let is_nothing = b.is_nan() && a == T::zero() && !self.head.sees(first_row + r, first_key + c);
            c += 1;
            if is_nothing { T::zero() } else { of_two(Function::Ratio, a, b) }
        });
    }

    /// A number of the run; in row `r`, where it is one of each head.
    fn parameter(&self, parameter: Parameter, r: usize) -> T {
        let row = self.sizes.first_row + r;
        let value = match parameter {
            Parameter::Scale => Some(self.head.scale),
            Parameter::Cap => self.head.softcap,
            Parameter::Slope => self.head.slope_at(row),
            Parameter::Sink => self.head.sink_at(row),
        };
        // Where a run has none, no statement that uses it is carried out.
        value.unwrap_or_else(T::zero)
    }

    fn each_pair(&self, r: usize, out: &mut [T], value: impl Fn(&Head<T>, usize, usize) -> T) {
        let (rows, cols) = self.start();
        for (c, out) in out.iter_mut().enumerate() {
            *out = value(self.head, rows + r, cols + c);
        }
    }

    /// The first query and the first key of the place.
    fn start(&self) -> (usize, usize) {
        (self.sizes.first_row, self.sizes.first_key)
    }

    #[allow(clippy::too_many_arguments)] // The parts of one operation.
    fn binary(
        &self,
        operator: Operator,
        a: &Node,
        b: &Node,
        r: usize,
        out: &mut [T],
        spare: &mut Spare<T>,
        shape: Shape,
    ) {
        match operator {
            Operator::Multiply if self.guards_hidden && shape.is_tile() => {
                let (first_row, first_key) = self.start();
                let keys = self.head.band.keys_of(first_row + r);
                // A factor that is no value of pairs, such as that of dropout, hides nothing.
                let (of_a, of_b) = (a.has_pairs(), b.has_pairs());
                let mut c = 0;
                self.both(a, b, r, out, spare, |a, b| {
                    let hidden = !keys.contains(first_key + c);
                    c += 1;
                    let is_nothing = of_a && a == T::zero() || of_b && b == T::zero();
                    if hidden && is_nothing { T::zero() } else { a * b }
                });
            }
            Operator::Multiply if a.shape.cols == Extent::One && b.shape.cols != Extent::One => {
                let factor = self.single(a, r, spare);
                self.row(b, r, out, spare);
                self.scale(out, factor);
            }
            Operator::Product => unreachable!("a product is a matrix of its own"),
            // Each its own loop, which the compiler can make one over vectors.
            Operator::Add => self.both(a, b, r, out, spare, |a, b| a + b),
            Operator::Subtract => self.both(a, b, r, out, spare, |a, b| a - b),
            Operator::Multiply => self.both(a, b, r, out, spare, |a, b| a * b),
            Operator::Divide => self.both(a, b, r, out, spare, |a, b| a / b),
            _ => self.both(a, b, r, out, spare, |a, b| of_operator(operator, a, b)),
        }
    }

    /// Combines two values element by element; one that is a single number goes with every element of the other.
    fn both(&self, a: &Node, b: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>, mut with: impl FnMut(T, T) -> T) {
        let (a_is_wide, b_is_wide) = (a.shape.cols != Extent::One, b.shape.cols != Extent::One);
        if a_is_wide || !b_is_wide {
            self.row(a, r, out, spare);
            if b_is_wide {
                let mut other = taken(spare, out.len());
                self.row(b, r, &mut other, spare);
                out.iter_mut().zip(&other).for_each(|(out, &b)| *out = with(*out, b));
                spare.push(other);
            } else {
                let b = self.single(b, r, spare);
                out.iter_mut().for_each(|out| *out = with(*out, b));
            }
        } else {
            let a = self.single(a, r, spare);
            self.row(b, r, out, spare);
            out.iter_mut().for_each(|out| *out = with(a, *out));
        }
    }

    /// A row times one factor, in which an infinity stays what it is: a factor that is 0 has rounded to it.
    pub fn scale(&self, row: &mut [T], factor: T) {
        if self.head.odd_values.is_some() {
            row.iter_mut().for_each(|value| *value = scaled(*value, factor));
        } else if factor != T::one() {
            scale_row(row, factor);
        }
    }

    /// Every row of a node with one column. What is asked of each row alone costs more than the number itself.
    pub fn column(&self, node: &Node, out: &mut [T], spare: &mut Spare<T>) {
        if node.shape.rows == Extent::One && self.head.band.packed.is_none() {
            let value = self.single(node, 0, spare);
            return out.fill(value);
        }
        if node.shape.rows == Extent::One {
            // A number of each head, where rows are of several.
            return out.iter_mut().enumerate().for_each(|(r, out)| *out = self.single(node, r, spare));
        }
        match &node.kind {
            NodeKind::Negative(inner) => {
                self.column(inner, out, spare);
                out.iter_mut().for_each(|value| *value = -*value);
            }
            NodeKind::Each(function, inner) => {
                self.column(inner, out, spare);
                out.iter_mut().for_each(|value| *value = of_one(*function, *value));
            }
            NodeKind::Both(function, a, b) => self.columns(a, b, out, spare, |a, b| of_two(*function, a, b)),
            NodeKind::Binary(Operator::Add, a, b) => self.columns(a, b, out, spare, |a, b| a + b),
            NodeKind::Binary(Operator::Subtract, a, b) => self.columns(a, b, out, spare, |a, b| a - b),
            NodeKind::Binary(Operator::Multiply, a, b) => self.columns(a, b, out, spare, |a, b| a * b),
            NodeKind::Rows(source) if node.shape.cols == Extent::One => {
                let values = self.grid(*source);
                if values.stride == 1 {
                    return out.copy_from_slice(&values.data[..out.len()]);
                }
                out.iter_mut().enumerate().for_each(|(r, out)| *out = values.row(r)[0]);
            }
            NodeKind::Reduce(function, inner) if let NodeKind::Rows(source) = inner.kind => {
                let of_rows = if *function == Function::RowMax { row_maxima } else { row_sums };
                of_rows(self.grid(source), out);
            }
            _ => out.iter_mut().enumerate().for_each(|(r, out)| *out = self.single(node, r, spare)),
        }
    }

    fn columns(&self, a: &Node, b: &Node, out: &mut [T], spare: &mut Spare<T>, with: impl Fn(T, T) -> T) {
        self.column(a, out, spare);
        let mut other = taken(spare, out.len());
        self.column(b, &mut other, spare);
        out.iter_mut().zip(&other).for_each(|(out, &b)| *out = with(*out, b));
        spare.push(other);
    }

    /// The value of a node with one column.
    pub fn single(&self, node: &Node, r: usize, spare: &mut Spare<T>) -> T {
        let at = if node.shape.rows == Extent::One { 0 } else { r };
        match &node.kind {
            NodeKind::Number(number) => T::narrow(*number),
            NodeKind::Parameter(parameter) => self.parameter(*parameter, r),
            NodeKind::Rows(source @ Source::Name(name, shape)) if shape.cols == Extent::One => {
                self.chip.single(*name, at).unwrap_or_else(|| self.source_row(*source, at)[0])
            }
            NodeKind::Rows(source) => self.source_row(*source, at)[0],
            NodeKind::Negative(inner) => -self.single(inner, r, spare),
            NodeKind::Each(function, inner) => of_one(*function, self.single(inner, r, spare)),
            NodeKind::Reduce(function, inner) => self.reduce(*function, inner, r, spare),
            NodeKind::Both(function, a, b) => of_two(*function, self.single(a, r, spare), self.single(b, r, spare)),
            NodeKind::Binary(operator, a, b) if *operator != Operator::Product => {
                of_operator(*operator, self.single(a, r, spare), self.single(b, r, spare))
            }
            NodeKind::Pick(parts) => {
                let chosen = self.single(&parts[0], r, spare);
                self.single(&parts[if chosen == T::zero() { 2 } else { 1 }], r, spare)
            }
            _ => {
                let mut value = [T::zero()];
                self.row(node, r, &mut value, spare);
                value[0]
            }
        }
    }

    /// `rowmax` or `rowsum` of row `r`.
    fn reduce(&self, function: Function, inner: &Node, r: usize, spare: &mut Spare<T>) -> T {
        if let NodeKind::Rows(source) = inner.kind {
            let at = if inner.shape.rows == Extent::One { 0 } else { r };
            return of_row(function, self.source_row(source, at));
        }
        let mut row = taken(spare, self.width(inner.shape));
        self.row(inner, r, &mut row, spare);
        let value = of_row(function, &row);
        spare.push(row);
        value
    }

    fn pick(&self, parts: &[Node; 3], r: usize, out: &mut [T], spare: &mut Spare<T>) {
        let [mut chosen, mut a, mut b] = [0; 3].map(|_| taken(spare, out.len()));
        for (node, row) in parts.iter().zip([&mut chosen, &mut a, &mut b]) {
            if node.shape.cols == Extent::One {
                let value = self.single(node, r, spare);
                row.fill(value);
            } else {
                self.row(node, r, row, spare);
            }
        }
        for (c, out) in out.iter_mut().enumerate() {
            *out = if chosen[c] == T::zero() { b[c] } else { a[c] };
        }
        spare.extend([chosen, a, b]);
    }
}

/// Of a value that goes through the exponential: what one number per row is subtracted from, and that number.
pub fn shift_of(inner: &Node) -> Option<(&Node, &Node)> {
    match &inner.kind {
        NodeKind::Binary(Operator::Subtract, a, shift) if shift.shape.cols == Extent::One => Some((a, shift)),
        _ => None,
    }
}

/// `rowmax` or `rowsum`.
fn of_row<T: Real>(function: Function, row: &[T]) -> T {
    if function == Function::RowMax { row_max(row, T::neg_infinity()) } else { row_sum(row) }
}

/// A row of `width` values, whatever they are.
pub fn taken<T: Real>(spare: &mut Spare<T>, width: usize) -> Vec<T> {
    let mut row = spare.pop().unwrap_or_default();
    row.resize(width, T::zero());
    row
}

/// A function of one value. Tiles go through the exponential of the engine, single factors through that of the library.
fn of_one<T: Real>(function: Function, x: T) -> T {
    match function {
        // What exp(0) is, without the call: the factor of a row whose maximum has not risen, which most have not.
        Function::Exp if x == T::zero() => T::one(),
        Function::Exp => x.exp(),
        Function::Exp2 => x.exp2(),
        Function::Ln => x.ln(),
        Function::Tanh => x.tanh(),
        Function::Square => x * x,
        Function::Finite => {
            if x == T::neg_infinity() {
                T::zero()
            } else {
                x
            }
        }
        _ => unreachable!("{} is of more than one value, or of a row", function.name()),
    }
}

fn of_two<T: Real>(function: Function, a: T, b: T) -> T {
    match function {
        // A weight may have rounded to 0 and is none: what is not finite stays.
        Function::Ratio if b == T::zero() => {
            if a.is_finite() {
                T::zero()
            } else {
                a
            }
        }
        Function::Ratio => a / b,
        _ => larger(a, b),
    }
}

fn of_operator<T: Real>(operator: Operator, a: T, b: T) -> T {
    let truth = |truth: bool| if truth { T::one() } else { T::zero() };
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Greater => truth(a > b),
        Operator::GreaterOrEqual => truth(a >= b),
        Operator::Less => truth(a < b),
        Operator::LessOrEqual => truth(a <= b),
        Operator::Product => unreachable!("a product is a matrix of its own"),
    }
}
