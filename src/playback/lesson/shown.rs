//! What a person sees at one position: every text with its numbers in it, and no answer before its time.

use super::build::{Build, Slot};
use super::engine::Engine;
use super::error::Result;
use super::figure::ShownFigure;
use super::markdown::{self, LessonPicture};
use super::predict::{Asked, Choice, Predict};
use super::scene::Scene;
use super::{Beat, BeatPicture, Lesson, Position};
use crate::sentence::Sentence;

/// Everything at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub position: Position,
    /// Beats in all.
    pub beats: usize,
    pub title: String,
    /// Markdown.
    pub prose: String,
    /// The pictures of prose and notes, each by its name, or why it cannot be shown.
    pub pictures: Vec<ShownPicture>,
    pub scene: Scene,
    /// The projected line, a paragraph of Markdown; the title where the beat has none.
    pub say: String,
    /// The picture that it is about.
    pub picture: BeatPicture,
    /// In a race, the algorithm beside the scene's.
    pub beside: Option<String>,
    pub figure: Option<ShownFigure>,
    pub predict: Option<ShownPredict>,
    pub change: Option<ShownChange>,
    pub build: Option<ShownBuild>,
    /// A text and its value.
    pub facts: Vec<(String, String)>,
    /// For the teacher's window, with the answer below.
    pub notes: String,
    /// The answer to this beat's question, for the teacher's window.
    pub teachers_answer: Option<String>,
}

/// A picture by the name that its text has for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownPicture {
    pub name: String,
    pub picture: std::result::Result<LessonPicture, Sentence>,
}

/// A question. What gives it away is there once it is revealed.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownPredict {
    pub question: String,
    pub unit: String,
    /// Texts of the choices; none where a number or a click is asked for.
    pub choices: Vec<String>,
    pub revealed: Option<Revealed>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Revealed {
    pub answer: String,
    pub feedback: String,
    /// The choices with the thoughts behind the wrong ones.
    pub choices: Vec<Choice>,
}

/// A change to make. [`super::Change::is_found`] tells when it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownChange {
    pub open: Vec<String>,
    pub find: String,
    /// To be shown once it is found.
    pub feedback: String,
}

/// Cards to put in place. [`Build::grade`] judges them.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownBuild {
    pub ask: String,
    /// Lines of the template, with the holes that cards go into.
    pub template: Vec<Vec<Slot>>,
    /// The cards in the hand, by their index, in an order that gives nothing away.
    pub hand: Vec<(usize, String)>,
    /// A card may be used more than once.
    pub is_reusable: bool,
    /// To be shown once it is right.
    pub feedback: String,
}

impl Shown {
    pub(super) fn new(lesson: &Lesson, beat: &Beat, position: Position, engine: &Engine) -> Result<Self> {
        let scene = &beat.scene;
        let title = beat.title.fill(engine, scene)?;
        let mut facts = Vec::new();
        for claim in &beat.claims {
            facts.extend(claim.shown(engine, scene)?);
        }
        let change = beat.change.as_ref().map(|change| {
            Ok(ShownChange {
                open: change.open.clone(),
                find: change.find.marked(engine, scene)?,
                feedback: change.feedback.marked(engine, scene)?,
            })
        });
        let figure = beat.figure.as_ref().map(|figure| figure.shown(engine, scene, position.is_revealed));
        let answer = |predict: &Predict| predict.shown_answer(engine, scene);
        let prose = beat.prose.marked(engine, scene)?;
        let notes = beat.notes.as_ref().map(|notes| notes.marked(engine, scene)).transpose()?.unwrap_or_default();
        let names = markdown::pictures(&prose).into_iter().chain(markdown::pictures(&notes));
        let picture = |name: String| ShownPicture { picture: engine.picture(scene, &name), name };
        Ok(Self {
            position,
            beats: lesson.beats.len(),
            prose,
            pictures: names.map(picture).collect(),
            scene: beat.scene_at(position.is_revealed).clone(),
            say: beat.say.as_ref().unwrap_or(&beat.title).marked(engine, scene)?,
            title,
            picture: beat.picture(position.is_revealed),
            beside: beat.named_picture(position.is_revealed).and_then(|show| show.beside.clone()),
            figure: figure.transpose()?,
            predict: beat.predict.as_ref().map(|predict| question(predict, position, scene, engine)).transpose()?,
            change: change.transpose()?,
            build: beat.build.as_ref().map(|build| cards(build, scene, engine)).transpose()?,
            facts,
            notes,
            teachers_answer: beat.predict.as_ref().map(answer).transpose()?,
        })
    }
}

fn question(predict: &Predict, position: Position, scene: &Scene, engine: &Engine) -> Result<ShownPredict> {
    let choices = match predict.kind {
        Asked::Choice => predict.choices(engine, scene)?,
        _ => Vec::new(),
    };
    let revealed = || -> Result<Revealed> {
        Ok(Revealed {
            answer: predict.shown_answer(engine, scene)?,
            feedback: predict.feedback.marked(engine, scene)?,
            // A class votes on them also where a number is asked for.
            choices: predict.choices(engine, scene)?,
        })
    };
    Ok(ShownPredict {
        question: predict.question.marked(engine, scene)?,
        unit: predict.unit.clone(),
        choices: choices.into_iter().map(|choice| choice.text).collect(),
        revealed: position.is_revealed.then(revealed).transpose()?,
    })
}

fn cards(build: &Build, scene: &Scene, engine: &Engine) -> Result<ShownBuild> {
    let hand = build.hand().map(|(index, card)| Ok((index, card.text.fill(engine, scene)?)));
    Ok(ShownBuild {
        ask: build.ask.marked(engine, scene)?,
        template: build.slots(engine, scene)?,
        hand: hand.collect::<Result<_>>()?,
        is_reusable: build.is_reusable(),
        feedback: build.feedback.marked(engine, scene)?,
    })
}
