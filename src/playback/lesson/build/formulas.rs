//! The update of a row as the learner writes it: lines of a text of the tile language (`update.tile`), in which what the
//! learner writes stands in place of the right formula. The language's reader reads it, and the machine carries it out.
//!
//! Lines may define `hidden` (the score of a key that the mask hides), `m` (the running maximum), `alpha`, `shift` (what
//! is subtracted from scores), `l`, `O`, and `out` (the last division). A line that is not there means the right thing.

use std::slice;

use super::super::engine::Engine;
use super::super::error::LessonError;
use super::super::scene::{Scene, Stage};
use super::execute::Outcome;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, Graded, Line, written};
use crate::attention::{Precision, Real};
use crate::machine::{Given, Machine, Program, Results, carry_out};
use crate::schedule::language::{Extent, Shape};
use crate::schedule::{Algorithm, Schedule};
use crate::sentence::Sentence;

const TEXT: &str = include_str!("update.tile");

/// What a line that the learner does not write says.
const RIGHT: [(&str, &str); 7] = [
    ("hidden", "-inf"),
    ("m", "m_new"),
    ("alpha", "exp(m_old - finite(m_new))"),
    ("shift", "finite(m_new)"),
    ("l", "alpha * l_old + sum"),
    ("O", "alpha * O_old + PV"),
    ("out", "ratio(O, l)"),
];

/// The last line of a visit: m and l are done.
const VISIT: &str = "visit";

/// A learner's formula by the name that it defines.
type Formula = (String, String);

/// Every line has a name of the update, and each stands once.
pub(super) fn check(lines: &[Line]) -> super::Result<()> {
    for (at, line) in lines.iter().enumerate() {
        if RIGHT.iter().all(|(name, _)| *name != line.name) {
            let names = RIGHT.map(|(name, _)| format!("`{name}`")).join(", ");
            let fault = Sentence::new("the update of a row has no line `{0}`; its lines are {1}").with(&line.name);
            return Err(LessonError::line(line.line, fault.with(names)));
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
    let (algorithm, right) = match (text(&formulas), text(&[])) {
        (Ok(algorithm), Ok(right)) => (algorithm, right),
        (Err(finding), _) | (_, Err(finding)) => return Ok(Grade::of(finding)),
    };
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

/// The text with the learner's formulas in it. Errors with the formula that cannot be read, and what the reader says of it.
fn text(formulas: &[Formula]) -> Result<Algorithm, Finding> {
    let read = |formulas: &[Formula]| {
        Algorithm::read("the update of a row", &filled(formulas))
            .map_err(|wrong| wrong.into_iter().next().map(|first| first.what).unwrap_or_default())
    };
    read(formulas).map_err(|fault| {
        // A formula may be told where its value is used: the one at fault cannot be read beside right ones either.
        let mut alone = formulas.iter().filter_map(|one| Some((one, read(slice::from_ref(one)).err()?)));
        let (formula, fault) =
            alone.next().map_or((String::new(), fault), |((_, formula), own)| (formula.clone(), own));
        Finding::Formula { formula, fault }
    })
}

fn filled(formulas: &[Formula]) -> String {
    let right = |name: &str| RIGHT.iter().find(|(known, _)| *known == name).map_or("", |(_, right)| right);
    let written = |name: &str| formulas.iter().find(|(known, _)| known == name).map(|(_, formula)| formula.as_str());
    let mut pieces = TEXT.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces
        .filter_map(|piece| piece.split_once('}'))
        .fold(first, |text, (name, rest)| text + written(name).unwrap_or_else(|| right(name)) + rest)
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
    let schedule = Schedule::new(algorithm, stage.plan.clone());
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
    fn the_text_is_flash2_with_a_line_for_each_name() {
        let right = text(&[]).expect("it reads");
        assert!(RIGHT.iter().all(|(name, _)| TEXT.matches(&format!("{{{name}}}")).count() == 1));
        assert_eq!(TEXT.matches('{').count(), RIGHT.len());
        assert!([Part::Output, Part::Max, Part::Sum].into_iter().all(|part| right.result(part).is_some()));
    }

    #[test]
    fn a_formula_that_cannot_be_read_is_told_in_the_words_of_the_language() {
        for (name, formula, told) in [("alpha", ") -", ""), ("l", "alpha * l_oldd + sum", "l_oldd"), ("O", "", "")] {
            let right: Formula = ("m".into(), "max(m_old, m_tile)".into());
            let found = text(&[right, (name.into(), formula.into())]).expect_err(formula);
            let Finding::Formula { formula: at_fault, fault } = found else { panic!("{found:?}") };
            assert_eq!(at_fault, formula);
            assert!(fault.to_string().contains(told) && !fault.to_string().is_empty(), "{fault}");
        }
    }
}
