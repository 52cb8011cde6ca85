//! How a lesson writes the properties of a scene: inputs, blocks, masks, steps, selections.

use std::fmt;

use crate::attention::input::{BuiltIn, random};
use crate::attention::{Align, Diagonal, Precision, Window};
use crate::schedule::spec::{CHOICES, KeyLengths, Lengths, RunSpec};
use crate::schedule::{Hardware, Tiling};

use super::fields::Field;
use super::files::named;
use super::scene::{At, Distance, Scene, Selection};

/// The scene that an input starts with.
pub(super) fn input(value: &str) -> Option<Scene> {
    let scene = Scene::default();
    let hardware = Some(Hardware::default());
    let of = |run: RunSpec| Scene { run: scene.run.overlaid(&run), ..scene.clone() };
    Some(match value {
        "toy" => scene,
        "row" => of(RunSpec { scene: Some("row".into()), br: Some(1), bc: Some(2), ..RunSpec::default() }),
        "real" => Scene {
            selection: Selection { row: Some(13), ..Selection::default() },
            ..of(RunSpec {
                scene: Some("capture smollm2-en-layer10".into()),
                prefix: Some(16),
                head: Some(8),
                hardware,
                ..RunSpec::default()
            })
        },
        "count" => {
            let mut run = RunSpec {
                scene: Some("capture smollm2-long-layer10".into()),
                br: Some(128),
                bc: Some(128),
                precision: Some(Precision::F16),
                hardware,
                ..RunSpec::default()
            };
            mask("none", &mut run)?;
            Scene { view: Distance::Far, ..of(run) }
        }
        _ => {
            // `random:16,16,4 seed 3`, `preset dead-rows 6,4,4 seed 3`
            let (name, seed) = match value.split_once(" seed ") {
                Some((name, seed)) => (name, Some(seed.trim().parse().ok()?)),
                None => (value, None),
            };
            let name = name.trim();
            BuiltIn::parse(name)?;
            let run = RunSpec { seed, hardware, ..RunSpec::default() };
            of(match name.split_once(' ') {
                Some(("capture" | "preset", _)) => RunSpec { scene: Some(name.into()), ..run },
                _ if name.starts_with(random::PREFIX) => RunSpec { input: vec![name.into()], ..run },
                _ => return None,
            })
        }
    })
}

pub(super) fn blocks(value: &str) -> Option<Tiling> {
    let (br, bc) = value.split_once('x')?;
    let size = |text: &str| text.trim().parse().ok().filter(|size| (1..=1_000_000).contains(size));
    Some(Tiling { br: size(br)?, bc: size(bc)? })
}

/// `none`, or words of: `causal`, `top-left`, `window L,R`, `lengths A,B`, `diagonal lengths`, `left-padding A,B`,
/// `prefix N`, `sink N`, `documents A,B`. It is the whole mask, in place of the input's own.
pub(super) fn mask(value: &str, run: &mut RunSpec) -> Option<()> {
    let mut mask = RunSpec {
        causal: Some(false),
        align: Some(Align::default()),
        window: Some(Window::OPEN),
        kv_lengths: Some(KeyLengths::All),
        diagonal: Some(Diagonal::default()),
        left_padding: Some(Lengths::None),
        prefix_keys: Some(0),
        sink_keys: Some(0),
        documents: Some(Lengths::None),
        ..RunSpec::default()
    };
    let mut words = value.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "none" => {}
            "causal" => mask.causal = Some(true),
            "window" => mask.window = Some(words.next()?.parse().ok()?),
            "lengths" => mask.kv_lengths = Some(words.next()?.parse().ok()?),
            "diagonal" => mask.diagonal = Some(Diagonal::parse(words.next()?)?),
            "left-padding" => mask.left_padding = Some(words.next()?.parse().ok()?),
            "prefix" => mask.prefix_keys = Some(words.next()?.parse().ok()?),
            "sink" => mask.sink_keys = Some(words.next()?.parse().ok()?),
            "documents" => mask.documents = Some(words.next()?.parse().ok()?),
            "top-left" | "bottom-right" => mask.align = Align::parse(word),
            _ => return None,
        }
    }
    *run = run.overlaid(&mask);
    Some(())
}

/// `start`, `end`, a number, or `before` or `after` an operation, with ` at I,J` for its tile.
pub(super) fn at(value: &str) -> Option<At> {
    match value {
        "start" => return Some(At::Step(0)),
        "end" => return Some(At::End),
        _ => {}
    }
    if let Ok(n) = value.parse() {
        return Some(At::Step(n));
    }
    let (side, rest) = value.split_once(' ')?;
    let is_after = match side {
        "before" => false,
        "after" => true,
        _ => return None,
    };
    let (name, tile) = match rest.split_once(" at ") {
        Some((name, tile)) => (name, Some(pair(tile)?)),
        None => (rest, None),
    };
    Some(At::Operation { is_after, name: name.trim().into(), tile })
}

/// `row 13; key 12; tile 3,3`, or `none`
pub(super) fn selection(value: &str) -> Option<Selection> {
    let mut selection = Selection::default();
    if value == "none" {
        return Some(selection);
    }
    for part in value.split(';') {
        let (what, which) = part.trim().split_once(' ')?;
        match what {
            "row" => selection.row = Some(which.trim().parse().ok()?),
            "key" => selection.key = Some(which.trim().parse().ok()?),
            "tile" => selection.tile = Some(pair(which)?),
            _ => return None,
        }
    }
    Some(selection)
}

fn pair(text: &str) -> Option<(usize, usize)> {
    let (i, j) = text.split_once(',')?;
    Some((i.trim().parse().ok()?, j.trim().parse().ok()?))
}

impl Scene {
    /// As a lesson writes it: the body of a `scene` cue. What an input starts with is not said again.
    pub fn written(&self) -> String {
        let folder = self.folder.as_deref();
        let source = match (&self.run.scene, self.run.input.first()) {
            (Some(name), _) => name.clone(),
            (None, Some(path)) => named(folder, path),
            (None, None) => "toy".into(),
        };
        let mut start = Self { folder: self.folder.clone(), ..Self::default() };
        // An input that no scene has leaves the start as it is.
        let _ = start.set(&field("input", &source));
        let mut lines = vec![("input", source)];
        for choice in CHOICES.iter().filter(|choice| choice.name != "scene") {
            let said = choice.get(&self.run).filter(|said| choice.get(&start.run).as_ref() != Some(said));
            lines.extend(said.map(|said| match choice.name {
                "algorithm" => (choice.name, named(folder, said.as_ref())),
                name => (name, said),
            }));
        }
        if self.flip != start.flip {
            lines.push(("flip", self.flip.to_string()));
        }
        if self.bug != start.bug {
            lines.push(("bug", self.bug.clone()));
        }
        if self.step != start.step {
            lines.push(("step", self.step.to_string()));
        }
        if self.selection != start.selection {
            lines.push(("selection", self.selection.to_string()));
        }
        if self.view != start.view {
            lines.push(("view", self.view.name().into()));
        }
        lines.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }
}

impl Scene {
    /// What makes `other` of it, as a `solution` writes it: `br: 8; bc: 2`. What is selected and how close one looks are no
    /// change, unless nothing else is.
    pub fn changes_to(&self, other: &Self) -> String {
        let lines = |scene: &Self| scene.written().lines().map(str::to_owned).collect::<Vec<_>>();
        let (before, mut new) = (lines(self), lines(other));
        new.retain(|line| !before.contains(line));
        let is_look = |line: &String| ["selection: ", "view: "].iter().any(|key| line.starts_with(key));
        if !new.iter().all(is_look) {
            new.retain(|line| !is_look(line));
        }
        new.join("; ")
    }
}

fn field(key: &str, value: &str) -> Field {
    Field { line: 0, column: 0, key: key.into(), value: value.into() }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(0) => f.write_str("start"),
            Self::Step(n) => write!(f, "{n}"),
            Self::End => f.write_str("end"),
            Self::Operation { is_after, name, tile } => {
                write!(f, "{} {name}", if *is_after { "after" } else { "before" })?;
                tile.iter().try_for_each(|(i, j)| write!(f, " at {i},{j}"))
            }
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.row.map(|row| format!("row {row}")),
            self.key.map(|key| format!("key {key}")),
            self.tile.map(|(i, j)| format!("tile {i},{j}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "none" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every key of a scene but `input`, with values that it takes.
    const KEYS: [(&str, &[&str]); 45] = [
        ("layout", &["bhnd", "thd"]),
        ("heads", &["4"]),
        ("kv-heads", &["2"]),
        ("bf16-bits", &["true"]),
        ("seed", &["0", "7"]),
        ("prefix", &["0", "9"]),
        ("algorithm", &["standard", "flash2", "split-kv", "flash2/no-max", "own.tile", "deep/own.tile"]),
        ("br", &["1", "4", "128"]),
        ("bc", &["1", "4", "128"]),
        ("splits", &["1", "8"]),
        ("batch", &["0", "1"]),
        ("head", &["0", "8"]),
        ("causal", &["true", "false"]),
        ("align", &["top-left", "bottom-right"]),
        ("window", &["4,0", "-1,-1"]),
        ("kv-lengths", &["all", "3", "3,5"]),
        ("diagonal", &["whole", "lengths"]),
        ("left-padding", &["none", "3", "3,0"]),
        ("prefix-keys", &["0", "6"]),
        ("sink-keys", &["0", "1"]),
        ("documents", &["none", "5,7,4"]),
        ("scale", &["0.0625", "-1"]),
        ("softcap", &["30"]),
        ("alibi", &["none", "standard", "0.5", "0.5,0.25"]),
        ("bias", &["own", "none"]),
        ("keys", &["own", "q"]),
        ("pack-heads", &["true", "false"]),
        ("varlen", &["true", "false"]),
        ("page-size", &["1", "16"]),
        ("sinks", &["none", "0.5", "0.5,-1", "random:3"]),
        ("dropout", &["0.1"]),
        ("dropout-seed", &["7"]),
        ("precision", &["f64", "f16"]),
        ("hardware", &["toy", "t4"]),
        ("blocks", &["2x3"]),
        ("mask", &["none", "causal", "causal top-left window 3,-1 lengths 4", "sink 1 documents 5,7,4"]),
        ("flip", &["-1", "8", "1"]),
        ("bug", &["none", "no-max"]),
        ("step", &["start", "end", "7", "before load Q", "after rescale at 1,2"]),
        ("selection", &["none", "row 3", "key 2", "tile 1,0", "row 3; key 2; tile 1,0"]),
        ("view", &["memory", "far", "middle", "near"]),
        // Twice, so that what was set is set again.
        ("br", &["2"]),
        ("bug", &["zero"]),
        ("step", &["3"]),
        ("view", &["middle"]),
    ];

    #[test]
    fn every_choice_is_a_key() {
        for choice in CHOICES.iter().filter(|choice| choice.name != "scene") {
            assert!(KEYS.iter().any(|(key, _)| *key == choice.name), "{} is no key that is tested", choice.name);
        }
        let mut scene = Scene::default();
        assert!(scene.set(&field("scene", "toy")).unwrap_err().to_string().contains("has no `scene`"));
        assert!(scene.set(&field("abacus", "1")).unwrap_err().to_string().contains("has no `abacus`"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// What is written sets the same scene, whatever was set before.
        #[test]
        fn a_scene_survives_being_written(
            input in prop::sample::select(vec![
                "toy", "row", "real", "count", "capture minilm-batch-layer00", "preset dead-rows 6,4,4 seed 3",
                "random:8,12,4", "random:8,8,4,4,2 seed 5", "own.npz", "deep/own.safetensors",
            ]),
            has_input in any::<bool>(),
            sets in prop::collection::vec((0..KEYS.len(), 0usize..8), 0..8),
        ) {
            let folder = Some(std::path::PathBuf::from("a folder"));
            let mut scene = Scene { folder: folder.clone(), ..Scene::default() };
            if has_input {
                scene.set(&field("input", input)).unwrap();
            }
            for (at, which) in sets {
                let (key, values) = KEYS[at];
                scene.set(&field(key, values[which % values.len()])).unwrap();
            }
            let mut again = Scene { folder, view: Distance::Near, ..Scene::default() };
            for line in scene.written().lines() {
                let (key, value) = line.split_once(": ").unwrap();
                again.set(&field(key, value)).unwrap_or_else(|fault| panic!("{line}: {fault}"));
            }
            prop_assert_eq!(again, scene);
        }
    }
}
