//! How a lesson writes the properties of a scene: inputs, blocks, masks, steps, selections.

use crate::attention::input::{bundled, preset, random};
use crate::attention::{Align, Mask, Precision};
use crate::schedule::{Tiling, hardware};

use super::scene::{At, Distance, Scene, Selection, Source};

/// The name of a capture: its file without the extension.
pub(super) fn stem(file: &str) -> &str {
    file.split('.').next().unwrap_or(file)
}

/// The scene that an input starts with.
pub(super) fn input(value: &str) -> Option<Scene> {
    let scene = Scene::default();
    let a100 = Scene { hardware: hardware::DEFAULT.into(), ..scene.clone() };
    Some(match value {
        "toy" => scene,
        "row" => Scene { input: Source::Row, blocks: Some(Tiling { br: 1, bc: 2 }), ..scene },
        "real" => Scene {
            input: Source::Capture("smollm2-en-layer10".into()),
            prefix: Some(16),
            head: 8,
            selection: Selection { row: Some(13), ..Selection::default() },
            ..a100
        },
        "count" => Scene {
            input: Source::Capture("smollm2-long-layer10".into()),
            blocks: Some(Tiling { br: 128, bc: 128 }),
            mask: Some(Mask::default()),
            precision: Precision::F16,
            view: Distance::Far,
            ..a100
        },
        _ => {
            let source = match value.split_once(' ') {
                Some(("capture", name)) => {
                    bundled::CAPTURES.iter().find(|capture| stem(capture.file) == name.trim())?;
                    Source::Capture(name.trim().into())
                }
                Some(("preset", rest)) => preset_source(rest)?,
                _ if value.starts_with(random::PREFIX) => seeded(value)?,
                _ => return None,
            };
            Scene { input: source, ..a100 }
        }
    })
}

/// `random:16,16,4` or `random:16,16,4 seed 3`
fn seeded(value: &str) -> Option<Source> {
    let (spec, seed) = match value.split_once(" seed ") {
        Some((spec, seed)) => (spec, seed.trim().parse().ok()?),
        None => (value, 0),
    };
    Some(Source::Random(spec.trim().into(), seed))
}

/// `dead-rows 6,4,4` or `dead-rows 6,4,4 seed 3`
fn preset_source(rest: &str) -> Option<Source> {
    let (name, rest) = rest.trim().split_once(' ')?;
    let (sizes, seed) = match rest.split_once(" seed ") {
        Some((sizes, seed)) => (sizes, seed.trim().parse().ok()?),
        None => (rest, 0),
    };
    let sizes: Vec<usize> = sizes.split(',').map(|size| size.trim().parse().ok()).collect::<Option<_>>()?;
    let &[n_q, n_k, d] = sizes.as_slice() else { return None };
    preset::Preset::parse(name)?;
    Some(Source::Preset { name: name.into(), n_q, n_k, d, seed })
}

pub(super) fn blocks(value: &str) -> Option<Tiling> {
    let (br, bc) = value.split_once('x')?;
    let size = |text: &str| text.trim().parse().ok().filter(|size| (1..=1_000_000).contains(size));
    Some(Tiling { br: size(br)?, bc: size(bc)? })
}

/// `none`, or words of: `causal`, `top-left`, `window L,R`, `lengths A,B`.
pub(super) fn mask(value: &str) -> Option<Mask> {
    let mut mask = Mask::default();
    let mut words = value.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "none" => {}
            "causal" => mask.causal = true,
            "top-left" => mask.align = Align::TopLeft,
            "bottom-right" => mask.align = Align::BottomRight,
            "window" => {
                let (left, right) = words.next()?.split_once(',')?;
                let side = |text: &str| match text {
                    "-1" => Some(None),
                    text => text.parse::<u32>().ok().map(|keys| Some(keys as usize)),
                };
                (mask.window_left, mask.window_right) = (side(left)?, side(right)?);
            }
            "lengths" => {
                let lengths = words.next()?.split(',').map(|length| length.parse().ok());
                mask.key_lengths = Some(lengths.collect::<Option<_>>()?);
            }
            _ => return None,
        }
    }
    Some(mask)
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
