//! The machine: carries out the statements of one step with real numbers.

mod multiply;

use std::cell::Cell;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::attention::{Format, Head, Real};
use crate::schedule::language::{
    Action, Diagonal, Extent, Initial, Kind, NameId, Names, Role, Setting, Shape, TensorId, Test, format_on_chip,
    operands,
};
use crate::schedule::{Algorithm, Place, Plan, Step};

use super::chip::{Chip, Held, Hides, InputBlock, Sizes, Window, grid, most, view};
use super::compile::{Code, Made, Node, NodeKind, Program, Shortcut, Source};
use super::fault::Fault;
use super::given::Given;
use super::hbm::{self, Block, Hbm, first_of, round};
use super::reported::Reported;
use super::rows::{Rows, Spare, taken};
use super::write::Part;

/// The machine that a text runs on: HBM, and the chip of the program at hand.
pub struct Machine<'a, T: Real> {
    program: &'a Program,
    setting: &'a Setting,
    given: &'a [Given<T>],
    pub(super) hbm: Hbm<'a, T>,
    pub(super) chip: Chip<T>,
    /// What the text reports though no line stores it.
    pub(super) reported: Reported<T>,
    spare: Spare<T>,
    /// Of the step at hand.
    sizes: Sizes,
    /// The kernel and the program at hand.
    at: Option<(usize, u64)>,
    /// A query block of a head whose reported values on chip are not noted yet.
    unnoted: Option<(usize, usize)>,
    /// Of each name, what its value is rounded to when a line makes it, and as an operand of a product.
    formats: Vec<Formats>,
    /// Of each name, elements that saturated: see [`Format::saturates`]. The last is of values without a name.
    saturated: Vec<Cell<u64>>,
}

/// The formats of a name.
#[derive(Clone, Copy)]
struct Formats {
    made: Format,
    operand: Format,
}

impl<'a, T: Real> Machine<'a, T> {
    /// An empty machine, with what it is given for each head of the setting's group.
    pub fn new(program: &'a Program, setting: &'a Setting, given: &'a [Given<T>]) -> Result<Self, Fault> {
        Self::reusing(program, setting, given, hbm::Spare::default())
    }

    /// The same, in the memory that another of this program, setting and inputs left.
    pub fn reusing(
        program: &'a Program,
        setting: &'a Setting,
        given: &'a [Given<T>],
        spare: hbm::Spare<T>,
    ) -> Result<Self, Fault> {
        assert_eq!(given.len(), setting.heads, "inputs for each head of the group");
        let (text, precision) = (program.algorithm.text(), setting.plan.precision);
        let operands = operands(text);
        let formats = text.names.iter().enumerate().map(|(id, name)| Formats {
            made: format_on_chip(text, operands, id, precision),
            operand: precision.format_of(name),
        });
        Ok(Self {
            program,
            setting,
            given,
            hbm: Hbm::new(&program.algorithm, setting, given, spare)?,
            chip: Chip::new(&program.algorithm),
            reported: Reported::new(&program.algorithm, setting),
            spare: Vec::new(),
            sizes: Sizes::at(Place::default(), &setting.plan),
            at: None,
            unnoted: None,
            formats: formats.collect(),
            saturated: vec![Cell::new(0); text.names.len() + 1],
        })
    }

    /// Its memory, for another machine.
    pub fn into_spare(self) -> hbm::Spare<T> {
        self.hbm.into_spare(&self.program.algorithm, self.setting)
    }

    pub fn algorithm(&self) -> &'a Algorithm {
        &self.program.algorithm
    }

    pub fn plan(&self) -> &'a Plan {
        &self.setting.plan
    }

    /// The head of the group that a step is for.
    pub fn head(&self, head: usize) -> &'a Head<T> {
        &self.given[head].head
    }

    /// Begins a program where `step` is of another than the one at hand: a chip with nothing on it.
    pub(super) fn enter(&mut self, step: &Step) {
        let kernel = self.program.algorithm.line(step.line).kernel;
        let leaves = self.unnoted.is_some_and(|of| Some(of.0) != step.place.i() || of.1 != step.head);
        if leaves || self.at != Some((kernel, step.program)) {
            self.note();
        }
        if self.at != Some((kernel, step.program)) {
            self.at = Some((kernel, step.program));
            self.chip.restart(&self.program.algorithm, kernel);
        }
    }

    /// Carries out one step.
    pub fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        self.enter(step);
        let line = self.program.algorithm.line(step.line);
        self.sizes = Sizes::at(step.place, self.plan());
        for number in (0..line.statements.len()).filter(|number| step.held >> number & 1 == 1) {
            self.statement(step, number)?;
        }
        Ok(())
    }

    /// A value on chip, as it lies at `place`: `None` where the program has not written it, or where the block of an input
    /// that it holds is that of another place.
    pub fn value(&self, name: NameId, shape: Shape, place: Place) -> Option<ArrayView2<'_, T>> {
        let is_of_place = match (self.chip.loaded(name), shape.rows) {
            (Some(block), Extent::Rows) => block.first == start(self.plan(), place).0,
            (Some(block), Extent::Keys) => block.first == start(self.plan(), place).1,
            _ => true,
        };
        let is_there = self.chip.written.has(name) && is_of_place;
        is_there
            .then(|| view(self.rows_at(Sizes::at(place, self.plan()), 0, &[], false).grid(Source::Name(name, shape))))
    }

    /// The first row of the block that the second half of a value on chip is of, where that is another than the rest.
    pub fn torn(&self, name: NameId) -> Option<usize> {
        self.chip.before(name).filter(|_| self.chip.torn.has(name)).map(|(block, _)| block.first)
    }

    /// The value of one row on chip, or the one of all rows: `None` where the program has not written it.
    pub fn single(&self, name: NameId, row: usize) -> Option<T> {
        let rows = self.rows_of(0, &[], false);
        self.chip.written.has(name).then(|| self.chip.single(name, row).or_else(|| rows.input_row(name, row)))?
    }

    /// A tensor that steps write, of one head; `[n, 1]` for a value per row. The blocks that no step wrote are 0.
    pub fn tensor(&self, name: &str, head: usize) -> Option<ArrayView2<'_, T>> {
        self.hbm.tensor(self.algorithm().text().tensor(name)?, head)
    }

    /// A row statistic that the text reports, of one head: `[n_q]`.
    pub fn reported(&self, name: &str, head: usize) -> Option<&[T]> {
        self.reported.get(self.algorithm().text().name(name)?, head)
    }

    /// Writes the value of a name by hand.
    pub fn set(&mut self, name: NameId, shape: Shape, place: Place, write: impl FnOnce(ArrayViewMut2<'_, T>)) {
        let window = self.chip.window(name, shape, &Sizes::at(place, self.plan()));
        let (mut data, stride) = self.chip.take(name, shape, self.plan());
        write(Part { data: &mut data, stride, window }.view());
        self.chip.put(name, data, self.chip.hides(name), false);
    }

    fn statement(&mut self, step: &Step, number: usize) -> Result<(), Fault> {
        let program = self.program;
        let line = program.algorithm.line(step.line);
        let (plan, place) = (self.plan(), step.place);
        let block = |tensor: TensorId| Block::of(&program.algorithm, tensor, place, step.head);
        match &line.statements[number].action {
            Action::Load { tensor, .. } => return self.load(*tensor, step, line.span.line),
            Action::Store { tensor } => {
                let of = &program.algorithm.text().tensors[*tensor];
                let hides = self.chip.hides(of.id);
                let window = self.chip.window(of.id, of.shape(), &self.sizes);
                let (data, stride) = self.chip.take(of.id, of.shape(), plan);
                let values = view(grid(&data, stride, window));
                let to = block(*tensor);
                let saturated =
                    self.hbm.change(&program.algorithm, self.setting, to, hides, |mut to| to.assign(&values));
                self.saturate(Some(of.id), saturated);
                self.chip.put(of.id, data, hides, self.chip.is_rounded(of.id));
            }
            Action::Fill { tensor, value } => {
                let values = self.initial(*value, step);
                let to = block(*tensor);
                let fill = |mut to: ArrayViewMut2<'_, T>| {
                    to.rows_mut().into_iter().zip(values.iter().cycle()).for_each(|(mut row, &value)| row.fill(value));
                };
                self.hbm.change(&program.algorithm, self.setting, to, Hides::Nothing, fill);
            }
            Action::Add { tensor, value } => {
                let added = self.whole_value(step, number, value.shape);
                let to = block(*tensor);
                let saturated =
                    self.hbm.change(&program.algorithm, self.setting, to, Hides::Nothing, |mut to| to += &added);
                self.saturate(Some(program.algorithm.text().tensors[*tensor].id), saturated);
            }
            Action::Start { name, value, shape } => {
                let window = self.chip.window(*name, *shape, &self.sizes);
                let values = self.initial(*value, step);
                let (mut data, stride) = self.chip.take(*name, *shape, plan);
                let mut part = Part { data: &mut data, stride, window };
                (0..window.rows).zip(values.iter().cycle()).for_each(|(row, &value)| part.row(row).fill(value));
                self.chip.put(*name, data, Hides::Nothing, false);
            }
            Action::Hide { name, value, by, shape } => self.hide(*name, *value, *by, *shape, step),
            Action::Tear { name, shape } => self.tear(*name, *shape, step),
            Action::Rename { name, from, .. } if name == from => {}
            Action::Rename { name, from, shape } => {
                let window = self.chip.window(*name, *shape, &self.sizes);
                let (mut data, stride) = self.chip.take(*name, *shape, plan);
                let values = self.rows_of(step.head, &[], false).grid(Source::Name(*from, *shape));
                Part { data: &mut data, stride, window }.copy(values);
                let is_rounded =
                    self.chip.is_rounded(*from) && self.formats[*name].operand == self.formats[*from].operand;
                self.chip.put(*name, data, self.chip.hides(*from), is_rounded);
            }
            Action::Assign { name, value } => self.assign(step, number, *name, value.shape),
        }
        let given = line.statements[number].action.assigns();
        if let (Some(i), true) = (step.place.i(), given.is_some_and(|name| self.reported.has(name))) {
            self.unnoted = Some((i, step.head));
        }
        Ok(())
    }

    /// The starting values of the rows at hand, over and over: one, or those of the heads that the rows are of.
    fn initial(&self, value: Initial, step: &Step) -> Vec<T> {
        let head = &self.given[step.head].head;
        match (value, &head.sink) {
            (Initial::Number(number), _) => vec![T::narrow(number)],
            (Initial::Sink, None) => vec![T::zero()],
            (Initial::Sink, Some(sinks)) => {
                let (first, _) = start(self.plan(), step.place);
                (first..first + sinks.iter().count()).map(|row| sinks.at(row)).collect()
            }
        }
    }

    /// Takes note of what is to be reported before the chip goes on to other rows. Whoever carried out the last step calls it.
    pub fn note(&mut self) {
        let Some((i, head)) = self.unnoted.take() else { return };
        let rows = self.plan().rows(i);
        for name in self.reported.names() {
            if self.chip.written.has(name) {
                let values = rows.clone().enumerate();
                let values = values.filter_map(|(row, query)| Some((query, self.chip.single(name, row)?)));
                self.reported.note(name, head, values);
            }
        }
    }

    fn load(&mut self, tensor: TensorId, step: &Step, line: u32) -> Result<(), Fault> {
        let algorithm = &self.program.algorithm;
        let of = &algorithm.text().tensors[tensor];
        let (plan, place) = (self.plan(), step.place);
        if let Role::Modifier(_) = of.role {
            self.load_modifier(tensor, step);
            return Ok(());
        }
        let block = Block::of(algorithm, tensor, place, step.head);
        if of.role == Role::In {
            let (first, column) = first_of(of, self.setting, block.place);
            // A tile of pairs that a forward pass made has 0 at hidden ones.
            let hides = if of.shape().is_tile() { Hides::Zeros } else { Hides::Nothing };
            let rows = self.sizes.of(of.shape().rows);
            self.chip.hold(of.id, InputBlock { tensor, head: block.head, first, column }, rows, hides);
            return Ok(());
        }
        let window = self.chip.window(of.id, of.shape(), &self.sizes);
        let (mut data, stride) = self.chip.take(of.id, of.shape(), plan);
        let Some((values, hides)) = self.hbm.load(algorithm, self.setting, block) else {
            return Err(Fault::Unwritten { name: of.name.clone(), place, line });
        };
        Part { data: &mut data, stride, window }.view().assign(&values);
        self.chip.put(of.id, data, hides, of.kind == Kind::Element);
        Ok(())
    }

    /// A tile of a bias, or of the factors of a dropout mask.
    fn load_modifier(&mut self, tensor: TensorId, step: &Step) {
        let of = &self.program.algorithm.text().tensors[tensor];
        let (plan, place) = (self.plan(), step.place);
        let head = &self.given[step.head].head;
        let (first, column) = start(plan, place);
        let is_bias = of.role == Role::Modifier(Test::Bias);
        let window = self.chip.window(of.id, of.shape(), &self.sizes);
        let (mut data, stride) = self.chip.take(of.id, of.shape(), plan);
        for ((row, col), value) in (Part { data: &mut data, stride, window }).view().indexed_iter_mut() {
            let (i, j) = (first + row, column + col);
            *value = if is_bias { head.bias_at(i, j) } else { head.dropout_factor(i, j) };
        }
        self.chip.put(of.id, data, Hides::Nothing, false);
    }

    fn hide(&mut self, name: NameId, value: f64, by: Diagonal, shape: Shape, step: &Step) {
        let (plan, place) = (self.plan(), step.place);
        let (first_row, first_key) = start(plan, place);
        let band = by.of(&self.given[step.head].head.band);
        let window = self.chip.window(name, shape, &self.sizes);
        let (hides, is_rounded) = (self.chip.hides(name), self.chip.is_rounded(name));
        let (mut data, stride) = self.chip.take(name, shape, plan);
        let value = T::narrow(value);
        for row in 0..window.rows {
            let keys = band.keys_of(first_row + row);
            let values = &mut data[row * stride + window.start..][..window.cols];
            for gap in keys.gaps(first_key..first_key + window.cols) {
                values[gap.start - first_key..gap.end - first_key].fill(value);
            }
        }
        // Another number is a score like any other, and other pairs are not those of the mask: bugs that are to be seen.
        let hides = if value == T::neg_infinity() && by == Diagonal::Own { Hides::Scores } else { hides };
        self.chip.put(name, data, hides, is_rounded);
    }

    /// Puts what was there before the block at hand into the rows of its second half: those from half of a whole block on,
    /// which other threads copy.
    fn tear(&mut self, name: NameId, shape: Shape, step: &Step) {
        let (Held::Input(block), Some((before, rows))) = (self.chip.place(name), self.chip.before(name)) else {
            return;
        };
        let window = self.chip.window(name, shape, &self.sizes);
        let half = most(shape.rows, self.plan()).div_ceil(2);
        if window.rows <= half {
            return;
        }
        let (mut data, stride) = self.chip.take(name, shape, self.plan());
        let rows_in_hbm = self.rows_of(step.head, &[], false);
        let mut part = Part { data: &mut data, stride, window };
        for row in 0..window.rows {
            let from = if row >= half && row < rows { before } else { block };
            part.row(row).copy_from_slice(rows_in_hbm.of_input(from, row));
        }
        self.chip.put(name, data, self.chip.hides(name), self.chip.is_rounded(name));
        self.chip.torn = self.chip.torn.with(Names::of(name));
    }

    fn assign(&mut self, step: &Step, number: usize, name: NameId, shape: Shape) {
        let program = self.program;
        let code = program.code(step.line, number).expect("a statement with a value was made ready");
        let (plan, place) = (self.plan(), step.place);
        let hides = if shape.is_tile() && self.chip.hides_some() { self.hides_of(&code.root) } else { Hides::Nothing };
        let window = self.chip.window(name, shape, &self.sizes);
        let is_in_place = code.shortcut != Shortcut::None || (code.matrices.is_empty() && !code.reads_own);
        if is_in_place {
            let mut spare = std::mem::take(&mut self.spare);
            let (mut data, stride) = self.chip.take(name, shape, plan);
            match code.shortcut {
                Shortcut::None => {
                    let rows = self.rows_of(step.head, &[], self.guards(&code.root, place));
                    rows.write(&code.root, Part { data: &mut data, stride, window }, &mut spare);
                }
                Shortcut::Scale => {
                    let rows = self.rows_of(step.head, &[], false);
                    rows.scale_rows(&code.root, Part { data: &mut data, stride, window }, &mut spare);
                }
                Shortcut::Product | Shortcut::Accumulate => {
                    let into = Part { data: &mut data, stride, window };
                    let keeps = code.shortcut == Shortcut::Accumulate;
                    self.product(step, &code.matrices[0].made, keeps, into, &[], &mut spare);
                }
            }
            self.finish(name, code, step, &mut data, stride, window);
            self.chip.put(name, data, hides, false);
            self.spare = spare;
            return;
        }
        if code.matrices.is_empty() && shape.cols == Extent::One {
            // A value per row that is made of its own: row by row, written when all are worked out.
            let mut spare = std::mem::take(&mut self.spare);
            let guards = self.guards(&code.root, place);
            let rows = self.rows_of(step.head, &[], guards);
            let column = rows.column_of(&code.root, window.rows, &mut spare);
            let (mut data, stride) = self.chip.take(name, shape, plan);
            match stride {
                1 => data[..window.rows].copy_from_slice(&column),
                _ => (0..window.rows).for_each(|row| data[row * stride] = column[row]),
            }
            spare.push(column);
            self.finish(name, code, step, &mut data, stride, window);
            self.chip.put(name, data, hides, false);
            self.spare = spare;
            return;
        }
        let values = self.whole_value(step, number, shape);
        let (mut data, stride) = self.chip.take(name, shape, plan);
        Part { data: &mut data, stride, window }.view().assign(&values);
        self.spare.push(values.into_raw_vec_and_offset().0);
        self.finish(name, code, step, &mut data, stride, window);
        self.chip.put(name, data, hides, false);
    }

    /// What is left to be done with a value that a line has made: sums of nothing, and the rounding of values that are kept
    /// in fewer bits than they are computed in.
    fn finish(&self, name: NameId, code: &Code, step: &Step, data: &mut [T], stride: usize, window: Window) {
        self.finish_sums(code, step, data, stride, window);
        let format = self.formats[name].made;
        if format.is_narrow() {
            self.saturate(Some(name), round(Part { data, stride, window }.view(), format));
        }
    }

    fn saturate(&self, name: Option<NameId>, elements: u64) {
        if elements > 0 {
            let count = &self.saturated[name.unwrap_or(self.saturated.len() - 1)];
            count.set(count.get() + elements);
        }
    }

    /// Elements that saturated since the start, by name; of Q, K and V where they were given. A value without a name is
    /// an operand that a line works out for its product.
    pub fn saturated(&self) -> Vec<(String, u64)> {
        let text = self.program.algorithm.text();
        let names = text.names.iter().map(String::as_str).chain([""]);
        let made = names.zip(&self.saturated).map(|(name, count)| (name.to_owned(), count.get()));
        let given = self.given.iter().map(|given| given.head.saturated).sum();
        made.chain([("Q, K, V".to_owned(), given)]).filter(|(_, count)| *count > 0).collect()
    }

    /// A row that has seen all its keys, each at a score of -inf, has a sum of NaN: no weights follow from those.
    fn finish_sums(&self, code: &Code, step: &Step, data: &mut [T], stride: usize, window: Window) {
        if code.maxima.is_empty() || window.cols != 1 {
            return;
        }
        let (first_row, _) = start(self.plan(), step.place);
        let (_, keys) = self.plan().spans(step.place);
        let end = keys.end;
        // A split adds up its own keys.
        let split = step.place.i().zip(step.place.s()).map(|(i, s)| self.setting.split(i, s).start);
        let first_key = split.map_or(0, |block| self.plan().cols(block).start);
        let head = &self.given[step.head].head;
        if head.sink.is_some() {
            // The sink has a weight where no key has one.
            return;
        }
        for row in 0..window.rows {
            let sum = &mut data[row * stride];
            let is_low = |max: NameId| self.chip.single(max, row).is_none_or(|max| max == T::neg_infinity());
            if *sum == T::zero()
                && code.maxima.iter().all(is_low)
                && head.has_seen_all_since(first_row + row, first_key, end)
            {
                *sum = T::nan();
            }
        }
    }

    fn rows_of<'m>(&'m self, head: usize, matrices: &'m [Array2<T>], guards_hidden: bool) -> Rows<'m, T> {
        self.rows_at(self.sizes, head, matrices, guards_hidden)
    }

    fn rows_at<'m>(&'m self, sizes: Sizes, head: usize, matrices: &'m [Array2<T>], guards_hidden: bool) -> Rows<'m, T> {
        let head = &self.given[head].head;
        Rows { sizes, head, chip: &self.chip, hbm: &self.hbm, matrices, guards_hidden }
    }

    /// The value of a statement, in memory of its own.
    fn whole_value(&mut self, step: &Step, number: usize, shape: Shape) -> Array2<T> {
        let program = self.program;
        let code = program.code(step.line, number).expect("a statement with a value was made ready");
        let mut spare = std::mem::take(&mut self.spare);
        let mut matrices = Vec::with_capacity(code.matrices.len());
        for matrix in &code.matrices {
            let value = match &matrix.made {
                Made::Rows(node) => self.rows(step, node, matrix.shape, &matrices, &mut spare),
                product @ Made::Product { into, .. } => {
                    let mut value = match into {
                        Some(into) => self.rows(step, into, matrix.shape, &matrices, &mut spare),
                        None => self.unwritten(matrix.shape, &mut spare),
                    };
                    let keeps = into.is_some();
                    let (rows, cols) = value.dim();
                    let data = value.as_slice_mut().expect("a new matrix is contiguous");
                    let into = Part { data, stride: cols, window: Window { rows, cols, start: 0 } };
                    self.product(step, product, keeps, into, &matrices, &mut spare);
                    value
                }
            };
            matrices.push(value);
        }
        let value = match code.root.kind {
            // A product alone is its own value.
            NodeKind::Rows(Source::Matrix(last)) if last + 1 == matrices.len() => {
                matrices.pop().expect("it was pushed")
            }
            _ => self.rows(step, &code.root, shape, &matrices, &mut spare),
        };
        spare.extend(matrices.into_iter().map(|matrix| matrix.into_raw_vec_and_offset().0));
        self.spare = spare;
        value
    }

    /// A matrix to be written whole, of whatever values.
    fn unwritten(&self, shape: Shape, spare: &mut Spare<T>) -> Array2<T> {
        let (rows, cols) = (self.sizes.of(shape.rows), self.sizes.of(shape.cols));
        Array2::from_shape_vec((rows, cols), taken(spare, rows * cols)).expect("it was sized so")
    }

    fn rows(&self, step: &Step, node: &Node, shape: Shape, matrices: &[Array2<T>], spare: &mut Spare<T>) -> Array2<T> {
        let mut value = self.unwritten(shape, spare);
        let rows = self.rows_of(step.head, matrices, self.guards(node, step.place));
        let (count, cols) = value.dim();
        let data = value.as_slice_mut().expect("a new matrix is contiguous");
        rows.write(node, Part { data, stride: cols, window: Window { rows: count, cols, start: 0 } }, spare);
        value
    }
}

/// The first query and the first key of a place.
fn start(plan: &Plan, place: Place) -> (usize, usize) {
    let (rows, keys) = plan.spans(place);
    (rows.start, keys.start)
}
