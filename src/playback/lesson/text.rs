//! Text with expressions in braces, so that no number in it is typed: `alpha is {row(13).alpha(3):.3}`. In a formula
//! (`$\sqrt{d}$`) braces are TeX's, and an expression stands in `\num{..}`.

use std::iter::Peekable;
use std::str::Chars;

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
    /// TeX, with the signs around it where the formula begins and ends here. It may go on behind the next piece.
    Tex {
        source: String,
        goes_on: bool,
    },
}

impl Text {
    /// Parses `source`, whose first character stands at `line` and `column`. `{{` and `}}` are braces.
    pub fn parse(source: &str, line: usize, column: usize) -> Result<Self> {
        let mut text = Self::default();
        let mut plain = String::new();
        let (mut line, mut column) = (line, column);
        let mut start = (line, column);
        let mut is_code = false;
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            column += 1;
            match c {
                '\\' if chars.peek() == Some(&'$') => {
                    plain.extend([c, '$']);
                    chars.next();
                    column += 1;
                }
                '$' if !is_code => {
                    text.push_plain(&mut plain, start);
                    let mut reader = FormulaReader { text: &mut text, chars: &mut chars, at: (line, column) };
                    (line, column) = reader.formula((line, column - 1))?;
                    start = (line, column);
                }
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
                _ => {
                    is_code ^= c == '`';
                    plain.push(c);
                }
            }
        }
        text.push_plain(&mut plain, start);
        Ok(text)
    }

    /// Of what is painted as one line, where no formula can stand.
    pub fn of_label(field: &Field) -> Result<Self> {
        Self::of_field(field)?.without_formula()
    }

    pub(super) fn without_formula(self) -> Result<Self> {
        let formula = self.pieces.iter().zip(&self.starts).find(|(piece, _)| matches!(piece, Piece::Tex { .. }));
        match formula {
            None => Ok(self),
            Some((_, (line, column))) => Err(LessonError::at(
                *line,
                *column,
                "no formula can stand here, as it can in prose, questions, reasons and notes; `\\$` is a dollar",
            )),
        }
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

    /// Its pieces, each with the line and the column where it begins.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&Piece, (usize, usize))> {
        self.pieces.iter().zip(self.starts.iter().copied())
    }

    pub fn of_field(field: &Field) -> Result<Self> {
        Self::parse(&field.value, field.line, field.column)
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(expr, _) => Some(expr),
            _ => None,
        })
    }

    /// The text with the values of `scene`.
    pub fn fill(&self, engine: &Engine, scene: &Scene) -> Result<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) | Piece::Data(plain) | Piece::Tex { source: plain, .. } => text.push_str(plain),
                Piece::Value(expr, format) => text.push_str(&engine.eval(expr, scene)?.show(format)),
            }
        }
        Ok(text)
    }
}

/// Reads a formula of a text into its pieces.
struct FormulaReader<'t, 'c, 's> {
    text: &'t mut Text,
    chars: &'c mut Peekable<Chars<'s>>,
    /// Of the next character.
    at: (usize, usize),
}

/// A longer formula is refused.
const MOST_TEX: usize = 2000;

impl FormulaReader<'_, '_, '_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.at = if c == '\n' { (self.at.0 + 1, 1) } else { (self.at.0, self.at.1 + 1) };
        Some(c)
    }

    /// What follows the sign at `open`, up to the sign that closes it; and the place behind that.
    fn formula(&mut self, open: (usize, usize)) -> Result<(usize, usize)> {
        let fault = |what: &'static str| Err(LessonError::at(open.0, open.1, what));
        let is_display = self.chars.next_if_eq(&'$').is_some();
        self.at.1 += usize::from(is_display);
        let sign = if is_display { "$$" } else { "$" };
        let (mut source, mut start) = (sign.to_owned(), open);
        let (mut depth, mut length, mut is_empty) = (0_usize, 0, true);
        while let Some(c) = self.next() {
            length += 1;
            match c {
                '$' if !is_display || self.chars.next_if_eq(&'$').is_some() => {
                    self.at.1 += usize::from(is_display);
                    source.push_str(sign);
                    let source = std::mem::take(&mut source);
                    self.text.push(Piece::Tex { source, goes_on: false }, start);
                    return match (is_empty, depth) {
                        (true, _) => fault("nothing stands in this formula; `\\$` is a dollar"),
                        (_, 0) => Ok(self.at),
                        _ => fault("the braces of this formula do not match"),
                    };
                }
                '$' | '`' => return fault("a formula holds neither ` nor a $ of its own; `\\$` is a dollar"),
                '\n' if self.chars.peek() == Some(&'\n') => break,
                '\\' => {
                    source.push(c);
                    source.extend(self.next());
                }
                '{' if source.ends_with("\\num") => {
                    source.truncate(source.len() - "\\num".len());
                    let place = self.at;
                    let inside = inside(self.chars, place)?;
                    self.at.1 += inside.chars().count() + 1;
                    let source = std::mem::take(&mut source);
                    self.text.push(Piece::Tex { source, goes_on: true }, start);
                    self.text.push(value(&inside, place)?, place);
                    start = self.at;
                }
                _ => {
                    source.push(if c == '\n' { ' ' } else { c });
                    depth = match c {
                        '{' => depth + 1,
                        '}' if depth == 0 => return fault("the braces of this formula do not match"),
                        '}' => depth - 1,
                        _ => depth,
                    };
                }
            }
            is_empty &= c.is_whitespace();
            if length > MOST_TEX {
                return Err(LessonError::at(
                    open.0,
                    open.1,
                    Sentence::new("a formula has at most {0} characters").with(MOST_TEX),
                ));
            }
        }
        fault("this formula is not closed with its `$`; `\\$` is a dollar")
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
