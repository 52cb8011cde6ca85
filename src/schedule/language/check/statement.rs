//! What one line does: loads, stores, starting values, assignments.

use crate::sentence::Sentence;

use super::super::diagnostic::{SINCE, Span};
use super::super::shape::{Extent, Shape};
use super::super::syntax::{
    Action as Written, Block, Condition, Expr, ExprKind as As, Line as WrittenLine, Statement as WrittenStatement, Word,
};
use super::super::text::{Action, ExprKind, Line, MOST_NAMES, Names, Role, Statement};
use super::super::words::{Axis, Diagonal, Initial, Size, Test};
use super::races::{Access, How};
use super::scope::Fact;
use super::{Checker, Told};

impl Checker {
    pub(super) fn line(&mut self, written: &WrittenLine) -> Option<usize> {
        let moves = |statement: &WrittenStatement| {
            matches!(
                statement.action,
                Written::Load { .. } | Written::Store { .. } | Written::Fill { .. } | Written::Add { .. }
            )
        };
        if written.statements.len() > 1
            && let Some(statement) = written.statements.iter().find(|statement| moves(statement))
        {
            self.fail(statement.span, "a line moves one block and does nothing else: put this on a line of its own");
        }
        let label = self.label(written);
        let statements: Vec<Statement> = written.statements.iter().filter_map(|s| self.statement(s).ok()).collect();
        let (label, all) = (label.ok()?, statements.len() == written.statements.len());
        let line =
            Line { label, span: written.span, kernel: self.kernels.len(), loops: self.scope.loops.clone(), statements };
        all.then(|| {
            self.lines.push(line);
            self.lines.len() - 1
        })
    }

    /// The label that a line has, or that follows from what it does.
    fn label(&mut self, written: &WrittenLine) -> Result<String, Told> {
        let implied = match written.statements[0].action {
            Written::Load { .. } => Some("load"),
            Written::Store { .. } => Some("store"),
            Written::Fill { .. } => Some("initialise"),
            Written::Add { .. } => Some("add"),
            _ => None,
        };
        match (&written.label, implied) {
            (Some(label), Some("load" | "store")) => {
                Err(self.fail(label.span, "a load or a store has no label: it is called by its tensor"))
            }
            (Some(label), implied) => {
                let twice = self.labels.iter().any(|(known, _)| *known == label.text);
                if twice && implied.is_none() {
                    let what = Sentence::new("two steps of this kernel are called {0}").with(&label.text);
                    return Err(self.fail(label.span, what));
                }
                self.labels.push((label.text.clone(), label.span));
                Ok(label.text.clone())
            }
            (None, Some(implied)) => Ok(implied.to_owned()),
            (None, None) => Err(self.fail(written.span, "a step has a name in front, such as row-max: ...")),
        }
    }

    fn statement(&mut self, written: &WrittenStatement) -> Result<Statement, Told> {
        self.read = Names::default();
        let result =
            self.conditions(&written.conditions).and_then(|facts| self.action(&written.action, &facts, written.span));
        if result.is_err() {
            self.poison(&written.action);
        }
        let action = result?;
        self.reads = self.reads.with(self.read);
        let conditions = written.conditions.iter().map(|condition| (condition.test, condition.holds)).collect();
        Ok(Statement { span: written.span, conditions, action, reads: self.read })
    }

    /// All that follows from the conditions of a statement.
    fn conditions(&mut self, conditions: &[Condition]) -> Result<Vec<Fact>, Told> {
        let mut facts = Vec::new();
        for condition in conditions {
            let (i, j) = (self.scope.is_in(Axis::I), self.scope.is_in(Axis::J));
            let what = match condition.test {
                Test::Full if !(i && j) => "only a tile is full: this stands in no loop over both i and j",
                Test::Seen if !(i || j) => "only a place is seen: this stands in no loop over i or j",
                _ => {
                    facts.extend(self.scope.facts_of(condition.test, condition.holds));
                    continue;
                }
            };
            return Err(self.fail_at_place(condition.span, what));
        }
        Ok(facts)
    }

    /// After something wrong, no more is said of the name that it would have given a value, nor of a tensor that it would
    /// have written.
    fn poison(&mut self, action: &Written) {
        let name = match action {
            Written::Load { block, .. } => &block.name.text,
            Written::Start { name, .. }
            | Written::Hide { name, .. }
            | Written::Tear { name }
            | Written::Assign { name, .. } => &name.text,
            Written::Store { block } | Written::Fill { block, .. } | Written::Add { block, .. } => {
                let written = self.drafts.iter_mut().find(|draft| draft.name == block.name.text);
                return written.into_iter().for_each(|draft| (draft.written, draft.is_in_doubt) = (true, true));
            }
        };
        if !self.names.contains(name) && self.names.len() < MOST_NAMES {
            self.names.push(name.clone());
        }
        if let Some(id) = self.names.iter().position(|known| known == name) {
            self.scope.poisoned = self.scope.poisoned.with(Names::of(id));
        }
    }

    fn action(&mut self, written: &Written, facts: &[Fact], span: Span) -> Result<Action, Told> {
        match written {
            Written::Load { block, once } => self.load(block, *once, facts),
            Written::Store { block } => self.store(block, facts),
            Written::Fill { block, value, span } => {
                self.initial(*value, *span, facts)?;
                let tensor = self.writable(block)?;
                self.width(tensor, None, block)?;
                self.touch(tensor, How::Write, block.span);
                self.drafts[tensor].written = true;
                Ok(Action::Fill { tensor, value: *value })
            }
            Written::Add { block, value } => self.add(block, value, facts),
            Written::Start { name, value, size } => self.start(name, *value, *size, facts),
            Written::Hide { name, value, by } => self.hide(name, *value, *by, facts),
            Written::Tear { name } => self.tear(name, facts),
            Written::Assign { name, value } => self.assign(name, value, facts, span),
        }
    }

    fn load(&mut self, block: &Block, once: bool, facts: &[Fact]) -> Result<Action, Told> {
        let tensor = self.tensor(block)?;
        let name = block.name.text.clone();
        if let Role::Modifier(test) = self.drafts[tensor].role
            && !facts.contains(&self.scope.facts_of(test, true)[0])
        {
            let what =
                Sentence::new("{0} is there only in a run with one: write `when {1}`").with(&name).with(test.phrase());
            return Err(self.fail(block.span, what));
        }
        if !self.drafts[tensor].written {
            let what = Sentence::new("{0} is loaded before any line writes it").with(&name);
            self.drafts[tensor].written = true;
            return Err(self.fail(block.span, what));
        }
        if once && facts.iter().any(|fact| fact.test.is_of_place() && (fact.test == Test::Full || !fact.holds)) {
            return Err(self.fail(block.span, "what is read once hangs on no place but `when seen`"));
        }
        if once && block.axes.contains(&Axis::S) {
            return Err(self.fail(block.span, "a block of a split is read once anyway"));
        }
        let shape = self.width(tensor, None, block)?;
        if self.is_of_group && !self.scope.is_in(Axis::H) && !self.drafts[tensor].is_of_group() {
            let what = Sentence::new("{0} is of one head: load it in a loop over h in heads of the group").with(&name);
            return Err(self.fail(block.span, what));
        }
        self.touch(tensor, How::Read, block.span);
        self.drafts[tensor].loaded = true;
        let id = self.drafts[tensor].id;
        self.give(id, shape, false, facts, block.span)?;
        Ok(Action::Load { tensor, once })
    }

    fn store(&mut self, block: &Block, facts: &[Fact]) -> Result<Action, Told> {
        let tensor = self.writable(block)?;
        let value = self.value(&Expr { span: block.name.span, kind: As::Name(block.name.text.clone()) }, facts)?;
        self.width(tensor, Some(value.expr.shape), block)?;
        self.touch(tensor, How::Write, block.span);
        let of_group = self.is_of_group && !self.scope.is_in(Axis::H);
        let draft = &mut self.drafts[tensor];
        (draft.written, draft.made) = (true, true);
        draft.of_group |= of_group;
        Ok(Action::Store { tensor })
    }

    fn add(&mut self, block: &Block, value: &Expr, facts: &[Fact]) -> Result<Action, Told> {
        let tensor = self.writable(block)?;
        if !self.drafts[tensor].written {
            let what =
                Sentence::new("{0} is added to before any line fills it: fill {0}[..] = 0").with(&block.name.text);
            return Err(self.fail(block.span, what));
        }
        let typed = self.value(value, facts)?;
        if typed.truth {
            return Err(self.fail(value.span, "a yes or no is no number: it is for pick(c, a, b)"));
        }
        self.width(tensor, Some(typed.expr.shape), block)?;
        self.touch(tensor, How::Add, block.span);
        self.drafts[tensor].made = true;
        self.scope.added.insert(self.drafts[tensor].id, typed.expr.shape);
        Ok(Action::Add { tensor, value: typed.expr })
    }

    /// A run without sinks has none to begin with.
    fn initial(&mut self, value: Initial, span: Span, facts: &[Fact]) -> Result<(), Told> {
        match value {
            Initial::Number(_) => Ok(()),
            Initial::Sink => self.only_when(Test::Sinks, "sink", span, facts),
        }
    }

    fn start(&mut self, name: &Word, value: Initial, size: Size, facts: &[Fact]) -> Result<Action, Told> {
        self.initial(value, name.span, facts)?;
        let (axis, word) = if size.rows { (Axis::I, "row") } else { (Axis::J, "key") };
        if !self.scope.is_in(axis) {
            let what = Sentence::new("a value per {0} stands in a loop over {1}").with(word).with(axis.name());
            return Err(self.fail_at_place(name.span, what));
        }
        let (id, shape) = (self.assigned(name)?, Shape::from(size));
        self.give(id, shape, false, facts, name.span)?;
        Ok(Action::Start { name: id, value, shape })
    }

    fn hide(&mut self, name: &Word, value: f64, by: Diagonal, facts: &[Fact]) -> Result<Action, Told> {
        let held = self.value(&Expr { span: name.span, kind: As::Name(name.text.clone()) }, facts)?;
        let id = self.assigned(name)?;
        let shape = held.expr.shape;
        if !shape.is_tile() || held.truth {
            let what =
                Sentence::new("the mask hides pairs of a tile, and {0} is {1}").with(&name.text).and(shape.sentence());
            return Err(self.fail(name.span, what));
        }
        self.give(id, shape, false, facts, name.span)?;
        Ok(Action::Hide { name: id, value, by, shape })
    }

    fn tear(&mut self, name: &Word, facts: &[Fact]) -> Result<Action, Told> {
        let held = self.value(&Expr { span: name.span, kind: As::Name(name.text.clone()) }, facts)?;
        let is_input = self.drafts.iter().any(|draft| draft.name == name.text && draft.role == Role::In);
        if !is_input || !held.expr.shape.is_matrix() {
            let what = Sentence::new("only the block of an input that was loaded is torn, and {0} is none");
            return Err(self.fail(name.span, what.with(&name.text)));
        }
        let (id, shape) = (self.assigned(name)?, held.expr.shape);
        self.give(id, shape, false, facts, name.span)?;
        Ok(Action::Tear { name: id, shape })
    }

    fn assign(&mut self, name: &Word, value: &Expr, facts: &[Fact], span: Span) -> Result<Action, Told> {
        let typed = self.value(value, facts)?;
        let id = self.assigned(name)?;
        let shape = typed.expr.shape;
        self.give(id, shape, typed.truth, facts, span)?;
        Ok(match typed.expr.kind {
            ExprKind::Name(from) => Action::Rename { name: id, from, shape },
            _ => Action::Assign { name: id, value: typed.expr },
        })
    }

    /// The number of a name that may be given a value.
    fn assigned(&mut self, name: &Word) -> Result<usize, Told> {
        if matches!(name.text.as_str(), "bias" | "keep") {
            let what = Sentence::new("{0} is given with the run: choose another name").with(&name.text);
            return Err(self.fail(name.span, what));
        }
        self.name_id(&name.text, name.span)
    }

    /// Gives a name its value, if it can have one of this shape.
    fn give(&mut self, id: usize, shape: Shape, truth: bool, facts: &[Fact], span: Span) -> Result<(), Told> {
        let name = self.names[id].clone();
        let is_row = shape.cols == Extent::AllKeys;
        if is_row && !self.scope.over_keys.has(id) {
            let what = Sentence::new("{0} is of whole rows: declare it `over keys`").with(&name);
            return Err(self.fail(span, what));
        }
        if self.scope.over_keys.has(id) && !shape.is_tile() {
            let what = Sentence::new("{0} is declared over keys, and this is {1}").with(&name).and(shape.sentence());
            return Err(self.fail(span, what));
        }
        if self.scope.over_keys.has(id) && !is_row && !self.scope.is_in(Axis::J) {
            return Err(self.not_held(id, span));
        }
        let is_modifier = matches!(name.as_str(), "bias" | "keep");
        if shape.is_matrix() && !self.scope.declared.has(id) && !(is_modifier && self.is_ideal) {
            let what = Sentence::new("{0} is {1} on chip: the kernel declares it, as shared or registers").with(&name);
            return Err(self.fail(span, what.and(shape.sentence())));
        }
        if let Some(&(before, since)) = self.scope.shapes.get(&id)
            && before != shape
            && !self.scope.over_keys.has(id)
        {
            let before = Sentence::new(SINCE).and(before.sentence()).with(since.line);
            let what = Sentence::new("{0} is {1}, and this is {2}").with(&name).and(before).and(shape.sentence());
            return Err(self.fail(span, what));
        }
        self.scope.give(id, shape, truth, facts, span);
        Ok(())
    }

    /// A tensor that the text may write.
    fn writable(&mut self, block: &Block) -> Result<usize, Told> {
        if self.has_no_out && self.drafts.iter().all(|draft| draft.name != block.name.text) {
            return Err(Told);
        }
        let tensor = self.tensor(block)?;
        match self.drafts[tensor].role {
            Role::In | Role::Modifier(_) => {
                let what =
                    Sentence::new("{0} is given: an algorithm does not write what it is given").with(&block.name.text);
                Err(self.fail(block.span, what))
            }
            Role::Out | Role::Between => Ok(tensor),
        }
    }

    /// The shape of a block, which must be that of `value`; the first value gives an unknown tensor its width.
    fn width(&mut self, tensor: usize, value: Option<Shape>, block: &Block) -> Result<Shape, Told> {
        let name = block.name.text.clone();
        if self.drafts[tensor].of.is_none() {
            self.drafts[tensor].of = value.and_then(Shape::inner);
        }
        let Some(wanted) = self.drafts[tensor].tensor().map(|tensor| tensor.shape()) else {
            // A line that should have said it is wrong itself.
            if self.drafts[tensor].is_in_doubt {
                return Err(Told);
            }
            let what = Sentence::new("how wide is {0}? The header says it: {0} of d, of d_v or of 1").with(&name);
            return Err(self.fail(block.span, what));
        };
        match value {
            Some(value) if value != wanted => {
                let what = Sentence::new("a block of {0} is {1}, and this is {2}").with(&name).and(wanted.sentence());
                Err(self.fail(block.span, what.and(value.sentence())))
            }
            _ => Ok(wanted),
        }
    }

    fn touch(&mut self, tensor: usize, how: How, span: Span) {
        self.accesses.push(Access { tensor, how, span });
    }
}
