//! Which values of a text are sums of weights, and of which maxima: what a row gives that sees scores of -inf alone.
//!
//! By the rule of `attention::not_finite`, the sum of such a row is NaN once its last key is done, and not the 0 that it
//! adds up to: 0 is what a row has that sees no key.

use crate::schedule::language::{Action, Algorithm, Expr, ExprKind, Function, NameId, Names};

/// The maxima that the weights of `value` were taken against, where it is a sum of weights that the text divides by, and
/// adds some to it; none where it is no such sum.
pub fn maxima_of(text: &Algorithm, kernel: usize, name: NameId, value: &Expr) -> Names {
    let adds_weights = contains(value, &|part| match &part.kind {
        ExprKind::Call(Function::RowSum, _) => true,
        ExprKind::Name(part) => is_row_sum(text, kernel, *part),
        _ => false,
    });
    if !adds_weights || !is_divisor(text, kernel, name) {
        return Names::default();
    }
    let (mut seen, mut open, mut maxima) = (Names::of(name), vec![value], Names::default());
    while let Some(expr) = open.pop() {
        each(expr, &mut |part| match &part.kind {
            ExprKind::Call(Function::Finite, arguments) => {
                each(&arguments[0], &mut |part| {
                    if let ExprKind::Name(max) = part.kind {
                        maxima = maxima.with(Names::of(max));
                    }
                });
            }
            ExprKind::Name(part) if !seen.has(*part) => {
                seen = seen.with(Names::of(*part));
                open.extend(values_of(text, kernel, *part));
            }
            _ => {}
        });
    }
    maxima
}

/// Every value that a name is given in a kernel.
fn values_of(text: &Algorithm, kernel: usize, name: NameId) -> Vec<&Expr> {
    let lines = text.lines.iter().filter(|line| line.kernel == kernel);
    let actions = lines.flat_map(|line| &line.statements).map(|statement| &statement.action);
    actions
        .filter_map(|action| match action {
            Action::Assign { name: given, value } if *given == name => Some(value),
            _ => None,
        })
        .collect()
}

/// It is the sum of each row of a tile, and nothing else.
fn is_row_sum(text: &Algorithm, kernel: usize, name: NameId) -> bool {
    let values = values_of(text, kernel, name);
    !values.is_empty() && values.iter().all(|value| matches!(value.kind, ExprKind::Call(Function::RowSum, _)))
}

/// Some line divides by it, or takes its logarithm; or gives its value to such a name.
fn is_divisor(text: &Algorithm, kernel: usize, name: NameId) -> bool {
    let lines = || text.lines.iter().filter(|line| line.kernel == kernel);
    let has = |expr: &Expr| contains(expr, &|part| matches!(part.kind, ExprKind::Name(part) if part == name));
    let divides = |expr: &Expr| match &expr.kind {
        ExprKind::Call(Function::Ratio, arguments) => has(&arguments[1]),
        ExprKind::Call(Function::Ln, arguments) => has(&arguments[0]),
        _ => false,
    };
    let values = lines().flat_map(|line| &line.statements).filter_map(|statement| match &statement.action {
        Action::Assign { value, .. } | Action::Add { value, .. } => Some(value),
        _ => None,
    });
    values.into_iter().any(|value| contains(value, &divides))
}

fn contains(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    test(expr) || expr.parts().into_iter().any(|part| contains(part, test))
}

fn each<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    visit(expr);
    expr.parts().into_iter().for_each(|part| each(part, visit));
}

#[cfg(test)]
mod tests {
    use crate::schedule::algorithm;
    use crate::schedule::language::{self, Action, NameId};

    use super::maxima_of;

    /// Of each text, its sums of weights with the maxima that they are of.
    #[test]
    fn sums_of_weights_and_their_maxima() {
        let of_text = |text: &language::Algorithm| {
            let name_of = |id: NameId| text.names[id].as_str();
            let mut found = Vec::new();
            for line in &text.lines {
                for statement in &line.statements {
                    let Action::Assign { name, value } = &statement.action else { continue };
                    let maxima = maxima_of(text, line.kernel, *name, value);
                    if !maxima.is_empty() {
                        let maxima: Vec<&str> = maxima.iter().map(name_of).collect();
                        found.push(format!("{}: {} of {}", line.label, name_of(*name), maxima.join(" ")));
                    }
                }
            }
            found.join("; ")
        };
        let of = |name: &str| of_text(algorithm::by_name(name).unwrap().text());
        assert_eq!(of("standard"), "row-sum: l of m");
        assert_eq!(of("flash2"), "accumulate: l of m");
        assert_eq!(of("flash2-lazy"), "accumulate: l of m");
        assert_eq!(of("split-kv"), "accumulate: l of m", "the combine adds weights of splits, not of keys");
        assert_eq!(of("flash1"), "merge-stats: l_new of m_tile m_new");
        // A logarithm alone makes it a divisor.
        let lse = "language 1\ntitle x\nin Q K\nout L\nkernel k\nshared Q, K ; registers S P\n\
                   parallel for i in query blocks\n  load Q[i]\n  start: l = 0 per row; m = -inf per row\n  \
                   for j in key blocks\n    load K[j]\n    all: S = Q @ K^T; n = max(m, rowmax(S))\n    \
                   weigh: P = exp(S - finite(n)); l = exp(m - finite(n)) * l + rowsum(P); m = n\n  \
                   end: L = m + ln(l)\n  store L[i]\n";
        let text = |end: &str| of_text(&language::read(&lse.replace("m + ln(l)", end)).unwrap());
        assert_eq!((text("m + ln(l)").as_str(), text("m + l").as_str()), ("weigh: l of n", ""));
        for backward in ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"] {
            assert_eq!(of(backward), "");
        }
    }
}
