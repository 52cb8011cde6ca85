//! How a lesson writes the properties of a scene: inputs, blocks, masks, steps, selections.

use crate::attention::input::{BuiltIn, random};
use crate::attention::{Align, Precision, Window};
use crate::schedule::spec::{KeyLengths, RunSpec};
use crate::schedule::{Hardware, Tiling};

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

/// `none`, or words of: `causal`, `top-left`, `window L,R`, `lengths A,B`. It is the whole mask, in place of the input's own.
pub(super) fn mask(value: &str, run: &mut RunSpec) -> Option<()> {
    let mut mask = RunSpec {
        causal: Some(false),
        align: Some(Align::default()),
        window: Some(Window::OPEN),
        kv_lengths: Some(KeyLengths::All),
        ..RunSpec::default()
    };
    let mut words = value.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "none" => {}
            "causal" => mask.causal = Some(true),
            "window" => mask.window = Some(words.next()?.parse().ok()?),
            "lengths" => mask.kv_lengths = Some(words.next()?.parse().ok()?),
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

/// `row 13; key 12; tile 3,3`
pub(super) fn selection(value: &str) -> Option<Selection> {
    let mut selection = Selection::default();
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
