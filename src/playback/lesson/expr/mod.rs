//! Expressions: small, total, typed. Every number of a lesson that the engine can compute is one of these.

mod eval;
mod lex;
mod parse;
mod value;

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
