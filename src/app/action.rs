//! What a panel can ask for. Panels read and draw; only the window carries these out.

use crate::attention::input::preset::Preset;
use crate::attention::input::{bundled, random};
use crate::playback::Command;

use super::settings::Settings;
use super::stage::Wish;

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
    Change(Settings),
    Open(Source),
    Select(Selection),
    /// The row above or below.
    SelectRow(i64),
    Tab(Tab),
    SwitchTheme,
    ToggleKeys,
    /// Close what lies on top, then the message.
    Dismiss,
    RunGpu,
    /// Something about the main view.
    Stage(Wish),
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An index of [`bundled::CAPTURES`].
    Bundled(usize),
    Preset(Preset),
    Toy,
    Row,
    /// `random:N_Q,N_K,D[,HEADS[,KV_HEADS]]`
    Random(String),
    /// Files on disk: one, or a set of `.npy`.
    Paths(Vec<std::path::PathBuf>),
}

impl Source {
    /// A few words for a menu and the top bar.
    pub fn title(&self) -> String {
        match self {
            Source::Bundled(index) => bundled::CAPTURES.get(*index).map_or_else(String::new, |c| c.title.into()),
            Source::Preset(preset) => preset.name().replace('-', " "),
            Source::Toy => "toy: 16 random tokens, d = 4".into(),
            Source::Row => "row: one query, six keys".into(),
            Source::Random(spec) => spec.clone(),
            Source::Paths(paths) => name_of(paths.iter().map(|path| path.display().to_string())),
        }
    }
}

/// What a user typed: the spec of a random input, or a path.
impl From<&str> for Source {
    fn from(text: &str) -> Self {
        if text.starts_with(random::PREFIX) { Source::Random(text.into()) } else { Source::Paths(vec![text.into()]) }
    }
}

/// The file's name, or how many there are.
fn name_of(mut names: impl ExactSizeIterator<Item = String>) -> String {
    match (names.len(), names.next()) {
        (1, Some(name)) => name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
        (count, _) => format!("{count} files"),
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
