//! Tokens to a tree, by the binding of operators (Pratt, "Top down operator precedence", 1973).

use crate::sentence::Sentence;

use super::super::error::{LessonError, Result};
use super::lex::{Token, tokens};
use super::{Argument, Expr, Kind, Node, Operator};

/// Longer expressions are refused.
pub const MOST_CHARS: usize = 1000;

/// Deeper ones too: each level is a frame of the stack, here and in evaluation.
const MOST_DEPTH: usize = 40;

/// Parses `source`, whose first character stands at `line` and `column`.
pub fn parse(source: &str, line: usize, column: usize) -> Result<Expr> {
    let fault = |(at, message): (usize, Sentence)| LessonError::at(line, column + at, message);
    let shift = source.chars().take_while(|c| c.is_whitespace()).count();
    let (source, column) = (source.trim(), column + shift);
    if source.chars().count() > MOST_CHARS {
        return Err(LessonError::at(
            line,
            column,
            Sentence::new("an expression has at most {0} characters").with(MOST_CHARS),
        ));
    }
    let mut parser = Parser { tokens: tokens(source).map_err(fault)?, next: 0, depth: 0, end: source.chars().count() };
    let root = parser.expression(0).map_err(fault)?;
    if let Some((at, _)) = parser.tokens.get(parser.next) {
        return Err(fault((*at, "an operator is missing before this".into())));
    }
    Ok(Expr { source: source.into(), line, column, root })
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    end: usize,
}

type Parsed<T> = std::result::Result<T, (usize, Sentence)>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    /// Where the next token stands.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn take(&mut self, token: &Token) -> bool {
        let is = self.peek() == Some(token);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, token: &Token, what: &str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err((self.at(), Sentence::new("{0} is missing").with(what))) }
    }

    /// An expression whose operators bind more tightly than `least`.
    fn expression(&mut self, least: u8) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err((self.at(), Sentence::new("an expression nests at most {0} deep").with(MOST_DEPTH)));
        }
        let mut left = self.operand()?;
        while let Some(&Token::Operator(operator)) = self.peek() {
            if operator.binding() <= least {
                break;
            }
            let at = self.at();
            self.next += 1;
            // A power binds to the right, a comparison not at all.
            let bound = if operator == Operator::Power { operator.binding() - 1 } else { operator.binding() };
            let right = self.expression(bound)?;
            if operator.is_comparison() && matches!(self.peek(), Some(Token::Operator(next)) if next.is_comparison()) {
                return Err((self.at(), "comparisons are not chained: join them with `and`".into()));
            }
            left = Node { at, kind: Kind::Binary(operator, Box::new(left), Box::new(right)) };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Node> {
        let at = self.at();
        let Some(token) = self.peek().cloned() else { return Err((at, "an expression ends too early".into())) };
        self.next += 1;
        let kind = match token {
            Token::Number(number) => Kind::Number(number),
            Token::Text(text) => Kind::Text(text),
            Token::Name(name) => self.name(name)?,
            Token::Not => Kind::Not(Box::new(self.expression(2)?)),
            Token::Operator(Operator::Subtract) => Kind::Minus(Box::new(self.expression(6)?)),
            Token::Open => {
                let inner = self.expression(0)?;
                self.expect(&Token::Close, "`)`")?;
                inner.kind
            }
            Token::OpenList => Kind::List(self.list()?),
            _ => return Err((at, "a number, a name or a bracket is needed here".into())),
        };
        self.methods(Node { at, kind })
    }

    fn name(&mut self, name: String) -> Parsed<Kind> {
        Ok(match name.as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "inf" => Kind::Number(f64::INFINITY),
            _ if self.take(&Token::Open) => Kind::Call(name, self.arguments()?),
            _ => Kind::Name(name),
        })
    }

    fn methods(&mut self, mut node: Node) -> Parsed<Node> {
        let mut chained = 0;
        while self.take(&Token::Dot) {
            chained += 1;
            let at = self.at();
            let Some(Token::Name(name)) = self.peek().cloned() else {
                return Err((at, "a name is missing after `.`".into()));
            };
            if chained > MOST_DEPTH {
                return Err((at, Sentence::new("at most {0} parts are chained").with(MOST_DEPTH)));
            }
            self.next += 1;
            let arguments = if self.take(&Token::Open) { self.arguments()? } else { Vec::new() };
            node = Node { at, kind: Kind::Method(Box::new(node), name, arguments) };
        }
        Ok(node)
    }

    /// Up to the closing bracket.
    fn arguments(&mut self) -> Parsed<Vec<Argument>> {
        let mut found = Vec::new();
        while !self.take(&Token::Close) {
            let named = match (self.peek(), self.tokens.get(self.next + 1)) {
                (Some(Token::Name(name)), Some((_, Token::Assign))) => Some(name.clone()),
                _ => None,
            };
            self.next += 2 * usize::from(named.is_some());
            found.push(Argument { name: named, value: self.expression(0)? });
            if !self.take(&Token::Comma) {
                self.expect(&Token::Close, "`)`")?;
                break;
            }
        }
        Ok(found)
    }

    fn list(&mut self) -> Parsed<Vec<Node>> {
        let mut found = Vec::new();
        while !self.take(&Token::CloseList) {
            found.push(self.expression(0)?);
            if !self.take(&Token::Comma) {
                self.expect(&Token::CloseList, "`]`")?;
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_their_place() {
        let fault = |source: &str| {
            let fault = parse(source, 7, 10).unwrap_err();
            assert_eq!(fault.line, 7);
            (fault.column, fault.what.to_string())
        };
        assert_eq!(fault("1 + "), (13, "an expression ends too early".to_owned()));
        assert_eq!(fault("1 2").0, 12);
        assert_eq!(fault("f(1").1, "`)` is missing");
        assert_eq!(fault("1 < 2 < 3").0, 16);
        assert_eq!(fault("$").0, 10);
        assert!(fault(&"(".repeat(300)).1.contains("deep"));
        assert!(fault(&"-".repeat(300)).1.contains("deep"));
        assert!(fault(&"1+".repeat(600)).1.contains("characters"));
        assert!(fault(&format!("a{}", ".b".repeat(100))).1.contains("chained"));
    }

    #[test]
    fn a_long_sum_is_not_deep() {
        assert!(parse(&vec!["1"; 200].join("+"), 1, 1).is_ok());
    }
}
