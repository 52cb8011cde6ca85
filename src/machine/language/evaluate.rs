//! Carries out the statements of one step.

use ndarray::Array2;

use crate::attention::{Real, TileClass};
use crate::schedule::Place;
use crate::schedule::language::{Action, Algorithm, Extent, NameId, Role, Setting, Shape, Step};

use super::chip::{Chip, length};
use super::compile::{Code, Made, Node, NodeKind, Operand, Source, compile};
use super::fault::Fault;
use super::given::Given;
use super::hbm::Hbm;
use super::product::{Side, product};
use super::rows::{Rows, Spare};

/// The machine that a text runs on: HBM, and the chip of the program at hand.
pub struct Machine<'a, T> {
    algorithm: &'a Algorithm,
    setting: &'a Setting,
    given: &'a [Given<T>],
    /// Of each line, of each statement: what it works out.
    code: Vec<Vec<Option<Code>>>,
    pub hbm: Hbm<T>,
    pub chip: Chip<T>,
    spare: Spare<T>,
    /// The kernel and the program at hand.
    program: Option<(usize, u64)>,
}

impl<'a, T: Real> Machine<'a, T> {
    pub fn new(algorithm: &'a Algorithm, setting: &'a Setting, given: &'a [Given<T>]) -> Result<Self, Fault> {
        let code = algorithm.lines.iter().map(|line| {
            let value = |action: &Action| match action {
                Action::Assign { value, .. } | Action::Add { value, .. } => Some(compile(value)),
                _ => None,
            };
            line.statements.iter().map(|statement| value(&statement.action)).collect()
        });
        Ok(Self {
            algorithm,
            setting,
            given,
            code: code.collect(),
            hbm: Hbm::new(algorithm, setting, given)?,
            chip: Chip::new(algorithm),
            spare: Vec::new(),
            program: None,
        })
    }

    /// Carries out one step.
    pub fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        let line = &self.algorithm.lines[step.line];
        if self.program != Some((line.kernel, step.program)) {
            self.program = Some((line.kernel, step.program));
            self.chip.restart(&self.algorithm.kernels[line.kernel]);
        }
        for number in (0..line.statements.len()).filter(|number| step.held >> number & 1 == 1) {
            self.statement(step, number)?;
        }
        Ok(())
    }

    fn statement(&mut self, step: &Step, number: usize) -> Result<(), Fault> {
        let algorithm = self.algorithm;
        let line = &algorithm.lines[step.line];
        let (plan, place) = (&self.setting.plan, step.place);
        match &line.statements[number].action {
            Action::Load { tensor, .. } => return self.load(*tensor, step, line.span.line),
            Action::Store { tensor } => {
                let of = &algorithm.tensors[*tensor];
                let values = self.chip.view(of.id, of.shape(), plan, place);
                let hides = self.chip.hides(of.id);
                let to = (place, step.head);
                self.hbm.change(algorithm, *tensor, self.setting, to, hides, |mut block| block.assign(&values));
            }
            Action::Fill { tensor, value } => {
                let to = (place, step.head);
                self.hbm.change(algorithm, *tensor, self.setting, to, false, |mut block| block.fill(T::narrow(*value)));
            }
            Action::Add { tensor, value } => {
                let added = self.value(step, number, value.shape);
                let to = (place, step.head);
                self.hbm.change(algorithm, *tensor, self.setting, to, false, |mut block| block += &added);
            }
            Action::Start { name, value, shape } => {
                self.chip.view_mut(*name, *shape, plan, place).fill(T::narrow(*value));
                self.chip.set_hides(*name, false);
            }
            Action::Hide { name, value, shape } => self.hide(*name, *value, *shape, step),
            Action::Rename { name, from, shape } => {
                let values = self.chip.view(*from, *shape, plan, place).to_owned();
                let hides = self.chip.hides(*from);
                self.chip.view_mut(*name, *shape, plan, place).assign(&values);
                self.chip.set_hides(*name, hides);
            }
            Action::Assign { name, value } => {
                let hides = value.shape.is_tile() && self.hides(step, number);
                let values = self.value(step, number, value.shape);
                self.chip.view_mut(*name, value.shape, plan, place).assign(&values);
                self.chip.set_hides(*name, hides);
            }
        }
        Ok(())
    }

    fn load(&mut self, tensor: usize, step: &Step, line: u32) -> Result<(), Fault> {
        let of = &self.algorithm.tensors[tensor];
        let (plan, place) = (&self.setting.plan, step.place);
        if let Role::Modifier(_) = of.role {
            let head = &self.given[step.head].head;
            let (rows, cols) =
                (place.i().map_or(0, |i| plan.rows(i).start), place.j().map_or(0, |j| plan.cols(j).start));
            let is_bias = of.name == "bias";
            let values = self.chip.view_mut(of.id, of.shape(), plan, place);
            for ((r, c), value) in values.into_iter().enumerate().map(|(n, value)| {
                let width = length(Extent::Keys, plan, place);
                ((n / width, n % width), value)
            }) {
                let (i, j) = (rows + r, cols + c);
                *value = if is_bias { head.bias_at(i, j) } else { head.dropout_factor(i, j) };
            }
            return Ok(());
        }
        let Some((values, hides)) = self.hbm.load(self.algorithm, tensor, self.setting, place, step.head) else {
            return Err(Fault::Unwritten { name: of.name.clone(), place, line });
        };
        self.chip.view_mut(of.id, of.shape(), plan, place).assign(&values);
        self.chip.set_hides(of.id, hides);
        Ok(())
    }

    fn hide(&mut self, name: NameId, value: f64, shape: Shape, step: &Step) {
        let (plan, place) = (&self.setting.plan, step.place);
        let hidden = hidden_pairs(&self.given[step.head], self.setting, place, shape);
        let mut values = self.chip.view_mut(name, shape, plan, place);
        values.zip_mut_with(&hidden, |element, &hidden| {
            if hidden {
                *element = T::narrow(value);
            }
        });
        // Another number is a score like any other: a bug that is to be seen.
        if value == f64::NEG_INFINITY {
            self.chip.set_hides(name, true);
        }
    }

    /// Whether a value is over a tile of which hidden pairs were given -inf.
    fn hides(&self, step: &Step, number: usize) -> bool {
        let code = self.code[step.line][number].as_ref();
        code.is_some_and(|code| names_of(&code.root).into_iter().any(|name| self.chip.hides(name)))
    }

    /// Works out the value of a statement.
    fn value(&mut self, step: &Step, number: usize, shape: Shape) -> Array2<T> {
        let mut spare = std::mem::take(&mut self.spare);
        let code = self.code[step.line][number].as_ref().expect("a statement with a value was made ready");
        let mut matrices = Vec::with_capacity(code.matrices.len());
        for matrix in &code.matrices {
            let value = match &matrix.made {
                Made::Rows(node) => self.rows(step, node, matrix.shape, &matrices, &mut spare),
                Made::Product { a, b, scale, into } => {
                    let started = match into {
                        Some(into) => self.rows(step, into, matrix.shape, &matrices, &mut spare),
                        None => self.empty(step, matrix.shape),
                    };
                    self.product(step, [*a, *b], scale.as_ref(), into.is_some(), started, &matrices, &mut spare)
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
        self.spare = spare;
        value
    }

    fn empty(&self, step: &Step, shape: Shape) -> Array2<T> {
        let size = |extent| length(extent, &self.setting.plan, step.place);
        Array2::zeros((size(shape.rows), size(shape.cols)))
    }

    fn rows(&self, step: &Step, node: &Node, shape: Shape, matrices: &[Array2<T>], spare: &mut Spare<T>) -> Array2<T> {
        let mut value = self.empty(step, shape);
        let tile_hides = shape.rows == Extent::Rows && names_of(node).into_iter().any(|name| self.chip.hides(name));
        let rows = Rows {
            plan: &self.setting.plan,
            head: &self.given[step.head].head,
            chip: &self.chip,
            place: step.place,
            matrices,
            guards_hidden: tile_hides && !self.is_full(step.place),
        };
        for (r, mut row) in value.rows_mut().into_iter().enumerate() {
            let row = row.as_slice_mut().expect("rows of a new matrix are contiguous");
            rows.row(node, r, row, spare);
        }
        value
    }

    #[allow(clippy::too_many_arguments)] // The parts of one product.
    fn product(
        &self,
        step: &Step,
        operands: [Operand; 2],
        scale: Option<&Node>,
        accumulates: bool,
        mut into: Array2<T>,
        matrices: &[Array2<T>],
        spare: &mut Spare<T>,
    ) -> Array2<T> {
        let head = &self.given[step.head].head;
        let (plan, place) = (&self.setting.plan, step.place);
        let rows = Rows { plan, head, chip: &self.chip, place, matrices, guards_hidden: false };
        let hidden = operands.map(|operand| self.hidden_of(operand, step));
        let side = |n: usize| {
            let values = rows.matrix(operands[n].source);
            let values = if operands[n].is_transposed { values.reversed_axes() } else { values };
            Side { values, hidden: hidden[n].as_ref() }
        };
        let scale = scale.map_or(T::one(), |scale| rows.single(scale, 0, spare));
        let keep = if accumulates { T::one() } else { T::zero() };
        product(&side(0), &side(1), scale, keep, plan.precision, &mut into);
        into
    }

    /// The pairs of an operand that stay out of its product.
    fn hidden_of(&self, operand: Operand, step: &Step) -> Option<Array2<bool>> {
        let Source::Name(name, shape) = operand.source else { return None };
        if !self.chip.hides(name) || self.is_full(step.place) {
            return None;
        }
        let hidden = hidden_pairs(&self.given[step.head], self.setting, step.place, shape);
        Some(if operand.is_transposed { hidden.reversed_axes() } else { hidden })
    }

    fn is_full(&self, place: Place) -> bool {
        match (place.i(), place.j()) {
            (Some(i), Some(j)) => self.setting.plan.class(i, j) == TileClass::Full,
            _ => false,
        }
    }
}

/// Of each pair of a tile, or of whole rows: the mask hides it.
fn hidden_pairs<T: Real>(given: &Given<T>, setting: &Setting, place: Place, shape: Shape) -> Array2<bool> {
    let plan = &setting.plan;
    let rows = place.i().map_or(0..plan.n_q, |i| plan.rows(i));
    let whole = shape.cols == Extent::AllKeys;
    let cols = place.j().filter(|_| !whole).map_or(0..plan.n_k, |j| plan.cols(j));
    let band = &given.head.band;
    Array2::from_shape_fn((rows.len(), cols.len()), |(r, c)| !band.keeps(rows.start + r, cols.start + c))
}

/// The names that a value is made of element by element, without the operands of its products and reductions.
fn names_of(node: &Node) -> Vec<NameId> {
    match &node.kind {
        NodeKind::Rows(Source::Name(name, shape)) if shape.is_tile() => vec![*name],
        NodeKind::Negative(a) | NodeKind::Each(_, a) | NodeKind::Reduce(_, a) => names_of(a),
        NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) => [names_of(a), names_of(b)].concat(),
        NodeKind::Pick(parts) => parts.iter().flat_map(names_of).collect(),
        _ => Vec::new(),
    }
}
