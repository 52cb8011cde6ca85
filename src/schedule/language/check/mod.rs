//! What a text means: names numbered, shapes known, every value given before it is used, no two programs in one block.

mod expression;
mod header;
mod kernel;
mod known;
mod lanes;
mod races;
mod scope;
mod statement;

use crate::schedule::algorithm::BlockRule;
use crate::sentence::Sentence;

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::lanes::set_copies;
use super::shape::{Extent, Shape};
use super::syntax::{Document, Header};
use super::text::{Algorithm, Kernel, Line, Names, Role};
use header::Draft;
use races::Access;
use scope::Scope;

/// Something wrong was told; what hangs on it is passed over.
struct Told;

struct Checker {
    wrong: Diagnostics,
    notes: Diagnostics,
    names: Vec<String>,
    drafts: Vec<Draft>,
    lines: Vec<Line>,
    kernels: Vec<Kernel>,
    /// Of the kernel at hand.
    scope: Scope,
    accesses: Vec<Access>,
    labels: Vec<(String, Span)>,
    /// Names of tensors of which something wrong was told already.
    refused: Vec<String>,
    is_of_group: bool,
    is_ideal: bool,
    has_no_out: bool,
    /// Names that the statement at hand reads.
    read: Names,
    /// Names that the kernel at hand reads, and where it gives each name its last value.
    reads: Names,
}

/// Checks what was parsed of `text`.
pub(super) fn check(document: &Document, text: &str) -> Result<Algorithm, Vec<Diagnostic>> {
    let mut checker = Checker {
        wrong: Diagnostics::default(),
        notes: Diagnostics::default(),
        names: Vec::new(),
        drafts: Vec::new(),
        lines: Vec::new(),
        kernels: Vec::new(),
        scope: Scope::default(),
        accesses: Vec::new(),
        labels: Vec::new(),
        refused: Vec::new(),
        is_of_group: false,
        is_ideal: document.header.ideal,
        has_no_out: document.header.outputs.is_empty(),
        read: Names::default(),
        reads: Names::default(),
    };
    let header = &document.header;
    checker.header(header);
    let reported: Vec<&str> = header.report.iter().map(|word| word.text.as_str()).collect();
    for kernel in &document.kernels {
        checker.kernel(kernel, &reported);
    }
    checker.ends(header);
    checker.finish(header, text)
}

impl Checker {
    fn fail(&mut self, span: Span, what: impl Into<Sentence>) -> Told {
        self.wrong.push(Diagnostic::new(span, what));
        Told
    }

    /// The same of a name of a tensor, of which no more is told.
    fn refuse(&mut self, name: &str, span: Span, what: impl Into<Sentence>) -> Told {
        let told = self.fail(span, what);
        self.refused.push(name.to_owned());
        told
    }

    /// The same of a place, which is not to blame for a loop that is wrong.
    fn fail_at_place(&mut self, span: Span, what: impl Into<Sentence>) -> Told {
        if self.scope.is_in_doubt { Told } else { self.fail(span, what) }
    }

    /// What can only be said when all lines were read.
    fn ends(&mut self, header: &Header) {
        if !self.wrong.is_empty() {
            // Lines that were passed over may have done what would be missed here.
            return;
        }
        for draft in &self.drafts {
            let (name, span) = (&draft.name, draft.span);
            if draft.tensor().is_none() {
                self.wrong.push(Diagnostic::new(span, Sentence::new("no line uses {0}").with(name)));
                continue;
            }
            match draft.role {
                Role::Out if !draft.made => {
                    let what = Sentence::new("{0} is put out, and no line stores it").with(name);
                    self.wrong.push(Diagnostic::new(span, what));
                }
                Role::Between if !draft.made => {
                    let what = Sentence::new("no line stores {0}").with(name);
                    self.wrong.push(Diagnostic::new(span, what));
                }
                Role::In | Role::Between if !draft.loaded => {
                    self.notes.push(Diagnostic::new(span, Sentence::new("no line loads {0}").with(name)));
                }
                _ => {}
            }
        }
        let per_row = Shape { rows: Extent::Rows, cols: Extent::One };
        for word in &header.report {
            let known = self.names.iter().position(|name| *name == word.text);
            let mut given = self.lines.iter().flat_map(|line| &line.statements);
            if known.is_none() || !given.any(|s| s.action.assigns() == known) {
                let what = Sentence::new("{0} is reported, and no line gives it a value").with(&word.text);
                self.wrong.push(Diagnostic::new(word.span, what));
            } else if known.and_then(|id| self.reported_shape(id)) != Some(per_row) {
                let what = Sentence::new("what is reported is a value per row, and {0} is none").with(&word.text);
                self.wrong.push(Diagnostic::new(word.span, what));
            }
        }
        if let Some(word) = &header.average
            && !self.drafts.iter().any(|draft| draft.name == word.text && draft.role == Role::Out)
        {
            let what = Sentence::new("{0} is no output of this text").with(&word.text);
            self.wrong.push(Diagnostic::new(word.span, what));
        }
        self.check_lanes(header);
    }

    /// The shape of the last value that a line gives to a name.
    fn reported_shape(&self, id: usize) -> Option<Shape> {
        let given = self.lines.iter().flat_map(|line| &line.statements).filter_map(|s| s.action.gives());
        given.filter(|(name, _)| *name == id).map(|(_, shape)| shape).next_back()
    }

    fn finish(self, header: &Header, text: &str) -> Result<Algorithm, Vec<Diagnostic>> {
        if !self.wrong.is_empty() {
            return Err(self.wrong.into_sorted());
        }
        let id = |name: &String| self.names.iter().position(|known| known == name);
        let mut algorithm = Algorithm {
            text: text.to_owned(),
            variant: None,
            title: header.title.clone().unwrap_or_default(),
            report: header.report.iter().filter_map(|word| id(&word.text)).collect(),
            average: header.average.as_ref().and_then(|word| id(&word.text)),
            after: header.after.as_ref().map(|word| word.text.clone()),
            blocks: header.blocks.unwrap_or(BlockRule::Largest),
            is_ideal: header.ideal,
            lanes: self.lanes(header),
            names: self.names,
            tensors: self.drafts.iter().filter_map(Draft::tensor).collect(),
            kernels: self.kernels,
            lines: self.lines,
            notes: self.notes.into_sorted(),
        };
        set_copies(&mut algorithm);
        Ok(algorithm)
    }
}
