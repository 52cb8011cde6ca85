//! Formulas as the learner writes them: lines of a text of the tile language, in which what the learner writes stands in
//! place of the right formula. The language's reader reads it, and the machine carries it out.
//!
//! Three texts have such lines. The update of a row: `hidden` (the score of a key that the mask hides), `m` (the running
//! maximum), `alpha`, `shift` (what is subtracted from scores), `l`, `O`, and `out` (the last division). The gradients of a
//! tile: `P`, `D`, `dS`. The combine of splits: `w` (the weight of one), `sum`, `joined`. A line that is not there means the
//! right thing.

use std::slice;

use super::super::engine::Engine;
use super::super::error::LessonError;
use super::super::scene::{Scene, Stage};
use super::execute::Outcome;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, Graded, Line, written};
use crate::attention::expected::GRADIENTS;
use crate::attention::{Precision, Real};
use crate::machine::{Given, Machine, Program, Results, carry_out};
use crate::schedule::Algorithm;
use crate::schedule::language::{Diagnostic, Extent, Shape};
use crate::sentence::Sentence;

/// A text with lines for the learner.
struct Lines {
    text: &'static str,
    /// What a line that the learner does not write says.
    right: &'static [(&'static str, &'static str)],
    /// What has no such line, as a lesson that asks for one is told.
    lacks: &'static str,
}

static UPDATE: Lines = Lines {
    text: include_str!("update.tile"),
    right: &[
        ("hidden", "-inf"),
        ("m", "m_new"),
        ("alpha", "exp(m_old - finite(m_new))"),
        ("shift", "finite(m_new)"),
        ("l", "alpha * l_old + sum"),
        ("O", "alpha * O_old + PV"),
        ("out", "ratio(O, l)"),
    ],
    lacks: "the update of a row has no line `{0}`; its lines are {1}",
};

static GRADIENT: Lines = Lines {
    text: include_str!("gradient.tile"),
    right: &[("P", "exp(S - finite(L))"), ("D", "rowsum(dO * O)"), ("dS", "P * (dP - D)")],
    lacks: "the gradients of a tile have no line `{0}`; their lines are {1}",
};

static COMBINE: Lines = Lines {
    text: include_str!("combine.tile"),
    right: &[("w", "exp(L_s - finite(L_max))"), ("sum", "O_old + w * O_s"), ("joined", "ratio(O, sum)")],
    lacks: "the combine of splits has no line `{0}`; its lines are {1}",
};

/// The last line of a visit: m and l are done.
const VISIT: &str = "visit";

/// A learner's formula by the name that it defines.
type Formula = (String, String);

impl Lines {
    /// Those of the text whose line the first is; of the update of a row where no text has it.
    fn of<'a>(mut names: impl Iterator<Item = &'a str>) -> &'static Self {
        let first = names.next().unwrap_or_default();
        [&UPDATE, &GRADIENT, &COMBINE].into_iter().find(|lines| lines.has(first)).unwrap_or(&UPDATE)
    }

    fn has(&self, name: &str) -> bool {
        self.right.iter().any(|(known, _)| *known == name)
    }
}

/// Every line has a name of one text, and each stands once.
pub(super) fn check(lines: &[Line]) -> super::Result<()> {
    let of = Lines::of(lines.iter().map(|line| line.name.as_str()));
    for (at, line) in lines.iter().enumerate() {
        if !of.has(&line.name) {
            let names = of.right.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(LessonError::line(line.line, Sentence::new(of.lacks).with(&line.name).with(names)));
        }
        if lines[..at].iter().any(|before| before.name == line.name) {
            return Err(LessonError::line(line.line, Sentence::new("{0} stands twice").with(&line.name)));
        }
    }
    Ok(())
}

pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Graded {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    let lines = build.filled(filling).into_iter();
    let formulas: Vec<Formula> = lines.map(|(line, parts)| (line.name.clone(), written(&parts))).collect();
    let of = Lines::of(formulas.iter().map(|(name, _)| name.as_str()));
    let (algorithm, right) = match (of.read(&formulas), of.read(&[])) {
        (Ok(algorithm), Ok(right)) => (algorithm, right),
        (Err(finding), _) | (_, Err(finding)) => return Ok(Grade::of(finding)),
    };
    if algorithm.is_backward() {
        let finding = wrong_gradient(&algorithm, engine, scene)?;
        return Ok(Grade { findings: finding.into_iter().collect(), ..Grade::default() });
    }
    let stage = engine.stage(scene)?;
    let [got, want] = match stage.plan.precision {
        Precision::F64 => [walk::<f64>(&algorithm, &stage, scene)?, walk::<f64>(&right, &stage, scene)?],
        _ => [walk::<f32>(&algorithm, &stage, scene)?, walk::<f32>(&right, &stage, scene)?],
    };
    // The first number that is wrong on the way, then the first of O.
    let first = first_difference(&got.visits, &want.visits);
    let findings = first.into_iter().chain(got.outcome.first_difference(&stage, scene)).collect();
    Ok(Grade { findings, ..Grade::default() })
}

/// The first gradient that is not the exact one.
fn wrong_gradient(algorithm: &Algorithm, engine: &Engine, scene: &Scene) -> Result<Option<Finding>, Sentence> {
    let (run, exact) = (engine.run_once(scene, algorithm)?, engine.gradients(scene)?);
    Ok(GRADIENTS.into_iter().find_map(|of| {
        let (got, want) = (run.results().called(of)?, exact.named(of)?);
        let (((row, place), &got), &want) =
            got.indexed_iter().zip(want).find(|((_, got), want)| !is_near(**got, **want))?;
        Some(Finding::Number { of, row, place, got, want })
    }))
}

impl Lines {
    /// The text with the learner's formulas in it. Errors with the formula that cannot be read, and what the reader says of
    /// it.
    fn read(&self, formulas: &[Formula]) -> Result<Algorithm, Finding> {
        let read = |formulas: &[Formula]| {
            Algorithm::read("what the cards say", &self.filled(formulas))
                .map_err(|wrong| wrong.into_iter().next().map(Diagnostic::without_lines).unwrap_or_default())
        };
        read(formulas).map_err(|fault| {
            // A formula may be told where its value is used: the one at fault cannot be read beside right ones either.
            let mut alone = formulas.iter().filter_map(|one| Some((one, read(slice::from_ref(one)).err()?)));
            let (formula, fault) =
                alone.next().map_or((String::new(), fault), |((_, formula), own)| (formula.clone(), own));
            Finding::Formula { formula, fault }
        })
    }

    fn filled(&self, formulas: &[Formula]) -> String {
        let right = |name: &str| self.right.iter().find(|(known, _)| *known == name).map_or("", |(_, right)| right);
        let written =
            |name: &str| formulas.iter().find(|(known, _)| known == name).map(|(_, formula)| formula.as_str());
        let mut pieces = self.text.split('{');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces
            .filter_map(|piece| piece.split_once('}'))
            .fold(first, |text, (name, rest)| text + written(name).unwrap_or_else(|| right(name)) + rest)
    }
}

/// m and l of a row after a key block.
struct Visit {
    row: usize,
    j: usize,
    values: [(&'static str, f64); 2],
}

struct Walked {
    visits: Vec<Visit>,
    outcome: Outcome,
}

/// Carries a text out, and notes m and l at the end of each visit.
fn walk<T: Real>(algorithm: &Algorithm, stage: &Stage, scene: &Scene) -> Result<Walked, Sentence> {
    let schedule = stage.schedule(algorithm)?;
    let given = [Given::new(stage.plan.head::<T>(&stage.input.problem, scene.run.batch(), scene.run.head()))];
    let program = Program::new(algorithm);
    let mut visits = Vec::new();
    let machine = carry_out(&schedule, &program, &given, |_, step, machine| {
        if let (VISIT, Some((i, j))) = (schedule.line(step).label.as_str(), step.place.tile()) {
            let [m, l] = ["m", "l"].map(|name| column(machine, name, step.place));
            let rows = stage.plan.rows(i).zip(m.into_iter().zip(l));
            visits.extend(rows.map(|(row, (m, l))| Visit { row, j, values: [("m", m), ("l", l)] }));
        }
        true
    });
    let machine = machine.map_err(|fault| fault.sentence())?;
    let output = Results::of(&machine, &schedule, 0).output().ok_or("it makes no O")?;
    Ok(Walked { visits, outcome: Outcome { output, moved: 0, on_chip: 0 } })
}

/// The values per row of a name on chip.
fn column<T: Real>(machine: &Machine<'_, T>, name: &str, place: crate::schedule::Place) -> Vec<f64> {
    const PER_ROW: Shape = Shape { rows: Extent::Rows, cols: Extent::One };
    let name = machine.algorithm().text().name(name);
    let values = name.and_then(|name| machine.value(name, PER_ROW, place));
    values.map(|values| values.iter().map(|value| value.widen()).collect()).unwrap_or_default()
}

/// The first m or l that is not what the right text has after that visit.
fn first_difference(got: &[Visit], want: &[Visit]) -> Option<Finding> {
    got.iter().zip(want).find_map(|(got, want)| {
        let mut values = got.values.iter().zip(&want.values);
        let (&(of, got_value), &(_, want_value)) = values.find(|(got, want)| !is_near(got.1, want.1))?;
        Some(Finding::Number { of, row: got.row, place: got.j, got: got_value, want: want_value })
    })
}

/// Formulas may come to the same in another order of roundings.
fn is_near(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 1e-4 * want.abs().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Part;

    #[test]
    fn the_texts_have_a_line_for_each_name() {
        for (lines, parts) in
            [(&UPDATE, &[Part::Output, Part::Max, Part::Sum][..]), (&GRADIENT, &[]), (&COMBINE, &[Part::Output])]
        {
            let right = lines.read(&[]).unwrap_or_else(|fault| panic!("{fault:?}"));
            assert!(lines.right.iter().all(|(name, _)| lines.text.matches(&format!("{{{name}}}")).count() == 1));
            assert_eq!(lines.text.matches('{').count(), lines.right.len());
            assert!(parts.iter().all(|part| right.result(*part).is_some()), "{}", lines.text);
            // No name is a line of two texts.
            assert!(lines.right.iter().all(|(name, _)| Lines::of([*name].into_iter()).text == lines.text));
        }
    }

    #[test]
    fn a_formula_that_cannot_be_read_is_told_in_the_words_of_the_language() {
        for (name, formula, told) in [("alpha", ") -", ""), ("l", "alpha * l_oldd + sum", "l_oldd"), ("O", "", "")] {
            let right: Formula = ("m".into(), "max(m_old, m_tile)".into());
            let found = UPDATE.read(&[right, (name.into(), formula.into())]).expect_err(formula);
            let Finding::Formula { formula: at_fault, fault } = found else { panic!("{found:?}") };
            assert_eq!(at_fault, formula);
            assert!(fault.to_string().contains(told) && !fault.to_string().is_empty(), "{fault}");
        }
    }
}
