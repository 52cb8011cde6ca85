//! Text with expressions in braces, so that no number in it is typed: `alpha is {row(13).alpha(3):.3}`.

use crate::sentence::Sentence;

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::{self, Expr};
use super::fields::Field;
use super::scene::Scene;

/// Prose with placeholders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Plain(String),
    /// An expression and the format of its value.
    Value(Expr, String),
}

impl Text {
    /// Parses `source`, whose first character stands at `line` and `column`. `{{` and `}}` are braces.
    pub fn parse(source: &str, line: usize, column: usize) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let (mut line, mut column) = (line, column);
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            column += 1;
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    column += 1;
                    plain.push(c);
                }
                '{' => {
                    let place = (line, column);
                    let inside = inside(&mut chars, place)?;
                    column += inside.chars().count() + 1;
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    }
                    pieces.push(value(&inside, place)?);
                }
                '}' => return Err(LessonError::at(line, column - 1, "`}` closes nothing; `}}` is a brace")),
                '\n' => {
                    (line, column) = (line + 1, 1);
                    plain.push(c);
                }
                _ => plain.push(c),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Self { pieces })
    }

    pub fn of_field(field: &Field) -> Result<Self> {
        Self::parse(&field.value, field.line, field.column)
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(expr, _) => Some(expr),
            Piece::Plain(_) => None,
        })
    }

    /// The text with the values of `scene`.
    pub fn fill(&self, engine: &Engine, scene: &Scene) -> Result<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Value(expr, format) => text.push_str(&engine.eval(expr, scene)?.show(format)),
            }
        }
        Ok(text)
    }
}

/// Up to the closing brace, on the same line. A text in quotes may hold braces.
fn inside(chars: &mut impl Iterator<Item = char>, (line, column): (usize, usize)) -> Result<String> {
    let (mut inside, mut quoted) = (String::new(), false);
    for c in chars {
        match c {
            '}' if !quoted => return Ok(inside),
            '\n' => break,
            '"' => quoted = !quoted,
            _ => {}
        }
        inside.push(c);
    }
    Err(LessonError::at(line, column - 1, "`{` is not closed on its line; `{{` is a brace"))
}

/// `expression` or `expression:format`.
fn value(inside: &str, (line, column): (usize, usize)) -> Result<Piece> {
    let mut quoted = false;
    let colon = inside.char_indices().filter(|&(_, c)| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    let (source, format) = match colon.last() {
        Some((at, _)) => (&inside[..at], inside[at + 1..].trim()),
        None => (inside, ""),
    };
    if !expr::is_format(format) {
        let at = column + source.chars().count() + 1;
        return Err(LessonError::at(
            line,
            at,
            Sentence::new("`{0}` is no format: .0 to .12 , B M % e are").with(format),
        ));
    }
    Ok(Piece::Value(expr::parse(source, line, column)?, format.into()))
}
