//! What a line reads, writes and computes, derived from its statements.
//!
//! The unit is the line: each name that it uses before it gives it a value is read once, each name that it gives a value is
//! written once. A plain copy is a second name and costs nothing. A product includes the addition to what it accumulates
//! into. Numbers of the run, `finite`, `pick`, comparisons and starting values cost no arithmetic.

use std::ops::{Add, AddAssign, Mul};

use crate::attention::{BiasOf, Pages};
use crate::schedule::{Lane, Plan};

use super::shape::{Extent, Shape};
use super::text::{Action, Algorithm, Expr, ExprKind, Line, NameId, Names, Role};
use super::words::{Function, Operator, Test};

/// Sums over places: of their pairs (query, key), queries, keys, how many there are, and the entries of the block table that
/// stand for their key blocks. Costs are linear in these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rc: u64,
    pub r: u64,
    pub c: u64,
    pub one: u64,
    pub entries: u64,
}

impl Counts {
    /// One place, of keys that lie in no pages.
    pub fn place(rows: usize, cols: usize) -> Self {
        let (r, c) = (rows as u64, cols as u64);
        Self { rc: r * c, r, c, one: 1, entries: 0 }
    }

    /// What is left without `others`, which are some of them.
    pub(super) fn less(self, others: Self) -> Self {
        Self {
            rc: self.rc - others.rc,
            r: self.r - others.r,
            c: self.c - others.c,
            one: self.one - others.one,
            entries: self.entries - others.entries,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = Self {
            rc: self.rc + other.rc,
            r: self.r + other.r,
            c: self.c + other.c,
            one: self.one + other.one,
            entries: self.entries + other.entries,
        };
    }
}

impl Mul<u64> for Counts {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self {
            rc: self.rc * times,
            r: self.r * times,
            c: self.c * times,
            one: self.one * times,
            entries: self.entries * times,
        }
    }
}

/// So much per pair, per query, per key and per place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linear {
    pub rc: u64,
    pub r: u64,
    pub c: u64,
    pub one: u64,
}

impl Linear {
    /// Elements of a box with these sides. The checker lets no side of rows, and none of keys, stand twice.
    fn of(sides: &[Extent], plan: &Plan) -> Self {
        let (mut factor, mut rows, mut keys) = (1, false, false);
        for side in sides {
            match side {
                Extent::One => {}
                Extent::Rows => rows = true,
                Extent::Keys | Extent::AllKeys => keys = true,
                Extent::D => factor *= plan.d as u64,
                Extent::Dv => factor *= plan.d_v as u64,
            }
        }
        match (rows, keys) {
            (true, true) => Self { rc: factor, ..Self::default() },
            (true, false) => Self { r: factor, ..Self::default() },
            (false, true) => Self { c: factor, ..Self::default() },
            (false, false) => Self { one: factor, ..Self::default() },
        }
    }

    pub fn at(self, counts: Counts) -> u64 {
        self.rc * counts.rc + self.r * counts.r + self.c * counts.c + self.one * counts.one
    }
}

impl Add for Linear {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { rc: self.rc + other.rc, r: self.r + other.r, c: self.c + other.c, one: self.one + other.one }
    }
}

impl AddAssign for Linear {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The cost of a line, of which some statements hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements between HBM and chip, of the tensor that the line moves.
    pub hbm_read: Linear,
    pub hbm_write: Linear,
    /// How often each entry of the block table that stands for the block is read.
    pub lookups: u64,
    /// Scales of blocks of e4m3 that are read with them.
    pub scales: u64,
    /// Elements of a mask of booleans that are read where the text loads the bias.
    pub mask_read: Linear,
    /// Elements on chip: each operand once.
    pub sram_read: Linear,
    pub sram_write: Linear,
    /// A multiply and an add of a matrix product count as two.
    pub matmul: Linear,
    /// Exponentials, and tanh.
    pub exp: Linear,
    pub other: Linear,
}

/// Bytes of a scale: an f32.
pub const SCALE_BYTES: u64 = 4;

impl Cost {
    /// Bytes that a load reads beside its block: entries of the block table, scales, and a mask of booleans.
    pub fn bytes_beside(&self, counts: Counts) -> u64 {
        let mask = BiasOf::BOOLEAN_BYTES * self.mask_read.at(counts);
        Pages::ENTRY_BYTES * self.lookups * counts.entries + SCALE_BYTES * self.scales * counts.one + mask
    }

    /// The cost of `line` when the statements of which `held` has the bit are carried out.
    pub fn of(algorithm: &Algorithm, line: &Line, plan: &Plan, keep_is_given: bool, held: u32) -> Self {
        let (none, cost) = (Names::default(), Self::default());
        let mut sum = Adder { plan, cost, reads_keep: keep_is_given, read: none, written: none, alias: Vec::new() };
        for (n, statement) in line.statements.iter().enumerate().filter(|(n, _)| held >> n & 1 == 1) {
            debug_assert!(n < 32, "a line has at most 16 statements");
            sum.action(algorithm, &statement.action);
        }
        sum.cost
    }
}

struct Adder<'a> {
    plan: &'a Plan,
    cost: Cost,
    /// A keep mask that was loaded is still to be read.
    reads_keep: bool,
    /// Names that the line has read, and given a value, so far.
    read: Names,
    written: Names,
    /// Second names, with what they name.
    alias: Vec<(NameId, NameId)>,
}

impl Adder<'_> {
    fn elements(&self, shape: Shape) -> Linear {
        Linear::of(&[shape.rows, shape.cols], self.plan)
    }

    fn action(&mut self, algorithm: &Algorithm, action: &Action) {
        let block =
            action.tensor().map_or(Linear::default(), |tensor| self.elements(algorithm.tensors[tensor].shape()));
        match action {
            Action::Load { tensor, .. } => {
                let is_paged = self.plan.pages.is_some() && algorithm.tensors[*tensor].is_of_cache();
                self.cost.lookups += u64::from(is_paged);
                let tensor = &algorithm.tensors[*tensor];
                let is_scaled = tensor.role == Role::In && self.plan.precision.scales(&tensor.name);
                self.cost.scales += u64::from(is_scaled);
                let arrays =
                    if tensor.role == Role::Modifier(Test::Bias) { self.plan.bias_of } else { BiasOf::Numbers };
                if arrays.has_numbers() {
                    self.cost.hbm_read += block;
                }
                if arrays.has_booleans() {
                    self.cost.mask_read += block;
                }
                self.cost.sram_write += block;
            }
            Action::Store { .. } => {
                self.cost.sram_read += block;
                self.cost.hbm_write += block;
            }
            Action::Fill { .. } => self.cost.hbm_write += block,
            Action::Add { value, .. } => {
                self.cost.hbm_read += block;
                self.cost.hbm_write += block;
                self.value(value);
                if !value.is_product() {
                    self.cost.other += block;
                }
            }
            Action::Start { name, shape, .. } => self.writes(*name, *shape),
            Action::Hide { name, shape, .. } => {
                self.reads(*name, *shape);
                self.writes(*name, *shape);
                self.cost.other += self.elements(*shape);
            }
            // Nothing is moved: a copy comes late, which was counted when it began.
            Action::Tear { .. } => {}
            Action::Rename { name, from, .. } => self.alias.push((*name, *from)),
            Action::Assign { name, value } => {
                self.value(value);
                self.writes(*name, value.shape);
            }
        }
    }

    fn reads(&mut self, name: NameId, shape: Shape) {
        let name = self.alias.iter().rev().find(|(second, _)| *second == name).map_or(name, |&(_, first)| first);
        if !self.written.has(name) && !self.read.has(name) {
            self.read = self.read.with(Names::of(name));
            self.cost.sram_read += self.elements(shape);
        }
    }

    fn writes(&mut self, name: NameId, shape: Shape) {
        self.alias.retain(|(second, _)| *second != name);
        if !self.written.has(name) {
            self.written = self.written.with(Names::of(name));
            self.cost.sram_write += self.elements(shape);
        }
    }

    /// The operands and the arithmetic of a value.
    fn value(&mut self, expr: &Expr) {
        for part in expr.parts() {
            self.value(part);
        }
        // What is one number for the whole run is worked out once.
        let each = if expr.shape.is_number() { Linear::default() } else { self.elements(expr.shape) };
        match &expr.kind {
            ExprKind::Name(name) => self.reads(*name, expr.shape),
            ExprKind::Keep if self.reads_keep => {
                self.reads_keep = false;
                self.cost.sram_read += each;
            }
            ExprKind::Negative(_) => self.cost.other += each,
            ExprKind::Binary(Operator::Product, a, b) => {
                let sides = [a.shape.rows, a.shape.cols, b.shape.cols];
                let pairs = Linear::of(&sides, self.plan);
                self.cost.matmul += pairs + pairs;
            }
            ExprKind::Binary(Operator::Add | Operator::Subtract, a, b) if a.is_product() || b.is_product() => {}
            ExprKind::Binary(operator, ..) if !operator.compares() => self.cost.other += each,
            ExprKind::Call(function, arguments) => match function {
                Function::RowMax | Function::RowSum => self.cost.other += self.elements(arguments[0].shape),
                Function::Exp | Function::Exp2 | Function::Tanh => self.cost.exp += each,
                Function::Max | Function::Ratio | Function::Ln | Function::Square => self.cost.other += each,
                Function::Finite | Function::Pick => {}
            },
            _ => {}
        }
    }
}

impl Line {
    /// The unit of a processor that the line keeps busy.
    pub fn lane(&self) -> Lane {
        let values: Vec<&Expr> = self
            .statements
            .iter()
            .filter_map(|statement| match &statement.action {
                Action::Assign { value, .. } | Action::Add { value, .. } => Some(value),
                _ => None,
            })
            .collect();
        let any = |test: &dyn Fn(&Expr) -> bool| values.iter().any(|value| contains(value, test));
        match self.statements.first().map(|statement| &statement.action) {
            Some(Action::Load { .. }) => Lane::Load,
            Some(Action::Store { .. } | Action::Fill { .. }) => Lane::Store,
            _ if any(&|expr| matches!(expr.kind, ExprKind::Binary(Operator::Product, ..))) => Lane::Matmul,
            _ if any(&|expr| matches!(expr.kind, ExprKind::Call(Function::RowMax | Function::RowSum, _))) => {
                Lane::Vector
            }
            _ if any(&|expr| {
                matches!(expr.kind, ExprKind::Call(Function::Exp | Function::Exp2 | Function::Tanh, _))
            }) =>
            {
                Lane::Exp
            }
            _ => Lane::Vector,
        }
    }
}

fn contains(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    test(expr) || expr.parts().into_iter().any(|part| contains(part, test))
}
