//! HBM, the ground of the map: the tensors around the plane with their blocks, and the words of the tokens.

use std::ops::Range;

use eframe::egui::{Align2, Rect, Sense, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use crate::app::panels::far::layout::{self, Band, Flank};
use crate::app::run::stored::TileProgress;
use crate::schedule::language::{Action, Axis, Role};
use crate::schedule::{Algorithm, Place, Tensor};

use super::figure::Map;
use crate::app::ink::draw::{self, hatch, squeeze_text};
use crate::app::ink::narrow::{self, Stands};
use crate::app::ink::theme;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::{self, bytes, grouped};

/// As many tokens have their words beside the plane.
const MOST_WORDS: usize = 24;
/// More blocks of a strip than this are drawn as one.
const MOST_BLOCKS: usize = 256;
/// Blocks closer than this have no line between them.
const LEAST_BLOCK: f32 = 4.0;
const WORD: f32 = 16.0;
/// The strokes of a break mark.
const BREAK: f32 = 13.0;

/// Room for the words at the left and above.
pub fn room_for_words(look: &Look<'_>, figure: Rect) -> Vec2 {
    let plan = look.scene.plan();
    let is_small = figure.width() < 360.0 || figure.height() < 240.0;
    let has = |token: Option<&str>| token.is_some() && !is_small;
    // Beside a question the figure is narrow, and its words are what is asked of.
    let width = if figure.width() < 480.0 { 52.0 } else { 64.0 };
    let left = if has(look.scene.query_token(0)) { width } else { 0.0 };
    let above = if has(look.scene.key_token(0)) && plan.n_k <= MOST_WORDS { 44.0 } else { 0.0 };
    vec2(left, above)
}

pub fn paint(map: &Map<'_>, words: Vec2) {
    for (n, strip) in map.layout.strips.iter().enumerate() {
        paint_strip(map, strip);
        name(map, n, strip);
        fold_mark(map, strip);
        arrows(map, strip);
    }
    if words.x > 0.0 {
        queries(map, words.x);
    }
    if words.y > 0.0 {
        keys(map, words.y);
    }
}

/// The factor of a folded matrix, where it has room.
fn fold_of(map: &Map<'_>, strip: &Band) -> Option<(Rect, String)> {
    let place = layout::fold_mark(map.layout, strip)?;
    let of = |times: f32| number::times(f64::from(times));
    let text = if strip.fold < 1.0 { format!("1:{}", of(1.0 / strip.fold)) } else { format!("{}:1", of(strip.fold)) };
    let font = theme::figures(theme::LABEL);
    let width = map.ui.painter().layout_no_wrap(text.clone(), font, theme::CLEAR).size().x;
    (BREAK + width <= place.width()).then_some((place, text))
}

/// The factor stands at a matrix.
pub fn has_fold_marks(map: &Map<'_>) -> bool {
    map.layout.strips.iter().any(|strip| fold_of(map, strip).is_some())
}

/// Two strokes, as where a drawing is broken, and the factor.
fn fold_mark(map: &Map<'_>, strip: &Band) {
    let Some((place, text)) = fold_of(map, strip) else { return };
    let (painter, ink) = (map.ui.painter(), map.palette.faint_ink);
    for n in 0..2 {
        let at = place.left_center() + vec2(1.0 + 4.0 * n as f32, 0.0);
        painter.line_segment([at + vec2(0.0, 5.0), at + vec2(4.0, -5.0)], Stroke::new(1.5, ink));
    }
    let at = place.left_center() + vec2(BREAK, 0.0);
    painter.text(at, Align2::LEFT_CENTER, &text, theme::figures(theme::LABEL), ink);
    let id = map.ui.scope_id().with(("fold", strip.tensor.name()));
    let response = map.ui.interact(place, id, Sense::hover());
    let name = strip.tensor.name();
    draw::describe_as(&response, || [fill(map.ui.ctx(), "fold of {0}", &[&name]), text.clone()]);
    let pattern = "{0} is drawn {1} of its width: thickness against length";
    draw::hint(response, || fill(map.ui.ctx(), pattern, &[&name, &text]));
}

/// Some kernel of the text both loads blocks of the tensor and stores them.
pub fn goes_both_ways(algorithm: &Algorithm, tensor: Tensor) -> bool {
    let text = algorithm.text();
    let does = |kernel: usize, is: fn(&Action) -> bool| {
        let lines = text.lines.iter().filter(|line| line.kernel == kernel);
        let mut actions = lines.flat_map(|line| &line.statements).map(|statement| &statement.action);
        actions.any(|action| is(action) && action.tensor().is_some_and(|id| algorithm.tensor(id) == tensor))
    };
    (0..text.kernels.len()).any(|kernel| {
        does(kernel, |action| matches!(action, Action::Load { .. }))
            && does(kernel, |action| matches!(action, Action::Store { .. }))
    })
}

/// Arrows both ways at the end of a tensor that the text loads and stores again.
fn arrows(map: &Map<'_>, strip: &Band) {
    if !goes_both_ways(&map.look.scene.schedule().algorithm, strip.tensor) {
        return;
    }
    let (painter, place, ink) = (map.ui.painter(), layout::both_ways(strip), map.palette.ink);
    let ends = if is_along_keys(strip) {
        [place.center_top(), place.center_bottom()]
    } else {
        [place.left_center(), place.right_center()]
    };
    painter.line_segment(ends, Stroke::new(1.0, ink));
    for (tip, other) in [(ends[0], ends[1]), (ends[1], ends[0])] {
        let way = (tip - other).normalized();
        let (base, side) = (tip - 3.0 * way, 2.5 * vec2(-way.y, way.x));
        painter.add(Shape::convex_polygon(vec![tip, base + side, base - side], ink, Stroke::NONE));
    }
}

/// Left of what lies along the keys; above what lies along the queries, once for all its splits.
fn name(map: &Map<'_>, n: usize, strip: &Band) {
    let (painter, font, name) = (map.ui.painter(), theme::text(theme::LABEL), strip.tensor.name());
    let rect = strip.rect;
    match strip.side {
        Flank::Above | Flank::Below => {
            draw::put_text(
                painter,
                rect.left_center() - vec2(6.0, 0.0),
                Align2::RIGHT_CENTER,
                name,
                font,
                map.palette.ink,
            );
        }
        Flank::Left | Flank::Right if strip.split.is_none_or(|split| split == 0) => {
            let last = map.layout.strips[n..].iter().take_while(|other| other.tensor == strip.tensor).last();
            let all = last.map_or(rect, |last| rect.union(last.rect));
            draw::put_text(
                painter,
                all.center_top() - vec2(0.0, 3.0),
                Align2::CENTER_BOTTOM,
                name,
                font,
                map.palette.ink,
            );
        }
        _ => {}
    }
}

fn paint_strip(map: &Map<'_>, strip: &Band) {
    let (look, palette) = (map.look, map.palette);
    let Some(of) = look.scene.schedule().algorithm.of_tensor(strip.tensor) else { return };
    let hue = palette.tensor(strip.tensor);
    let painter = map.ui.painter();
    painter.rect_filled(strip.rect, 0.0, palette.background);
    if matches!(of.role, Role::In | Role::Modifier(_)) {
        painter.rect_filled(strip.rect, 0.0, palette.pale(hue));
    } else {
        written(map, strip);
    }
    if let Some(tokens) = on_chip(map, strip) {
        let part = map.window.part(strip, &tokens);
        // A block of a pixel or two still has a mark that can be found.
        let part = if part.is_positive() {
            Rect::from_center_size(part.center(), part.size().max(vec2(4.0, 4.0)))
        } else {
            part
        };
        // What is only made on chip so far is not in HBM.
        if is_in_hbm(map, strip) {
            painter.rect_filled(part, 0.0, hue);
        }
        painter.rect_stroke(part, 0.0, Stroke::new(1.5, palette.ink), StrokeKind::Inside);
    }
    lines(map, strip);
    painter.rect_stroke(strip.rect, 0.0, palette.hairline(), StrokeKind::Outside);
    let id = map.ui.scope_id().with(("strip", strip.tensor.name(), strip.split));
    let response = map.ui.interact(strip.rect, id, Sense::hover());
    draw::describe_as(&response, || [fill(map.ui.ctx(), "{0} in HBM", &[&strip.tensor.name()]), told(map, strip)]);
    draw::hint(response, || told(map, strip));
}

/// Tokens of block `n`, along the strip.
fn block(map: &Map<'_>, strip: &Band, n: usize) -> Range<usize> {
    let plan = map.look.scene.plan();
    if is_along_keys(strip) { plan.cols(n) } else { plan.rows(n) }
}

fn is_along_keys(strip: &Band) -> bool {
    matches!(strip.side, Flank::Above | Flank::Below)
}

/// What is in HBM of a tensor that the text makes: whole blocks filled, those that will be written again hatched.
fn written(map: &Map<'_>, strip: &Band) {
    let (look, palette) = (map.look, map.palette);
    let hue = palette.tensor(strip.tensor);
    let seen = map.window.blocks(usize::from(!is_along_keys(strip)));
    let stride = seen.len().div_ceil(MOST_BLOCKS).max(1);
    let blocks = look.scene.map.stored.of(strip.tensor);
    let progress = |n: usize| blocks.and_then(|blocks| blocks.progress(place(strip, n), look.snapshot.cursor));
    let parts: Vec<(Range<usize>, Option<TileProgress>)> = seen
        .step_by(stride)
        .map(|n| (block(map, strip, n).start..block(map, strip, n + stride - 1).end, progress(n)))
        .collect();
    // Neighbours that are done are one part.
    for same in parts.chunk_by(|(_, one), (_, next)| one == next && *one == Some(TileProgress::Done)) {
        let tokens = same[0].0.start..same[same.len() - 1].0.end;
        let part = map.window.part(strip, &tokens);
        match same[0].1 {
            Some(TileProgress::Done) => {
                map.ui.painter().rect_filled(part, 0.0, palette.pale(hue));
            }
            Some(TileProgress::Begun) => hatch(map.ui.painter(), part, hue, 5.0),
            _ => {}
        }
    }
}

fn place(strip: &Band, n: usize) -> Place {
    let place = if is_along_keys(strip) { Place::new(None, Some(n)) } else { Place::new(Some(n), None) };
    strip.split.map_or(place, |split| place.with(Axis::S, split))
}

/// The tokens of the block that is on chip now.
fn on_chip(map: &Map<'_>, strip: &Band) -> Option<Range<usize>> {
    let place = map.look.snapshot.place_of(strip.tensor.name())?;
    if strip.split.is_some() && strip.split != place.s() {
        return None;
    }
    let n = if is_along_keys(strip) { place.j() } else { place.i() }?;
    Some(block(map, strip, n))
}

/// The block at hand is in HBM too: given, or stored by now.
fn is_in_hbm(map: &Map<'_>, strip: &Band) -> bool {
    let at = map.look.snapshot.place_of(strip.tensor.name());
    let n = at.and_then(|at| if is_along_keys(strip) { at.j() } else { at.i() }).unwrap_or(0);
    let progress = map.look.scene.map.stored.progress(strip.tensor, place(strip, n), map.look.snapshot.cursor);
    matches!(progress, None | Some(TileProgress::Begun | TileProgress::Done))
}

/// Between blocks, where they can be told apart.
fn lines(map: &Map<'_>, strip: &Band) {
    let plan = map.look.scene.plan();
    let seen = map.window.blocks(usize::from(!is_along_keys(strip)));
    let length = if is_along_keys(strip) { strip.rect.width() } else { strip.rect.height() };
    if seen.len() > MOST_BLOCKS || length / seen.len().max(1) as f32 <= LEAST_BLOCK {
        return;
    }
    let stroke = Stroke::new(1.0, map.palette.background);
    for n in seen.skip(1) {
        if is_along_keys(strip) {
            map.ui.painter().vline(map.window.x(plan.cols(n).start), strip.rect.y_range(), stroke);
        } else {
            map.ui.painter().hline(strip.rect.x_range(), map.window.y(plan.rows(n).start), stroke);
        }
    }
}

/// Its size, and which of its blocks is on chip.
fn told(map: &Map<'_>, strip: &Band) -> String {
    let (ctx, look) = (map.ui.ctx(), map.look);
    let (algorithm, plan) = (&look.scene.schedule().algorithm, look.scene.plan());
    let (rows, cols) = algorithm.size_of(strip.tensor, plan).unwrap_or_default();
    let element = algorithm.tensors(plan).find(|of| of.tensor == strip.tensor).map_or(0, |of| of.element_bytes);
    let size = bytes(rows as u64 * cols as u64 * element);
    let mut text = fill(ctx, "{0} x {1} elements, {2}", &[&grouped(rows as u64), &grouped(cols as u64), &size]);
    text.push_str("; ");
    if goes_both_ways(algorithm, strip.tensor) {
        text += tr(ctx, "loaded and stored again");
        text.push_str("; ");
    }
    match on_chip(map, strip) {
        Some(tokens) if tokens.len() == 1 => text += &fill(ctx, "row {0} is on chip", &[&tokens.start]),
        Some(tokens) => text += &fill(ctx, "rows {0} to {1} are on chip", &[&tokens.start, &(tokens.end - 1)]),
        None => text += tr(ctx, "nothing of it is on chip"),
    }
    text
}

/// Words left of their rows, the row that is looked at first, the others where there is room: all of them, or the first and
/// the last of the block at hand.
fn queries(map: &Map<'_>, width: f32) {
    let look = map.look;
    let plan = look.scene.plan();
    let left = map.layout.strips.iter().filter(|strip| strip.side == Flank::Left).map(|strip| strip.rect.left());
    let right = left.fold(map.layout.plane.left(), f32::min) - 6.0;
    let selected = look.marked_row();
    let mut queries: Vec<usize> = match look.snapshot.view.rows.clone() {
        _ if plan.n_q <= MOST_WORDS => selected.into_iter().chain(0..plan.n_q).collect(),
        rows if rows.is_empty() => Vec::new(),
        rows => selected.into_iter().chain([rows.start, rows.end - 1]).collect(),
    };
    queries.dedup();
    let mut taken: Vec<f32> = Vec::new();
    for query in queries {
        let y = (map.window.y(query) + map.window.y(query + 1)) / 2.0;
        let is_free = taken.iter().all(|other| (other - y).abs() >= WORD - 2.0);
        if !is_free || !map.layout.plane.y_range().contains(y) {
            continue;
        }
        taken.push(y);
        let Some(token) = look.scene.query_token(query) else { continue };
        let place = Rect::from_min_max(pos2(right - width + 6.0, y - WORD / 2.0), pos2(right, y + WORD / 2.0));
        let ink = if Some(query) == selected { map.palette.ink } else { map.palette.faint_ink };
        let token = draw::token(map.ui, token);
        squeeze_text(map.ui.painter(), place, Align2::RIGHT_CENTER, &token, theme::text(theme::LABEL), ink);
    }
}

/// Words above their keys, that of the row that is looked at first, the others where there is room: slanted, Chinese
/// upright.
fn keys(map: &Map<'_>, height: f32) {
    let top = map.layout.strips.iter().filter(|strip| strip.side == Flank::Above).map(|strip| strip.rect.top());
    let bottom = top.fold(map.layout.plane.top(), f32::min) - 3.0;
    let plan = map.look.scene.plan();
    let own = map.look.marked_row().filter(|_| plan.n_q == plan.n_k);
    let mut taken: Vec<f32> = Vec::new();
    for key in own.into_iter().chain(0..plan.n_k) {
        let (from, to) = (map.window.x(key), map.window.x(key + 1));
        let Some(token) = map.look.scene.key_token(key) else { continue };
        let middle = (from + to) / 2.0;
        let is_free = taken.iter().all(|other| (other - middle).abs() >= WORD - 4.0);
        if !is_free || !map.layout.plane.x_range().contains(middle) {
            continue;
        }
        taken.push(middle);
        let token = draw::token(map.ui, token);
        let font = theme::text(theme::LABEL);
        narrow::word(map.ui.painter(), pos2(middle, bottom), &token, height, Stands::Above, font, map.palette.ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::language::TEXTS;
    use crate::schedule::{Plan, Tiling, algorithm};

    /// As the letters of the texts have it: in one kernel, a line that loads a tensor and one that stores it.
    #[test]
    fn arrows_go_both_ways_where_a_kernel_loads_and_stores() {
        let plan = Plan::new(8, 8, 4, Tiling { br: 4, bc: 4 }, Precision::F32);
        let mut found = Vec::new();
        for (name, text) in TEXTS {
            let algorithm = algorithm::by_name(name).expect("it is there");
            for tensor in algorithm.tensors(&plan).map(|of| of.tensor) {
                let says = |kernel: &str, verb: &str| {
                    let start = format!("{verb} {}[", tensor.name());
                    kernel.lines().any(|line| line.trim_start().starts_with(&start))
                };
                let is_said = text.split("\nkernel ").any(|kernel| says(kernel, "load") && says(kernel, "store"));
                assert_eq!(goes_both_ways(algorithm, tensor), is_said, "{tensor:?} of {name}");
                if is_said {
                    found.push((name, tensor.name()));
                }
            }
        }
        for tensor in ["O", "l", "m"] {
            assert!(found.contains(&("flash1", tensor)), "{found:?}");
        }
        assert!(found.iter().all(|(name, _)| *name != "flash2" && *name != "standard"), "{found:?}");
    }
}
