//! A place to come back to: an input, how it is computed, where the cursor stands. It is what a link says, what a
//! session keeps, and what the options of the command line give; every part may be left out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::app::run::lesson_file::FILES;
use crate::app::run::settings::Settings;
use crate::attention::Input;
use crate::attention::input::bundled;
use crate::playback::lesson::{At, BUGS, Distance, Field, Scene};
use crate::schedule::spec::{CHOICES, RunSpec};
use crate::schedule::{Algorithm, algorithm};
use crate::sentence::Sentence;

/// Plain data; names as on the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// An input, and how it is computed.
    #[serde(flatten)]
    pub run: RunSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bug: Option<String>,
    /// Steps done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<usize>,
    /// `far`, `middle` or `near`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

/// An input that was read, with what it is opened with.
#[derive(Debug)]
pub struct Opened {
    pub input: Input,
    /// `None`: what suits the input.
    pub settings: Option<Settings>,
    pub landing: Option<Landing>,
    /// What a link to it begins with.
    pub origin: Link,
}

/// Where the cursor and the selection go once the run is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Landing {
    pub at: Option<At>,
    pub row: Option<usize>,
    pub key: Option<usize>,
}

impl Link {
    /// An input by its path, or `random:..`.
    pub fn of_input(path: impl Into<PathBuf>) -> Self {
        Self { run: RunSpec { input: vec![path.into()], ..RunSpec::default() }, ..Self::default() }
    }

    /// An input that comes with the program, by its name.
    pub fn of_scene(name: impl Into<String>) -> Self {
        Self { run: RunSpec { scene: Some(name.into()), ..RunSpec::default() }, ..Self::default() }
    }

    /// The path of the input, or its `random:..`, where it has one.
    pub fn path(&self) -> Option<&str> {
        if let [path] = &self.run.input[..] { path.to_str() } else { None }
    }

    /// It says which input.
    pub fn has_input(&self) -> bool {
        !self.run.input.is_empty() || self.run.scene.is_some()
    }

    /// It says something about the run or a place in it: what opens without an input of its own is the scene `real`.
    pub fn says_anything(&self) -> bool {
        Link { view: None, ..self.clone() } != Link::default()
    }

    pub fn landing(&self) -> Landing {
        Landing { at: self.at.map(At::Step), row: self.row, key: self.key }
    }

    pub fn distance(&self) -> Option<Distance> {
        self.view.as_deref().and_then(Distance::parse)
    }

    /// Only the input of it.
    pub fn origin(&self) -> Link {
        let RunSpec { input, reading, scene, seed, .. } = self.run.clone();
        Link { run: RunSpec { input, reading, scene, seed, ..RunSpec::default() }, ..Link::default() }
    }

    /// The place that these settings are on the input of `self`.
    pub fn with(&self, settings: &Settings) -> Link {
        let RunSpec { input, reading, scene, seed, .. } = self.run.clone();
        let algorithm = Some(settings.algorithm.name().to_owned());
        let splits = settings.run.splits.filter(|_| settings.algorithm.has_splits());
        let arrival = settings.run.arrival.filter(|_| settings.algorithm.depends_on_arrival());
        let batch = settings.run.batch.filter(|batch| *batch > 0);
        Link {
            run: RunSpec { input, reading, scene, seed, algorithm, splits, arrival, batch, ..settings.run.clone() },
            bug: (settings.bug != BUGS[0]).then(|| settings.bug.into()),
            ..Link::default()
        }
    }

    /// The choice of this name is part of it: `--scale` of the window is that of its pictures.
    pub fn has(name: &str) -> bool {
        name != "scale"
    }

    /// The command line that opens it.
    pub fn command_line(&self) -> String {
        let mut words = vec!["tilescope".to_owned()];
        words.extend(self.run.input.iter().map(|path| quoted(&path.to_string_lossy())));
        let choices = CHOICES.iter().filter(|choice| Self::has(choice.name));
        let said = choices.filter_map(|choice| Some((choice, choice.get(&self.run)?)));
        words.extend(said.map(|(choice, value)| match (choice.value, value.as_str()) {
            ("", "true") => format!("--{}", choice.name),
            ("", _) => format!("--no-{}", choice.name),
            (_, value) => format!("--{} {}", choice.name, quoted(value)),
        }));
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{name} {}", quoted(&value))));
        };
        let number = |n: Option<usize>| n.map(|n| n.to_string());
        option("bug", self.bug.clone());
        option("at", self.at.map(|at| at.to_string()));
        option("row", number(self.row));
        option("key", number(self.key));
        option("view", self.view.clone());
        words.join(" ")
    }
}

/// The scene of a name: see [`Link::scene`].
pub fn named(name: &str) -> Result<Scene, Sentence> {
    let mut scene = Scene::default();
    let field = Field { line: 1, column: 1, key: "input".into(), value: name.into() };
    scene.set(&field).map_err(|_| {
        let fault =
            "there is no scene {0}; there are row, toy, real, count, `capture NAME` and `preset NAME N_Q,N_K,D`";
        Sentence::new(fault).with(name)
    })?;
    Ok(scene)
}

/// Reads what a lesson's scene shows.
pub fn of_scene(scene: &Scene) -> Result<Opened, Sentence> {
    // What cannot be shown is refused before anything is made of it.
    let stage = scene.stage(FILES)?;
    // The whole input, so that words can be added to a prefix of it.
    let (input, run) = scene.open(FILES)?;
    let settings = settings_of(scene, stage.algorithm, &run, &input);
    let selection = scene.selection;
    let row = selection.row.or(selection.tile.map(|(i, _)| i * settings.tiling().br));
    let landing = Landing { at: Some(scene.step.clone()), row, key: selection.key };
    Ok(Opened { input, settings: Some(settings), landing: Some(landing), origin: Link::default() })
}

/// What a lesson's scene chooses on its `input`, with the run that [`Scene::open`] makes of it.
fn settings_of(scene: &Scene, algorithm: Algorithm, run: &RunSpec, input: &Input) -> Settings {
    // All of the input where the scene names no prefix, whatever else it would open with.
    let run = RunSpec { prefix: Some(run.prefix.unwrap_or(0)), ..run.clone() };
    let bug = BUGS.into_iter().find(|bug| *bug == scene.bug).unwrap_or(BUGS[0]);
    let base = Settings { algorithm, bug, ..Settings::for_input(input) };
    let mut settings = base.with(&run, input);
    settings.clamp(&input.problem.shape);
    settings
}

/// The settings of a scene that differs from the one whose `input` is open in its choices only.
pub fn changed(scene: &Scene, input: &Input) -> Option<Settings> {
    let algorithm = scene.algorithm(scene.run.algorithm(), FILES).ok()?;
    let run = RunSpec { scale: scene.scale(input), ..scene.run.clone() };
    Some(settings_of(scene, algorithm, &run, input))
}

/// The scene of a lesson as the settings have made it, on the same input; `None` where a lesson cannot name the text that
/// is run.
pub fn scene_under(base: &Scene, settings: &Settings, cursor: u64) -> Option<Scene> {
    let name = settings.algorithm.name();
    // A text beside the lesson is known by its path.
    let is_own = base.run.algorithm.as_deref() == Some(name);
    if !is_own && algorithm::by_name(name).is_none_or(|known| *known != settings.algorithm) {
        return None;
    }
    let RunSpec { input, reading, scene, seed, .. } = base.run.clone();
    let origin = Link { run: RunSpec { input, reading, scene, seed, ..RunSpec::default() }, ..Link::default() };
    // The settings have the scale that the factor of the scene made.
    let (run, bug) = (origin.with(settings).run, settings.bug.to_owned());
    Some(Scene { run, bug, flip: 1.0, step: At::Step(cursor), ..base.clone() })
}

/// A head of a real model in which a comma finds the comma before it, so that the last tile rescales a row strongly.
pub fn default_opening() -> Opened {
    let input = bundled::CAPTURES[0].input();
    let head = RunSpec { head: Some(8), ..RunSpec::default() };
    let settings = Settings::for_input(&input).with(&head, &input);
    let landing = Landing { row: Some(13), ..Default::default() };
    let origin = Link::of_scene("real");
    Opened { input, settings: Some(settings), landing: Some(landing), origin }
}

/// Safe to paste into a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::{Layout, Reading};

    #[test]
    fn a_place_survives_its_settings() {
        for scene in ["row", "toy", "real", "capture smollm2-zh-layer10", "preset dead-rows 16,8,8"] {
            let place = Link::of_scene(scene);
            let opened = place.open().unwrap();
            let settings = opened.settings.unwrap();
            let link = place.with(&settings);
            assert_eq!(link.open().unwrap().settings, Some(settings), "{scene}");
        }
    }

    #[test]
    fn a_link_can_be_pasted() {
        let place = Link { at: Some(7), ..Link::of_input("it's a file.npz") };
        assert_eq!(place.command_line(), r"tilescope 'it'\''s a file.npz' --at 7");
        let reading = Reading { layout: Some(Layout::Bnd), heads: Some(4), ..Reading::default() };
        let mut place = Link::of_input("x.npz");
        place.run.reading = reading;
        assert_eq!(place.command_line(), "tilescope x.npz --layout bnd --heads 4");
        let kept = serde_json::to_string(&place).unwrap();
        assert_eq!(serde_json::from_str::<Link>(&kept).unwrap(), place);
        assert!(!serde_json::to_string(&Link::default()).unwrap().contains("reading"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for place in [
            Link::of_scene("nowhere"),
            Link { run: RunSpec { algorithm: Some("flash9".into()), ..RunSpec::default() }, ..Link::default() },
            Link { bug: Some("wasp".into()), ..Link::default() },
        ] {
            assert!(place.open().is_err(), "{place:?}");
        }
    }
}
