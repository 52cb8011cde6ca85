//! What a panel can ask of the window, as plain data; [`super::carry_out`] does it once all of a frame is drawn.

use crate::attention::input::preset::Preset;
use crate::attention::input::{bundled, random};
use crate::files;
use crate::playback::Command;
use crate::playback::lesson::{self, Distance, Language};

use super::code_edit::Wish as KernelWish;
use super::compare::Wish as CompareWish;
use super::gpu_panel::Wish as GpuWish;
use super::picture::Goal;
use crate::schedule::Tensor;

use super::place::Place;
use super::settings::Settings;
use super::stage::Wish as StageWish;
use super::strip::Wish as StripWish;
use super::theme::Theme;

/// A wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Player(Command),
    /// So many operations on, or back.
    By(i64),
    /// The next speed up or down.
    Faster,
    Slower,
    /// Another run of the same input.
    Change(Box<Settings>),
    Open(Source),
    /// A file dialog of the system.
    PickFile,
    Select(Selection),
    /// A click on the picture, in answer to a question.
    Answer(Answer),
    /// The row above or below.
    SelectRow(i64),
    Tab(Tab),
    Distance(Distance),
    /// An index of [`crate::schedule::algorithm::ALL`].
    Algorithm(usize),
    Side(Side),
    /// A choice of the setup, by its name, takes the keyboard.
    Setting(&'static str),
    /// Folds a side of the window, or brings it back.
    Fold(Edge),
    Overlay(Overlay),
    /// Close what lies on top, then the message.
    Dismiss,
    /// Close the line of what was understood of a file.
    CloseUnderstood,
    RunGpu,
    /// Something about the GPU panel.
    Gpu(GpuWish),
    /// Something about the kernel's source.
    Kernel(KernelWish),
    /// Something about the main view.
    Stage(StageWish),
    /// Something about the comparison of two runs.
    Compare(CompareWish),
    /// How much of the strip of steps is seen.
    Strip(StripWish),
    Theme(Theme),
    SwitchTheme,
    Language(Language),
    Zoom(Zoom),
    FullScreen,
    ReduceMotion,
    Undo,
    Redo,
    /// An index of [`lesson::library::LESSONS`].
    OpenLesson(usize),
    Lesson(Wish),
    Tour(Tour),
    Present(Present),
    Export(Export),
}

/// What was clicked, where a lesson asks for a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Tensor(Tensor),
    /// Query block and key block.
    Tile(usize, usize),
}

/// A side of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Left,
    Right,
}

impl Edge {
    /// In the table of commands.
    pub fn name(self) -> &'static str {
        match self {
            Edge::Left => "Fold or show the left side",
            Edge::Right => "Fold or show the right side",
        }
    }
}

/// What stands in the left panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Setup,
    Lesson,
}

/// What lies over everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    Keys,
    /// What a NaN, an infinity and an unseen row give.
    OddRows,
    Palette,
    /// What to open, and from where.
    Open,
}

/// The size of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zoom {
    In,
    Out,
    Reset,
}

/// What a lesson is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Next,
    Previous,
    /// Judge what was answered or built.
    Check,
    /// Show the answer, or a way to build it.
    GiveUp,
    /// The scene of the beat, as it was.
    Restore,
    /// Another scene, made with the open controls.
    Try(Box<lesson::Scene>),
    /// A change that finds what is to be found.
    ShowWay,
    /// Where a build goes wrong: the row, after this key block or at its end.
    LookAt(usize, Option<usize>),
    Close,
}

/// The first two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tour {
    Start,
    Next,
    /// Leave it and look around.
    Explore,
}

/// What a remote's keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// From the first beat, or from where the lesson is.
    FromStart,
    Here,
    Stop,
    Blank,
    /// Back to the beat after a look at something else.
    Return,
    Notes,
    Vote,
}

/// What leaves the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Of the whole window.
    Picture(Goal),
    /// Of the main view, with a caption.
    View(Goal),
    CopyLink,
    CopyCsv,
    CopyNumpy,
    Trace,
    Perfetto,
    Worksheet,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An index of [`bundled::CAPTURES`].
    Bundled(usize),
    Preset(Preset),
    Toy,
    Row,
    /// `random:N_Q,N_K,D[,HEADS[,KV_HEADS]]` and its seed.
    Random(String, u64),
    /// What a lesson shows.
    Scene(Box<lesson::Scene>),
    /// A link, or an earlier session.
    Place(Box<Place>),
    /// Files on disk: one, or a set of `.npy`.
    Paths(Vec<std::path::PathBuf>),
}

impl Source {
    /// What a person typed or pasted.
    pub fn typed(text: &str) -> Self {
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(std::path::PathBuf::from);
        let path = files::typed(text, home);
        path.to_str().map_or_else(|| Source::Paths(vec![path.clone()]), Source::from)
    }

    /// A few words for a menu; empty for what no menu lists.
    pub fn title(&self) -> &'static str {
        match self {
            Source::Bundled(index) => bundled::CAPTURES.get(*index).map_or("", |capture| capture.title),
            Source::Preset(preset) => preset_title(*preset),
            Source::Toy => "toy: 16 random tokens, d = 4",
            Source::Row => "row: one query, six keys",
            Source::Random(..) | Source::Scene(_) | Source::Place(_) | Source::Paths(_) => "",
        }
    }
}

impl Source {
    /// What a link to it begins with; empty for what no link can name.
    pub fn place(&self) -> Place {
        let scene = |name: String| Place::of_scene(name);
        match self {
            Source::Bundled(index) => bundled::CAPTURES
                .get(*index)
                .map_or_else(Place::default, |capture| scene(format!("capture {}", capture.stem()))),
            Source::Preset(preset) => {
                let n_k = if *preset == Preset::DeadRows { 8 } else { 16 };
                scene(format!("preset {} 16,{n_k},8", preset.name()))
            }
            Source::Toy => scene("toy".into()),
            Source::Row => scene("row".into()),
            Source::Random(spec, seed) => {
                let mut place = Place::of_input(spec);
                place.run.seed = Some(*seed).filter(|seed| *seed > 0);
                place
            }
            // No link can turn an input round.
            Source::Scene(scene) if scene.flip != 1.0 => Place::default(),
            Source::Scene(scene) => Place { run: scene.run.clone(), ..Place::default() }.origin(),
            Source::Place(place) => place.origin(),
            Source::Paths(paths) => match paths.as_slice() {
                [path] => path.to_str().map_or_else(Place::default, Place::of_input),
                _ => Place::default(),
            },
        }
    }
}

/// What a user typed: the spec of a random input, or a path.
impl From<&str> for Source {
    fn from(text: &str) -> Self {
        if text.starts_with(random::PREFIX) { Source::Random(text.into(), 0) } else { Source::Paths(vec![text.into()]) }
    }
}

/// What a preset shows, in two words.
pub fn preset_title(preset: Preset) -> &'static str {
    match preset {
        Preset::RisingMax => "rising max",
        Preset::FallingMax => "falling max",
        Preset::Outlier => "outlier",
        Preset::EqualScores => "equal scores",
        Preset::LargeScores => "large scores",
        Preset::DeadRows => "dead rows",
        Preset::Padding => "padding",
    }
}

/// What the pointer or the keys picked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selection {
    pub query: usize,
    pub key: Option<usize>,
}

/// What stands below the numbers of the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Traffic,
    Plot,
    Code,
}

impl Tab {
    pub const ALL: [Tab; 3] = [Tab::Traffic, Tab::Plot, Tab::Code];

    pub fn name(self) -> &'static str {
        match self {
            Tab::Traffic => "Traffic",
            Tab::Plot => "Plot",
            Tab::Code => "Code",
        }
    }
}
