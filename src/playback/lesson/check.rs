//! Recomputes everything that a lesson states: claims, answers, wrong choices, numbers in prose, grades.

use crate::sentence::Sentence;

use super::build::{Build, Grade};
use super::cue::Change;
use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::Value;
use super::markdown;
use super::predict::{Asked, ClickOn, Predict};
use super::scene::Scene;
use super::text::Text;
use super::typed::typed;
use super::{Beat, Language, Lesson, drawn};

/// What was recomputed, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub claims: usize,
    /// Answers of questions, and conditions of changes.
    pub answers: usize,
    /// Wrong choices that differ from the answer and from each other.
    pub distractors: usize,
    /// Bars of figures.
    pub bars: usize,
    /// Numbers in texts.
    pub placeholders: usize,
    pub builds: usize,
    /// Attempts that were graded wrong, as they should be.
    pub wrong_builds: usize,
    /// By line.
    pub faults: Vec<LessonError>,
}

/// A projected line is at most this long: a character of ASCII counts 1, a wider one 2.
const MOST_SAID: [(Language, usize); 2] = [(Language::English, 60), (Language::Chinese, 48)];

impl Report {
    fn note(&mut self, result: Result<()>) {
        self.faults.extend(result.err());
    }
}

/// Checks every beat of a lesson.
pub fn check(lesson: &Lesson, engine: &Engine) -> Report {
    let mut report = Report::default();
    for beat in &lesson.beats {
        report.faults.extend(typed(beat));
        if let Err(fault) = stage(&beat.scene, beat.line, engine) {
            // Nothing else of the beat can be computed.
            report.faults.push(fault);
            continue;
        }
        if let Some(reveal) = &beat.reveal {
            report.note(stage(reveal, beat.line, engine));
        }
        report.faults.extend(drawn::check(beat, engine));
        for text in beat.texts() {
            report.placeholders += text.expressions().count();
            report.note(text.fill(engine, &beat.scene).map(drop));
        }
        for (text, has_blocks) in beat.marked() {
            // A value that cannot be computed was told above.
            report.faults.extend(markdown::check(text, has_blocks, engine, &beat.scene).unwrap_or_default());
        }
        if let Some(said) = &beat.say {
            report.note(length(said, beat, lesson.language, engine));
        }
        for claim in &beat.claims {
            report.claims += 1;
            report.note(claim.shown(engine, &beat.scene).map(drop));
        }
        if let Some(figure) = &beat.figure {
            report.bars += figure.bars.len();
            report.note(figure.shown(engine, &beat.scene, true).map(drop));
        }
        if let Some(predict) = &beat.predict {
            report.answers += 1;
            report.distractors += predict.wrong.len();
            report.note(question(predict, &beat.scene, engine));
            report.faults.extend(varied(beat, predict, engine));
        }
        if let Some(change) = &beat.change {
            report.answers += 1;
            report.note(findable(change, &beat.scene, engine));
        }
        if let Some(build) = &beat.build {
            report.builds += 1;
            report.wrong_builds += build.wrong.len();
            report.note(graded(build, &beat.scene, engine));
        }
    }
    report.faults.sort_by_key(|fault| (fault.line, fault.column));
    report
}

/// The scene can be shown: its input, its cursor, its selection. `line` is that of the beat.
fn stage(scene: &Scene, line: usize, engine: &Engine) -> Result<()> {
    let line = if scene.line > 0 { scene.line } else { line };
    let fault = |what: Sentence| LessonError::line(line, Sentence::new("the scene: {0}").and(what));
    let stage = engine.stage(scene).map_err(fault)?;
    let schedule = stage.schedule(&stage.algorithm.with_bug(&scene.bug)).map_err(fault)?;
    scene.step.cursor(&schedule).map_err(fault)?;
    let (plan, selection) = (&stage.plan, scene.selection);
    let is_in = |index: Option<usize>, size: usize| index.is_none_or(|index| index < size);
    let tile_is_in = selection.tile.is_none_or(|(i, j)| i < plan.t_r() && j < plan.t_c());
    if !is_in(selection.row, plan.n_q) || !is_in(selection.key, plan.n_k) || !tile_is_in {
        return Err(fault("the selection is outside".into()));
    }
    Ok(())
}

fn length(said: &Text, beat: &Beat, language: Language, engine: &Engine) -> Result<()> {
    let text = said.fill(engine, &beat.scene)?;
    let length: usize = without_tex(&text).chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    let most = MOST_SAID.iter().find(|(known, _)| *known == language).map_or(60, |(_, most)| *most);
    if length > most {
        return Err(LessonError::line(
            beat.line,
            Sentence::new("`say` is {0} long, and {1} is the most: {2}").with(length).with(most).with(text),
        ));
    }
    Ok(())
}

/// A text in which a formula is only what is seen of it, about: no signs of TeX.
fn without_tex(text: &str) -> String {
    let of_formula = |tex: &str| {
        let commands = tex.split('\\').enumerate();
        let seen = commands.map(|(at, part)| if at == 0 { part } else { part.trim_start_matches(char::is_alphabetic) });
        seen.flat_map(str::chars).filter(|c| !matches!(c, '{' | '}' | '^' | '_' | ' ')).collect::<String>()
    };
    let parts = text.split('$').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part.to_owned() } else { of_formula(part) }).collect()
}

/// The answer is one, and no wrong choice is right or the same as another.
fn question(predict: &Predict, scene: &Scene, engine: &Engine) -> Result<()> {
    let fault = |message: Sentence| Err(LessonError::line(predict.line, message));
    let answer = engine.eval(&predict.answer, scene)?;
    let at_answer = |message: &'static str| Err(LessonError::at(predict.answer.line, predict.answer.column, message));
    let mut tolerance = 0.0;
    match (&predict.kind, &answer) {
        (Asked::Number { tolerance: expr }, Value::Number(number)) if number.is_finite() => {
            tolerance = engine.number(expr, scene)?;
        }
        (Asked::Number { .. }, _) => return at_answer("the answer is not a finite number"),
        (Asked::Choice, Value::List(_) | Value::Object(_)) => return at_answer("a choice is a number or a text"),
        (Asked::Choice, _) => {}
        (Asked::Click { on }, value) => clickable(*on, value, predict, scene, engine)?,
    }
    for wrong in &predict.wrong {
        let value = engine.eval(&wrong.value, scene)?;
        let is_right = match (&value, &answer) {
            (Value::Number(a), Value::Number(b)) => a == b || (a - b).abs() <= tolerance,
            (value, Value::List(values)) => values.contains(value),
            (a, b) => a == b,
        };
        if is_right {
            let message = Sentence::new("this wrong answer is right: {0}").with(&wrong.value.source);
            return Err(LessonError::at(wrong.value.line, wrong.value.column, message));
        }
        if matches!(&value, Value::Text(key) if needs_label(predict, key)) {
            return Err(LessonError::at(wrong.value.line, wrong.value.column, "this text has no `label:`"));
        }
    }
    if matches!(&answer, Value::Text(key) if needs_label(predict, key)) {
        return at_answer("this text has no `label:`");
    }
    let mut shown: Vec<String> = predict.choices(engine, scene)?.into_iter().map(|choice| choice.text).collect();
    shown.sort();
    match shown.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => fault(Sentence::new("two choices look the same: {0}").with(&pair[0])),
        None => Ok(()),
    }
}

/// With all its other numbers it is a question as well: the first with which it is none.
fn varied(beat: &Beat, predict: &Predict, engine: &Engine) -> Option<LessonError> {
    let vary = predict.vary.as_ref()?;
    let of = |scene: &Scene| -> Result<()> {
        stage(scene, predict.line, engine)?;
        question(predict, scene, engine)?;
        let figure = beat.figure.as_ref().map(|figure| figure.shown(engine, scene, true));
        figure.transpose()?;
        [&beat.title, &beat.prose]
            .into_iter()
            .chain(predict.texts())
            .try_for_each(|text| text.fill(engine, scene).map(drop))
    };
    vary.scenes(&beat.scene).find_map(|(said, scene)| match scene {
        Ok(scene) => of(&scene).err().map(|fault| vary.fault(&said, &fault)),
        Err(fault) => Some(fault),
    })
}

fn needs_label(predict: &Predict, key: &str) -> bool {
    matches!(predict.kind, Asked::Choice) && !predict.labels.iter().any(|(known, _)| known == key)
}

/// A click on the answer is possible.
fn clickable(on: ClickOn, answer: &Value, predict: &Predict, scene: &Scene, engine: &Engine) -> Result<()> {
    let stage = engine.stage(scene).map_err(|message| LessonError::line(predict.line, message))?;
    let plan = &stage.plan;
    let values = match answer {
        Value::List(values) => values.clone(),
        value => vec![value.clone()],
    };
    let is_there = |value: &Value| match (on, value) {
        (ClickOn::Row, Value::Number(row)) => *row >= 0.0 && *row < plan.n_q as f64,
        (ClickOn::Key, Value::Number(key)) => *key >= 0.0 && *key < plan.n_k as f64,
        (ClickOn::Tensor, Value::Text(name)) => crate::schedule::Tensor::known(name).is_some(),
        (ClickOn::Tile, Value::Text(tile)) => tile.split_once(',').is_some_and(|(i, j)| {
            let index = |text: &str| text.trim().parse::<usize>().ok();
            index(i).is_some_and(|i| i < plan.t_r()) && index(j).is_some_and(|j| j < plan.t_c())
        }),
        _ => false,
    };
    if values.is_empty() || !values.iter().all(is_there) {
        return Err(LessonError::at(predict.answer.line, predict.answer.column, "the answer cannot be clicked"));
    }
    Ok(())
}

/// What is to be found is not there yet, and the solution finds it with the controls that open.
fn findable(change: &Change, scene: &Scene, engine: &Engine) -> Result<()> {
    let at = |message: &'static str| LessonError::at(change.until.line, change.until.column, message);
    if change.is_found(engine, scene)? {
        return Err(at("this holds before anything is changed"));
    }
    if let Some(field) = change.solution.iter().find(|field| !change.open.contains(&field.key)) {
        return Err(field.fault(Sentence::new("the solution uses `{0}`, which is not open").with(&field.key)));
    }
    if !change.is_found(engine, &change.solved(scene)?)? {
        return Err(at("the solution does not make this true"));
    }
    Ok(())
}

/// Right attempts are graded right, wrong ones and an empty one wrong.
fn graded(build: &Build, scene: &Scene, engine: &Engine) -> Result<()> {
    let reason =
        |grade: &Grade| grade.findings.first().map_or_else(String::new, |finding| finding.sentence().to_string());
    let solution = build.solution(engine, scene);
    let solution = solution.ok_or_else(|| LessonError::line(build.line, "the right build cannot be made"))?;
    let grade = build.grade(&solution, engine, scene)?;
    if !grade.is_right() {
        let line = build.right.first().map_or(build.line, |attempt| attempt.line);
        return Err(LessonError::line(
            line,
            Sentence::new("the right build is graded wrong: {0}").with(reason(&grade)),
        ));
    }
    for attempt in build.right.iter().skip(1) {
        let grade = grade_of(build, attempt, engine, scene)?;
        if !grade.is_right() {
            return Err(LessonError::line(
                attempt.line,
                Sentence::new("a right build is graded wrong: {0}").with(reason(&grade)),
            ));
        }
    }
    for attempt in &build.wrong {
        if grade_of(build, attempt, engine, scene)?.is_right() {
            return Err(LessonError::line(attempt.line, "a wrong build is graded right"));
        }
    }
    if build.grade(&[], engine, scene)?.is_right() {
        return Err(LessonError::line(build.line, "an empty build is graded right"));
    }
    Ok(())
}

fn grade_of(build: &Build, attempt: &super::build::Attempt, engine: &Engine, scene: &Scene) -> Result<Grade> {
    let cards = build.cards_of(attempt, engine, scene);
    let cards = cards.map_err(|why| LessonError::line(attempt.line, why))?;
    build.grade(&cards, engine, scene)
}
