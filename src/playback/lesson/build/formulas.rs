//! The update of a row as the learner writes it. The machine does everything else, step by step, on the scene's input.
//!
//! Lines may define `hidden` (the score of a key that the mask hides), `m` (the running maximum), `alpha`, `shift` (what
//! is subtracted from scores), `l`, `O`, and `out` (the last division). A line that is not there means the right thing.

use super::super::engine::Engine;
use super::super::expr::{self, Arguments, Expr, Scope, Value};
use super::super::scene::{Scene, Stage};
use super::execute::Outcome;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, written};
use crate::attention::{Precision, Real};
use crate::machine::{Machine, Meaning, Run, output};
use crate::schedule::{Max, Op, Schedule, Step, algorithm};

type Fault = String;

/// The learner's lines by name.
struct Formulas {
    lines: Vec<(String, Expr)>,
}

pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Result<Grade, Fault> {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    let formulas = match Formulas::read(build, filling) {
        Ok(formulas) => formulas,
        Err(finding) => return Ok(Grade::of(finding)),
    };
    let stage = engine.stage(scene)?;
    let flash2 = algorithm::by_name("flash2").ok_or("there is no flash2")?;
    let right = engine.run(scene, flash2, Meaning::RIGHT)?;
    let walked = match stage.plan.precision {
        Precision::F64 => walk::<f64>(&formulas, &stage, scene, &right),
        _ => walk::<f32>(&formulas, &stage, scene, &right),
    };
    let (first, outcome) = match walked {
        Ok(walked) => walked,
        Err(finding) => return Ok(Grade::of(finding)),
    };
    // The first number that is wrong on the way, then the first of O.
    let findings = first.into_iter().chain(outcome.first_difference(&stage, scene)).collect();
    Ok(Grade { findings, ..Grade::default() })
}

impl Formulas {
    fn read(build: &Build, filling: &[Option<usize>]) -> Result<Self, Finding> {
        let mut lines = Vec::new();
        for (line, parts) in build.filled(filling) {
            let formula = written(&parts);
            let parsed = expr::parse(&formula, line.line, 1);
            let expr = parsed.map_err(|error| Finding::Formula { formula, fault: error.message })?;
            lines.push((line.name.clone(), expr));
        }
        Ok(Self { lines })
    }

    fn has(&self, name: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == name)
    }

    /// The value of a line, or `right` where the learner does not write it.
    fn value<T: Real>(&self, name: &str, right: T, vars: &[(&str, T)]) -> Result<T, Finding> {
        let Some((_, expr)) = self.lines.iter().find(|(known, _)| known == name) else { return Ok(right) };
        let vars = Vars(vars.iter().map(|(name, value)| (*name, value.widen())).collect());
        let fault = |fault: String| Finding::Formula { formula: expr.source.clone(), fault };
        match expr::eval(expr, &vars) {
            Ok(Value::Number(number)) => Ok(T::narrow(number)),
            Ok(other) => Err(fault(format!("it gives {}, not a number", other.kind()))),
            Err(error) => Err(fault(error.message)),
        }
    }
}

/// The names that a formula may use at one step.
struct Vars<'a>(Vec<(&'a str, f64)>);

impl Scope for Vars<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    }

    fn call(&self, _: &str, _: &mut Arguments) -> Option<Result<Value, String>> {
        None
    }
}

/// What a formula may look back to within one visit.
struct Before<T> {
    m: Vec<T>,
    l: Vec<T>,
    o: ndarray::Array2<T>,
}

/// Carries out flash2 with the learner's formulas. Gives the first m or l that differs from those of `right`, too.
fn walk<T: Real>(
    formulas: &Formulas,
    stage: &Stage,
    scene: &Scene,
    right: &Run,
) -> Result<(Option<Finding>, Outcome), Finding> {
    let schedule: &Schedule = &right.schedule;
    let plan = &schedule.plan;
    let head = stage.input.problem.head::<T>(scene.batch, scene.head, plan.precision);
    let mut walk = Walk { formulas, machine: Machine::new(plan, &head, Meaning::RIGHT), before: None, first: None };
    let mut steps = Vec::new();
    for index in 0..schedule.section_count() {
        let section = schedule.section(index);
        if section.section == 0 {
            walk.machine.start_program(schedule.kernels[section.kernel].span);
        }
        schedule.write_section(index, &mut steps);
        for step in &steps {
            walk.step(step)?;
            if let (Op::Accumulate, Some((i, j))) = (step.op, step.place.tile()) {
                walk.compare(right, i, j);
            }
        }
    }
    let outcome = Outcome { output: output(&walk.machine), moved: 0, on_chip: 0 };
    Ok((walk.first, outcome))
}

struct Walk<'a, T> {
    formulas: &'a Formulas,
    machine: Machine<'a, T>,
    before: Option<Before<T>>,
    first: Option<Finding>,
}

impl<T: Real> Walk<'_, T> {
    fn step(&mut self, step: &Step) -> Result<(), Finding> {
        let rows = step.place.i().map_or(0, |i| self.machine.plan.rows(i).len());
        match step.op {
            Op::Mask if self.formulas.has("hidden") => self.hide(step),
            Op::RowMax(Max::Running) => self.row_max(step, rows),
            Op::Exponentiate(_) if self.formulas.has("shift") => self.exponentiate(step, rows),
            Op::Rescale => {
                // What follows may want the values before the factor.
                let chip = &self.machine.chip;
                if let Some(before) = &mut self.before {
                    (before.l, before.o) = (chip.l.clone(), chip.o.clone());
                }
                self.machine.execute(step);
                Ok(())
            }
            Op::Accumulate => self.accumulate(step, rows),
            Op::Normalise if self.formulas.has("out") => self.normalise(step, rows),
            _ => {
                self.machine.execute(step);
                Ok(())
            }
        }
    }

    fn hide(&mut self, step: &Step) -> Result<(), Finding> {
        self.machine.execute(step);
        let hidden = self.formulas.value("hidden", T::neg_infinity(), &[])?;
        let Some((i, j)) = step.place.tile() else { return Ok(()) };
        let (rows, cols) = (self.machine.plan.rows(i), self.machine.plan.cols(j));
        for (row, query) in rows.enumerate() {
            for (col, key) in cols.clone().enumerate() {
                if !self.machine.head.band.keeps(query, key) {
                    self.machine.chip.s[[row, col]] = hidden;
                }
            }
        }
        Ok(())
    }

    /// m_new, and the factor that follows from it.
    fn row_max(&mut self, step: &Step, rows: usize) -> Result<(), Finding> {
        let old = self.machine.chip.m.clone();
        self.machine.execute(&Step { op: Op::RowMax(Max::Tile), ..*step });
        self.machine.execute(step);
        for (row, &m_old) in old.iter().enumerate().take(rows) {
            let chip = &self.machine.chip;
            let (m_tile, right) = (chip.tile_max[row], chip.m[row]);
            let m_new = self.formulas.value("m", right, &[("m_old", m_old), ("m_tile", m_tile), ("m_new", right)])?;
            let factor = if m_old == T::neg_infinity() { T::zero() } else { (m_old - m_new).exp() };
            let vars = [("m_old", m_old), ("m_tile", m_tile), ("m_new", m_new), ("l_old", chip.l[row])];
            let alpha = self.formulas.value("alpha", factor, &vars)?;
            self.machine.chip.m[row] = m_new;
            self.machine.chip.alpha[row] = alpha;
        }
        let chip = &self.machine.chip;
        self.before = Some(Before { m: old, l: chip.l.clone(), o: chip.o.clone() });
        Ok(())
    }

    /// P = exp(S - shift), with no guard but the learner's.
    fn exponentiate(&mut self, step: &Step, rows: usize) -> Result<(), Finding> {
        let kept = self.machine.chip.m.clone();
        for (row, &m_new) in kept.iter().enumerate().take(rows) {
            let m_old = self.before.as_ref().map_or(m_new, |before| before.m[row]);
            let shift = self.formulas.value("shift", m_new, &[("m_new", m_new), ("m_old", m_old)])?;
            self.machine.chip.m[row] = shift;
        }
        self.machine.meaning.guards_empty_rows = false;
        self.machine.execute(step);
        self.machine.meaning.guards_empty_rows = true;
        self.machine.chip.m = kept;
        Ok(())
    }

    fn accumulate(&mut self, step: &Step, rows: usize) -> Result<(), Finding> {
        let Some(before) = self.before.take() else {
            self.machine.execute(step);
            return Ok(());
        };
        // P V alone, by adding it to nothing.
        let rescaled = self.machine.chip.o.clone();
        self.machine.chip.o.fill(T::zero());
        self.machine.execute(step);
        for row in 0..rows {
            let chip = &self.machine.chip;
            let (alpha, sum) = (chip.alpha[row], chip.tile_sum[row]);
            let vars = [("l_old", before.l[row]), ("alpha", alpha), ("sum", sum), ("m_new", chip.m[row])];
            let l_new = self.formulas.value("l", chip.l[row], &vars)?;
            for c in 0..chip_width(&self.machine) {
                let product = self.machine.chip.o[[row, c]];
                let vars = [
                    ("O_old", before.o[[row, c]]),
                    ("PV", product),
                    ("alpha", alpha),
                    ("l_old", before.l[row]),
                    ("l_new", l_new),
                ];
                let o = self.formulas.value("O", rescaled[[row, c]] + product, &vars)?;
                self.machine.chip.o[[row, c]] = o;
            }
            self.machine.chip.l[row] = l_new;
        }
        Ok(())
    }

    /// The last division, with no guard but the learner's.
    fn normalise(&mut self, step: &Step, rows: usize) -> Result<(), Finding> {
        let kept = self.machine.chip.o.clone();
        self.machine.execute(step);
        for row in 0..rows {
            let (m, l) = (self.machine.chip.m[row], self.machine.chip.l[row]);
            for c in 0..chip_width(&self.machine) {
                let right = self.machine.chip.o[[row, c]];
                let out = self.formulas.value("out", right, &[("O", kept[[row, c]]), ("l", l), ("m", m)])?;
                self.machine.chip.o[[row, c]] = out;
            }
        }
        Ok(())
    }

    /// Remembers the first m or l that is not what the right run has after this visit.
    fn compare(&mut self, right: &Run, i: usize, j: usize) {
        if self.first.is_some() {
            return;
        }
        let first_row = self.machine.plan.rows(i).start;
        for (row, visits) in right.history(i).iter().enumerate() {
            let Some(visit) = visits.iter().find(|visit| visit.j == j) else { continue };
            let chip = &self.machine.chip;
            for (of, got, want) in [("m", chip.m[row].widen(), visit.m), ("l", chip.l[row].widen(), visit.l)] {
                if !is_near(got, want) {
                    self.first = Some(Finding::Number { of, row: first_row + row, place: j, got, want });
                    return;
                }
            }
        }
    }
}

fn chip_width<T: Real>(machine: &Machine<'_, T>) -> usize {
    machine.plan.d_v
}

/// Formulas are evaluated in f64 and kept in the format of the machine.
fn is_near(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 1e-4 * want.abs().max(1.0)
}
