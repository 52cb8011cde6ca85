//! The shapes of expressions.

use crate::sentence::Sentence;

use super::super::diagnostic::Span;
use super::super::nearest::nearest;
use super::super::shape::{Extent, Shape};
use super::super::syntax::{Expr as Written, ExprKind as As};
use super::super::text::{Expr, ExprKind, Names, Parameter};
use super::super::words::{Axis, Function, Operator, Test};
use super::scope::Fact;
use super::{Checker, Told};

/// Words that are values of a run.
const VALUES: [&str; 7] = ["scale", "cap", "slope", "sink", "distance", "keep", "inf"];

/// A value, and whether it is a yes or no.
pub struct Typed {
    pub expr: Expr,
    pub truth: bool,
}

impl Checker {
    /// The value of `written` where `conditions` hold besides those of its place.
    pub(super) fn value(&mut self, written: &Written, conditions: &[Fact]) -> Result<Typed, Told> {
        match &written.kind {
            As::Number(number) => Ok(plain(Shape::NUMBER, ExprKind::Number(*number))),
            As::Name(name) => self.named(name, written.span, conditions),
            As::Negative(inner) => {
                let inner = self.number_of(inner, conditions)?;
                Ok(plain(inner.shape, ExprKind::Negative(Box::new(inner))))
            }
            As::Transposed(inner) => {
                let inner = self.number_of(inner, conditions)?;
                Ok(plain(inner.shape.transposed(), ExprKind::Transposed(Box::new(inner))))
            }
            As::Binary(Operator::Product, a, b) => {
                let (a, b) = (self.number_of(a, conditions)?, self.number_of(b, conditions)?);
                self.product(a, b, written.span)
            }
            As::Binary(operator, a, b) => {
                let (a, b) = (self.number_of(a, conditions)?, self.number_of(b, conditions)?);
                let shape = self.together(a.shape, b.shape, written.span)?;
                let kind = ExprKind::Binary(*operator, Box::new(a), Box::new(b));
                Ok(Typed { expr: Expr { shape, kind }, truth: operator.compares() })
            }
            As::Call(function, arguments) => self.call(*function, arguments, written.span, conditions),
        }
    }

    /// The same, of a value that is a number and no yes or no.
    fn number_of(&mut self, written: &Written, conditions: &[Fact]) -> Result<Expr, Told> {
        let typed = self.value(written, conditions)?;
        match typed.truth {
            true => Err(self.fail(written.span, "a yes or no is no number: it is for pick(c, a, b)")),
            false => Ok(typed.expr),
        }
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Written],
        span: Span,
        conditions: &[Fact],
    ) -> Result<Typed, Told> {
        let mut typed = Vec::new();
        for (n, argument) in arguments.iter().enumerate() {
            let value = self.value(argument, conditions)?;
            let wants_truth = function == Function::Pick && n == 0;
            if value.truth != wants_truth {
                let what = match wants_truth {
                    true => "pick chooses by a comparison, such as m_new > m",
                    false => "a yes or no is no number: it is for pick(c, a, b)",
                };
                return Err(self.fail(argument.span, what));
            }
            typed.push(value.expr);
        }
        let shape = match function {
            Function::RowMax | Function::RowSum => {
                if typed[0].shape.cols == Extent::One {
                    let what = Sentence::new("{0} is of the rows of a matrix, and this is {1}")
                        .with(function.name())
                        .and(typed[0].shape.sentence());
                    return Err(self.fail(span, what));
                }
                Shape { cols: Extent::One, ..typed[0].shape }
            }
            _ => {
                let mut shape = typed[0].shape;
                for argument in &typed[1..] {
                    shape = self.together(shape, argument.shape, span)?;
                }
                shape
            }
        };
        Ok(plain(shape, ExprKind::Call(function, typed)))
    }

    /// The shape of two values, element by element.
    fn together(&mut self, a: Shape, b: Shape, span: Span) -> Result<Shape, Told> {
        let shape = a.with(b).filter(|shape| !is_square(shape.rows, shape.cols));
        shape.ok_or_else(|| {
            let what = Sentence::new("{0} and {1} do not go together element by element");
            self.fail(span, what.and(a.sentence()).and(b.sentence()))
        })
    }

    fn product(&mut self, a: Expr, b: Expr, span: Span) -> Result<Typed, Told> {
        let (left, right) = (a.shape, b.shape);
        let sizes = [left.rows, left.cols, right.cols];
        if left.is_number() || right.is_number() {
            return Err(self.fail(span, "@ is for two matrices; a number times a matrix is written with *"));
        }
        if left.cols != right.rows || left.cols == Extent::One {
            let mut what =
                Sentence::new("{0} @ {1} is no product: the columns of the first are not the rows of the second")
                    .and(left.sentence())
                    .and(right.sentence());
            if left.cols == right.cols && left.cols != Extent::One {
                what = Sentence::new("{0}; transpose the second: ^T").and(what);
            }
            return Err(self.fail(span, what));
        }
        if sizes.contains(&Extent::AllKeys) {
            return Err(self.fail(span, "whole rows take no part in a product: take it in a loop over key blocks"));
        }
        let twice = |extent| sizes.iter().filter(|&&size| size == extent).count() > 1;
        if twice(Extent::Rows) || twice(Extent::Keys) {
            let what = "a product of rows by rows, or of keys by keys, is not a tile of attention";
            return Err(self.fail(span, what));
        }
        let shape = Shape { rows: left.rows, cols: right.cols };
        Ok(plain(shape, ExprKind::Binary(Operator::Product, Box::new(a), Box::new(b))))
    }

    fn named(&mut self, name: &str, span: Span, conditions: &[Fact]) -> Result<Typed, Told> {
        let number = |parameter| plain(Shape::NUMBER, ExprKind::Parameter(parameter));
        match name {
            "scale" => Ok(number(Parameter::Scale)),
            "cap" => self.only_when(Test::Softcap, name, span, conditions).map(|()| number(Parameter::Cap)),
            "slope" => self.only_when(Test::Alibi, name, span, conditions).map(|()| number(Parameter::Slope)),
            "sink" => self.only_when(Test::Sinks, name, span, conditions).map(|()| number(Parameter::Sink)),
            "distance" => self.of_pairs(name, span).map(|shape| plain(shape, ExprKind::Distance)),
            "keep" => self.keep(span, conditions),
            "hidden" | "full" | "seen" => {
                let what = "{0} is a condition and no value: X = -inf where hidden, or when {0}";
                Err(self.fail(span, Sentence::new(what).with(name)))
            }
            _ => self.on_chip(name, span, conditions),
        }
    }

    pub(super) fn only_when(&mut self, test: Test, name: &str, span: Span, conditions: &[Fact]) -> Result<(), Told> {
        if self.have(&self.scope.facts_of(test, true)[..1], conditions).is_none() {
            return Ok(());
        }
        let what = Sentence::new("{0} is there only in a run with {1}: write `when {1}` behind the statement");
        Err(self.fail(span, what.with(name).with(test.phrase())))
    }

    fn of_pairs(&mut self, name: &str, span: Span) -> Result<Shape, Told> {
        if self.scope.is_in(Axis::I) && self.scope.is_in(Axis::J) {
            return Ok(Shape::TILE);
        }
        let what = "{0} is of a pair of query and key: it stands inside loops over i and j";
        Err(self.fail_at_place(span, Sentence::new(what).with(name)))
    }

    /// The factor of dropout, loaded before where it is a tensor.
    fn keep(&mut self, span: Span, conditions: &[Fact]) -> Result<Typed, Told> {
        self.only_when(Test::Dropout, "keep", span, conditions)?;
        let shape = self.of_pairs("keep", span)?;
        let name = self.name_id("keep", span)?;
        if self.scope.held(name).is_none() {
            return Err(
                self.fail(span, "keep may be a tensor in HBM: write `load keep[i,j] when keep is given` before")
            );
        }
        self.read = self.read.with(Names::of(name));
        Ok(plain(shape, ExprKind::Keep))
    }

    fn on_chip(&mut self, name: &str, span: Span, conditions: &[Fact]) -> Result<Typed, Told> {
        let Some(id) = self.names.iter().position(|known| known == name) else { return Err(self.unknown(name, span)) };
        if self.scope.poisoned.has(id) || self.is_told(name) {
            return Err(Told);
        }
        let Some(held) = self.scope.held(id) else { return Err(self.not_held(id, span)) };
        if let Some(need) = self.have(&held.needs, conditions) {
            let word = if need.holds { "when" } else { "unless" };
            let what = Sentence::new("{0} has a value only `{1} {2}` (line {3}), which need not hold here")
                .with(name)
                .with(word)
                .with(need.test.phrase())
                .with(held.span.line);
            return Err(self.fail(span, what));
        }
        self.read = self.read.with(Names::of(id));
        Ok(Typed { expr: Expr { shape: held.shape, kind: ExprKind::Name(id) }, truth: held.truth })
    }

    /// The first of `needs` that is not known to hold.
    fn have(&self, needs: &[Fact], conditions: &[Fact]) -> Option<Fact> {
        let known = |need: &&Fact| !self.scope.facts.contains(need) && !conditions.contains(need);
        needs.iter().find(known).copied()
    }

    /// That a name has no value is told once of a kernel.
    fn is_told(&self, name: &str) -> bool {
        self.scope.unknown.iter().any(|told| told == name)
    }

    fn unknown(&mut self, name: &str, span: Span) -> Told {
        if self.is_told(name) {
            return Told;
        }
        self.scope.unknown.push(name.to_owned());
        if name == "bias" {
            return self.fail(span, "bias is in HBM and not on chip: write `load bias[i,j] when bias` before");
        }
        let what = match self.near(name) {
            Some(near) => Sentence::new("{0} has no value here; did you mean {1}?").with(name).with(near),
            None => Sentence::new("{0} has no value here: no line above gives it one").with(name),
        };
        self.fail(span, what)
    }

    /// The nearest name that has a value here; else the nearest that has one anywhere.
    fn near(&self, name: &str) -> Option<&str> {
        let is_held = |id: &usize| self.scope.held(*id).is_some() || self.scope.poisoned.has(*id);
        let held = (0..self.names.len()).filter(is_held).map(|id| self.names[id].as_str());
        let others = self.names.iter().map(String::as_str).chain(["bias"]);
        nearest(name, held.chain(VALUES)).or_else(|| nearest(name, others))
    }

    pub(super) fn not_held(&mut self, id: usize, span: Span) -> Told {
        let name = self.names[id].clone();
        self.scope.unknown.push(name.clone());
        let line = self.scope.gone.get(&id).map(|span| span.line);
        let what = match line {
            Some(line) if self.scope.over_keys.has(id) => Sentence::new(
                "{0} is not a whole row here: the loop of line {1} does not run over all key blocks, or not always",
            )
            .with(&name)
            .with(line),
            Some(line) => {
                let what =
                    "{0} is of one turn of the loop of line {1}, which has ended: give it a value before the loop";
                Sentence::new(what).with(&name).with(line)
            }
            None if self.drafts.iter().any(|draft| draft.name == name) => {
                Sentence::new("{0} is in HBM and not on chip: load it first").with(&name)
            }
            None => Sentence::new("{0} has no value here: no line above in this kernel gives it one").with(&name),
        };
        self.fail(span, what)
    }
}

fn plain(shape: Shape, kind: ExprKind) -> Typed {
    Typed { expr: Expr { shape, kind }, truth: false }
}

/// Queries by queries, keys by keys: no block of attention.
fn is_square(rows: Extent, cols: Extent) -> bool {
    let keys = |extent| matches!(extent, Extent::Keys | Extent::AllKeys);
    (rows == Extent::Rows && cols == Extent::Rows) || (keys(rows) && keys(cols))
}
