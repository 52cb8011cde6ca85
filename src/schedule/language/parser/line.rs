//! One line of a kernel: a loop, or a step with its label and its statements.

use crate::schedule::Space;
use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Span};
use super::super::lexer::Kind as Token;
use super::super::nearest::nearest;
use super::super::syntax::{Action, Block, Buffer, Condition, Expr, ExprKind, Line, LoopOver, Statement, Word};
use super::super::words::{Axis, Diagonal, Initial, Inner, Over, Size, Test};
use super::cursor::Cursor;
use super::expression::expression;
use super::header::{axes, inner};

const MOST_STATEMENTS: usize = 16;
const MOST_LABEL: usize = 32;

/// The ranges of a loop, after `for`.
pub fn loop_over(cursor: &mut Cursor<'_>) -> Result<Vec<LoopOver>, Diagnostic> {
    let mut all = Vec::new();
    loop {
        let letter = cursor.expect_word("i, j, s or h")?;
        cursor.expect_keyword("in")?;
        let reversed = cursor.take_word("reversed");
        let (over, span) = range(cursor)?;
        match Axis::parse(&letter.text) {
            Some(axis) if axis == over.axis() => {
                all.push(LoopOver { axis, over, reversed, span: letter.span.to(span) });
            }
            _ => {
                let what = Sentence::new("{0} are numbered by {1}, not {2}");
                let what = what.with(over.phrase()).with(over.axis().name()).with(&letter.text);
                return Err(Diagnostic::new(letter.span, what));
            }
        }
        if !cursor.take(",") {
            cursor.expect_end()?;
            return Ok(all);
        }
    }
}

fn range(cursor: &mut Cursor<'_>) -> Result<(Over, Span), Diagnostic> {
    let span = cursor.span();
    let mut words = vec![cursor.expect_word("what the loop runs over")?];
    while !cursor.is_at(",") && !cursor.is_at_end() {
        words.push(cursor.expect_word("a word")?);
    }
    let said: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let (said, span) = (said.join(" "), span.to(cursor.passed()));
    if let Some(over) = Over::ALL.into_iter().find(|over| over.phrase() == said) {
        return Ok((over, span));
    }
    let what = match nearest(&said, Over::ALL.map(Over::phrase)) {
        Some(near) => Sentence::new("a loop cannot run over {0}; did you mean {1}?").with(&said).with(near),
        None => Sentence::new("a loop cannot run over {0}; it runs over {1}")
            .with(&said)
            .with(Over::ALL.map(Over::phrase).join("; ")),
    };
    Err(Diagnostic::new(span, what))
}

/// `shared Q, K ; registers S P over keys, m`
pub fn buffers(text: &str, start: Span) -> Result<Vec<Buffer>, Diagnostic> {
    let mut cursor = Cursor::new(text, start)?;
    let mut all = Vec::new();
    loop {
        let space = cursor.expect_word("shared or registers")?;
        let space = match space.text.as_str() {
            "shared" => Space::Shared,
            "registers" => Space::Registers,
            _ => return Err(Diagnostic::new(space.span, "buffers are shared or registers")),
        };
        loop {
            let mut names = vec![cursor.expect_word("a name")?];
            while !cursor.is_at_end() && !cursor.is_at(",") && !cursor.is_at(";") && !cursor.is_at_word("over") {
                names.push(cursor.expect_word("a name")?);
            }
            let over_keys = cursor.take_words("over keys");
            all.push(Buffer { space, names, over_keys });
            if !cursor.take(",") {
                break;
            }
        }
        if !cursor.take(";") {
            cursor.expect_end()?;
            return Ok(all);
        }
    }
}

/// A step: `label: statement; statement`.
pub fn step(text: &str, start: Span) -> Result<Line, Diagnostic> {
    let (label, body, body_start) = label(text, start)?;
    let mut cursor = Cursor::new(body, body_start)?;
    let mut statements = vec![statement(&mut cursor)?];
    while cursor.take(";") {
        statements.push(statement(&mut cursor)?);
        if statements.len() > MOST_STATEMENTS {
            let what = Sentence::new("a line has at most {0} statements").with(MOST_STATEMENTS);
            return Err(Diagnostic::new(cursor.span(), what));
        }
    }
    cursor.expect_end()?;
    Ok(Line { span: start.to(cursor.passed()), label, statements })
}

/// The label of a line, what follows it, and where that begins.
pub fn label(text: &str, start: Span) -> Result<(Option<Word>, &str, Span), Diagnostic> {
    let Some((label, rest)) = text.split_once(':') else { return Ok((None, text, start)) };
    let label = label.trim_end();
    let span = Span { width: label.chars().count() as u32, ..start };
    if !is_label(label) {
        let what = "a label is a word such as row-max: small letters, digits and hyphens, at most {0}";
        return Err(Diagnostic::new(span, Sentence::new(what).with(MOST_LABEL)));
    }
    let before = text.chars().count() - rest.chars().count();
    let body_start = Span { column: start.column + before as u32, ..start };
    Ok((Some(Word { text: label.to_owned(), span }), rest, body_start))
}

/// Whether a line can have this label.
pub fn is_label(label: &str) -> bool {
    label.starts_with(|c: char| c.is_ascii_lowercase())
        && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && label.len() <= MOST_LABEL
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, Diagnostic> {
    let span = cursor.span();
    let action = action(cursor)?;
    let end = cursor.passed();
    let mut conditions = Vec::new();
    loop {
        let holds = if cursor.take_word("when") {
            true
        } else if cursor.take_word("unless") {
            false
        } else {
            return Ok(Statement { span: span.to(end), action, conditions });
        };
        conditions.push(condition(cursor, holds)?);
    }
}

fn condition(cursor: &mut Cursor<'_>, holds: bool) -> Result<Condition, Diagnostic> {
    let span = cursor.span();
    if let Some(test) = Test::ALL.into_iter().find(|test| cursor.take_words(test.phrase())) {
        return Ok(Condition { test, holds, span: span.to(cursor.passed()) });
    }
    let word = cursor.expect_word("a condition")?;
    let what = match nearest(&word.text, Test::ALL.map(Test::phrase)) {
        Some(near) => Sentence::new("{0} is no condition; did you mean {1}?").with(&word.text).with(near),
        None => Sentence::new("{0} is no condition; there are {1}")
            .with(&word.text)
            .with(Test::ALL.map(Test::phrase).join(", ")),
    };
    Err(Diagnostic::new(word.span, what))
}

fn action(cursor: &mut Cursor<'_>) -> Result<Action, Diagnostic> {
    if cursor.take_word("load") {
        let block = block(cursor)?;
        return Ok(Action::Load { block, once: cursor.take_word("once") });
    }
    if cursor.take_word("store") {
        return Ok(Action::Store { block: block(cursor)? });
    }
    if cursor.take_word("fill") {
        let block = block(cursor)?;
        cursor.expect("=")?;
        let value = expression(cursor)?;
        return Ok(Action::Fill { block, value: initial(&value)?, span: value.span });
    }
    if cursor.take_word("add") {
        let block = block(cursor)?;
        cursor.expect("+=")?;
        return Ok(Action::Add { block, value: expression(cursor)? });
    }
    assignment(cursor)
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<Action, Diagnostic> {
    let name = cursor.expect_word("load, store, fill, add or a name")?;
    let begins_a_move = cursor.is_at("[") || matches!(cursor.peek().kind, Token::Word(_));
    if begins_a_move && !cursor.is_at("=") {
        let verbs = ["load", "store", "fill", "add", "for", "parallel"];
        if let Some(near) = nearest(&name.text, verbs) {
            let what = Sentence::new("{0} is no statement; did you mean {1}?").with(&name.text).with(near);
            return Err(Diagnostic::new(name.span, what));
        }
    }
    cursor.expect("=")?;
    if cursor.take_words("old in the second half") {
        return Ok(Action::Tear { name });
    }
    let value = expression(cursor)?;
    if cursor.take_word("per") {
        return Ok(Action::Start { name, value: initial(&value)?, size: size(cursor)? });
    }
    if cursor.take_word("where") {
        cursor.expect_keyword("hidden")?;
        let by = if cursor.take_word("by") { diagonal(cursor)? } else { Diagonal::Own };
        return Ok(Action::Hide { name, value: number(&value)?, by });
    }
    Ok(Action::Assign { name, value })
}

/// The most keys that a diagonal is moved by.
const MOST_MOVED: f64 = 1024.0;

/// `diagonal + 1`, `diagonal - 1`, `other corner`.
fn diagonal(cursor: &mut Cursor<'_>) -> Result<Diagonal, Diagnostic> {
    if cursor.take_words("other corner") {
        return Ok(Diagonal::OtherCorner);
    }
    cursor.expect_keyword("diagonal")?;
    let sign = if cursor.take("-") { -1.0 } else { 1.0 };
    if sign > 0.0 {
        cursor.expect("+")?;
    }
    let moved = expression(cursor)?;
    let keys = number(&moved)?;
    if keys.fract() != 0.0 || !(1.0..=MOST_MOVED).contains(&keys) {
        let what = Sentence::new("a diagonal moves by whole keys, from 1 to {0}").with(MOST_MOVED as usize);
        return Err(Diagnostic::new(moved.span, what));
    }
    Ok(Diagonal::Moved((sign * keys) as i64))
}

/// `row of d_v`, `key`.
fn size(cursor: &mut Cursor<'_>) -> Result<Size, Diagnostic> {
    let rows = cursor.take_word("row");
    if !rows && !cursor.take_word("key") {
        return Err(cursor.unexpected("row or key".into()));
    }
    let of = if cursor.take_word("of") { inner(cursor)? } else { Inner::One };
    Ok(Size { rows, of })
}

/// A number, or `sink`.
fn initial(value: &Expr) -> Result<Initial, Diagnostic> {
    match &value.kind {
        ExprKind::Name(name) if name == "sink" => Ok(Initial::Sink),
        _ => number(value).map(Initial::Number),
    }
}

fn number(value: &Expr) -> Result<f64, Diagnostic> {
    match value.kind {
        ExprKind::Number(number) => Ok(number),
        _ => Err(Diagnostic::new(value.span, "a number is needed here, such as 0 or -inf")),
    }
}

fn block(cursor: &mut Cursor<'_>) -> Result<Block, Diagnostic> {
    let name = cursor.expect_word("the name of a tensor")?;
    if !cursor.is_at("[") {
        let what = Sentence::new("which block of {0}? Write {0}[i] or {0}[j] or {0}[i,j]").with(&name.text);
        return Err(Diagnostic::new(name.span, what));
    }
    let axes = axes(cursor)?;
    let span = name.span.to(cursor.passed());
    Ok(Block { name, axes, span })
}
