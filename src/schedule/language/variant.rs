//! Variants: texts that say in which lines they differ from a text of the program. What is checked and carried out is that
//! text with those lines put in; what is wrong with it is told where the variant says it.

use crate::sentence::Sentence;

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::nearest::nearest;
use super::parser::{is_same, labels};
use super::syntax::{Replacement, Variant as Written, Word};
use super::text::Algorithm;
use super::{TEXTS, VARIANTS, whole};

/// Of which text an algorithm is a variant, and where the two differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    pub base: String,
    /// Numbers of the lines of [`Algorithm::text`] that stand in place of others.
    pub replaced: Vec<u32>,
    pub left_out: Vec<LeftOut>,
}

/// A line of the base that a variant does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub label: String,
    /// As the base has it.
    pub text: String,
    /// The number of the line of [`Algorithm::text`] that it stood before.
    pub before: u32,
}

/// Where a line of the text that is made comes from.
enum Origin<'w> {
    /// The base, where its number is this.
    Base(u32),
    /// The variant, with the columns at which the label and what follows it now stand.
    Own { line: &'w Replacement, label: u32, body: u32 },
}

struct Made<'w> {
    text: String,
    origins: Vec<Origin<'w>>,
    variant: Variant,
}

/// Reads what a variant stands for.
pub(super) fn read(written: &Written) -> Result<Algorithm, Vec<Diagnostic>> {
    let base = base(&written.base).map_err(|wrong| vec![wrong])?;
    changes(written, base)?;
    let made = made(written, base);
    // What is wrong with a line of one's own may be why one of the base does not go with it.
    let told = |wrong: Vec<Diagnostic>| -> Vec<Diagnostic> {
        let (own, others): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|one| made.is_own(one.span));
        let sorted = |wrong: Vec<Diagnostic>| {
            let mut told = Diagnostics::default();
            wrong.into_iter().for_each(|one| told.push(made.told(written, one)));
            told.into_sorted()
        };
        [sorted(own), sorted(others)].concat()
    };
    let mut algorithm = whole(&made.text).map_err(&told)?;
    algorithm.notes = told(algorithm.notes);
    algorithm.variant = Some(made.variant);
    Ok(algorithm)
}

/// The text of the program that `name` names.
fn base(name: &Word) -> Result<&'static str, Diagnostic> {
    if let Some((_, text)) = TEXTS.into_iter().find(|(known, _)| *known == name.text) {
        return Ok(text);
    }
    let is_bug = |(base, bug, _): &(&str, &str, &str)| *bug == name.text || format!("{base}-{bug}") == name.text;
    let names = TEXTS.map(|(name, _)| name);
    let what = if VARIANTS.iter().any(is_bug) {
        Sentence::new("{0} is a variant itself; a variant is of one of {1}").with(&name.text).with(names.join(", "))
    } else if let Some(near) = nearest(&name.text, names) {
        Sentence::new("there is no text {0}; did you mean {1}?").with(&name.text).with(near)
    } else {
        Sentence::new("there is no text {0}; there are {1}").with(&name.text).with(names.join(", "))
    };
    Err(Diagnostic::new(name.span, what))
}

/// What a line of `base` says behind its label, without a comment.
fn body(base: &str, number: u32) -> &str {
    let line = base.lines().nth(number as usize - 1).unwrap_or_default();
    let said = line.split('#').next().unwrap_or_default();
    said.split_once(':').map_or("", |(_, body)| body.trim())
}

/// Every line that is replaced or left out is one of the base, named once, and differs.
fn changes(written: &Written, base: &str) -> Result<(), Vec<Diagnostic>> {
    let mut wrong = Diagnostics::default();
    let of_base = labels(base);
    let named = written.replaced.iter().map(|line| &line.label).chain(&written.without);
    let name = &written.base.text;
    let mut earlier: Vec<&Word> = Vec::new();
    for word in named {
        if earlier.iter().any(|other| other.text == word.text) {
            wrong.push(Diagnostic::new(word.span, Sentence::new("{0} stands twice").with(&word.text)));
            continue;
        }
        earlier.push(word);
        let found = of_base.iter().filter(|(_, label)| *label == word.text).count();
        let what = match (found, nearest(&word.text, of_base.iter().map(|(_, label)| label.as_str()))) {
            (1, _) => continue,
            (0, Some(near)) => {
                Sentence::new("{0} has no line {1}; did you mean {2}?").with(name).with(&word.text).with(near)
            }
            (0, None) => {
                let mut all: Vec<&str> = of_base.iter().map(|(_, label)| label.as_str()).collect();
                all.dedup();
                Sentence::new("{0} has no line {1}; it has {2}").with(name).with(&word.text).with(all.join(", "))
            }
            _ => Sentence::new("{0} has {2} {2|line|lines} {1}, and it cannot be told which is meant")
                .with(name)
                .with(&word.text)
                .with(found),
        };
        wrong.push(Diagnostic::new(word.span, what));
    }
    for line in &written.replaced {
        let own = of_base.iter().find(|(_, label)| *label == line.label.text);
        if own.is_some_and(|(number, _)| is_same(body(base, *number), &line.body)) {
            let what = Sentence::new("this is the line {1} of {0} as it is").with(name).with(&line.label.text);
            wrong.push(Diagnostic::new(line.label.span, what));
        }
    }
    if written.replaced.is_empty() && written.without.is_empty() {
        let what = Sentence::new("no line differs from {0}: write those that do, each with its label").with(name);
        wrong.push(Diagnostic::new(written.base.span, what));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into_sorted()) }
}

/// The text of the base with the lines of the variant in it, its title, and its comments in place of the base's.
fn made<'w>(written: &'w Written, base: &str) -> Made<'w> {
    let of_base = labels(base);
    let (mut lines, mut origins): (Vec<String>, Vec<Origin<'w>>) = (Vec::new(), Vec::new());
    let mut variant = Variant { base: written.base.text.clone(), replaced: Vec::new(), left_out: Vec::new() };
    let mut comments = Some(&written.comments);
    for (line, number) in base.lines().zip(1u32..) {
        let label = of_base.iter().find(|(of, _)| *of == number).map_or("", |(_, label)| label);
        let is_gap = line.is_empty() && lines.last().is_some_and(String::is_empty);
        if is_gap || line.trim_start().starts_with('#') {
            continue;
        }
        if line.starts_with("kernel")
            && let Some(comments) = comments.take()
        {
            origins.extend(comments.iter().map(|_| Origin::Base(number)));
            lines.extend(comments.iter().cloned());
        }
        if written.without.iter().any(|word| word.text == label) {
            let before = lines.len() as u32 + 1;
            variant.left_out.push(LeftOut { label: label.to_owned(), text: line.to_owned(), before });
            continue;
        }
        let own = written.replaced.iter().find(|own| own.label.text == label);
        if let Some((own, (head, old))) = own.zip(line.split_once(':')) {
            let gap = old.len() - old.trim_start_matches(' ').len();
            let head = format!("{head}:{}", " ".repeat(gap));
            let indent = head.len() - head.trim_start_matches(' ').len();
            origins.push(Origin::Own { line: own, label: indent as u32 + 1, body: head.len() as u32 + 1 });
            lines.push(head + &own.body);
            variant.replaced.push(lines.len() as u32);
            continue;
        }
        origins.push(Origin::Base(number));
        lines.push(if line.starts_with("title ") { format!("title    {}", written.title) } else { line.to_owned() });
    }
    Made { text: lines.join("\n") + "\n", origins, variant }
}

impl Made<'_> {
    fn is_own(&self, span: Span) -> bool {
        matches!(self.origins.get(span.line as usize - 1), Some(Origin::Own { .. }))
    }

    /// What is wrong with the text that is made, where the variant says so.
    fn told(&self, written: &Written, wrong: Diagnostic) -> Diagnostic {
        let Span { line, column, width } = wrong.span;
        match self.origins.get(line as usize - 1) {
            Some(&Origin::Own { line: own, label, body }) => {
                let from = |own: Span, at: u32| Span { column: own.column + column.saturating_sub(at), width, ..own };
                let span = if column < body { from(own.label.span, label) } else { from(own.start, body) };
                Diagnostic { span, ..wrong }
            }
            other => {
                let number = if let Some(Origin::Base(number)) = other { *number } else { line };
                let what = Sentence::new("line {1} of {0} does not go with this: {2}");
                let what = what.with(&written.base.text).with(number).and(wrong.what);
                Diagnostic::new(written.base.span, what)
            }
        }
    }
}
