//! Far: the map. One figure to scale of the whole algorithm: the tensors in HBM around the plane of all pairs of query and
//! key, the chip beside it, and what the current step moves between them. Where a thing stands follows from the text.

mod chip;
mod figure;
mod foot;
mod ground;
mod head;
mod inset;
pub mod layout;
mod lens;
mod moving;
pub mod own;
mod plane;
mod race;
mod window;

use eframe::egui::{Key, Modifiers, Rect, Sense, Ui, Vec2, pos2, vec2};

use crate::app::ink::draw;
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::plane_lens::PlaneLens;
use crate::app::message::view::ViewMessage;
use crate::app::panels::far::layout::MapLayout;
use crate::app::panels::far::window::PlaneWindow;
use crate::app::panels::grid::{self, cell_text, summary};
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::moved;
use crate::app::run::ghosts::Ghosts;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::playback::lesson::{ClickOn, Distance};
use crate::schedule::Buffer;
use figure::{Map, RunsAtOnce, buffers};
use foot::Foot;
use head::Head;
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
        let seen = (drawn.view.lens, drawn.view.is_projected);
        let at_once = drawn.view.at_once.get(ui.ctx(), scene, look.generation);
        let beside = at_once.and_then(|made| RunsAtOnce::of(look, made));
        let known = (ghosts.as_deref(), beside.as_ref());
        drawn.view.focus[0] = show(ui, look, seen, known, drawn.textures, drawn.messages);
    },
};

/// A tile of the largest zoom is about this wide.
const LARGEST_TILE: f32 = 96.0;
/// The lines below the figure, at least, and the height from which they have room.
const LEAST_FOOT: f32 = 2.0 * foot::LINE + SPACE;
const LEAST_WITH_FOOT: f32 = 260.0;

/// `ghosts` are the weights of the run, once they are known. What is projected says its scope itself, since no bar does.
/// Gives the place of the tile at hand.
pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    (lens, is_projected): (PlaneLens, bool),
    (ghosts, beside): (Option<&Ghosts>, Option<&RunsAtOnce>),
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) -> Option<Rect> {
    let area = ui.available_rect_before_wrap();
    let (buffers, palette) = (buffers(look), Palette::of(ui));
    // In a low room the picture comes first.
    let has_foot = area.height() >= LEAST_WITH_FOOT;
    let mut lines = if has_foot { LEAST_FOOT } else { 0.0 };
    // What is told depends on the scale, and the scale on the lines that it takes: once more where they are more.
    let (figure, layout, words, foot) = loop {
        let figure = Rect::from_min_max(area.min, pos2(area.right(), (area.bottom() - lines).max(area.top())));
        let subject = subject(look, &buffers, figure);
        let (layout, words) = (MapLayout::new(&subject, figure), subject.words);
        if layout.plane.width() < 8.0 || layout.plane.height() < 8.0 {
            return None;
        }
        let window = PlaneWindow::new(&layout, lens, look.scene.plan());
        let map = Map { ui, look, layout: &layout, window: &window, buffers: &buffers, ghosts, beside, palette };
        let foot = has_foot.then(|| Foot::new(&map, area.width(), is_projected));
        let needed = foot.as_ref().map_or(0.0, |foot| foot.height() + SPACE);
        if needed <= lines {
            break (figure, layout, words, foot);
        }
        lines = needed;
    };
    let window = PlaneWindow::new(&layout, lens, look.scene.plan());
    let map = Map { ui, look, layout: &layout, window: &window, buffers: &buffers, ghosts, beside, palette };
    let response = ui.interact(figure, ui.scope_id().with("memory"), Sense::hover());
    draw::describe_as(&response, || {
        let [moved, on_chip, full] = &moved::summary(ui, look);
        ["memory".into(), fill(ui.ctx(), "{0}; {1}; {2}", &[moved, on_chip, full])]
    });
    paint(&map, (figure, words), ["map", "ghosts"], textures);
    let tile = plane::tile_at_hand(&map);
    steer(ui, look, &layout, &window, (lens, tile), messages);
    if look.question.asks == Some(ClickOn::Tensor) {
        answers(&map, messages);
    } else {
        own::steer(&map, messages);
    }
    if let Some(foot) = foot {
        let place = Rect::from_min_max(pos2(area.left(), figure.bottom() + SPACE), area.max);
        foot.paint(&map, place);
        if lens.zoom > 1.0 && !is_projected {
            show_all(ui, place, messages);
        }
    }
    ui.advance_cursor_after_rect(area);
    tile
}

/// The points that a token has in a figure alone.
pub fn scale(look: &Look<'_>, area: Rect) -> f32 {
    let buffers = buffers(look);
    MapLayout::scale(&subject(look, &buffers, area), area)
}

/// The figure alone, as one of several, a token no larger than `most` points; `names` are those of its textures.
pub fn picture(
    ui: &Ui,
    look: &Look<'_>,
    (area, most): (Rect, f32),
    ghosts: Option<&Ghosts>,
    names: [&'static str; 2],
    textures: &mut Textures,
) {
    let buffers = buffers(look);
    let subject = subject(look, &buffers, area);
    let (layout, words) = (MapLayout::at_most(&subject, area, most), subject.words);
    if layout.plane.width() >= 8.0 && layout.plane.height() >= 8.0 {
        let window = PlaneWindow::new(&layout, PlaneLens::default(), look.scene.plan());
        let palette = Palette::of(ui);
        let (layout, window, buffers) = (&layout, &window, buffers.as_slice());
        let map = Map { ui, look, layout, window, buffers, ghosts, beside: None, palette };
        paint(&map, (area, words), names, textures);
    }
}

/// How far the ground reaches beyond what stands on it.
const BEYOND: f32 = 4.0;

fn paint(map: &Map<'_>, (area, words): (Rect, Vec2), names: [&'static str; 2], textures: &mut Textures) {
    map.ui.painter().rect_filled(area.expand(BEYOND), 4.0, map.palette.hbm);
    ground::paint(map, words);
    plane::paint(map, names, textures);
    chip::paint(map);
    inset::paint(map);
    moving::paint(map);
    race::paint(map);
    own::paint(map);
    Head::new(map).paint(map);
}

/// What the map is of, with the room that is kept for words.
fn subject<'a>(look: &Look<'a>, buffers: &'a [Buffer], figure: Rect) -> Subject<'a> {
    let schedule = look.scene.schedule();
    let is_budgeted = schedule.algorithm.is_budgeted();
    let budget = is_budgeted.then(|| look.scene.settings.hardware().shared_bytes_per_block);
    let words = ground::room_for_words(look, figure);
    Subject { algorithm: &schedule.algorithm, setting: &schedule.setting, buffers, budget, words }
}

/// Zoom, and what a tile is: a click goes to its last step.
fn steer(
    ui: &Ui,
    look: &Look<'_>,
    layout: &MapLayout,
    window: &PlaneWindow,
    (lens, tile): (PlaneLens, Option<Rect>),
    messages: &mut Vec<Message>,
) {
    let plane = layout.plane;
    let response = ui.interact(plane, ui.scope_id().with("plane"), Sense::click_and_drag());
    draw::describe_as(&response, || ["schedule grid".into(), summary(ui, look)]);
    let plan = look.scene.plan();
    let most = LARGEST_TILE * plan.t_r().max(plan.t_c()) as f32 / plane.width().max(plane.height());
    lens::steer(ui, &response, plane, lens, (most, tile), messages);
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
        moved::answer(ui, strip.rect.expand(2.0), strip.tensor, messages);
    }
    if let Some(tensor) = plane::front_sheet(map) {
        moved::answer(ui, layout.plane, tensor, messages);
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
            moved::answer(ui, rect.expand(4.0), tensor, messages);
        }
    }
}

fn show_all(ui: &mut Ui, place: Rect, messages: &mut Vec<Message>) {
    let button = Rect::from_min_size(place.right_top() - vec2(96.0, 2.0), vec2(96.0, foot::LINE + 2.0));
    let text = tr(ui.ctx(), "Show all").to_owned();
    if ui.put(button, eframe::egui::Button::new(text)).clicked() {
        messages.push(Message::View(ViewMessage::Lens(PlaneLens::default())));
    }
}
