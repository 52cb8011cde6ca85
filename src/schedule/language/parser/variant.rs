//! A variant of a text as it is written: a title, the text that it is of, and lines to put in place of that one's.

use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::super::syntax::{Header, Replacement, Variant, Word};
use super::cursor::Cursor;
use super::{Written, header, line, lines, version};

/// Whether a line begins with `word`.
fn begins(line: &Written<'_>, word: &str) -> bool {
    line.text.split(' ').next() == Some(word)
}

/// What `text` says where it is a variant; `None` where it is a text of its own, or nothing that can be read.
pub fn variant(text: &str) -> Option<Result<Variant, Vec<Diagnostic>>> {
    let lines = lines(text).ok()?;
    version(&lines).ok()?;
    let first = lines.iter().position(|line| begins(line, "kernel")).unwrap_or(lines.len());
    let of = lines[..first].iter().position(|line| begins(line, "variant"))?;
    let mut wrong = Diagnostics::default();
    let base = wrong.keep(base(&lines[of]));
    let (mut header, mut replaced, mut without) = (Header::default(), Vec::new(), Vec::new());
    for (_, line) in lines.iter().enumerate().skip(1).filter(|(n, _)| *n != of) {
        if begins(line, "title") {
            wrong.keep(header::line(line.text, line.span, &mut header));
        } else if begins(line, "variant") {
            wrong.push(Diagnostic::new(line.span, "a text is the variant of one other"));
        } else if begins(line, "without") {
            without.extend(wrong.keep(left_out(line)).unwrap_or_default());
        } else {
            replaced.extend(wrong.keep(replacement(line)));
        }
    }
    if header.title.is_none() && wrong.is_empty() {
        wrong.push(Diagnostic::new(lines[0].span, "a text says what it is: title ..."));
    }
    let comments = text.lines().map(str::trim).filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    Some(match (base, wrong.is_empty()) {
        (Some(base), true) => {
            let title = header.title.unwrap_or_default();
            Ok(Variant { title, base, replaced, without, comments })
        }
        _ => Err(wrong.into_sorted()),
    })
}

/// `variant of flash2`
fn base(line: &Written<'_>) -> Result<Word, Diagnostic> {
    let mut cursor = Cursor::new(line.text, line.span)?;
    cursor.next();
    cursor.expect_keyword("of")?;
    let name = header::hyphened(&mut cursor)?;
    cursor.expect_end()?;
    Ok(name)
}

/// `without rescale, dropout`
fn left_out(line: &Written<'_>) -> Result<Vec<Word>, Diagnostic> {
    let mut column = line.span.column;
    let words = line.text.split([' ', ',']).map(|text| {
        let span = Span { column, width: text.chars().count() as u32, ..line.span };
        column += span.width + 1;
        Word { text: text.to_owned(), span }
    });
    let words: Vec<Word> = words.skip(1).filter(|word| !word.text.is_empty()).collect();
    if let Some(word) = words.iter().find(|word| word.text.contains(char::is_control)) {
        let what = Sentence::new("{0} means nothing here").with(word.text.escape_debug());
        return Err(Diagnostic::new(word.span, what));
    }
    match words.is_empty() {
        true => Err(Diagnostic::new(line.span, "which line is left out? Write its label: without rescale")),
        false => Ok(words),
    }
}

/// `row-max: m_new = ..`. What its statements say is read where they stand in the end.
fn replacement(line: &Written<'_>) -> Result<Replacement, Diagnostic> {
    match line::label(line.text, line.span)? {
        (Some(label), body, start) => {
            let said = body.trim_start_matches(' ');
            let column = start.column + (body.len() - said.len()) as u32;
            Ok(Replacement { label, body: said.to_owned(), start: Span { column, ..start } })
        }
        (None, ..) => {
            let what =
                "a variant has a title, and lines with the labels of those that they replace; the rest is as it was";
            Err(Diagnostic::new(line.span, what))
        }
    }
}

/// The labels of a text, each with the number of its line. No line of a header reads as one.
pub fn labels(text: &str) -> Vec<(u32, String)> {
    let lines = lines(text).unwrap_or_default();
    let labels =
        lines.iter().filter_map(|line| Some((line.span.line, line::label(line.text, line.span).ok()?.0?.text)));
    labels.collect()
}

/// Whether two bodies of lines say the same, however they are spaced.
pub fn is_same(a: &str, b: &str) -> bool {
    let words = |text: &str| -> Option<Vec<String>> {
        let mut cursor = Cursor::new(text, Span::default()).ok()?;
        let mut words = Vec::new();
        while !cursor.is_at_end() {
            words.push(format!("{:?}", cursor.next().kind));
        }
        Some(words)
    };
    words(a).is_some_and(|a| Some(a) == words(b))
}
