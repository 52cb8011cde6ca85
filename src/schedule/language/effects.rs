//! What a line reads and writes when some of its statements are carried out, so that a look at one value can recompute
//! only what made it.

use super::shape::Shape;
use super::text::{Action, Algorithm, Line, Names, Role, TensorId};
use super::words::Axis;

/// Names on chip and tensors in HBM that a step of a line touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Names whose value from before the step matters.
    pub reads: Names,
    pub writes: Names,
    /// Those of `writes` of which nothing older is left.
    pub replaces: Names,
    /// A block that some step has made before; inputs never change.
    pub hbm_read: Option<TensorId>,
    /// Stores write whole blocks.
    pub hbm_write: Option<TensorId>,
}

impl Effects {
    /// The effects of `line` when the statements of which `held` has the bit are carried out.
    pub fn of(algorithm: &Algorithm, line: &Line, held: u32) -> Self {
        let whole_rows = if line.axes().has(Axis::J) { whole_rows(algorithm, line.kernel) } else { Names::default() };
        let torn = torn(algorithm, line.kernel);
        let mut effects = Self::default();
        let statements = line.statements.iter().enumerate().filter(|(n, _)| held >> n & 1 == 1);
        for (_, statement) in statements {
            effects.read(statement.reads);
            let is_input = |tensor: TensorId| matches!(algorithm.tensors[tensor].role, Role::In | Role::Modifier(_));
            match &statement.action {
                Action::Load { tensor, .. } => {
                    effects.hbm_read = Some(*tensor).filter(|&tensor| !is_input(tensor));
                    // Of what it takes the place of something is read again where the block is torn.
                    effects.write(Names::of(algorithm.tensors[*tensor].id), whole_rows.with(torn));
                }
                Action::Store { tensor } => {
                    effects.read(Names::of(algorithm.tensors[*tensor].id));
                    effects.hbm_write = Some(*tensor);
                }
                Action::Fill { tensor, .. } => effects.hbm_write = Some(*tensor),
                Action::Add { tensor, .. } => (effects.hbm_read, effects.hbm_write) = (Some(*tensor), Some(*tensor)),
                Action::Hide { name, .. } | Action::Tear { name, .. } => {
                    effects.read(Names::of(*name));
                    effects.writes = effects.writes.with(Names::of(*name));
                }
                Action::Rename { name, from, .. } => {
                    effects.read(Names::of(*from));
                    effects.write(Names::of(*name), whole_rows);
                }
                Action::Start { name, .. } | Action::Assign { name, .. } => {
                    effects.write(Names::of(*name), whole_rows);
                }
            }
        }
        effects
    }

    /// What the step itself has replaced is not read from before it.
    fn read(&mut self, names: Names) {
        self.reads = self.reads.with(names.without(self.replaces));
    }

    /// A tile of whole rows leaves the rest of them.
    fn write(&mut self, names: Names, whole_rows: Names) {
        self.writes = self.writes.with(names);
        self.replaces = self.replaces.with(names.without(whole_rows));
    }
}

/// The names of a kernel of which a line reads what they held before their last load.
fn torn(algorithm: &Algorithm, kernel: usize) -> Names {
    let statements = algorithm.lines.iter().filter(|line| line.kernel == kernel).flat_map(|line| &line.statements);
    statements.fold(Names::default(), |names, statement| match statement.action {
        Action::Tear { name, .. } => names.with(Names::of(name)),
        _ => names,
    })
}

/// The names of a kernel that span whole rows.
pub fn whole_rows(algorithm: &Algorithm, kernel: usize) -> Names {
    let buffers = algorithm.kernels[kernel].buffers.iter().filter(|buffer| buffer.shape == Shape::WHOLE_ROWS);
    buffers.flat_map(|buffer| &buffer.names).fold(Names::default(), |names, &name| names.with(Names::of(name)))
}
