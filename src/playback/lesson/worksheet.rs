//! The tasks of a lesson on paper, with numbers and an order of choices of their own for each seed; and the grades of what
//! was written on them. A sheet is a function of the lesson and the seed, so that nothing of it has to be kept.

use super::build::{Build, Slot};
use super::cue::{changed, settings};
use super::engine::Engine;
use super::error::{LessonError, Result};
use super::fields::Field;
use super::figure::ShownFigure;
use super::predict::{Asked, ClickOn, Predict, Response};
use super::scene::Scene;
use super::{Beat, Change, Language, Lesson};
use crate::sentence::Sentence;

/// The tasks of a lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    pub title: String,
    pub language: Language,
    pub seed: u64,
    pub tasks: Vec<Task>,
}

/// One task, with what is needed to do it and to mark it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// From 1.
    pub number: usize,
    /// From 0.
    pub beat: usize,
    pub heading: String,
    /// Markdown.
    pub prose: String,
    pub figure: Option<ShownFigure>,
    pub ask: String,
    pub form: Form,
    /// As the key has it.
    pub answer: String,
    pub feedback: String,
}

/// How a task is answered on paper.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A number, with its unit.
    Number(String),
    /// A letter for one of these texts.
    Choice(Vec<String>),
    /// The name of what a window would have clicked.
    Name(ClickOn),
    /// Keys of a scene with their values; these may be changed.
    Change(Vec<String>),
    /// Letters of these cards, in the holes of the template.
    Cards { template: Vec<Vec<Slot>>, cards: Vec<String> },
    /// A letter of a class for each tile, row by row.
    Tiles { rows: usize, columns: usize, classes: Vec<String> },
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub is_right: bool,
    /// Why it is wrong; empty of a right one.
    pub reason: String,
    /// The right answer.
    pub answer: String,
}

/// The letter of a choice or a card: A, B, .. Z, AA, AB, ..
pub fn letter(index: usize) -> String {
    let last = char::from(b'A' + (index % 26) as u8);
    if index < 26 { last.into() } else { letter(index / 26 - 1) + &last.to_string() }
}

/// The place of a letter.
fn index(letter: &str) -> Option<usize> {
    let digit = |c: char| c.is_ascii_alphabetic().then(|| c.to_ascii_uppercase() as usize - 'A' as usize);
    let digits: Option<Vec<usize>> = letter.trim().chars().map(digit).collect();
    let digits = digits.filter(|digits| (1..=2).contains(&digits.len()))?;
    Some(digits.into_iter().fold(0, |index, digit| index * 26 + digit + 1) - 1)
}

/// What of a beat is a task.
enum Of<'a> {
    Question(&'a Predict),
    Change(&'a Change),
    Build(&'a Build),
}

/// The tasks with their beats, in order.
fn tasks(lesson: &Lesson) -> impl Iterator<Item = (usize, &Beat, Of<'_>)> {
    lesson.beats.iter().enumerate().flat_map(|(at, beat)| {
        let question = beat.predict.iter().map(Of::Question);
        let all = question.chain(beat.change.iter().map(Of::Change)).chain(beat.build.iter().map(Of::Build));
        all.map(move |of| (at, beat, of))
    })
}

impl Sheet {
    /// The sheet of the engine's seed.
    pub fn new(lesson: &Lesson, engine: &Engine) -> Result<Self> {
        let mut made: Vec<Task> = Vec::new();
        for (at, beat, of) in tasks(lesson) {
            let number = made.len() + 1;
            let mut task = match of {
                Of::Question(predict) => of_question(beat, predict, engine)?,
                Of::Change(change) => of_change(beat, change, engine)?,
                Of::Build(build) => of_build(beat, build, engine)?,
            };
            (task.number, task.beat) = (number, at);
            // What a beat says is said once.
            if made.last().is_some_and(|last| last.beat == at) {
                (task.prose, task.figure) = (String::new(), None);
            }
            made.push(task);
        }
        Ok(Self { title: lesson.title.clone(), language: lesson.language, seed: engine.seed(), tasks: made })
    }
}

fn task(beat: &Beat, scene: &Scene, engine: &Engine, ask: String, form: Form) -> Result<Task> {
    let figure = beat.figure.as_ref().map(|figure| figure.shown(engine, scene, false)).transpose()?;
    Ok(Task {
        number: 0,
        beat: 0,
        heading: beat.title.fill(engine, scene)?,
        prose: beat.prose.marked(engine, scene)?,
        figure,
        ask,
        form,
        answer: String::new(),
        feedback: String::new(),
    })
}

fn of_question(beat: &Beat, predict: &Predict, engine: &Engine) -> Result<Task> {
    let scene = predict.varied(engine.seed(), &beat.scene)?;
    let choices = predict.choices(engine, &scene)?;
    let form = match predict.kind {
        Asked::Number { .. } => Form::Number(predict.unit.clone()),
        Asked::Choice => Form::Choice(choices.iter().map(|choice| choice.text.clone()).collect()),
        Asked::Click { on } => Form::Name(on),
    };
    let answer = predict.shown_answer(engine, &scene)?;
    let answer = match choices.iter().position(|choice| choice.is_right) {
        Some(at) if matches!(form, Form::Choice(_)) => format!("{}: {answer}", letter(at)),
        _ => answer,
    };
    let feedback = predict.feedback.marked(engine, &scene)?;
    let task = task(beat, &scene, engine, predict.question.marked(engine, &scene)?, form)?;
    Ok(Task { answer, feedback, ..task })
}

fn of_change(beat: &Beat, change: &Change, engine: &Engine) -> Result<Task> {
    let solution = change.solution.iter().map(|field| format!("{}: {}", field.key, field.value));
    let answer = solution.collect::<Vec<_>>().join("; ");
    let feedback = change.feedback.marked(engine, &beat.scene)?;
    let ask = change.find.marked(engine, &beat.scene)?;
    Ok(Task { answer, feedback, ..task(beat, &beat.scene, engine, ask, Form::Change(change.open.clone()))? })
}

fn of_build(beat: &Beat, build: &Build, engine: &Engine) -> Result<Task> {
    let scene = &beat.scene;
    let hand: Vec<usize> = build.hand().map(|(at, _)| at).collect();
    let cards = hand.iter().map(|at| build.cards[*at].text.fill(engine, scene)).collect::<Result<Vec<_>>>()?;
    let form = match build.template.is_empty() {
        true => {
            let stage = engine.stage(scene).map_err(|what| LessonError::line(build.line, what))?;
            Form::Tiles { rows: stage.plan.t_r(), columns: stage.plan.t_c(), classes: cards }
        }
        false => Form::Cards { template: build.slots(engine, scene)?, cards },
    };
    let place = |card: Option<usize>| card.and_then(|card| hand.iter().position(|at| *at == card));
    let letters = build.solution(engine, scene).unwrap_or_default();
    let letters = letters.into_iter().map(|card| place(card).map_or_else(|| "-".into(), letter));
    let answer = letters.collect::<Vec<_>>().join(", ");
    let feedback = build.feedback.marked(engine, scene)?;
    Ok(Task { answer, feedback, ..task(beat, scene, engine, build.ask.marked(engine, scene)?, form)? })
}

/// Marks the answer to the task with this number, from 1, of the sheet of the engine's seed. `None` where there is no such
/// task. What cannot be read is wrong, and the reason says so.
pub fn mark(lesson: &Lesson, number: usize, answer: &str, engine: &Engine) -> Result<Option<Mark>> {
    let Some((_, beat, of)) = number.checked_sub(1).and_then(|at| tasks(lesson).nth(at)) else { return Ok(None) };
    let right = match &of {
        Of::Question(predict) => of_question(beat, predict, engine)?.answer,
        Of::Change(change) => of_change(beat, change, engine)?.answer,
        Of::Build(build) => of_build(beat, build, engine)?.answer,
    };
    let reason = if answer.trim().is_empty() {
        Some("nothing was answered".to_owned())
    } else {
        match of {
            Of::Question(predict) => of_answer(beat, predict, answer, engine)?,
            Of::Change(change) => of_scene(beat, change, answer, engine)?,
            Of::Build(build) => of_cards(beat, build, answer, engine)?,
        }
    };
    Ok(Some(Mark { is_right: reason.is_none(), reason: reason.unwrap_or_default(), answer: right }))
}

/// Why an answer is wrong; `None` of a right one.
fn of_answer(beat: &Beat, predict: &Predict, answer: &str, engine: &Engine) -> Result<Option<String>> {
    let scene = predict.varied(engine.seed(), &beat.scene)?;
    let response = match predict.kind {
        Asked::Choice => {
            let choices = predict.choices(engine, &scene)?;
            let written = |text: &str| choices.iter().position(|choice| choice.text == text.trim());
            match index(answer).or_else(|| written(answer)).filter(|at| *at < choices.len()) {
                Some(at) => Response::Choice(at),
                None => return Ok(Some(letters_are_needed(choices.len()))),
            }
        }
        _ => match predict.response(answer) {
            Ok(response) => response,
            Err(why) => return Ok(Some(why.to_string())),
        },
    };
    let verdict = predict.judge(&response, engine, &scene)?;
    Ok((!verdict.is_right).then(|| verdict.misconception.unwrap_or(verdict.feedback)))
}

fn letters_are_needed(count: usize) -> String {
    Sentence::new("the answer is a letter from A to {0}").with(letter(count.saturating_sub(1))).to_string()
}

fn of_scene(beat: &Beat, change: &Change, answer: &str, engine: &Engine) -> Result<Option<String>> {
    let field = Field { line: 0, column: 0, key: "answer".into(), value: answer.trim().into() };
    let said = settings(&field).and_then(|said| match said.iter().find(|field| !change.open.contains(&field.key)) {
        Some(other) => Err(field.fault(Sentence::new("`{0}` is not to be changed here").with(&other.key))),
        None => changed(&beat.scene, &said),
    });
    let found = said.and_then(|scene| change.is_found(engine, &scene));
    Ok(match found {
        Ok(true) => None,
        Ok(false) => Some("this does not make it so".into()),
        // The place of a fault is that of the answer, or of a condition that this scene cannot be asked.
        Err(fault) => Some(fault.what.to_string()),
    })
}

fn of_cards(beat: &Beat, build: &Build, answer: &str, engine: &Engine) -> Result<Option<String>> {
    let hand: Vec<usize> = build.hand().map(|(at, _)| at).collect();
    let separators = [',', ' ', ';', '\n', '\t', '，'];
    let mut filling = Vec::new();
    for part in answer.split(separators).filter(|part| !part.is_empty()) {
        match index(part).and_then(|at| hand.get(at)) {
            Some(card) => filling.push(Some(*card)),
            None if part == "-" => filling.push(None),
            None => return Ok(Some(letters_are_needed(hand.len()))),
        }
    }
    if let Some(holes) = build.holes(engine, &beat.scene).filter(|holes| *holes != filling.len()) {
        let what = Sentence::new("there {0|is|are} {0} {0|place|places}, and {1} {1|letter is|letters are} given");
        return Ok(Some(what.with(holes).with(filling.len()).to_string()));
    }
    let grade = build.grade(&filling, engine, &beat.scene)?;
    let finding = grade.findings.first().map(|finding| finding.sentence().to_string());
    Ok(finding.map(|finding| grade.thought.map_or(finding.clone(), |thought| format!("{finding} {thought}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_the_alphabet() {
        for (at, text) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ")] {
            assert_eq!((letter(at).as_str(), index(text)), (text, Some(at)));
        }
        assert_eq!(index("b "), Some(1));
        for text in ["", "1", "A1", "ABC", "é"] {
            assert_eq!(index(text), None, "{text}");
        }
    }
}
