//! Where an input comes from, as plain data: [`super::open_file`] reads it.

use crate::app::run::link::Link;
use crate::attention::input::preset::Preset;
use crate::attention::input::{bundled, random};
use crate::files;
use crate::playback::lesson;

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An index of [`bundled::CAPTURES`].
    Bundled(usize),
    Preset(Preset),
    Toy,
    Row,
    /// `random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]` and its seed.
    Random(String, u64),
    /// What a lesson shows.
    Scene(Box<lesson::Scene>),
    /// A link, or an earlier session.
    Link(Box<Link>),
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
            Source::Random(..) | Source::Scene(_) | Source::Link(_) | Source::Paths(_) => "",
        }
    }
}

impl Source {
    /// What a link to it begins with; empty for what no link can name.
    pub fn place(&self) -> Link {
        let scene = |name: String| Link::of_scene(name);
        match self {
            Source::Bundled(index) => bundled::CAPTURES
                .get(*index)
                .map_or_else(Link::default, |capture| scene(format!("capture {}", capture.stem()))),
            Source::Preset(preset) => {
                let n_k = if *preset == Preset::DeadRows { 8 } else { 16 };
                scene(format!("preset {} 16,{n_k},8", preset.name()))
            }
            Source::Toy => scene("toy".into()),
            Source::Row => scene("row".into()),
            Source::Random(spec, seed) => {
                let mut place = Link::of_input(spec);
                place.run.seed = Some(*seed).filter(|seed| *seed > 0);
                place
            }
            // No link can turn an input round.
            Source::Scene(scene) if scene.flip != 1.0 => Link::default(),
            Source::Scene(scene) => Link { run: scene.run.clone(), ..Link::default() }.origin(),
            Source::Link(place) => place.origin(),
            Source::Paths(paths) => match paths.as_slice() {
                [path] => path.to_str().map_or_else(Link::default, Link::of_input),
                _ => Link::default(),
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
