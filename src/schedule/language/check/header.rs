//! The tensors of a text: what its header says of them, and what their first use does.

use crate::sentence::Sentence;

use super::super::diagnostic::Span;
use super::super::nearest::nearest;
use super::super::syntax::{Block, Declared, Header, Word};
use super::super::text::{MOST_NAMES, MOST_TENSORS, Role, Tensor, TensorId};
use super::super::words::{Axes, Axis, Function, Inner, Kind, RESERVED, Test};
use super::known::known;
use super::{Checker, Told};
use crate::schedule::tensor::{BLOCK_TABLE, MASK, SCALES};

/// A tensor of which not all need be known yet.
pub struct Draft {
    pub name: String,
    pub id: usize,
    pub span: Span,
    pub axes: Option<Vec<Axis>>,
    pub of: Option<Inner>,
    pub kind: Option<Kind>,
    pub role: Role,
    /// Filled or stored, so that it can be loaded.
    pub written: bool,
    /// Stored or added to.
    pub made: bool,
    pub loaded: bool,
    /// Written by a kernel of the group, outside its loop over heads.
    pub of_group: bool,
    /// A line that writes it is wrong, so that not all is known of it.
    pub is_in_doubt: bool,
}

impl Draft {
    /// The tensor, once its axes and its width are known.
    pub fn tensor(&self) -> Option<Tensor> {
        let (axes, of) = (self.axes.clone()?, self.of?);
        let is_row = of == Inner::One && !Axes::of(&axes).contains(Axes::of(&[Axis::I, Axis::J]));
        let kind = self.kind.unwrap_or(if is_row { Kind::Accumulator } else { Kind::Element });
        let is_of_group = self.is_of_group();
        Some(Tensor { name: self.name.clone(), id: self.id, axes, of, kind, role: self.role, is_of_group })
    }

    /// One for all query heads of the group: keys and values, and what a kernel of the group makes.
    pub fn is_of_group(&self) -> bool {
        self.of_group || (self.role == Role::In && matches!(self.name.as_str(), "K" | "V"))
    }
}

impl Checker {
    pub(super) fn header(&mut self, header: &Header) {
        let first = Span { line: 1, column: 1, width: 1 };
        if header.title.is_none() {
            self.fail(first, "a text says what it is: title ...");
        }
        if self.has_no_out {
            self.fail(first, "a text says what it makes: out O");
        }
        let lists = [(&header.inputs, Role::In), (&header.outputs, Role::Out), (&header.hbm, Role::Between)];
        for (declared, role) in lists {
            for tensor in declared {
                if self.declare(tensor, role).is_err() {
                    self.refused.push(tensor.name.text.clone());
                }
            }
        }
    }

    fn declare(&mut self, declared: &Declared, role: Role) -> Result<(), Told> {
        let Word { text: name, span } = &declared.name;
        if matches!(name.as_str(), "bias" | "keep") {
            let what = "{0} is given with a run that has one, and stands in no header: load {0}[i,j] when ..";
            return Err(self.fail(*span, Sentence::new(what).with(name)));
        }
        if [BLOCK_TABLE, SCALES, MASK].contains(&name.as_str()) {
            let what = "{0} is read with the blocks of inputs that have one, and stands in no header";
            return Err(self.fail(*span, Sentence::new(what).with(name)));
        }
        if self.drafts.iter().any(|draft| draft.name == *name) {
            return Err(self.fail(*span, Sentence::new("{0} stands twice in the header").with(name)));
        }
        // A bias and a keep mask may join them.
        if self.drafts.len() + 2 >= MOST_TENSORS {
            let what = Sentence::new("a text has at most {0} tensors in its header").with(MOST_TENSORS - 2);
            return Err(self.fail(*span, what));
        }
        let id = self.name_id(name, *span)?;
        let known = known(name);
        let axes = declared.axes.clone().or_else(|| known.map(|known| known.axes.to_vec()));
        if let Some(axes) = &axes
            && !axes.contains(&Axis::I)
            && !axes.contains(&Axis::J)
        {
            let what = Sentence::new("{0} is cut into query blocks or key blocks: {0}[i], {0}[j]").with(name);
            return Err(self.fail(*span, what));
        }
        let is_tile = axes.as_ref().is_some_and(|axes| axes.contains(&Axis::I) && axes.contains(&Axis::J));
        if is_tile && declared.of.is_some_and(|of| of != Inner::One) {
            let what = Sentence::new("{0} has one value for each pair of query and key").with(name);
            return Err(self.fail(*span, what));
        }
        let of = if is_tile { Some(Inner::One) } else { declared.of.or_else(|| known.map(|known| known.of)) };
        let kind = declared.kind.or_else(|| known.map(|known| known.kind));
        let (name, span) = (name.clone(), *span);
        self.drafts.push(Draft {
            name,
            id,
            span,
            axes,
            of,
            kind,
            role,
            written: role == Role::In,
            made: false,
            loaded: false,
            of_group: false,
            is_in_doubt: false,
        });
        Ok(())
    }

    /// The tensor of `block`, whose axes must be at hand.
    pub(super) fn tensor(&mut self, block: &Block) -> Result<TensorId, Told> {
        let name = &block.name.text;
        let tensor = match self.drafts.iter().position(|draft| draft.name == *name) {
            Some(tensor) => tensor,
            None => self.modifier(name, block.name.span)?,
        };
        let wanted = self.drafts[tensor].axes.get_or_insert_with(|| block.axes.clone()).clone();
        if Axes::of(&wanted) != Axes::of(&block.axes) {
            let letters: Vec<&str> = wanted.iter().map(|axis| axis.name()).collect();
            let what = Sentence::new("the blocks of {0} are {0}[{1}]").with(name).with(letters.join(","));
            return Err(self.fail(block.span, what));
        }
        if Axes::of(&wanted).contains(Axes::of(&[Axis::I, Axis::J])) {
            self.drafts[tensor].of.get_or_insert(Inner::One);
        }
        for axis in wanted {
            // A kernel that names no loop over heads runs for one head.
            if axis != Axis::H && !self.scope.is_in(axis) {
                let what = Sentence::new("no loop over {0} stands around this line").with(axis.name());
                return Err(self.fail_at_place(block.span, what));
            }
        }
        Ok(tensor)
    }

    /// A bias or a keep mask, at its first use.
    fn modifier(&mut self, name: &str, span: Span) -> Result<TensorId, Told> {
        let test = match name {
            "bias" => Test::Bias,
            "keep" => Test::KeepGiven,
            _ if self.refused.iter().any(|refused| refused == name) => return Err(Told),
            _ => {
                let names = self.drafts.iter().map(|draft| draft.name.as_str());
                let what = match nearest(name, names) {
                    Some(near) => Sentence::new("there is no tensor {0}; did you mean {1}?").with(name).with(near),
                    None => {
                        Sentence::new("there is no tensor {0}: the header lists them, under in, out or hbm").with(name)
                    }
                };
                return Err(self.refuse(name, span, what));
            }
        };
        let id = self.name_id(name, span)?;
        let known = known(name);
        self.drafts.push(Draft {
            name: name.to_owned(),
            id,
            span,
            axes: known.map(|known| known.axes.to_vec()),
            of: known.map(|known| known.of),
            kind: known.map(|known| known.kind),
            role: Role::Modifier(test),
            written: true,
            made: false,
            loaded: false,
            of_group: false,
            is_in_doubt: false,
        });
        Ok(self.drafts.len() - 1)
    }

    /// The number of a name, which gets one now if it has none.
    pub(super) fn name_id(&mut self, name: &str, span: Span) -> Result<usize, Told> {
        if let Some(id) = self.names.iter().position(|known| known == name) {
            return Ok(id);
        }
        if self.scope.unknown.iter().any(|told| told == name) {
            return Err(Told);
        }
        if RESERVED.contains(&name) || Function::ALL.iter().any(|function| function.name() == name) {
            self.scope.unknown.push(name.to_owned());
            let what = Sentence::new("{0} is a word of the language: choose another name").with(name);
            return Err(self.fail(span, what));
        }
        if self.names.len() == MOST_NAMES {
            let what = Sentence::new("a text has at most {0} names").with(MOST_NAMES);
            return Err(self.fail(span, what));
        }
        self.names.push(name.to_owned());
        Ok(self.names.len() - 1)
    }
}
