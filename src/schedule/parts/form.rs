//! Forms of expressions: what is a product of queries and keys, an exponential, a weighted sum of values.

use crate::schedule::language::{Action, Expr, ExprKind, Extent, Function, NameId, Names, Operator, Parameter, Shape};

/// A value per row.
pub const COLUMN: Shape = Shape { rows: Extent::Rows, cols: Extent::One };
/// A row of values.
pub const OUTPUT: Shape = Shape { rows: Extent::Rows, cols: Extent::Dv };

/// Some part of `expr` is such.
pub fn contains(expr: &Expr, is_it: &dyn Fn(&Expr) -> bool) -> bool {
    is_it(expr) || expr.parts().into_iter().any(|part| contains(part, is_it))
}

/// The names that an expression reads.
pub fn reads(expr: &Expr) -> Names {
    let own = match expr.kind {
        ExprKind::Name(name) => Names::of(name),
        _ => Names::default(),
    };
    expr.parts().into_iter().fold(own, |names, part| names.with(reads(part)))
}

/// The parts of `expr` that are calls of these functions.
pub fn calls<'e>(expr: &'e Expr, of: &[Function]) -> Vec<&'e [Expr]> {
    let own = match &expr.kind {
        ExprKind::Call(function, arguments) if of.contains(function) => Some(arguments.as_slice()),
        _ => None,
    };
    own.into_iter().chain(expr.parts().into_iter().flat_map(|part| calls(part, of))).collect()
}

/// An exponential of a value.
pub fn exponentials(expr: &Expr) -> impl Iterator<Item = &Expr> {
    calls(expr, &[Function::Exp, Function::Exp2]).into_iter().map(|arguments| &arguments[0])
}

/// The name that an expression is, with a guard around it or not.
pub fn as_name(expr: &Expr) -> Option<NameId> {
    match &expr.kind {
        ExprKind::Name(name) => Some(*name),
        ExprKind::Call(Function::Finite, arguments) => as_name(&arguments[0]),
        _ => None,
    }
}

/// Products of queries and keys, scaled, shifted, capped: rows by keys, summed over d.
pub fn is_scores(expr: &Expr) -> bool {
    let is_cap = |expr: &Expr| matches!(expr.kind, ExprKind::Parameter(Parameter::Cap));
    match &expr.kind {
        _ if !expr.shape.is_tile() => false,
        ExprKind::Binary(Operator::Product, a, _) => a.shape.cols == Extent::D,
        ExprKind::Binary(Operator::Multiply, a, b) if is_cap(a) || is_cap(b) => {
            let capped = if is_cap(a) { b } else { a };
            match &capped.kind {
                ExprKind::Call(Function::Tanh, arguments) => is_scores(&arguments[0]),
                _ => is_scores(capped),
            }
        }
        ExprKind::Binary(Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide, a, b) => {
            is_scores(a) || is_scores(b)
        }
        ExprKind::Negative(a) => is_scores(a),
        _ => false,
    }
}

/// The name that a statement gives the scores of a tile.
pub fn gives_scores(action: &Action) -> Option<NameId> {
    match action {
        Action::Assign { name, value } if is_scores(value) => Some(*name),
        _ => None,
    }
}

/// Has a product of `weights` and values: rows by d_v.
pub fn weighs_values(value: &Expr, weights: Names) -> bool {
    value.shape == OUTPUT
        && contains(value, &|part| match &part.kind {
            ExprKind::Binary(Operator::Product, a, _) => a.shape.is_tile() && reads(a).meets(weights),
            _ => false,
        })
}

/// Divides by something that reads one of `names`.
pub fn divides_by(value: &Expr, names: Names) -> bool {
    contains(value, &|part| match &part.kind {
        ExprKind::Call(Function::Ratio, arguments) => reads(&arguments[1]).meets(names),
        ExprKind::Binary(Operator::Divide, _, divisor) => reads(divisor).meets(names),
        _ => false,
    })
}

/// The names of `exp(S - m)`.
pub fn shift(value: &Expr) -> Option<(NameId, NameId)> {
    let ExprKind::Call(Function::Exp, of) = &value.kind else { return None };
    let ExprKind::Binary(Operator::Subtract, scores, shift) = &of[0].kind else { return None };
    as_name(scores).zip(as_name(shift))
}
