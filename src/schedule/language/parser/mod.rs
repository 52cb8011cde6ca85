//! From the characters of a text to what is written there. What it means is for the checker.

mod cursor;
mod expression;
mod header;
mod line;
mod variant;

use crate::sentence::Sentence;

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::syntax::{Document, Kernel, Loop, Node, Word};
use cursor::Cursor;
pub(super) use header::WORDS as HEADER_WORDS;
pub(super) use line::is_label;
pub(super) use variant::{is_same, labels, variant};

/// Limits of a text. Nothing that a person writes comes near them.
const MOST_BYTES: usize = 1 << 16;
const MOST_LINES: usize = 1000;
const MOST_CHARACTERS: usize = 1000;
const MOST_KERNELS: usize = 16;
const MOST_NESTED: usize = 8;
const VERSION: &str = "1";

/// A line without its comment.
#[derive(Clone, Copy)]
struct Written<'t> {
    text: &'t str,
    /// Where `text` begins, and how long it is.
    span: Span,
}

impl Written<'_> {
    fn indent(&self) -> u32 {
        self.span.column - 1
    }
}

/// Reads a text as far as its grammar goes.
pub(super) fn parse(text: &str) -> Result<Document, Vec<Diagnostic>> {
    let lines = lines(text).map_err(|diagnostic| vec![diagnostic])?;
    let (mut document, mut wrong) = (Document::default(), Diagnostics::default());
    let body = match version(&lines) {
        Ok(()) => &lines[1..],
        Err(diagnostic) => return Err(vec![diagnostic]),
    };
    let is_kernel = |line: &Written<'_>| line.indent() == 0 && line.text.split(' ').next() == Some("kernel");
    let first = body.iter().position(is_kernel).unwrap_or(body.len());
    for line in &body[..first] {
        if header::is_of_kernel(line.text) {
            // What follows is of that kernel too.
            wrong.push(Diagnostic::new(line.span, "no kernel stands above this line: write `kernel NAME` there"));
            break;
        }
        if wrong.keep(header::line(line.text, line.span, &mut document.header)).is_none()
            && header::is_kernel(line.text)
        {
            break;
        }
    }
    let mut rest = &body[first..];
    while let Some((head, after)) = rest.split_first() {
        let end = after.iter().position(is_kernel).unwrap_or(after.len());
        document.kernels.push(kernel(head, &after[..end], &mut wrong));
        rest = &after[end..];
    }
    if document.kernels.is_empty() && wrong.is_empty() {
        wrong.push(Diagnostic::new(lines[lines.len() - 1].span, "a text has at least one kernel"));
    }
    if let Some(kernel) = document.kernels.get(MOST_KERNELS) {
        let what = Sentence::new("a text has at most {0} kernels").with(MOST_KERNELS);
        wrong.push(Diagnostic::new(kernel.name.span, what));
    }
    if wrong.is_empty() { Ok(document) } else { Err(wrong.into_sorted()) }
}

/// The lines that say something.
fn lines(text: &str) -> Result<Vec<Written<'_>>, Diagnostic> {
    let start = Span { line: 1, column: 1, width: 1 };
    if text.len() > MOST_BYTES {
        return Err(Diagnostic::new(start, Sentence::new("a text has at most {0} bytes").with(MOST_BYTES)));
    }
    let mut lines = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1u32..) {
        let span = Span { line: number, column: 1, width: 1 };
        if number as usize > MOST_LINES {
            return Err(Diagnostic::new(span, Sentence::new("a text has at most {0} lines").with(MOST_LINES)));
        }
        let text = line.split('#').next().unwrap_or_default().trim_end_matches([' ', '\t', '\r']);
        if text.chars().count() > MOST_CHARACTERS {
            let what = Sentence::new("a line has at most {0} characters").with(MOST_CHARACTERS);
            return Err(Diagnostic::new(span, what));
        }
        let said = text.trim_start_matches(' ');
        if said.starts_with('\t') {
            return Err(Diagnostic::new(span, "a tab: texts are set with spaces"));
        }
        if !said.is_empty() {
            let column = (text.len() - said.len()) as u32 + 1;
            lines.push(Written { text: said, span: Span { column, width: said.chars().count() as u32, ..span } });
        }
    }
    match lines.is_empty() {
        true => Err(Diagnostic::new(start, "there is nothing in this text; it begins with: language 1")),
        false => Ok(lines),
    }
}

fn version(lines: &[Written<'_>]) -> Result<(), Diagnostic> {
    let first = &lines[0];
    let words: Vec<&str> = first.text.split_whitespace().collect();
    match words[..] {
        ["language", version] if version == VERSION && first.indent() == 0 => Ok(()),
        ["language", version] if version.parse::<u32>().is_ok() && version != VERSION => {
            let what = "this text is in language {0}, and language {1} is what is known here";
            Err(Diagnostic::new(first.span, Sentence::new(what).with(version).with(VERSION)))
        }
        _ => Err(Diagnostic::new(first.span, "a text begins with the line: language 1")),
    }
}

fn kernel(head: &Written<'_>, lines: &[Written<'_>], wrong: &mut Diagnostics) -> Kernel {
    let name = head.text["kernel".len()..].trim();
    let is_name = !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    if !is_name {
        let what = "a kernel has a name: letters, digits, spaces and hyphens, at most 40";
        wrong.push(Diagnostic::new(head.span, what));
    }
    let name = Word { text: name.to_owned(), span: head.span };
    let mut buffers = Vec::new();
    let is_buffers = |line: &&Written<'_>| matches!(line.text.split(' ').next(), Some("shared" | "registers"));
    let declared = lines.iter().take_while(is_buffers).count();
    for line in &lines[..declared] {
        buffers.extend(wrong.keep(line::buffers(line.text, line.span)).unwrap_or_default());
    }
    let mut rest = &lines[declared..];
    if rest.is_empty() && wrong.is_empty() {
        wrong.push(Diagnostic::new(head.span, Sentence::new("kernel {0} does nothing").with(&name.text)));
    }
    let body = block(&mut rest, 0, 0, wrong);
    Kernel { name, buffers, body }
}

/// The lines at `indent`, with what stands under their loops; `rest` is then at the first line further out. Of lines that
/// stand too far in, the first is told; none where the line above them may be a loop that could not be read.
fn block(rest: &mut &[Written<'_>], indent: u32, nested: usize, wrong: &mut Diagnostics) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut is_told = false;
    while let Some((&line, after)) = rest.split_first() {
        if line.indent() < indent {
            break;
        }
        *rest = after;
        if line.indent() > indent && !is_told {
            let what = "this line stands further in than the one above, which opens no loop; or out to no line above";
            wrong.push(Diagnostic::new(line.span, what));
        }
        is_told = line.indent() > indent;
        match head_of_loop(&line) {
            None => {
                let step = wrong.keep(line::step(line.text, line.span));
                is_told |= step.is_none();
                nodes.extend(step.map(Node::Line));
            }
            Some(head) => {
                let mut head = wrong.keep(head);
                let inner = after.first().map_or(0, Written::indent);
                if inner <= indent {
                    wrong.push(Diagnostic::new(line.span, "no line stands under this loop"));
                    continue;
                }
                if nested == MOST_NESTED {
                    let what = Sentence::new("loops stand in loops more than {0} deep").with(MOST_NESTED);
                    wrong.push(Diagnostic::new(line.span, what));
                    // What stands further in is passed over.
                    let end = rest.iter().position(|line| line.indent() <= indent).unwrap_or(rest.len());
                    *rest = &rest[end..];
                    continue;
                }
                let body = block(rest, inner, nested + 1, wrong);
                if let Some(head) = &mut head {
                    head.body = body;
                }
                nodes.extend(head.map(Node::Loop));
            }
        }
    }
    nodes
}

/// The loop that a line opens, if it opens one; its body is still empty.
fn head_of_loop(line: &Written<'_>) -> Option<Result<Loop, Diagnostic>> {
    let mut cursor = match Cursor::new(line.text, line.span) {
        Ok(cursor) => cursor,
        Err(diagnostic) => return line.text.starts_with("for ").then_some(Err(diagnostic)),
    };
    let parallel = cursor.take_words("parallel for");
    if !parallel && !cursor.take_word("for") {
        return None;
    }
    let over = line::loop_over(&mut cursor);
    Some(over.map(|over| Loop { span: line.span, parallel, over, body: Vec::new() }))
}
