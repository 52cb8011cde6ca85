//! Text with expressions in braces, so that no number in it is typed: `alpha is {row(13).alpha(3):.3}`.

use crate::sentence::Sentence;

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::{self, Expr};
use super::fields::Field;
use super::scene::Scene;

/// Prose with placeholders.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub pieces: Vec<Piece>,
    /// Line and column of the first character of each piece.
    starts: Vec<(usize, usize)>,
}

impl PartialEq for Text {
    /// The same words, wherever they stand.
    fn eq(&self, other: &Self) -> bool {
        self.pieces == other.pieces
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Plain(String),
    /// What a paper or a data sheet says, marked as such: `{=20 MB}`. Nothing computes it.
    Data(String),
    /// An expression and the format of its value.
    Value(Expr, String),
}

impl Text {
    /// Parses `source`, whose first character stands at `line` and `column`. `{{` and `}}` are braces.
    pub fn parse(source: &str, line: usize, column: usize) -> Result<Self> {
        let mut text = Self::default();
        let mut plain = String::new();
        let (mut line, mut column) = (line, column);
        let mut start = (line, column);
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
                    text.push_plain(&mut plain, start);
                    text.push(value(&inside, place)?, (place.0, place.1 - 1));
                    start = (line, column);
                }
                '}' => return Err(LessonError::at(line, column - 1, "`}` closes nothing; `}}` is a brace")),
                '\n' => {
                    (line, column) = (line + 1, 1);
                    plain.push(c);
                }
                _ => plain.push(c),
            }
        }
        text.push_plain(&mut plain, start);
        Ok(text)
    }

    fn push(&mut self, piece: Piece, start: (usize, usize)) {
        self.pieces.push(piece);
        self.starts.push(start);
    }

    fn push_plain(&mut self, plain: &mut String, start: (usize, usize)) {
        if !plain.is_empty() {
            self.push(Piece::Plain(std::mem::take(plain)), start);
        }
    }

    /// The words between its expressions, each with the line and the column where they begin.
    pub(super) fn plain(&self) -> impl Iterator<Item = (&str, (usize, usize))> {
        self.pieces.iter().zip(&self.starts).filter_map(|(piece, start)| match piece {
            Piece::Plain(plain) => Some((plain.as_str(), *start)),
            _ => None,
        })
    }

    pub fn of_field(field: &Field) -> Result<Self> {
        Self::parse(&field.value, field.line, field.column)
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(expr, _) => Some(expr),
            Piece::Plain(_) | Piece::Data(_) => None,
        })
    }

    /// The text with the values of `scene`.
    pub fn fill(&self, engine: &Engine, scene: &Scene) -> Result<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) | Piece::Data(plain) => text.push_str(plain),
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

/// `expression` or `expression:format`; `=data`.
fn value(inside: &str, (line, column): (usize, usize)) -> Result<Piece> {
    if let Some(data) = inside.strip_prefix('=') {
        if data.trim().is_empty() {
            return Err(LessonError::at(line, column - 1, "no data stands behind `{=`"));
        }
        return Ok(Piece::Data(data.trim().into()));
    }
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
