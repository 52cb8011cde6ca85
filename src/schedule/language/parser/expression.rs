//! Expressions. `@` binds tighter than `*`: `scale * Q @ K^T` is `scale * (Q @ K^T)`.

use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Span};
use super::super::lexer::Kind;
use super::super::nearest::nearest;
use super::super::syntax::{Expr, ExprKind};
use super::super::words::{Function, Operator};
use super::cursor::Cursor;

/// Brackets inside brackets.
const MOST_NESTED: usize = 32;
/// Names, numbers, operators and calls of one expression.
const MOST_PARTS: usize = 200;

/// The operators of each level, from loose to tight.
const LEVELS: [&[Operator]; 3] = [
    &[Operator::Greater, Operator::GreaterOrEqual, Operator::Less, Operator::LessOrEqual],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Multiply, Operator::Divide],
];

pub fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, Diagnostic> {
    Reader { cursor, nested: 0, parts: 0 }.level(0)
}

struct Reader<'a, 't> {
    cursor: &'a mut Cursor<'t>,
    nested: usize,
    parts: usize,
}

impl Reader<'_, '_> {
    fn level(&mut self, level: usize) -> Result<Expr, Diagnostic> {
        let Some(operators) = LEVELS.get(level) else { return self.signed() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(level + 1)?;
            left = self.binary(operator, left, right)?;
            if operator.compares() {
                // Two comparisons in a row mean nothing.
                break;
            }
        }
        Ok(left)
    }

    fn operator(&mut self, of: &[Operator]) -> Option<Operator> {
        of.iter().copied().find(|operator| self.cursor.take(operator.symbol()))
    }

    fn binary(&mut self, operator: Operator, left: Expr, right: Expr) -> Result<Expr, Diagnostic> {
        let span = left.span.to(right.span);
        self.part(Expr { span, kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)) })
    }

    fn signed(&mut self) -> Result<Expr, Diagnostic> {
        let span = self.cursor.span();
        if !self.cursor.take("-") {
            return self.product();
        }
        self.deeper(|reader| {
            let value = reader.signed()?;
            let span = span.to(value.span);
            let kind = match value.kind {
                ExprKind::Number(number) => ExprKind::Number(-number),
                _ => ExprKind::Negative(Box::new(value)),
            };
            reader.part(Expr { span, kind })
        })
    }

    fn product(&mut self) -> Result<Expr, Diagnostic> {
        let mut left = self.transposed()?;
        while self.cursor.take(Operator::Product.symbol()) {
            let right = self.transposed()?;
            left = self.binary(Operator::Product, left, right)?;
        }
        Ok(left)
    }

    fn transposed(&mut self) -> Result<Expr, Diagnostic> {
        let mut value = self.atom()?;
        while self.cursor.take("^") {
            let span = self.cursor.span();
            if !self.cursor.take_word("T") {
                return Err(Diagnostic::new(span, "after ^ stands T, for transposed: K^T; a square is square(x)"));
            }
            value = self.part(Expr { span: value.span.to(span), kind: ExprKind::Transposed(Box::new(value)) })?;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<Expr, Diagnostic> {
        let token = self.cursor.peek();
        let leaf = |kind| Expr { span: token.span, kind };
        match token.kind {
            Kind::Number(number) => {
                self.cursor.next();
                self.part(leaf(ExprKind::Number(number)))
            }
            Kind::Word(word) => {
                self.cursor.next();
                match word {
                    _ if self.cursor.is_at("(") => self.call(word, token.span),
                    "inf" => self.part(leaf(ExprKind::Number(f64::INFINITY))),
                    _ => self.part(leaf(ExprKind::Name(word.to_owned()))),
                }
            }
            Kind::Symbol("(") => {
                self.cursor.next();
                let mut inner = self.deeper(|reader| reader.level(0))?;
                inner.span = token.span.to(self.cursor.span());
                self.cursor.expect(")")?;
                Ok(inner)
            }
            _ => Err(self.cursor.unexpected("a value".into())),
        }
    }

    fn call(&mut self, word: &str, span: Span) -> Result<Expr, Diagnostic> {
        let Some(function) = Function::ALL.into_iter().find(|function| function.name() == word) else {
            let what = match nearest(word, Function::ALL.map(Function::name)) {
                Some(near) => Sentence::new("there is no function {0}; did you mean {1}?").with(word).with(near),
                None => Sentence::new("there is no function {0}; there are {1}")
                    .with(word)
                    .with(Function::ALL.map(Function::name).join(", ")),
            };
            return Err(Diagnostic::new(span, what));
        };
        self.cursor.expect("(")?;
        let mut arguments = vec![self.deeper(|reader| reader.level(0))?];
        while self.cursor.take(",") {
            arguments.push(self.deeper(|reader| reader.level(0))?);
        }
        let span = span.to(self.cursor.span());
        self.cursor.expect(")")?;
        if arguments.len() != function.arguments() {
            let what = Sentence::new("{0} takes {1} {1|value|values}, not {2}")
                .with(word)
                .with(function.arguments())
                .with(arguments.len());
            return Err(Diagnostic::new(span, what));
        }
        self.part(Expr { span, kind: ExprKind::Call(function, arguments) })
    }

    fn deeper<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Diagnostic>) -> Result<R, Diagnostic> {
        self.nested += 1;
        if self.nested > MOST_NESTED {
            let what = Sentence::new("brackets stand in brackets more than {0} deep").with(MOST_NESTED);
            return Err(Diagnostic::new(self.cursor.span(), what));
        }
        let value = read(self);
        self.nested -= 1;
        value
    }

    fn part(&mut self, expr: Expr) -> Result<Expr, Diagnostic> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            let what =
                Sentence::new("this expression has more than {0} parts: put it on several lines").with(MOST_PARTS);
            return Err(Diagnostic::new(expr.span, what));
        }
        Ok(expr)
    }
}
