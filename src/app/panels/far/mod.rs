//! Far: the map. One figure to scale of the whole algorithm: the tensors in HBM around the plane of all pairs of query and
//! key, the chip beside it, and what the current step moves between them. Where a thing stands follows from the text.

mod chip;
mod figure;
mod ground;
mod inset;
mod layout;
mod lens;
mod moving;
mod plane;
mod race;
mod window;

use eframe::egui::{Align2, Key, Modifiers, Rect, Sense, Ui, Vec2, pos2, vec2};

use crate::app::ink::draw::{self, fit_text, hatch};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::plane_lens::PlaneLens;
use crate::app::message::view::ViewMessage;
use crate::app::panels::far::layout::MapLayout;
use crate::app::panels::far::window::PlaneWindow;
use crate::app::panels::grid::{self, HIDDEN, cell_text, summary};
use crate::app::panels::memory_strip;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::ghosts::Ghosts;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::{self, bytes, grouped};
use crate::playback::lesson::{ClickOn, Distance};
use crate::schedule::language::Axis;
use crate::schedule::{Buffer, TileCounts};
use figure::{LoopOf, Map, buffers, loops};
use layout::Subject;

pub static PANEL: Panel = Panel {
    id: "far",
    title: "Far: schedule",
    home: Home::Main,
    group: "Look",
    command: "Far: the schedule",
    keys: &[(Modifiers::NONE, Key::Num1)],
    opens: Message::Distance(Distance::Far),
    also: "map, HBM, grid",
    help: "The whole run to scale: tensors in HBM, the tiles, the chip.",
    show: |ui, drawn| {
        let Some((scene, look)) = drawn.scene.zip(drawn.look) else { return };
        let ghosts = drawn.view.ghosts(ui.ctx(), scene, look.generation);
        show(ui, look, drawn.view.lens, ghosts.as_deref(), drawn.textures, drawn.messages);
    },
};

/// A tile of the largest zoom is about this wide.
const LARGEST_TILE: f32 = 96.0;
/// A line of words below the figure.
const LINE: f32 = 20.0;

/// `ghosts` are the weights of the run, once they are known.
pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    lens: PlaneLens,
    ghosts: Option<&Ghosts>,
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) {
    let area = ui.available_rect_before_wrap();
    // In a low room the picture comes first.
    let lines = if area.height() >= 260.0 { 2.0 * LINE + SPACE } else { 0.0 };
    let figure = Rect::from_min_max(area.min, pos2(area.right(), (area.bottom() - lines).max(area.top())));
    let buffers = buffers(look);
    let (layout, words) = layout_of(look, &buffers, figure);
    if layout.plane.width() < 8.0 || layout.plane.height() < 8.0 {
        return;
    }
    let window = PlaneWindow::new(&layout, lens, look.scene.plan());
    let palette = Palette::of(ui);
    let map = Map { ui, look, layout: &layout, window: &window, buffers: &buffers, ghosts, palette };
    let response = ui.interact(figure, ui.scope_id().with("memory"), Sense::hover());
    let [moved, on_chip, full] = &memory_strip::summary(ui, look);
    draw::describe(&response, "memory", &fill(ui.ctx(), "{0}; {1}; {2}", &[moved, on_chip, full]));
    paint(&map, words, ["map", "ghosts"], textures);
    steer(ui, look, &layout, &window, lens, messages);
    if look.question.asks == Some(ClickOn::Tensor) {
        answers(&map, messages);
    }
    if lines > 0.0 {
        let place = Rect::from_min_max(pos2(area.left(), figure.bottom() + SPACE), area.max);
        told(&map, place);
        let ghosts = plane::shown_ghosts(&map).map(|ghosts| ghosts.limit);
        legend(ui, look, ghosts, place);
        if lens.zoom > 1.0 {
            show_all(ui, place, messages);
        }
    }
    ui.advance_cursor_after_rect(area);
}

/// The figure alone, as one of several; `names` are those of its textures.
pub fn picture(
    ui: &Ui,
    look: &Look<'_>,
    area: Rect,
    ghosts: Option<&Ghosts>,
    names: [&'static str; 2],
    textures: &mut Textures,
) {
    let buffers = buffers(look);
    let (layout, words) = layout_of(look, &buffers, area);
    if layout.plane.width() >= 8.0 && layout.plane.height() >= 8.0 {
        let window = PlaneWindow::new(&layout, PlaneLens::default(), look.scene.plan());
        let palette = Palette::of(ui);
        let map = Map { ui, look, layout: &layout, window: &window, buffers: &buffers, ghosts, palette };
        paint(&map, words, names, textures);
    }
}

fn paint(map: &Map<'_>, words: Vec2, names: [&'static str; 2], textures: &mut Textures) {
    ground::paint(map, words);
    plane::paint(map, names, textures);
    chip::paint(map);
    inset::paint(map);
    moving::paint(map);
    race::paint(map);
}

/// Where everything stands, and the room that is kept for words.
fn layout_of(look: &Look<'_>, buffers: &[Buffer], figure: Rect) -> (MapLayout, Vec2) {
    let schedule = look.scene.schedule();
    let is_budgeted = schedule.algorithm.is_budgeted();
    let budget = is_budgeted.then(|| look.scene.settings.hardware().shared_bytes_per_block);
    let words = ground::room_for_words(look, figure);
    let subject = Subject { algorithm: &schedule.algorithm, setting: &schedule.setting, buffers, budget, words };
    (MapLayout::new(&subject, figure), words)
}

/// Zoom, and what a tile is: a click goes to its last step.
fn steer(
    ui: &Ui,
    look: &Look<'_>,
    layout: &MapLayout,
    window: &PlaneWindow,
    lens: PlaneLens,
    messages: &mut Vec<Message>,
) {
    let plane = layout.plane;
    let response = ui.interact(plane, ui.scope_id().with("plane"), Sense::click_and_drag());
    draw::describe(&response, "schedule grid", &summary(ui, look));
    let plan = look.scene.plan();
    let most = LARGEST_TILE * plan.t_r().max(plan.t_c()) as f32 / plane.width().max(plane.height());
    lens::steer(ui, &response, plane, lens, most, messages);
    let Some((i, j)) = response.hover_pos().and_then(|at| window.tile_at(at)) else { return };
    let grid = &look.scene.map.grid;
    let (row, col) = grid.position(i, j);
    if let Some(cell) = grid.cell(row, col) {
        let text = cell_text(ui, look, row * grid.row_stride, col * grid.col_stride, cell);
        if response.on_hover_text_at_pointer(text).clicked() {
            messages.extend(grid::clicked(look, (i, j), cell));
        }
    }
}

/// While a lesson asks for a tensor, a click on it answers, wherever it is drawn.
fn answers(map: &Map<'_>, messages: &mut Vec<Message>) {
    let (ui, layout) = (map.ui, map.layout);
    let strips = layout.strips.iter().filter(|strip| strip.split.is_none_or(|split| split == 0));
    for strip in strips {
        memory_strip::answer(ui, strip.rect.expand(2.0), strip.tensor, messages);
    }
    if let Some(tensor) = plane::front_sheet(map) {
        memory_strip::answer(ui, layout.plane, tensor, messages);
    }
    let slots = layout.slots.iter().flat_map(|slot| {
        let names = &map.buffers[slot.buffer].names;
        let width = slot.rect.width() / names.len().max(1) as f32;
        let part = move |n: usize| {
            Rect::from_min_size(slot.rect.min + vec2(n as f32 * width, 0.0), vec2(width, slot.rect.height()))
        };
        names.iter().enumerate().map(move |(n, name)| (name, part(n)))
    });
    let in_hbm = |name: &str| layout.strips.iter().any(|strip| strip.tensor.name() == name);
    for (name, rect) in slots.filter(|(name, _)| !in_hbm(name)) {
        if let Some(tensor) = crate::schedule::Tensor::known(name) {
            memory_strip::answer(ui, rect.expand(4.0), tensor, messages);
        }
    }
}

/// The loops of the text, and what of the plane is ever in HBM.
fn told(map: &Map<'_>, place: Rect) {
    let (ui, look, layout) = (map.ui, map.look, map.layout);
    let ctx = ui.ctx();
    let mut parts = in_words(ctx, &loops(look));
    let on_chip = plane::on_chip_only(look);
    match layout.sheets.as_slice() {
        [] if !on_chip.is_empty() => parts.push(fill(ctx, "{0}: computed, never stored", &[&on_chip])),
        [] => {}
        sheets => {
            let names: Vec<&str> = sheets.iter().map(|tensor| tensor.name()).collect();
            parts.push(fill(ctx, "{0}: whole in HBM", &[&names.join(", ")]));
        }
    }
    if layout.more_splits > 0 {
        parts.push(fill(ctx, "and {0} more splits", &[&layout.more_splits]));
    }
    if let Some(fold) = layout.fold() {
        let (pattern, times) =
            if fold < 1.0 { ("d is folded {0} x", 1.0 / fold) } else { ("d is stretched {0} x", fold) };
        parts.push(fill(ctx, pattern, &[&number::times(f64::from(times))]));
    }
    let line = Rect::from_min_size(place.min, vec2(place.width(), LINE));
    let text = parts.join("; ");
    let response = ui.interact(line, ui.scope_id().with("loops"), Sense::hover());
    draw::describe(&response, "loops", &text);
    fit_text(ui.painter(), line, Align2::LEFT_CENTER, &text, theme::text(theme::LABEL), map.palette.ink);
    response.on_hover_text(text);
}

/// Each loop in words; the axes of one loop together.
fn in_words(ctx: &eframe::egui::Context, loops: &[LoopOf]) -> Vec<String> {
    let of_one = loops.chunk_by(|a, b| a.depth == b.depth);
    let words = |one: &[LoopOf]| {
        let axes: Vec<&str> = one.iter().map(|told| tr(ctx, axis_word(told.over.axis))).collect();
        let pattern = match (one[0].depth == 0, one[0].is_parallel) {
            (true, true) => "outer loop: {0}, in parallel",
            (true, false) => "outer loop: {0}",
            (false, true) => "inner loop: {0}, in parallel",
            (false, false) => "inner loop: {0}",
        };
        fill(ctx, pattern, &[&axes.join(", ")])
    };
    of_one.map(words).collect()
}

fn axis_word(axis: Axis) -> &'static str {
    match axis {
        Axis::I => "query blocks i",
        Axis::J => "key blocks j",
        Axis::S => "splits s",
        Axis::H => "heads h",
    }
}

/// What the signs mean, how far the work is, and what it has moved.
/// `ghosts` is the largest of the weights that are shown.
fn legend(ui: &Ui, look: &Look<'_>, ghosts: Option<f64>, place: Rect) {
    let palette = Palette::of(ui);
    let line = Rect::from_min_size(place.min + vec2(0.0, LINE), vec2(place.width(), LINE));
    let ctx = ui.ctx().clone();
    if look.question.hides.classes {
        fit_text(
            ui.painter(),
            line,
            Align2::LEFT_CENTER,
            tr(&ctx, HIDDEN),
            theme::text(theme::LABEL),
            palette.faint_ink,
        );
        return;
    }
    let counts = TileCounts::of_plan(look.scene.plan());
    let begun = look.snapshot.totals.tiles;
    let all = grouped(counts.full + counts.partial + counts.skipped);
    let begun = fill(&ctx, "{0} of {1}", &[&grouped(begun.full + begun.partial + begun.skipped), &all]);
    let moved = bytes(look.snapshot.totals.traffic.hbm_bytes());
    let right = format!("{} {begun}   {} {moved}", tr(&ctx, "tiles begun"), tr(&ctx, "moved so far"));
    let width = fit_text(ui.painter(), line, Align2::RIGHT_CENTER, &right, theme::text(theme::LABEL), palette.ink);
    let response = ui.interact(line.with_min_x(line.right() - width), ui.scope_id().with("so far"), Sense::hover());
    draw::describe(&response, "tiles begun", &begun);
    let painter = ui.painter_at(line.with_max_x(line.right() - width - 12.0));
    let mut at = line.min + vec2(0.0, 4.0);
    match ghosts {
        Some(limit) => at.x += scale_of_weights(&painter, at, limit, palette),
        None => {
            for (fill_of, text) in [(palette.done, "done"), (palette.background, "to come")] {
                at.x += draw::legend_item(&painter, at, fill_of, text, palette);
            }
        }
    }
    for (name, count, is_hatched) in [("partial {0}", counts.partial, true), ("skipped {0}", counts.skipped, false)] {
        if count == 0 {
            continue;
        }
        if is_hatched {
            hatch(&painter, Rect::from_min_size(at, vec2(12.0, 12.0)), palette.faint_ink, 4.0);
        }
        let fill_of = if is_hatched { theme::CLEAR } else { palette.background };
        at.x += draw::legend_item(&painter, at, fill_of, &fill(&ctx, name, &[&grouped(count)]), palette);
    }
    if look.scene.map.grid.is_thinned() {
        let place = Rect::from_min_max(at, line.max);
        let text = tr(&ctx, "every n-th tile is shown");
        fit_text(&painter, place, Align2::LEFT_TOP, text, theme::text(theme::LABEL), palette.faint_ink);
    }
}

/// The greys of the weights, from 0 to the largest. Gives the width used.
fn scale_of_weights(painter: &eframe::egui::Painter, at: eframe::egui::Pos2, limit: f64, palette: &Palette) -> f32 {
    const STEPS: usize = 5;
    for n in 0..STEPS {
        let square = Rect::from_min_size(at + vec2(12.0 * n as f32, 0.0), vec2(12.0, 12.0));
        painter.rect_filled(square, 0.0, palette.grey(n as f64, (STEPS - 1) as f64));
    }
    let text = fill(painter.ctx(), "weights, 0 to {0}", &[&number::short(limit)]);
    let place = at + vec2(12.0 * STEPS as f32 + SPACE, 6.0);
    let rect = draw::put_text(painter, place, Align2::LEFT_CENTER, &text, theme::text(theme::LABEL), palette.faint_ink);
    rect.right() - at.x + 3.0 * SPACE
}

fn show_all(ui: &mut Ui, place: Rect, messages: &mut Vec<Message>) {
    let button = Rect::from_min_size(place.right_top() - vec2(96.0, 2.0), vec2(96.0, LINE + 2.0));
    let text = tr(ui.ctx(), "Show all").to_owned();
    if ui.put(button, eframe::egui::Button::new(text)).clicked() {
        messages.push(Message::View(ViewMessage::Lens(PlaneLens::default())));
    }
}
