//! Finds who plays which part in a kernel, and what its lines do to the output.

use crate::schedule::language::{
    Action, Algorithm as Text, Expr, ExprKind, Function, Line, NameId, Names, Operator, Role, TensorId,
};

use super::form::{
    COLUMN, OUTPUT, as_name, calls, contains, divides_by, exponentials, gives_scores, reads, weighs_values,
};
use super::{Change, Part, Parts};

/// The parts of each kernel. What a kernel leaves in HBM keeps its part in those after it.
pub fn kernels(text: &Text, given: impl Fn(&str) -> Option<Part>) -> Vec<Parts> {
    let mut of_tensors: Vec<Option<Part>> = text.tensors.iter().map(|tensor| given(&tensor.name)).collect();
    for (tensor, part) in text.tensors.iter().zip(&mut of_tensors) {
        // What is no input is what this text makes of it.
        *part = part.filter(|_| tensor.role == Role::In);
    }
    let mut found = Vec::new();
    for kernel in 0..text.kernels.len() {
        let parts = Finder::new(text, kernel, &of_tensors).parts();
        for (tensor, known) in text.tensors.iter().zip(&mut of_tensors) {
            *known = known.or(parts.of(tensor.id).filter(|_| tensor.role != Role::In));
        }
        found.push(parts);
    }
    found
}

/// What a line does to the output of its kernel.
pub fn change(text: &Text, line: &Line, parts: &Parts) -> Option<Change> {
    let output = parts.get(Part::Output)?;
    let finder = Finder::new(text, line.kernel, &[]);
    let weighted = finder.weighted(finder.weights_of(parts));
    // A kernel that puts parts of rows together weighs no values itself.
    if !finder.all().any(|(_, value)| weighs_values(value, weighted.weights)) {
        return None;
    }
    let sums = [Part::Sum, Part::TileSum].into_iter().filter_map(|part| parts.get(part)).map(Names::of);
    let sums = finder.with_second_names(sums.fold(Names::default(), Names::with));
    let mut changes = None;
    for statement in &line.statements {
        let Action::Assign { name, value } = &statement.action else { continue };
        if value.shape != OUTPUT {
            continue;
        }
        let own = *name == output;
        if own
            && (weighs_values(value, weighted.weights) || reads(value).meets(weighted.sums.without(Names::of(*name))))
        {
            return Some(Change::Accumulates);
        }
        if reads(value).has(output) {
            let is_over = divides_by(value, sums);
            let change = if is_over { Change::Divides } else { Change::Rescales };
            changes = changes.or(Some(change).filter(|_| own || is_over));
        }
    }
    changes
}

/// `name` is what a kernel makes of its output in the end.
pub fn finishes(text: &Text, kernels: &[Parts], name: NameId) -> bool {
    text.lines.iter().any(|line| {
        let Some(output) = kernels[line.kernel].get(Part::Output) else { return false };
        line.statements.iter().any(|statement| match &statement.action {
            Action::Assign { name: own, value } => *own == name && value.shape == OUTPUT && reads(value).has(output),
            Action::Rename { name: own, from, .. } => *own == name && *from == output,
            _ => false,
        })
    })
}

/// The statements of one kernel.
struct Finder<'t> {
    text: &'t Text,
    actions: Vec<&'t Action>,
    /// Of each tensor that an earlier kernel made, or that is given.
    of_tensors: &'t [Option<Part>],
}

/// A maximum that is kept from piece to piece.
struct Rising {
    kept: NameId,
    /// The name that it has until it is kept, if that is another.
    new: Option<NameId>,
    /// The name that it had before.
    old: NameId,
    /// It is of scores, and not of what other kernels left.
    is_of_scores: bool,
}

/// Weights, and names of weighted sums that are not yet added to anything.
struct Weighted {
    weights: Names,
    sums: Names,
}

impl<'t> Finder<'t> {
    fn new(text: &'t Text, kernel: usize, of_tensors: &'t [Option<Part>]) -> Self {
        let lines = text.lines.iter().filter(|line| line.kernel == kernel);
        let actions = lines.flat_map(|line| &line.statements).map(|statement| &statement.action).collect();
        Self { text, actions, of_tensors }
    }

    /// Every value that a name is given, in the order of the text.
    fn all(&self) -> impl Iterator<Item = (NameId, &'t Expr)> {
        self.actions.iter().filter_map(|action| match action {
            Action::Assign { name, value } => Some((*name, value)),
            _ => None,
        })
    }

    fn columns(&self) -> impl Iterator<Item = (NameId, &'t Expr)> {
        self.all().filter(|(_, value)| value.shape == COLUMN)
    }

    fn loaded(&self) -> impl Iterator<Item = TensorId> {
        self.actions.iter().filter_map(|action| match action {
            Action::Load { tensor, .. } => Some(*tensor),
            _ => None,
        })
    }

    /// The names that are loaded with this part.
    fn loaded_as(&self, part: Part) -> Names {
        let known = |tensor: &TensorId| self.of_tensors.get(*tensor).copied().flatten() == Some(part);
        self.loaded()
            .filter(known)
            .fold(Names::default(), |names, tensor| names.with(Names::of(self.text.tensors[tensor].id)))
    }

    fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        let scores = self.scores();
        let weights = self.weights(scores);
        parts.set(Part::Weights, weights.map(|(name, _)| name));
        parts.set(Part::Scores, self.shown_scores(scores, weights));
        self.find_sums(&mut parts);
        let rising = self.find_maxima(scores, &mut parts);
        self.find_factors(rising.as_ref(), &mut parts);
        self.find_output(&mut parts);
        parts.set(Part::Lse, self.lse(rising.as_ref(), &parts));
        parts.or(self.parts_of_loaded())
    }

    fn parts_of_loaded(&self) -> Parts {
        let mut parts = Parts::default();
        for part in Part::ALL {
            parts.set(part, self.loaded_as(part).iter().next());
        }
        parts
    }

    /// All that is scores: the product, and what is made of it pair by pair.
    fn scores(&self) -> Names {
        let mut scores = self.loaded_as(Part::Scores);
        for action in &self.actions {
            let is_made = |value: &Expr| {
                let is_new = |part: &Expr| {
                    matches!(
                        part.kind,
                        ExprKind::Call(Function::Exp | Function::Exp2, _) | ExprKind::Binary(Operator::Product, ..)
                    )
                };
                value.shape.is_tile() && reads(value).meets(scores) && !contains(value, &is_new)
            };
            let name = match action {
                Action::Assign { name, value } if is_made(value) => Some(*name),
                Action::Rename { name, from, shape } if shape.is_tile() && scores.has(*from) => Some(*name),
                _ => gives_scores(action),
            };
            scores = name.map_or(scores, |name| scores.with(Names::of(name)));
        }
        scores
    }

    /// The name that exponentials of scores are given, and the value.
    fn weights(&self, scores: Names) -> Option<(NameId, &'t Expr)> {
        self.all().find(|(_, value)| {
            let is_of_scores = |of: &Expr| of.shape.is_tile() && reads(of).meets(scores);
            value.shape.is_tile() && exponentials(value).any(is_of_scores)
        })
    }

    /// Of all that is scores, the name that is exponentiated, else stored, else made last.
    fn shown_scores(&self, scores: Names, weights: Option<(NameId, &Expr)>) -> Option<NameId> {
        let in_weights = weights.and_then(|(_, value)| {
            let of = exponentials(value).find(|of| of.shape.is_tile())?;
            scores.without(scores.without(reads(of))).iter().next()
        });
        let stored = || {
            let is_stored = |action: &&Action| matches!(action, Action::Store { .. });
            let tensors = self.actions.iter().copied().filter(is_stored).filter_map(Action::tensor);
            tensors.map(|tensor| self.text.tensors[tensor].id).find(|name| scores.has(*name))
        };
        let made = || self.actions.iter().rev().find_map(|action| gives_scores(action));
        in_weights.or_else(stored).or_else(made)
    }

    /// Weights, and what is made of them pair by pair.
    fn weights_of(&self, parts: &Parts) -> Names {
        let weights = parts.get(Part::Weights).map_or_else(Names::default, Names::of);
        self.all().fold(weights, |weights, (name, value)| {
            let tiles = reads(value).without(self.not_tiles());
            let is_of_them = value.shape.is_tile() && !tiles.is_empty() && tiles.without(weights).is_empty();
            if is_of_them { weights.with(Names::of(name)) } else { weights }
        })
    }

    /// Names with a value per row, or one number.
    fn not_tiles(&self) -> Names {
        let given = self.actions.iter().filter_map(|action| action.gives());
        let loaded = self.loaded().map(|tensor| (self.text.tensors[tensor].id, self.text.tensors[tensor].shape()));
        let columns = given.chain(loaded).filter(|(_, shape)| !shape.is_matrix());
        columns.fold(Names::default(), |names, (name, _)| names.with(Names::of(name)))
    }

    fn find_sums(&self, parts: &mut Parts) {
        let weights = self.weights_of(parts).with(self.loaded_as(Part::Weights));
        let sums_weights = |value: &Expr| {
            calls(value, &[Function::RowSum]).into_iter().any(|arguments| {
                let of = reads(&arguments[0]);
                !of.is_empty() && of.without(weights).is_empty()
            })
        };
        let tiles: Vec<NameId> =
            self.columns().filter(|(_, value)| sums_weights(value)).map(|(name, _)| name).collect();
        let of_tile = tiles.iter().fold(Names::default(), |names, &name| names.with(Names::of(name)));
        let running = self.columns().filter(|(_, value)| sums_weights(value) || reads(value).meets(of_tile));
        let running = running.filter_map(|(name, value)| self.kept_in(name, value)).next();
        parts.set(Part::Sum, running.or(tiles.first().copied()));
        let tile = tiles.into_iter().find(|name| running.is_some() && Some(*name) != running);
        parts.set(Part::TileSum, tile.filter(|name| self.kept_as(*name) != running));
    }

    /// The name that is kept from piece to piece in a value that `name` is given, which adds to it.
    fn kept_in(&self, name: NameId, value: &Expr) -> Option<NameId> {
        let read = reads(value);
        if read.has(name) {
            return Some(name);
        }
        self.kept_as(name).filter(|kept| read.has(*kept))
    }

    /// The name that a value is kept under once it is done: `l = l_new`.
    fn kept_as(&self, name: NameId) -> Option<NameId> {
        self.actions.iter().find_map(|action| match action {
            Action::Rename { name: kept, from, .. } if *from == name => Some(*kept),
            Action::Assign { name: kept, value } if *kept != name && is_choice_of(value, name) => Some(*kept),
            _ => None,
        })
    }

    fn find_maxima(&self, scores: Names, parts: &mut Parts) -> Option<Rising> {
        let of_scores = |value: &Expr| {
            calls(value, &[Function::RowMax]).into_iter().any(|arguments| reads(&arguments[0]).meets(scores))
        };
        let alone: Vec<NameId> = self
            .columns()
            .filter(|(_, value)| of_scores(value) && calls(value, &[Function::Max]).is_empty())
            .map(|(name, _)| name)
            .collect();
        let of_tile = alone.iter().fold(Names::default(), |names, &name| names.with(Names::of(name)));
        let is_of_tile = |value: &Expr| of_scores(value) || reads(value).meets(of_tile);
        let mut all = self.actions.iter().enumerate().filter_map(|(at, action)| match action {
            Action::Assign { name, value } if value.shape == COLUMN => self.rising(at, *name, value, &is_of_tile),
            _ => None,
        });
        let first = all.next();
        let rising = match first {
            Some(rising) if rising.is_of_scores => Some(rising),
            first => all.find(|rising| rising.is_of_scores).or(first),
        };
        match &rising {
            Some(rising) if rising.is_of_scores => {
                parts.set(Part::Max, Some(rising.kept));
                parts.set(Part::NewMax, rising.new);
                parts.set(Part::TileMax, alone.into_iter().find(|name| *name != rising.kept));
            }
            _ => parts.set(Part::Max, alone.first().copied()),
        }
        rising
    }

    /// `name` is given the larger of what was before and something else, by the statement with the number `at`.
    fn rising(&self, at: usize, name: NameId, value: &Expr, is_of_tile: &dyn Fn(&Expr) -> bool) -> Option<Rising> {
        // `old = m` before `m = max(old, ..)`; `m = m_new` after `m_new = max(m, ..)` looks the same but for the order.
        let is_before = |old: NameId| {
            self.actions[..at]
                .iter()
                .any(|action| matches!(action, Action::Rename { name: of, from, .. } if *of == old && *from == name))
        };
        calls(value, &[Function::Max]).into_iter().find_map(|sides| {
            [(0, 1), (1, 0)].into_iter().find_map(|(old, other)| {
                let (old, is_of_scores) = (as_name(&sides[old])?, is_of_tile(&sides[other]));
                if old == name || is_before(old) {
                    return Some(Rising { kept: name, new: None, old, is_of_scores });
                }
                let is_kept = self.kept_as(name) == Some(old);
                is_kept.then_some(Rising { kept: old, new: Some(name), old, is_of_scores })
            })
        })
    }

    fn find_factors(&self, rising: Option<&Rising>, parts: &mut Parts) {
        let Some(rising) = rising else { return };
        let new = [rising.new, Some(rising.kept)].into_iter().flatten().filter(|name| *name != rising.old);
        let new = new.map(Names::of).fold(Names::default(), Names::with);
        let sums = [Part::Sum, Part::TileSum].into_iter().filter_map(|part| parts.get(part)).map(Names::of);
        let sums = sums.fold(Names::default(), Names::with);
        // One number stands for a value of each row where a text says `1`.
        let factors = || self.all().filter(|(_, value)| !value.shape.is_matrix());
        let of = |value: &Expr, name: NameId| {
            let read = reads(value);
            exponentials(value).next().is_some() && read.has(name) && !read.meets(sums)
        };
        let alpha = factors().find(|(_, value)| of(value, rising.old) && reads(value).meets(new));
        let beta = parts.get(Part::TileMax).and_then(|tile| {
            let taken_off = new.with(Names::of(rising.kept));
            factors().find(|(_, value)| of(value, tile) && reads(value).meets(taken_off))
        });
        let beta = beta.map(|(name, _)| name);
        let alpha = alpha.map(|(name, _)| name).or_else(|| self.factor_of_sum(parts, beta));
        parts.set(Part::Alpha, alpha);
        parts.set(Part::Beta, beta.filter(|beta| Some(*beta) != alpha));
    }

    /// The name that the sum so far is multiplied by.
    fn factor_of_sum(&self, parts: &Parts, beta: Option<NameId>) -> Option<NameId> {
        let sum = parts.get(Part::Sum)?;
        let factor = |value: &Expr| {
            let mut found = None;
            each(value, &mut |part| {
                if let ExprKind::Binary(Operator::Multiply, a, b) = &part.kind
                    && let Some((a, b)) = as_name(a).zip(as_name(b))
                {
                    let other = if a == sum { Some(b) } else { Some(a).filter(|_| b == sum) };
                    found = found.or(other);
                }
            });
            found
        };
        self.columns().filter_map(|(_, value)| factor(value)).find(|name| Some(*name) != beta)
    }

    fn find_output(&self, parts: &mut Parts) {
        let weighted = self.weighted(self.weights_of(parts).with(self.loaded_as(Part::Weights)));
        let parts_of_rows = self.loaded_as(Part::Output);
        let outputs = || self.all().filter(|(_, value)| value.shape == OUTPUT);
        let adds = |name: NameId, value: &Expr| {
            let read = reads(value);
            read.has(name)
                && (weighs_values(value, weighted.weights)
                    || read.meets(weighted.sums.with(parts_of_rows).without(Names::of(name))))
        };
        let running = outputs().find(|(name, value)| adds(*name, value)).map(|(name, _)| name);
        let whole = || outputs().find(|(_, value)| weighs_values(value, weighted.weights)).map(|(name, _)| name);
        parts.set(Part::Output, running.or_else(whole));
    }

    fn weighted(&self, weights: Names) -> Weighted {
        let sums = self.all().filter(|(name, value)| weighs_values(value, weights) && !reads(value).has(*name));
        Weighted { weights, sums: sums.fold(Names::default(), |names, (name, _)| names.with(Names::of(name))) }
    }

    /// With the names that stand for the same values until they are kept.
    fn with_second_names(&self, names: Names) -> Names {
        self.actions.iter().fold(names, |names, action| match action {
            Action::Rename { name, from, .. } if names.has(*name) => names.with(Names::of(*from)),
            _ => names,
        })
    }

    fn lse(&self, rising: Option<&Rising>, parts: &Parts) -> Option<NameId> {
        let own = [parts.get(Part::Max), rising.map(|rising| rising.kept), rising.and_then(|rising| rising.new)];
        let maxima = own.into_iter().flatten().fold(Names::default(), |names, name| names.with(Names::of(name)));
        let is_it = |value: &Expr| {
            let logarithms = calls(value, &[Function::Ln]);
            reads(value).meets(maxima) && logarithms.into_iter().any(|of| !of[0].shape.is_number())
        };
        self.columns().find(|(_, value)| is_it(value)).map(|(name, _)| name)
    }
}

/// `pick(c, name, other)`: one of two values, as it is.
fn is_choice_of(value: &Expr, name: NameId) -> bool {
    match &value.kind {
        ExprKind::Call(Function::Pick, arguments) => arguments[1..].iter().any(|of| as_name(of) == Some(name)),
        _ => as_name(value) == Some(name),
    }
}

fn each(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    expr.parts().into_iter().for_each(|part| each(part, visit));
}

#[cfg(test)]
mod tests {
    use crate::schedule::{Part, algorithm};

    /// The parts of each kernel, by the names of the text.
    fn parts(name: &str) -> Vec<String> {
        let algorithm = algorithm::by_name(name).unwrap();
        let of = |kernel: usize| {
            let parts = Part::ALL.into_iter().filter_map(|part| {
                let name = &algorithm.text().names[algorithm.parts(kernel).get(part)?];
                Some(format!("{part:?} {name}"))
            });
            parts.collect::<Vec<_>>().join(", ")
        };
        (0..algorithm.text().kernels.len()).map(of).collect()
    }

    #[test]
    fn the_texts_of_the_program_have_their_parts() {
        let flash2 = "Scores S, Weights P, Max m, NewMax m_new, Sum l, TileSum l_tile, Alpha alpha, Output O, Lse L";
        assert_eq!(parts("flash2"), [flash2]);
        assert_eq!(parts("flash2-lazy"), [flash2]);
        let splits = flash2.replace("Output O", "Output O_part").replace("Lse L", "Lse L_part");
        assert_eq!(parts("split-kv"), [splits.as_str(), "Alpha alpha, Output O, Lse L"]);
        let flash1 = "Scores S, Weights P, Max m, NewMax m_new, TileMax m_tile, Sum l, TileSum l_tile, Alpha alpha, \
                      Beta beta, Output O";
        assert_eq!(parts("flash1"), [flash1]);
        assert_eq!(parts("standard"), ["Scores S", "Scores S, Weights P, Max m, Sum l", "Weights P, Output O"]);
        let again = "Scores S, Weights P, Lse L";
        assert_eq!(parts("flash2-backward"), ["Output O", again]);
        assert_eq!(parts("two-kernel-backward"), ["Output O", again, again]);
        assert_eq!(parts("flash1-backward"), ["Scores S, Weights P, Max m, Sum l, Output O"]);
        assert_eq!(parts("standard-backward"), ["Weights P", "", "Weights P", "", ""]);
    }

    /// A line that is wrong on purpose changes no part.
    #[test]
    fn a_variant_has_the_parts_of_its_base() {
        for (base, variant, _) in crate::schedule::language::VARIANTS {
            assert_eq!(parts(&format!("{base}/{variant}")), parts(base), "{base}/{variant}");
        }
    }
}
