//! A place to come back to: an input, how it is computed, where the cursor stands. It is what a link says, what a
//! session keeps, and what the options of the command line give; every part may be left out.

use serde::{Deserialize, Serialize};

use crate::attention::input::{Reading, bundled};
use crate::attention::{Align, Input, Precision};
use crate::files;
use crate::playback::lesson::{At, BUGS, Distance, Field, Scene};
use crate::schedule::hardware;
use crate::sentence::Sentence;

use super::action::Source;
use super::open_file;
use super::refusal::not_there;
use super::settings::{SPLITS, Settings, has_exact_prefix};

/// Plain data; names as on the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// A path, or `random:..`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// How that file is read, where it does not say so itself.
    #[serde(skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// `row`, `toy`, `real`, `count`, `capture NAME` or `preset NAME N_Q,N_K,D`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub br: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bc: Option<usize>,
    /// Parts of the keys, for a text with a loop over them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub splits: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<String>,
    /// Of a random input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// `L,R`: keys left and right of the diagonal that stay visible; -1 is unbounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Keys that exist, one length for each batch entry, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_lengths: Option<String>,
    /// 0 is all tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
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
    pub origin: Place,
}

/// Where the cursor and the selection go once the run is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Landing {
    pub at: Option<At>,
    pub row: Option<usize>,
    pub key: Option<usize>,
}

impl Place {
    /// It says which input.
    pub fn has_input(&self) -> bool {
        self.input.is_some() || self.scene.is_some()
    }

    /// It says something about the run or a place in it: what opens without an input of its own is the scene `real`.
    pub fn says_anything(&self) -> bool {
        Place { view: None, ..self.clone() } != Place::default()
    }

    pub fn landing(&self) -> Landing {
        Landing { at: self.at.map(At::Step), row: self.row, key: self.key }
    }

    pub fn distance(&self) -> Option<Distance> {
        self.view.as_deref().and_then(Distance::parse)
    }

    /// Reads the input. Errors in a sentence.
    pub fn open(&self) -> Result<Opened, Sentence> {
        let mut opened = match (&self.input, &self.scene) {
            (Some(input), _) => {
                let source = match Source::from(input.as_str()) {
                    Source::Random(spec, _) => Source::Random(spec, self.seed.unwrap_or(0)),
                    source => source,
                };
                open_file::read_as(&source, &self.reading)?
            }
            (None, scene) => of_scene(&named(scene.as_deref().unwrap_or("real"))?)?,
        };
        let base = opened.settings.take().unwrap_or_else(|| Settings::for_input(&opened.input));
        opened.settings = Some(self.settings(base, &opened.input)?);
        let landing = opened.landing.take().unwrap_or_default();
        let at = self.at.map(At::Step).or(landing.at.filter(|_| self.input.is_some()));
        opened.landing = Some(Landing { at, row: self.row.or(landing.row), key: self.key });
        opened.origin = self.origin();
        Ok(opened)
    }

    /// Only the input of it.
    pub fn origin(&self) -> Place {
        let (input, reading, scene) = (self.input.clone(), self.reading.clone(), self.scene.clone());
        Place { input, reading, scene, seed: self.seed, ..Place::default() }
    }

    /// `base` with what this place says. Errors on a name that is not known, on what `input` does not have, and where
    /// the run would be too large.
    pub fn settings(&self, base: Settings, input: &Input) -> Result<Settings, Sentence> {
        let mut settings = base;
        if let Some(name) = &self.algorithm {
            settings.algorithm = files::algorithm(name)?;
        }
        if let Some(name) = &self.hardware {
            settings.hardware = hardware::by_name(name).ok_or_else(|| unknown("chip", name))?.name;
        }
        if let Some(name) = &self.precision {
            settings.precision = Precision::parse(name).ok_or_else(|| unknown("precision", name))?;
        }
        if let Some(name) = &self.bug {
            settings.bug = BUGS.into_iter().find(|bug| bug == name).ok_or_else(|| unknown("bug", name))?;
        }
        if let Some(name) = &self.align {
            let aligns = [Align::BottomRight, Align::TopLeft];
            settings.align =
                aligns.into_iter().find(|align| align.name() == name).ok_or_else(|| unknown("alignment", name))?;
        }
        settings.causal = self.causal.unwrap_or(settings.causal);
        if let Some(window) = &self.window {
            settings.window = sides(window).ok_or_else(|| unknown("window", window))?;
        }
        if let Some(lengths) = &self.kv_lengths {
            let read: Option<Vec<usize>> = lengths.split(',').map(|length| length.trim().parse().ok()).collect();
            settings.key_lengths = Some(read.ok_or_else(|| unknown("list of key lengths", lengths))?);
        }
        if let Some(prefix) = self.prefix {
            if prefix > 0 && !has_exact_prefix(&input.problem) {
                return Err("only a causal input with as many queries as keys has an exact prefix".into());
            }
            settings.prefix = (prefix > 0).then_some(prefix);
        }
        settings.batch = self.batch.unwrap_or(settings.batch);
        settings.head = self.head.unwrap_or(settings.head);
        settings.tiling.br = self.br.unwrap_or(settings.tiling.br);
        settings.tiling.bc = self.bc.unwrap_or(settings.tiling.bc);
        settings.splits = self.splits.unwrap_or(settings.splits);
        not_there(self, &settings, input)?;
        // Blocks longer than the input are as long as it; the choices that it opens with may be those of a longer one.
        settings.clamp(&input.problem.shape);
        Ok(settings)
    }

    /// The place that these settings are on the input of `self`.
    pub fn with(&self, settings: &Settings) -> Place {
        let (input, scene) = (self.input.clone(), self.scene.clone());
        Place {
            input,
            reading: self.reading.clone(),
            scene,
            seed: self.seed,
            window: settings.window.iter().any(Option::is_some).then(|| window_text(settings.window)),
            kv_lengths: settings
                .key_lengths
                .as_ref()
                .map(|lengths| lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            algorithm: Some(settings.algorithm.name().into()),
            br: Some(settings.tiling.br),
            bc: Some(settings.tiling.bc),
            splits: settings.algorithm.has_splits().then_some(settings.splits),
            batch: Some(settings.batch).filter(|batch| *batch > 0),
            head: Some(settings.head),
            precision: Some(settings.precision.name().into()),
            causal: Some(settings.causal),
            align: (settings.align != Align::BottomRight).then(|| settings.align.name().into()),
            prefix: Some(settings.prefix.unwrap_or(0)),
            hardware: Some(settings.hardware.into()),
            bug: (settings.bug != BUGS[0]).then(|| settings.bug.into()),
            ..Place::default()
        }
    }

    /// The command line that opens it.
    pub fn command_line(&self) -> String {
        let mut words = vec!["tilescope".to_owned()];
        words.extend(self.input.as_ref().map(|input| quoted(input)));
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push(format!("--{name} {}", quoted(&value)));
            }
        };
        let number = |n: Option<usize>| n.map(|n| n.to_string());
        option("layout", self.reading.layout.map(|layout| layout.name().into()));
        option("heads", number(self.reading.heads));
        option("kv-heads", number(self.reading.kv_heads));
        option("scene", self.scene.clone());
        option("seed", self.seed.map(|seed| seed.to_string()));
        option("algorithm", self.algorithm.clone());
        option("br", number(self.br));
        option("bc", number(self.bc));
        option("splits", number(self.splits));
        option("batch", number(self.batch));
        option("head", number(self.head));
        option("precision", self.precision.clone());
        option("align", self.align.clone());
        option("window", self.window.clone());
        option("kv-lengths", self.kv_lengths.clone());
        option("prefix", number(self.prefix.filter(|prefix| *prefix > 0)));
        option("hardware", self.hardware.clone());
        option("bug", self.bug.clone());
        option("at", self.at.map(|at| at.to_string()));
        option("row", number(self.row));
        option("key", number(self.key));
        option("view", self.view.clone());
        if self.reading.bf16_bits {
            words.push("--bf16-bits".into());
        }
        match self.causal {
            Some(true) => words.push("--causal".into()),
            Some(false) => words.push("--no-causal".into()),
            None => {}
        }
        words.join(" ")
    }
}

/// The scene of a name: see [`Place::scene`].
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
    let stage = scene.stage().map_err(Sentence::verbatim)?;
    let tiling = crate::schedule::Tiling { br: stage.plan.br, bc: stage.plan.bc };
    // The whole input where its prefix is exact, so that words can be added.
    let whole = Scene { prefix: None, ..scene.clone() }.stage().ok();
    let (input, prefix) = match whole.filter(|whole| has_exact_prefix(&whole.input.problem)) {
        Some(whole) => (whole.input, scene.prefix),
        None => (stage.input, None),
    };
    let mask = &input.problem.mask;
    let settings = Settings {
        algorithm: stage.algorithm.clone(),
        tiling,
        splits: SPLITS,
        batch: scene.batch,
        head: scene.head,
        precision: scene.precision,
        causal: mask.causal,
        align: mask.align,
        window: [mask.window_left, mask.window_right],
        key_lengths: mask.key_lengths.clone(),
        prefix,
        hardware: stage.hardware.name,
        bug: BUGS.into_iter().find(|bug| *bug == scene.bug).unwrap_or(BUGS[0]),
    };
    let selection = scene.selection;
    let row = selection.row.or(selection.tile.map(|(i, _)| i * settings.tiling.br));
    let landing = Landing { at: Some(scene.step.clone()), row, key: selection.key };
    Ok(Opened { input, settings: Some(settings), landing: Some(landing), origin: Place::default() })
}

/// A head of a real model in which a comma finds the comma before it, so that the last tile rescales a row strongly.
pub fn default_opening() -> Opened {
    let input = bundled::CAPTURES[0].input();
    let settings = Settings { head: 8, ..Settings::for_input(&input) };
    let landing = Landing { row: Some(13), ..Default::default() };
    let origin = Place { scene: Some("real".into()), ..Default::default() };
    Opened { input, settings: Some(settings), landing: Some(landing), origin }
}

fn unknown(what: &'static str, name: &str) -> Sentence {
    Sentence::new("there is no {0} {1}").and(what).with(name)
}

/// The two sides of a window such as `16,0`; -1 is unbounded.
fn sides(text: &str) -> Option<[Option<usize>; 2]> {
    let side = |text: &str| match text.trim() {
        "-1" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let (left, right) = text.split_once(',')?;
    Some([side(left)?, side(right)?])
}

fn window_text(window: [Option<usize>; 2]) -> String {
    window.map(|side| side.map_or("-1".into(), |side| side.to_string())).join(",")
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
    use crate::attention::input::Layout;

    #[test]
    fn a_place_survives_its_settings() {
        for scene in ["row", "toy", "real", "capture smollm2-zh-layer10", "preset dead-rows 16,8,8"] {
            let place = Place { scene: Some(scene.into()), ..Place::default() };
            let opened = place.open().unwrap();
            let settings = opened.settings.unwrap();
            let link = place.with(&settings);
            assert_eq!(link.open().unwrap().settings, Some(settings), "{scene}");
        }
    }

    #[test]
    fn a_link_can_be_pasted() {
        let place = Place { input: Some("it's a file.npz".into()), at: Some(7), ..Place::default() };
        assert_eq!(place.command_line(), r"tilescope 'it'\''s a file.npz' --at 7");
        let reading = Reading { layout: Some(Layout::Bnd), heads: Some(4), ..Reading::default() };
        let place = Place { input: Some("x.npz".into()), reading, ..Place::default() };
        assert_eq!(place.command_line(), "tilescope x.npz --layout bnd --heads 4");
        let kept = serde_json::to_string(&place).unwrap();
        assert_eq!(serde_json::from_str::<Place>(&kept).unwrap(), place);
        assert!(!serde_json::to_string(&Place::default()).unwrap().contains("reading"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for place in [
            Place { scene: Some("nowhere".into()), ..Place::default() },
            Place { algorithm: Some("flash9".into()), ..Place::default() },
            Place { bug: Some("wasp".into()), ..Place::default() },
        ] {
            assert!(place.open().is_err(), "{place:?}");
        }
    }
}
