//! What is chosen in each section of the setup, in one line: it stands at the head of a section that is folded.

use eframe::egui::Context;

use super::scores;
use super::section::SectionSaid;
use crate::app::run::settings::Settings;
use crate::app::tongue::words::{fill, list, tr};
use crate::attention::{Align, Diagonal, Mask, Shape};
use crate::schedule::spec::Lengths;

/// Which tokens, head and batch entry are run.
pub(super) fn input(ctx: &Context, now: &Settings, before: &Settings, shape: &Shape) -> SectionSaid {
    let (run, opened) = (&now.run, &before.run);
    let mut parts = Vec::new();
    parts.extend(run.prefix().map(|n| fill(ctx, "first {0} {0|token|tokens}", &[&n])));
    if shape.heads > 1 {
        parts.push(fill(ctx, "head {0}", &[&run.head()]));
    }
    if shape.batch > 1 {
        parts.push(fill(ctx, "batch entry {0}", &[&run.batch()]));
    }
    let is_default = (run.prefix(), run.head(), run.batch()) == (opened.prefix(), opened.head(), opened.batch());
    SectionSaid { text: parts.join(", "), is_default }
}

/// `splits` is how many there are.
pub(super) fn blocks(ctx: &Context, now: &Settings, before: &Settings, splits: usize) -> SectionSaid {
    let (tiling, has_splits) = (now.tiling(), now.algorithm.has_splits());
    let mut text = format!("{} x {}", tiling.br, tiling.bc);
    if has_splits {
        text = format!("{text}, {}", fill(ctx, "{0} {0|split|splits}", &[&splits]));
    }
    if let Some(size) = now.run.page_size {
        text = format!("{text}, {}", fill(ctx, "pages of {0} {0|key|keys}", &[&size]));
    }
    let is_as_before = (tiling, now.run.page_size) == (before.tiling(), before.run.page_size);
    SectionSaid { text, is_default: is_as_before && (!has_splits || now.run.splits == before.run.splits) }
}

/// What hides keys by their indices; `own` is what the input says itself.
pub(super) fn mask(ctx: &Context, mask: &Mask, own: &Mask) -> SectionSaid {
    let mut parts = Vec::new();
    if mask.causal {
        parts.push(tr(ctx, if mask.align == Align::TopLeft { "causal top-left" } else { "causal" }).to_owned());
    }
    if !mask.window().is_open() {
        let [left, right] = mask.window().sides();
        parts.push(fill(ctx, "window {0},{1}", &[&left, &right]));
    }
    for (pattern, list) in [
        ("key lengths {0}", &mask.key_lengths),
        ("left padding {0}", &mask.left_padding),
        ("documents of {0} {0|token|tokens}", &mask.documents),
    ] {
        parts.extend(list.clone().map(|list| fill(ctx, pattern, &[&Lengths::of(Some(list))])));
    }
    if mask.diagonal == Diagonal::Lengths {
        parts.push(tr(ctx, "the diagonal ends at each length").to_owned());
    }
    for (pattern, keys) in [("prefix of {0} {0|key|keys}", mask.prefix_keys), ("{0} sink {0|key|keys}", mask.sink_keys)]
    {
        parts.extend((keys > 0).then(|| fill(ctx, pattern, &[&keys])));
    }
    let text = if parts.is_empty() { tr(ctx, "no mask").to_owned() } else { parts.join(", ") };
    SectionSaid { text, is_default: mask == own }
}

/// What is chosen in place of what the input says.
pub(super) fn scores(ctx: &Context, now: &Settings, before: &Settings) -> SectionSaid {
    let chosen = |settings: &Settings| -> Vec<String> {
        let one = |name: &&str| {
            let value = match *name {
                scores::BIAS => settings.run.bias.map(|_| tr(ctx, "none").to_owned()),
                scores::KEYS => settings.run.keys.map(|_| "Q".to_owned()),
                name => scores::typed_as(name).and_then(|choice| choice.get(&settings.run)),
            };
            value.map(|value| format!("{} {value}", tr(ctx, name)))
        };
        scores::NAMES.iter().filter_map(one).collect()
    };
    let parts = chosen(now);
    let text = if parts.is_empty() { tr(ctx, "as in the input").to_owned() } else { list(ctx, &parts) };
    SectionSaid { text, is_default: parts == chosen(before) }
}

pub(super) fn precision(now: &Settings, before: &Settings) -> SectionSaid {
    let precision = now.run.precision();
    SectionSaid { text: precision.name().into_owned(), is_default: precision == before.run.precision() }
}

pub(super) fn chip(now: &Settings, before: &Settings) -> SectionSaid {
    let [name, opened] = [now, before].map(|settings| settings.run.hardware().name);
    SectionSaid { text: name.to_owned(), is_default: name == opened }
}
