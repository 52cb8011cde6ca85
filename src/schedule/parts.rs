//! The parts that the names of a text play in attention, read off its statements: what is a maximum, a sum of weights, a
//! factor by which earlier keys shrink is known by what is done with it, and not by what a text calls it.

mod find;
mod form;

use super::language::{Action, Algorithm as Text, Function, Line, NameId, Names, Role};

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Part {
    /// Products of queries and keys, with what modifies them.
    Scores,
    /// Exponentials of scores.
    Weights,
    /// The maximum of a row's scores: of all so far where a row is taken in pieces.
    Max,
    /// The same with the piece at hand, under a name of its own until it is kept.
    NewMax,
    /// Of the piece alone.
    TileMax,
    /// The sum of a row's weights: of all so far where a row is taken in pieces.
    Sum,
    /// Of the piece alone.
    TileSum,
    /// What earlier keys are multiplied by when a maximum rises.
    Alpha,
    /// What the piece is multiplied by, where its weights were taken against its own maximum.
    Beta,
    /// What weighted values are added to.
    Output,
    /// A maximum plus the logarithm of a sum.
    Lse,
}

impl Part {
    pub const ALL: [Self; 11] = [
        Self::Scores,
        Self::Weights,
        Self::Max,
        Self::NewMax,
        Self::TileMax,
        Self::Sum,
        Self::TileSum,
        Self::Alpha,
        Self::Beta,
        Self::Output,
        Self::Lse,
    ];

    /// What papers call it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Scores => "S",
            Self::Weights => "P",
            Self::Max => "m",
            Self::NewMax => "m_new",
            Self::TileMax => "m_tile",
            Self::Sum => "l",
            Self::TileSum => "l_tile",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Output => "O",
            Self::Lse => "L",
        }
    }

    /// The part that papers call so.
    pub fn of_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.symbol() == symbol)
    }
}

/// The names that play parts in one kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts([Option<NameId>; Part::ALL.len()]);

impl Parts {
    pub fn get(&self, part: Part) -> Option<NameId> {
        self.0[part as usize]
    }

    /// The part that a name plays.
    pub fn of(&self, name: NameId) -> Option<Part> {
        Part::ALL.into_iter().find(|part| self.get(*part) == Some(name))
    }

    fn set(&mut self, part: Part, name: Option<NameId>) {
        self.0[part as usize] = name;
    }

    /// With those of `others` that it has not.
    fn or(mut self, others: Self) -> Self {
        for part in Part::ALL {
            self.set(part, self.get(part).or(others.get(part)));
        }
        self
    }
}

/// What a line does to the output of its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It makes what earlier keys gave count less.
    Rescales,
    /// It adds weighted values.
    Accumulates,
    /// It divides by the sum of weights.
    Divides,
}

/// The parts of a text.
#[derive(Clone, Debug)]
pub struct OfText {
    kernels: Vec<Parts>,
    changes: Vec<Option<Change>>,
    /// By part: the tensor or reported name that is a result.
    results: [Option<String>; Part::ALL.len()],
}

impl OfText {
    /// `given`: the part of a tensor that is given, which the pass before this one left.
    pub fn new(text: &Text, given: impl Fn(&str) -> Option<Part>) -> Self {
        let kernels = find::kernels(text, given);
        let changes = text.lines.iter().map(|line| find::change(text, line, &kernels[line.kernel])).collect();
        let results = Part::ALL.map(|part| result(text, &kernels, part));
        Self { kernels, changes, results }
    }

    pub fn kernel(&self, kernel: usize) -> &Parts {
        &self.kernels[kernel]
    }

    pub fn change(&self, line: usize) -> Option<Change> {
        self.changes[line]
    }

    /// The name that plays a part in the first kernel that has it.
    pub fn first(&self, part: Part) -> Option<NameId> {
        self.kernels.iter().find_map(|parts| parts.get(part))
    }

    /// The name of the output, or of what is reported, that is this part of the result.
    pub fn result(&self, part: Part) -> Option<&str> {
        self.results[part as usize].as_deref()
    }

    /// A variant's names are for what those of its base are: a line that is wrong on purpose may not tell.
    pub fn or_base(mut self, text: &Text, base: &Text, of_base: &Self) -> Self {
        let own = |id: NameId| base.names.get(id).and_then(|name| text.name(name));
        for (parts, of_base) in self.kernels.iter_mut().zip(&of_base.kernels) {
            let mut mapped = Parts::default();
            for part in Part::ALL {
                mapped.set(part, of_base.get(part).and_then(own));
            }
            *parts = mapped.or(*parts);
        }
        self.changes = text.lines.iter().map(|line| find::change(text, line, &self.kernels[line.kernel])).collect();
        self.results = Part::ALL.map(|part| result(text, &self.kernels, part));
        self
    }

    /// The part of a tensor, by its name.
    pub fn of_tensor(&self, text: &Text, name: &str) -> Option<Part> {
        let id = text.name(name)?;
        self.kernels.iter().find_map(|parts| parts.of(id))
    }
}

/// The output or reported name that plays `part`; one that is called as in papers where no statement tells.
fn result(text: &Text, kernels: &[Parts], part: Part) -> Option<String> {
    let results = || {
        let outputs = text.tensors.iter().filter(|tensor| tensor.role == Role::Out).map(|tensor| tensor.id);
        outputs.chain(text.report.iter().copied())
    };
    let plays = |id: &NameId| kernels.iter().any(|parts| parts.get(part) == Some(*id));
    let finishes = |id: &NameId| part == Part::Output && find::finishes(text, kernels, *id);
    let is_called = |id: &NameId| text.names[*id] == part.symbol();
    let found = results().find(plays).or_else(|| results().find(finishes)).or_else(|| results().find(is_called));
    found.map(|id| text.names[id].clone())
}

/// The line gives the weights of its kernel the exponentials that they are.
pub fn makes_weights(line: &Line, parts: &Parts) -> bool {
    line.statements.iter().any(|statement| match &statement.action {
        Action::Assign { name, value } => {
            parts.get(Part::Weights) == Some(*name) && form::exponentials(value).next().is_some()
        }
        _ => false,
    })
}

/// The line divides the weights of its kernel by their sum.
pub fn divides_weights(line: &Line, parts: &Parts) -> bool {
    let sum = parts.get(Part::Sum).map_or_else(Names::default, Names::of);
    line.statements.iter().any(|statement| match &statement.action {
        Action::Assign { name, value } => {
            parts.get(Part::Weights) == Some(*name)
                && form::exponentials(value).next().is_none()
                && form::divides_by(value, sum)
        }
        _ => false,
    })
}

/// `m` of `P = exp(S - m)`.
pub fn shift(action: &Action, parts: &Parts) -> Option<NameId> {
    match action {
        Action::Assign { name, value } if parts.get(Part::Weights) == Some(*name) => {
            form::shift(value).filter(|(scores, _)| parts.get(Part::Scores) == Some(*scores)).map(|(_, shift)| shift)
        }
        _ => None,
    }
}

/// The line makes the scores of a tile.
pub fn makes_scores(line: &Line) -> bool {
    line.statements.iter().any(|statement| form::gives_scores(&statement.action).is_some())
}

/// A statement without the guards of rows that see no key: what it is on paper.
pub fn without_guards(statement: &str) -> String {
    let guard = format!("{}(", Function::Finite.name());
    let mut left = statement.to_owned();
    while let Some(start) = left.find(&guard) {
        let body = start + guard.len();
        let mut depth = 1;
        let end = left[body..].char_indices().find_map(|(at, c)| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            (depth == 0).then_some(body + at)
        });
        let Some(end) = end else { break };
        let inner = left[body..end].to_owned();
        // A sum stays in brackets.
        let inner = if inner.contains(' ') { format!("({inner})") } else { inner };
        left.replace_range(start..=end, &inner);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_left_out() {
        assert_eq!(without_guards("P = exp(S - finite(m))"), "P = exp(S - m)");
        assert_eq!(without_guards("m_new = finite(max(m, rowmax(S)))"), "m_new = (max(m, rowmax(S)))");
        assert_eq!(without_guards("x = finite(finite(a) + b) * c"), "x = (a + b) * c");
        assert_eq!(without_guards("x = finite(a"), "x = finite(a");
    }
}
