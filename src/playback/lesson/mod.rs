//! Lessons: text with cues that drive the stage, and questions whose answers the engine computes.
//!
//! A lesson is a list of beats. A [`Position`] is a beat and whether its answer is revealed, and everything that is
//! shown is a function of it: [`Lesson::at`]. Nothing is remembered, so that going back costs what going on does.

pub mod build;
pub mod check;
mod clock;
mod counts;
mod cue;
mod document;
mod drawn;
mod engine;
mod error;
pub mod expr;
mod fields;
mod figure;
mod files;
mod functions;
mod gradient;
pub mod library;
pub mod markdown;
mod objects;
pub mod pair;
pub mod plan;
mod predict;
pub mod quantity;
mod results;
mod row;
mod scene;
mod scene_text;
pub mod sheet_page;
mod show;
mod shown;
mod text;
mod typed;
mod vary;
pub mod worksheet;

pub use cue::{Change, Claim};
pub use document::{MOST_BYTES, parse, parse_in};
pub use drawn::{things_drawn, things_named};
pub use engine::Engine;
pub use error::{LessonError, Result};
pub use fields::Field;
pub use figure::{Figure, ShownBar, ShownFigure};
pub use files::Files;
pub use predict::{Asked, Choice, ClickOn, Hides, Predict, Response, Verdict};
pub use scene::{At, BUGS, Distance, Scene, Selection, Stage};
pub use show::{BeatPicture, Show};
pub use shown::{Revealed, Shown, ShownBuild, ShownChange, ShownPicture, ShownPredict};
pub use text::{Piece, Text};

use build::Build;
use expr::Expr;
use plan::Part;

/// A parsed lesson.
#[derive(Clone, Debug)]
pub struct Lesson {
    pub title: String,
    pub minutes: usize,
    /// What a person can do after it.
    pub goal: String,
    pub language: Language,
    /// At least one.
    pub beats: Vec<Beat>,
}

/// The language of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Language {
    #[default]
    English,
    /// Simplified.
    Chinese,
}

impl Language {
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh",
        }
    }

    /// Of a locale such as `zh_CN.UTF-8`; `None` where it names another language.
    pub fn of_locale(locale: &str) -> Option<Self> {
        locale.split(['_', '-', '.', '@']).next().and_then(|code| Self::parse(&code.to_lowercase()))
    }

    pub fn parse(code: &str) -> Option<Self> {
        [Language::English, Language::Chinese].into_iter().find(|language| language.code() == code)
    }
}

/// One idea on one screen.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Of its heading.
    pub line: usize,
    pub title: Text,
    /// Markdown.
    pub prose: Text,
    /// As the beats so far and this one set it.
    pub scene: Scene,
    /// What the stage shows with the answer, where that is another picture. The next beat goes on from `scene`.
    pub reveal: Option<Scene>,
    /// The picture that it is about.
    pub show: Option<Show>,
    /// The picture of its answer, where that is another one.
    pub shows_then: Option<Show>,
    pub say: Option<Text>,
    pub figure: Option<Figure>,
    pub predict: Option<Predict>,
    pub change: Option<Change>,
    pub build: Option<Build>,
    pub claims: Vec<Claim>,
    /// For a teacher.
    pub notes: Option<Text>,
    /// Of a beat in a running order.
    pub part: Option<Part>,
}

/// A place in a lesson.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    pub beat: usize,
    /// The answer to the beat's question is shown.
    pub is_revealed: bool,
}

impl Beat {
    fn new(line: usize, title: Text, scene: Scene) -> Self {
        Self {
            line,
            title,
            prose: Text::default(),
            scene,
            reveal: None,
            show: None,
            shows_then: None,
            say: None,
            figure: None,
            predict: None,
            change: None,
            build: None,
            claims: Vec::new(),
            notes: None,
            part: None,
        }
    }

    /// What the stage shows before or with the answer.
    pub fn scene_at(&self, is_revealed: bool) -> &Scene {
        self.reveal.as_ref().filter(|_| is_revealed).unwrap_or(&self.scene)
    }

    /// What it names as its picture before or with the answer.
    pub fn named_picture(&self, is_revealed: bool) -> Option<&Show> {
        self.shows_then.as_ref().filter(|_| is_revealed).or(self.show.as_ref())
    }

    /// Its picture before or with the answer: what it names, else its bars, else what the main view shows.
    pub fn picture(&self, is_revealed: bool) -> BeatPicture {
        match (self.named_picture(is_revealed), &self.figure) {
            (Some(show), _) => show.picture,
            (None, Some(_)) => BeatPicture::Figure,
            (None, None) => BeatPicture::at(self.scene_at(is_revealed).view),
        }
    }

    /// What its pictures and panels do not show until it is answered or built.
    pub fn hides(&self) -> Hides {
        let of_question = self.predict.as_ref().map(|predict| predict.hides);
        of_question.or(self.build.as_ref().map(|build| build.hides)).unwrap_or_default()
    }

    /// Every text of it.
    pub fn texts(&self) -> Vec<&Text> {
        let mut texts = vec![&self.title, &self.prose];
        texts.extend(&self.say);
        texts.extend(self.figure.iter().flat_map(Figure::texts));
        texts.extend(self.predict.iter().flat_map(Predict::texts));
        texts.extend(self.change.iter().flat_map(|change| [&change.find, &change.feedback]));
        texts.extend(self.build.iter().flat_map(Build::texts));
        texts.extend(self.claims.iter().filter_map(|claim| claim.text.as_ref()));
        texts.extend(&self.notes);
        texts
    }

    /// The texts that are Markdown, and whether they are more than a line.
    fn marked(&self) -> Vec<(&Text, bool)> {
        let mut texts = vec![(&self.prose, true)];
        texts.extend(self.notes.iter().map(|notes| (notes, true)));
        texts.extend(self.say.iter().map(|say| (say, false)));
        let predict = self.predict.iter().flat_map(Predict::marked);
        let change = self.change.iter().flat_map(|change| [&change.find, &change.feedback]);
        let build = self.build.iter().flat_map(Build::marked);
        texts.extend(predict.chain(change).chain(build).map(|text| (text, false)));
        texts
    }

    /// Every expression of it: those of its texts, then those of its cues.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut found: Vec<&Expr> = self.texts().into_iter().flat_map(Text::expressions).collect();
        found.extend(self.figure.iter().flat_map(Figure::expressions));
        found.extend(self.predict.iter().flat_map(Predict::expressions));
        found.extend(self.change.iter().map(|change| &change.until));
        found.extend(self.build.iter().flat_map(Build::expressions));
        found.extend(self.claims.iter().map(|claim| &claim.expr));
        found
    }
}

impl Lesson {
    /// The next place: the answer first where the beat has a question. `None` at the end.
    pub fn next(&self, position: Position) -> Option<Position> {
        let beat = self.beats.get(position.beat)?;
        if beat.predict.is_some() && !position.is_revealed {
            return Some(Position { is_revealed: true, ..position });
        }
        let beat = position.beat + 1;
        (beat < self.beats.len()).then_some(Position { beat, is_revealed: false })
    }

    /// The place before; `None` at the start.
    pub fn previous(&self, position: Position) -> Option<Position> {
        if position.is_revealed {
            return Some(Position { is_revealed: false, ..position });
        }
        let beat = position.beat.checked_sub(1)?;
        Some(Position { beat, is_revealed: self.beats.get(beat)?.predict.is_some() })
    }

    /// Every place, in order.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        std::iter::successors(Some(Position::default()), |position| self.next(*position))
    }

    /// What is shown at `position` (a beat past the end is the last).
    pub fn at(&self, position: Position, engine: &Engine) -> Result<Shown> {
        let beat = position.beat.min(self.beats.len() - 1);
        Shown::new(self, &self.beats[beat], Position { beat, ..position }, engine)
    }
}
