//! Works out values row by row.

use ndarray::{Array2, ArrayView2};

use crate::attention::rows::{row_max, row_sum};
use crate::attention::{Head, Real};
use crate::schedule::language::{Extent, Function, Operator, Parameter, Shape};
use crate::schedule::{Place, Plan};

use super::chip::{Chip, length};
use super::compile::{Node, NodeKind, Source};

/// Everything that a value is made of.
pub struct Rows<'a, T> {
    pub plan: &'a Plan,
    pub head: &'a Head<T>,
    pub chip: &'a Chip<T>,
    pub place: Place,
    /// The matrices of the statement that are made already.
    pub matrices: &'a [Array2<T>],
    /// The value is over pairs of which the mask hides some: there 0 times anything is 0.
    pub guards_hidden: bool,
}

/// Rows that are not in use, kept for their memory.
pub type Spare<T> = Vec<Vec<T>>;

impl<T: Real> Rows<'_, T> {
    pub fn matrix(&self, source: Source) -> ArrayView2<'_, T> {
        match source {
            Source::Name(name, shape) => self.chip.view(name, shape, self.plan, self.place),
            Source::Matrix(number) => self.matrices[number].view(),
        }
    }

    /// Columns of a value.
    pub fn width(&self, shape: Shape) -> usize {
        length(shape.cols, self.plan, self.place)
    }

    /// Row `r` of `node` into `out`, which has its width.
    pub fn row(&self, node: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>) {
        // A value with one row is the same for every row.
        let r = if node.shape.rows == Extent::One { 0 } else { r };
        match &node.kind {
            NodeKind::Number(number) => out.fill(T::narrow(*number)),
            NodeKind::Parameter(parameter) => out.fill(self.parameter(*parameter)),
            NodeKind::Rows(source) => {
                out.iter_mut().zip(self.matrix(*source).row(r)).for_each(|(out, &value)| *out = value);
            }
            NodeKind::Columns(source) => {
                out.iter_mut().zip(self.matrix(*source).column(r)).for_each(|(out, &value)| *out = value);
            }
            NodeKind::Distance => self.each_pair(r, out, |head, i, j| {
                let distance = i as i64 + head.n_k() as i64 - head.n_q() as i64 - j as i64;
                T::narrow(distance.unsigned_abs() as f64)
            }),
            NodeKind::Keep => self.each_pair(r, out, Head::dropout_factor),
            NodeKind::Negative(inner) => {
                self.row(inner, r, out, spare);
                out.iter_mut().for_each(|value| *value = -*value);
            }
            NodeKind::Each(function, inner) => {
                self.row(inner, r, out, spare);
                each(*function, node.shape, out);
            }
            NodeKind::Reduce(function, inner) => {
                let mut row = taken(spare, self.width(inner.shape));
                self.row(inner, r, &mut row, spare);
                out.fill(if *function == Function::RowMax { row_max(&row, T::neg_infinity()) } else { row_sum(&row) });
                spare.push(row);
            }
            NodeKind::Both(function, a, b) => self.both(a, b, r, out, spare, |a, b| match function {
                Function::Ratio => {
                    if b == T::zero() {
                        T::zero()
                    } else {
                        a / b
                    }
                }
                // NaN if one of them is.
                _ => {
                    if b > a || b.is_nan() {
                        b
                    } else {
                        a
                    }
                }
            }),
            NodeKind::Binary(operator, a, b) => self.binary(*operator, a, b, r, out, spare),
            NodeKind::Pick(parts) => self.pick(parts, r, out, spare),
        }
    }

    fn parameter(&self, parameter: Parameter) -> T {
        let value = match parameter {
            Parameter::Scale => Some(self.head.scale),
            Parameter::Cap => self.head.softcap,
            Parameter::Slope => self.head.alibi_slope,
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
        let rows = self.place.i().map_or(0, |i| self.plan.rows(i).start);
        (rows, self.place.j().map_or(0, |j| self.plan.cols(j).start))
    }

    fn binary(&self, operator: Operator, a: &Node, b: &Node, r: usize, out: &mut [T], spare: &mut Spare<T>) {
        let truth = |truth: bool| if truth { T::one() } else { T::zero() };
        match operator {
            Operator::Add => self.both(a, b, r, out, spare, |a, b| a + b),
            Operator::Subtract => self.both(a, b, r, out, spare, |a, b| a - b),
            Operator::Multiply if self.guards_hidden && out.len() > 1 => {
                let (first_row, first_key) = self.start();
                let keys = self.head.band.keys_of(first_row + r);
                let mut c = 0;
                self.both(a, b, r, out, spare, |a, b| {
                    let hidden = !keys.contains(&(first_key + c));
                    c += 1;
                    if hidden && (a == T::zero() || b == T::zero()) { T::zero() } else { a * b }
                });
            }
            Operator::Multiply => self.both(a, b, r, out, spare, |a, b| a * b),
            Operator::Divide => self.both(a, b, r, out, spare, |a, b| a / b),
            Operator::Greater => self.both(a, b, r, out, spare, |a, b| truth(a > b)),
            Operator::GreaterOrEqual => self.both(a, b, r, out, spare, |a, b| truth(a >= b)),
            Operator::Less => self.both(a, b, r, out, spare, |a, b| truth(a < b)),
            Operator::LessOrEqual => self.both(a, b, r, out, spare, |a, b| truth(a <= b)),
            Operator::Product => unreachable!("a product is a matrix of its own"),
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

    /// The value of a node with one column.
    pub fn single(&self, node: &Node, r: usize, spare: &mut Spare<T>) -> T {
        let mut value = [T::zero()];
        self.row(node, r, &mut value, spare);
        value[0]
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

/// A row of `width` values, whatever they are.
fn taken<T: Real>(spare: &mut Spare<T>, width: usize) -> Vec<T> {
    let mut row = spare.pop().unwrap_or_default();
    row.resize(width, T::zero());
    row
}

/// A function of each value of a row.
fn each<T: Real>(function: Function, shape: Shape, row: &mut [T]) {
    match function {
        // Tiles go through the exponential of the engine, single factors through that of the library.
        Function::Exp if shape.cols != Extent::One => T::exp_minus(row, T::zero()),
        Function::Exp => row.iter_mut().for_each(|x| *x = x.exp()),
        Function::Exp2 => row.iter_mut().for_each(|x| *x = x.exp2()),
        Function::Ln => row.iter_mut().for_each(|x| *x = x.ln()),
        Function::Tanh => row.iter_mut().for_each(|x| *x = x.tanh()),
        Function::Square => row.iter_mut().for_each(|x| *x = *x * *x),
        Function::Finite => row.iter_mut().filter(|x| **x == T::neg_infinity()).for_each(|x| *x = T::zero()),
        _ => unreachable!("{} is of more than one value, or of a row", function.name()),
    }
}
