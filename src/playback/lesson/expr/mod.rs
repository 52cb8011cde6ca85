//! Expressions: small, total, typed. Every number of a lesson that the engine can compute is one of these.

mod budget;
mod eval;
mod lex;
mod lists;
mod parse;
mod value;

pub use budget::Budget;
pub use eval::{Arguments, Scope, eval};
pub use parse::{MOST_CHARS, parse};
pub use value::{Value, format_number, is_format};

/// An expression with its place in the lesson.
#[derive(Clone, Debug)]
pub struct Expr {
    pub source: String,
    pub line: usize,
    /// Column of its first character.
    pub column: usize,
    root: Node,
}

impl PartialEq for Expr {
    /// The same text, wherever it stands.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Expr {
    /// The numbers that are written in it, also in its texts: `"minus-1000"`.
    pub fn numbers(&self) -> Vec<f64> {
        let mut found = Vec::new();
        self.root.numbers(&mut found);
        found
    }
}

#[derive(Clone, Debug)]
struct Node {
    /// Characters before it in the source.
    at: usize,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Number(f64),
    Text(String),
    Bool(bool),
    List(Vec<Node>),
    Name(String),
    Call(String, Vec<Argument>),
    Method(Box<Node>, String, Vec<Argument>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
}

impl Node {
    fn numbers(&self, found: &mut Vec<f64>) {
        let arguments = |given: &[Argument], found: &mut Vec<f64>| {
            given.iter().for_each(|argument| argument.value.numbers(found));
        };
        match &self.kind {
            Kind::Number(number) => found.push(*number),
            Kind::Text(text) => found.extend(numbers_in(text)),
            Kind::Bool(_) | Kind::Name(_) => {}
            Kind::List(values) => values.iter().for_each(|value| value.numbers(found)),
            Kind::Call(_, given) => arguments(given, found),
            Kind::Method(of, _, given) => {
                of.numbers(found);
                arguments(given, found);
            }
            Kind::Not(of) | Kind::Minus(of) => of.numbers(found),
            Kind::Binary(_, left, right) => {
                left.numbers(found);
                right.numbers(found);
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Argument {
    name: Option<String>,
    value: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Operator {
    /// How tightly it binds; larger is tighter.
    fn binding(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => 3,
            Operator::Add | Operator::Subtract => 4,
            Operator::Multiply | Operator::Divide => 5,
            Operator::Power => 7,
        }
    }

    fn is_comparison(self) -> bool {
        self.binding() == 3
    }
}

/// Every run of digits of a text, with a point if it has one.
pub(super) fn numbers_in(text: &str) -> impl Iterator<Item = f64> + '_ {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.filter_map(|part| part.trim_matches('.').parse().ok())
}
