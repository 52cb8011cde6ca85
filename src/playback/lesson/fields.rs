//! The body of a cue or a header: lines of `key: value`; an indented line goes on with the value before it.

use crate::sentence::Sentence;

use super::error::{LessonError, Result};

/// One `key: value`, with the place of the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub line: usize,
    pub column: usize,
    pub key: String,
    pub value: String,
}

/// The most lines a cue may have.
const MOST_FIELDS: usize = 64;

/// Parses `lines`, the first of which has number `first`.
pub fn parse(lines: &[&str], first: usize) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for (line, number) in lines.iter().zip(first..) {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let last = fields.last_mut().ok_or_else(|| LessonError::line(number, "nothing stands before this line"))?;
            last.value.push(' ');
            last.value.push_str(line.trim());
            continue;
        }
        let (key, value) = line.split_once(':').ok_or_else(|| LessonError::line(number, "`key: value` is needed"))?;
        let column = key.chars().count() + 2 + value.chars().take_while(|c| c.is_whitespace()).count();
        fields.push(Field { line: number, column, key: key.trim().into(), value: value.trim().into() });
        if fields.len() > MOST_FIELDS {
            return Err(LessonError::line(number, Sentence::new("a cue has at most {0} lines").with(MOST_FIELDS)));
        }
    }
    Ok(fields)
}

/// The fields of one cue, taken by key. What is not taken is a fault.
pub struct Fields {
    /// Of the cue.
    pub line: usize,
    left: Vec<Field>,
}

impl Fields {
    pub fn new(line: usize, fields: Vec<Field>) -> Self {
        Self { line, left: fields }
    }

    /// The field of this key, if there is one.
    pub fn take(&mut self, key: &str) -> Option<Field> {
        let index = self.left.iter().position(|field| field.key == key)?;
        Some(self.left.remove(index))
    }

    pub fn need(&mut self, key: &str) -> Result<Field> {
        self.take(key).ok_or_else(|| LessonError::line(self.line, Sentence::new("`{0}:` is missing").with(key)))
    }

    /// Every field of this key, in order.
    pub fn all(&mut self, key: &str) -> Vec<Field> {
        let (found, left) = std::mem::take(&mut self.left).into_iter().partition(|field| field.key == key);
        self.left = left;
        found
    }

    /// Refuses keys that nobody asked for.
    pub fn finish(self) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some(field) => {
                Err(LessonError::line(field.line, Sentence::new("`{0}` is not known here").with(&field.key)))
            }
        }
    }
}

impl Field {
    pub fn fault(&self, message: impl Into<Sentence>) -> LessonError {
        LessonError::at(self.line, self.column, message)
    }

    /// The part before `separator` and the part after it, each with its place.
    pub fn split(&self, separator: &str) -> Option<(Field, Field)> {
        let (before, after) = self.value.split_once(separator)?;
        let part = |skipped: usize, text: &str| {
            let blank = text.chars().take_while(|c| c.is_whitespace()).count();
            Field { column: self.column + skipped + blank, value: text.trim().into(), ..self.clone() }
        };
        let skipped = before.chars().count() + separator.chars().count();
        Some((part(0, before), part(skipped, after)))
    }

    /// A whole number of at most a million.
    pub fn index(&self) -> Result<usize> {
        let parsed = self.value.parse().ok().filter(|&n: &usize| n <= 1_000_000);
        parsed.ok_or_else(|| self.fault("a whole number of at most 1 000 000 is needed"))
    }
}
