//! The update of a row as the learner writes it. The machine does everything else, step by step, on the scene's input.
//!
//! Lines may define `hidden` (the score of a key that the mask hides), `m` (the running maximum), `alpha`, `shift` (what
//! is subtracted from scores), `l`, `O`, and `out` (the last division). A line that is not there means the right thing.

use ndarray::Array2;

use super::super::engine::Engine;
use super::super::expr::{self, Arguments, Expr, Scope, Value};
use super::super::scene::{Scene, Stage};
use super::execute::Outcome;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, written};
use crate::attention::rows::row_max;
use crate::attention::{Precision, Real};
use crate::machine::{Given, Machine, Program, Results, Run};
use crate::schedule::language::{Extent, NameId, Shape};
use crate::schedule::{Schedule, Step, algorithm};
use crate::sentence::Sentence;

/// The learner's lines by name.
struct Formulas {
    lines: Vec<(String, Expr)>,
}

pub(super) fn grade(
    build: &Build,
    filling: &[Option<usize>],
    engine: &Engine,
    scene: &Scene,
) -> Result<Grade, Sentence> {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    let formulas = match Formulas::read(build, filling) {
        Ok(formulas) => formulas,
        Err(finding) => return Ok(Grade::of(finding)),
    };
    let stage = engine.stage(scene)?;
    let flash2 = algorithm::by_name("flash2").ok_or("there is no flash2")?;
    let right = engine.run(scene, flash2)?;
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
            let expr = parsed.map_err(|error| Finding::Formula { formula, fault: error.what })?;
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
        let fault = |fault: Sentence| Finding::Formula { formula: expr.source.clone(), fault };
        match expr::eval(expr, &vars) {
            Ok(Value::Number(number)) => Ok(T::narrow(number)),
            Ok(other) => Err(fault(Sentence::new("it gives {0}, not a number").and(other.kind()))),
            Err(error) => Err(fault(error.what)),
        }
    }
}

/// The names that a formula may use at one step.
struct Vars<'a>(Vec<(&'a str, f64)>);

impl Scope for Vars<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    }

    fn call(&self, _: &str, _: &mut Arguments) -> Option<Result<Value, Sentence>> {
        None
    }
}

/// What a formula may look back to within one visit.
struct Before<T> {
    m: Vec<T>,
    l: Vec<T>,
    o: Array2<T>,
}

/// Carries out flash2 with the learner's formulas. Gives the first m or l that differs from those of `right`, too.
fn walk<T: Real>(
    formulas: &Formulas,
    stage: &Stage,
    scene: &Scene,
    right: &Run,
) -> Result<(Option<Finding>, Outcome), Finding> {
    let schedule: &Schedule = &right.schedule;
    let given =
        [Given::new(stage.input.problem.head::<T>(scene.run.batch(), scene.run.head(), schedule.plan().precision))];
    let program = Program::new(&schedule.algorithm);
    let fault = |fault: Sentence| Finding::Formula { formula: String::new(), fault };
    let machine = Machine::new(&program, &schedule.setting, &given).map_err(|error| fault(error.sentence()))?;
    let names = Chip::of(schedule).ok_or_else(|| fault("the text has other names".into()))?;
    let mut walk = Walk { formulas, schedule, names, machine, before: None, first: None };
    let mut steps = Vec::new();
    for index in 0..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        for step in &steps {
            walk.step(step)?;
            if let ("accumulate", Some((i, j))) = (walk.label(step), step.place.tile()) {
                walk.compare(right, i, j, step);
            }
        }
    }
    let output = Results::of(&walk.machine, schedule, 0).output().ok_or_else(|| fault("it makes no O".into()))?;
    Ok((walk.first, Outcome { output, moved: 0, on_chip: 0 }))
}

/// The names of the text that formulas are about.
#[derive(Clone, Copy)]
struct Chip {
    s: NameId,
    p: NameId,
    o: NameId,
    m: NameId,
    l: NameId,
    alpha: NameId,
    sum: NameId,
}

impl Chip {
    fn of(schedule: &Schedule) -> Option<Self> {
        let name = |name| schedule.algorithm.text().name(name);
        Some(Self {
            s: name("S")?,
            p: name("P")?,
            o: name("O")?,
            m: name("m")?,
            l: name("l")?,
            alpha: name("alpha")?,
            sum: name("l_tile")?,
        })
    }
}

const PER_ROW: Shape = Shape { rows: Extent::Rows, cols: Extent::One };
const OUTPUT: Shape = Shape { rows: Extent::Rows, cols: Extent::Dv };

struct Walk<'a, T: Real> {
    formulas: &'a Formulas,
    schedule: &'a Schedule,
    names: Chip,
    machine: Machine<'a, T>,
    before: Option<Before<T>>,
    first: Option<Finding>,
}

impl<'a, T: Real> Walk<'a, T> {
    fn label(&self, step: &Step) -> &'a str {
        &self.schedule.line(step).label
    }

    /// The operations of flash2 that a formula may stand in for; the machine does the others.
    fn step(&mut self, step: &Step) -> Result<(), Finding> {
        match self.label(step) {
            "mask" if self.formulas.has("hidden") => self.hide(step),
            "row-max" => self.row_max(step),
            "exponentiate" if self.formulas.has("shift") => self.exponentiate(step),
            "rescale" => {
                // What follows may want the values before the factor.
                let (l, o) = (self.column(self.names.l, step), self.matrix(self.names.o, OUTPUT, step));
                if let Some(before) = &mut self.before {
                    (before.l, before.o) = (l, o);
                }
                self.execute(step)
            }
            "accumulate" => self.accumulate(step),
            "normalise" if self.formulas.has("out") => self.normalise(step),
            _ => self.execute(step),
        }
    }

    fn execute(&mut self, step: &Step) -> Result<(), Finding> {
        let done = self.machine.execute(step);
        done.map_err(|fault| Finding::Formula { formula: String::new(), fault: fault.sentence() })
    }

    fn matrix(&self, name: NameId, shape: Shape, step: &Step) -> Array2<T> {
        self.machine.value(name, shape, step.place).map(|values| values.to_owned()).unwrap_or_default()
    }

    fn column(&self, name: NameId, step: &Step) -> Vec<T> {
        self.matrix(name, PER_ROW, step).iter().copied().collect()
    }

    fn set(&mut self, name: NameId, shape: Shape, step: &Step, values: &Array2<T>) {
        self.machine.set(name, shape, step.place, |mut to| to.assign(values));
    }

    fn set_column(&mut self, name: NameId, step: &Step, values: &[T]) {
        self.machine.set(name, PER_ROW, step.place, |mut to| {
            to.iter_mut().zip(values).for_each(|(to, &from)| *to = from);
        });
    }

    fn hide(&mut self, step: &Step) -> Result<(), Finding> {
        self.execute(step)?;
        let hidden = self.formulas.value("hidden", T::neg_infinity(), &[])?;
        let Some((i, j)) = step.place.tile() else { return Ok(()) };
        let (rows, cols) = (self.schedule.plan().rows(i), self.schedule.plan().cols(j));
        let mut s = self.matrix(self.names.s, Shape::TILE, step);
        let band = &self.machine.head(0).band;
        for ((row, col), s) in s.indexed_iter_mut() {
            if !band.keeps(rows.start + row, cols.start + col) {
                *s = hidden;
            }
        }
        self.set(self.names.s, Shape::TILE, step, &s);
        Ok(())
    }

    /// m_new, and the factor that follows from it.
    fn row_max(&mut self, step: &Step) -> Result<(), Finding> {
        let (s, old) = (self.matrix(self.names.s, Shape::TILE, step), self.column(self.names.m, step));
        self.execute(step)?;
        let (mut m, mut alpha, l) =
            (self.column(self.names.m, step), self.column(self.names.alpha, step), self.column(self.names.l, step));
        for (row, &m_old) in old.iter().enumerate() {
            let m_tile = s.row(row).to_slice().map_or(T::nan(), |s| row_max(s, T::neg_infinity()));
            let vars = [("m_old", m_old), ("m_tile", m_tile), ("m_new", m[row])];
            let m_new = self.formulas.value("m", m[row], &vars)?;
            let factor = if m_old == T::neg_infinity() { T::zero() } else { (m_old - m_new).exp() };
            let vars = [("m_old", m_old), ("m_tile", m_tile), ("m_new", m_new), ("l_old", l[row])];
            alpha[row] = self.formulas.value("alpha", factor, &vars)?;
            m[row] = m_new;
        }
        self.set_column(self.names.m, step, &m);
        self.set_column(self.names.alpha, step, &alpha);
        self.before = Some(Before { m: old, l, o: self.matrix(self.names.o, OUTPUT, step) });
        Ok(())
    }

    /// P = exp(S - shift), with no guard but the learner's.
    fn exponentiate(&mut self, step: &Step) -> Result<(), Finding> {
        self.execute(step)?;
        let (s, m) = (self.matrix(self.names.s, Shape::TILE, step), self.column(self.names.m, step));
        let mut p = s.clone();
        for (row, &m_new) in m.iter().enumerate() {
            let m_old = self.before.as_ref().map_or(m_new, |before| before.m[row]);
            let shift = self.formulas.value("shift", m_new, &[("m_new", m_new), ("m_old", m_old)])?;
            if let Some(row) = p.row_mut(row).into_slice() {
                T::exp_minus(row, shift);
            }
            if shift.is_nan() {
                // What is hidden weighs nothing, also in a row of NaN.
                let hidden = p.row_mut(row).into_iter().zip(s.row(row)).filter(|(_, s)| **s == T::neg_infinity());
                hidden.for_each(|(p, _)| *p = T::zero());
            }
        }
        self.set(self.names.p, Shape::TILE, step, &p);
        Ok(())
    }

    fn accumulate(&mut self, step: &Step) -> Result<(), Finding> {
        let Some(before) = self.before.take() else { return self.execute(step) };
        // P V alone, by adding it to nothing.
        let rescaled = self.matrix(self.names.o, OUTPUT, step);
        self.set(self.names.o, OUTPUT, step, &Array2::zeros(rescaled.dim()));
        self.execute(step)?;
        let product = self.matrix(self.names.o, OUTPUT, step);
        let (alpha, sum) = (self.column(self.names.alpha, step), self.column(self.names.sum, step));
        let (m, mut l) = (self.column(self.names.m, step), self.column(self.names.l, step));
        let mut o = product.clone();
        for row in 0..l.len() {
            let vars = [("l_old", before.l[row]), ("alpha", alpha[row]), ("sum", sum[row]), ("m_new", m[row])];
            l[row] = self.formulas.value("l", l[row], &vars)?;
            for c in 0..o.ncols() {
                let vars = [
                    ("O_old", before.o[[row, c]]),
                    ("PV", product[[row, c]]),
                    ("alpha", alpha[row]),
                    ("l_old", before.l[row]),
                    ("l_new", l[row]),
                ];
                o[[row, c]] = self.formulas.value("O", rescaled[[row, c]] + product[[row, c]], &vars)?;
            }
        }
        self.set_column(self.names.l, step, &l);
        self.set(self.names.o, OUTPUT, step, &o);
        Ok(())
    }

    /// The last division, with no guard but the learner's.
    fn normalise(&mut self, step: &Step) -> Result<(), Finding> {
        let kept = self.matrix(self.names.o, OUTPUT, step);
        self.execute(step)?;
        let (m, l) = (self.column(self.names.m, step), self.column(self.names.l, step));
        let mut o = self.matrix(self.names.o, OUTPUT, step);
        for ((row, c), o) in o.indexed_iter_mut() {
            *o = self.formulas.value("out", *o, &[("O", kept[[row, c]]), ("l", l[row]), ("m", m[row])])?;
        }
        self.set(self.names.o, OUTPUT, step, &o);
        Ok(())
    }

    /// Remembers the first m or l that is not what the right run has after this visit.
    fn compare(&mut self, right: &Run, i: usize, j: usize, step: &Step) {
        if self.first.is_some() {
            return;
        }
        let first_row = self.schedule.plan().rows(i).start;
        let (m, l) = (self.column(self.names.m, step), self.column(self.names.l, step));
        for (row, visits) in right.history(i).iter().enumerate() {
            let Some(visit) = visits.iter().find(|visit| visit.j == j) else { continue };
            for (of, got, want) in [("m", m[row].widen(), visit.m), ("l", l[row].widen(), visit.l)] {
                if !is_near(got, want) {
                    self.first = Some(Finding::Number { of, row: first_row + row, place: j, got, want });
                    return;
                }
            }
        }
    }
}

/// Formulas are evaluated in f64 and kept in the format of the machine.
fn is_near(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 1e-4 * want.abs().max(1.0)
}
