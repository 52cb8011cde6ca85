//! The lines of a text before its first kernel.

use crate::schedule::algorithm::BlockRule;
use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Span};
use super::super::lexer::Kind as Token;
use super::super::nearest::nearest;
use super::super::syntax::{Declared, Header, Word, WrittenLane};
use super::super::words::{Axis, Inner, Kind};
use super::cursor::Cursor;

pub const WORDS: [&str; 11] =
    ["title", "in", "out", "hbm", "blocks", "ideal", "report", "average", "after", "lanes", "overlap"];
const MOST_TITLE: usize = 200;
const MOST_LANES: usize = 8;
/// Copies of what one lane hands to another.
const MOST_OVERLAP: usize = 8;

/// Reads one line into `header`. `text` begins at `start`.
pub fn line(text: &str, start: Span, header: &mut Header) -> Result<(), Diagnostic> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let span = Span { width: word.chars().count() as u32, ..start };
    if word == "title" {
        return title(rest, span, header);
    }
    let mut cursor = Cursor::new(text, start)?;
    cursor.next();
    match word {
        "in" => declarations(&mut cursor, &mut header.inputs)?,
        "out" => declarations(&mut cursor, &mut header.outputs)?,
        "hbm" => declarations(&mut cursor, &mut header.hbm)?,
        "blocks" => {
            let rule = cursor.expect_word("paper or largest")?;
            header.blocks = Some(match rule.text.as_str() {
                "paper" => BlockRule::Paper,
                "largest" => BlockRule::Largest,
                _ => return Err(Diagnostic::new(rule.span, "blocks are paper or largest")),
            });
        }
        "ideal" => header.ideal = true,
        "report" => {
            while !cursor.is_at_end() {
                header.report.push(cursor.expect_word("a name")?);
            }
        }
        "average" => header.average = Some(cursor.expect_word("a name")?),
        "after" => header.after = Some(hyphened(&mut cursor)?),
        "lanes" => lanes(&mut cursor, span, &mut header.lanes)?,
        "overlap" => overlap(&mut cursor, span, &mut header.overlap)?,
        _ => return Err(unknown(word, span)),
    }
    cursor.expect_end()
}

/// A line that stands in kernels only.
pub fn is_of_kernel(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    matches!(word, "shared" | "registers" | "parallel" | "for" | "load" | "store" | "fill" | "add")
}

/// A line that opens a kernel, or is meant to.
pub fn is_kernel(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    !WORDS.contains(&word) && nearest(word, WORDS.into_iter().chain(["kernel", "variant"])) == Some("kernel")
}

fn unknown(word: &str, span: Span) -> Diagnostic {
    let what = match nearest(word, WORDS.into_iter().chain(["kernel", "variant"])) {
        Some(near) => Sentence::new("{0} is no word of the header; did you mean {1}?").with(word).with(near),
        None => Sentence::new("{0} is no word of the header: {1}, then kernels").with(word).with(WORDS.join(", ")),
    };
    Diagnostic::new(span, what)
}

fn title(text: &str, span: Span, header: &mut Header) -> Result<(), Diagnostic> {
    if text.is_empty() || text.chars().count() > MOST_TITLE || text.chars().any(char::is_control) {
        let what = Sentence::new("a title is one line of 1 to {0} characters").with(MOST_TITLE);
        return Err(Diagnostic::new(span, what));
    }
    if header.title.is_some() {
        return Err(Diagnostic::new(span, "a text has one title"));
    }
    header.title = Some(text.to_owned());
    Ok(())
}

/// `load: load; matmul: scores accumulate`
fn lanes(cursor: &mut Cursor<'_>, span: Span, into: &mut Vec<WrittenLane>) -> Result<(), Diagnostic> {
    if !into.is_empty() {
        return Err(Diagnostic::new(span, "a text has one line of lanes"));
    }
    loop {
        let name = cursor.expect_word("the name of a lane")?;
        cursor.expect(":")?;
        let mut labels = vec![word_with_hyphens(cursor, "the label of a line")?];
        while !cursor.is_at_end() && !cursor.is_at(";") {
            labels.push(word_with_hyphens(cursor, "the label of a line")?);
        }
        let is_known = into.iter().any(|lane| lane.name.text == name.text);
        if is_known {
            return Err(Diagnostic::new(name.span, Sentence::new("{0} stands twice").with(&name.text)));
        }
        if into.len() == MOST_LANES {
            return Err(Diagnostic::new(name.span, Sentence::new("a text has at most {0} lanes").with(MOST_LANES)));
        }
        into.push(WrittenLane { name, labels });
        if !cursor.take(";") {
            return Ok(());
        }
    }
}

fn overlap(cursor: &mut Cursor<'_>, span: Span, into: &mut Option<(usize, Span)>) -> Result<(), Diagnostic> {
    if into.is_some() {
        return Err(Diagnostic::new(span, "a text says its overlap once"));
    }
    let found = cursor.peek();
    let copies = (1..=MOST_OVERLAP).find(|&copies| found.kind == Token::Number(copies as f64));
    let Some(copies) = copies else {
        return Err(cursor.unexpected(Sentence::new("a number from 1 to {0}").with(MOST_OVERLAP)));
    };
    cursor.next();
    *into = Some((copies, span));
    Ok(())
}

/// The name of an algorithm: words with hyphens.
pub fn hyphened(cursor: &mut Cursor<'_>) -> Result<Word, Diagnostic> {
    word_with_hyphens(cursor, "the name of an algorithm")
}

fn word_with_hyphens(cursor: &mut Cursor<'_>, what: &'static str) -> Result<Word, Diagnostic> {
    let mut name = cursor.expect_word(what)?;
    while cursor.take("-") {
        let next = cursor.expect_word("the rest of the name")?;
        name.text = format!("{}-{}", name.text, next.text);
        name.span = name.span.to(next.span);
    }
    Ok(name)
}

fn declarations(cursor: &mut Cursor<'_>, into: &mut Vec<Declared>) -> Result<(), Diagnostic> {
    if cursor.is_at_end() {
        return Err(cursor.unexpected("a name".into()));
    }
    while !cursor.is_at_end() {
        into.push(declaration(cursor)?);
        // `in Q, K` is as clear as `in Q K`.
        cursor.take(",");
    }
    Ok(())
}

/// `dK_head[h,j]:acc of d`
fn declaration(cursor: &mut Cursor<'_>) -> Result<Declared, Diagnostic> {
    let name = cursor.expect_word("a name")?;
    let axes = if cursor.is_at("[") { Some(axes(cursor)?) } else { None };
    let kind = if cursor.take(":") {
        let kind = cursor.expect_word("acc or element")?;
        Some(match kind.text.as_str() {
            "acc" => Kind::Accumulator,
            "element" => Kind::Element,
            _ => return Err(Diagnostic::new(kind.span, "elements in HBM are kept as acc or as element")),
        })
    } else {
        None
    };
    let of = if cursor.take_word("of") { Some(inner(cursor)?) } else { None };
    Ok(Declared { name, axes, kind, of })
}

/// `d`, `d_v` or `1`.
pub fn inner(cursor: &mut Cursor<'_>) -> Result<Inner, Diagnostic> {
    let inner = match cursor.peek().kind {
        Token::Word("d") => Inner::D,
        Token::Word("d_v") => Inner::Dv,
        Token::Number(1.0) => Inner::One,
        _ => return Err(cursor.unexpected("d, d_v or 1".into())),
    };
    cursor.next();
    Ok(inner)
}

/// `[i,j]`
pub fn axes(cursor: &mut Cursor<'_>) -> Result<Vec<Axis>, Diagnostic> {
    let mut axes = Vec::new();
    cursor.expect("[")?;
    loop {
        let word = cursor.expect_word("i, j, s or h")?;
        match Axis::parse(&word.text) {
            Some(axis) if !axes.contains(&axis) => axes.push(axis),
            Some(_) => return Err(Diagnostic::new(word.span, Sentence::new("{0} stands twice").with(&word.text))),
            None => {
                let what = "blocks are numbered by i (query blocks), j (key blocks), s (splits) and h (heads), not {0}";
                return Err(Diagnostic::new(word.span, Sentence::new(what).with(&word.text)));
            }
        }
        if !cursor.take(",") {
            cursor.expect("]")?;
            return Ok(axes);
        }
    }
}
