//! The memories of the chip to scale: squares as large as what they hold, one within the other, from HBM down to the
//! blocks of one tile; and how fast each is. The step does not matter here, only the run and its chip.

use eframe::egui::{self, Align2, Key, Modifiers, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::float::column;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::motion::{is_reduced, lerp};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::view::ViewMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::{self, Unit};
use crate::playback::lesson::Distance;
use crate::schedule::{Buffer, Hardware};

pub static PANEL: Panel = Panel {
    id: "memories",
    title: "Memories",
    home: Home::Main,
    group: "Look",
    command: "The memories of the chip",
    keys: &[(Modifiers::NONE, Key::Num0)],
    opens: Message::Distance(Distance::Memory),
    also: "HBM, SRAM, bandwidth",
    help: "The memories of the chip to scale, and how fast each is.",
    show: |ui, drawn| {
        if let Some(look) = drawn.look {
            show(ui, look, (drawn.view.memory, drawn.view.is_projected), drawn.messages);
        }
    },
};

/// Bytes whose reading time is told.
const TOLD_BYTES: f64 = (1 << 20) as f64;
/// Seconds that a jump to another memory takes.
const JUMP_S: f32 = 0.7;
/// Room around what is looked at.
const MARGIN: f32 = 1.25;

/// One memory, or something that lies in one.
struct Level {
    name: String,
    /// For those who read the screen without seeing it.
    id: &'static str,
    bytes: f64,
    /// Bytes a second, where it is a memory.
    speed: Option<f64>,
    is_on_chip: bool,
}

/// From the largest to the smallest.
fn levels(ui: &Ui, look: &Look<'_>, chip: &Hardware) -> Vec<Level> {
    let (ctx, plan) = (ui.ctx(), look.scene.plan());
    let memory = |id, name, bytes: u64, speed, is_on_chip| Level { name, id, bytes: bytes as f64, speed, is_on_chip };
    let sram = chip.sms * chip.sram_bytes_per_sm;
    let scores = (plan.n_q * plan.n_k) as u64 * plan.precision.of_scores().bytes();
    let algorithm = &look.scene.schedule().algorithm;
    let all_sms = fill(ctx, "SRAM of all {0} SMs", &[&chip.sms]);
    let mut levels = vec![
        memory("HBM", tr(ctx, "HBM").into(), chip.hbm_bytes, Some(chip.hbm_bytes_per_s), false),
        memory("SRAM of all SMs", all_sms, sram, Some(chip.sram_bytes_per_s), true),
        memory("SRAM of one SM", tr(ctx, "SRAM of one SM").into(), chip.sram_bytes_per_sm, None, true),
        memory("S of one head", fill(ctx, "S of this head, {0} x {1}", &[&plan.n_q, &plan.n_k]), scores, None, false),
    ];
    // The kernels of standard attention are ideal: what they keep on chip is not held against a budget.
    if algorithm.is_budgeted() {
        let tiles = algorithm.footprint(plan).iter().map(Buffer::bytes).sum();
        levels.push(memory("blocks of a tile", tr(ctx, "blocks of one tile").into(), tiles, None, true));
    }
    levels.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    levels
}

pub fn show(ui: &mut Ui, look: &Look<'_>, (zoom, is_projected): (f32, bool), messages: &mut Vec<Message>) {
    let chip = look.scene.settings.hardware();
    let levels = levels(ui, look, &chip);
    let area = ui.available_rect_before_wrap();
    // The squares are no wider than they are high; what they leave is the list's.
    let list = (area.width() - area.height() - 6.0 * SPACE).clamp(area.width() * 0.4, area.width() * 0.5);
    let (left, right) = area.split_left_right_at_x(area.left() + list);
    let room = ListRoom { is_narrow: area.width() < WIDE, is_projected };
    column(ui, left, &mut |ui| {
        tiers(ui, &levels, &chip, zoom, room, messages);
        if !room.is_narrow {
            ui.add_space(SPACE);
            note(ui, &chip);
        }
    });
    let right = Rect::from_min_max(right.min + vec2(6.0 * SPACE, 0.0), right.max);
    column(ui, right, &mut |ui| {
        squares(ui, &levels, zoom, messages);
        // Beside a task that is presented the room below the squares is free.
        if room.is_narrow {
            ui.add_space(SPACE);
            note(ui, &chip);
        }
    });
}

/// The width from which a size stands at the end of the line of its name.
const WIDE: f32 = 480.0;

/// What the list has room for.
#[derive(Clone, Copy)]
struct ListRoom {
    is_narrow: bool,
    /// Nobody drags a control.
    is_projected: bool,
}

/// Where the zoom stands that shows a level whole.
fn zoom_of(levels: &[Level], level: &Level) -> f32 {
    let (largest, smallest) = ends(levels);
    ((largest.ln() - level.bytes.max(1.0).ln()) / (largest.ln() - smallest.ln()).max(1e-9)) as f32
}

fn ends(levels: &[Level]) -> (f64, f64) {
    let bytes = |level: Option<&Level>| level.map_or(1.0, |level| level.bytes.max(1.0));
    (bytes(levels.first()), bytes(levels.last()))
}

/// Height of the list with its usual spacing.
const TIERS: f32 = 352.0;
/// Width of a size at the end of its line.
const SIZE: f32 = 96.0;

/// The list: what it holds, how fast it is; a click zooms there.
fn tiers(ui: &mut Ui, levels: &[Level], chip: &Hardware, zoom: f32, room: ListRoom, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    // Where a talk's large text leaves little room, the lines stand closer: the note at the end is seen, too.
    if ui.available_height() < TIERS {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.spacing_mut().interact_size.y = 20.0;
    }
    draw::title(ui, "Memories, each as large as what it holds");
    let unit = Unit::down_to(ends(levels).1 as u64);
    ui.horizontal(|ui| {
        draw::caption(ui, chip.title);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| draw::caption(ui, unit.name));
    });
    ui.add_space(SPACE);
    for level in levels {
        let at = zoom_of(levels, level);
        let (size, shown) = (number::bytes(level.bytes as u64), unit.write(level.bytes as u64));
        let is_shown = (at - zoom).abs() < 0.02;
        let sized = |ui: &mut Ui| {
            // A number and its unit are not parted.
            let whole = shown.replace(' ', "\u{a0}");
            let label = ui.label(egui::RichText::new(whole).font(theme::figures(theme::BODY)));
            draw::describe(&label, &fill(&ctx, "bytes of {0}", &[&tr(&ctx, level.id)]), &size);
            label.on_hover_text(&size);
        };
        let response = if room.is_narrow {
            // The size goes on where the name ends, or on the next line.
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().button_padding = vec2(SPACE, 0.0);
                let response = ui.add(egui::Button::selectable(is_shown, draw::label(&level.name)));
                sized(ui);
                response
            })
        } else {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = SPACE;
                let named = |ui: &mut Ui| {
                    ui.set_max_width((ui.available_width() - SIZE).max(SIZE));
                    ui.add(egui::Button::selectable(is_shown, level.name.as_str()).wrap())
                };
                let response = ui.scope(named).inner;
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), sized);
                response
            })
        };
        if response.inner.on_hover_text(tr(&ctx, "Click to zoom there")).clicked() {
            messages.push(Message::View(ViewMessage::Memory(at)));
        }
    }
    if !room.is_projected {
        let mut wanted = zoom;
        let slider = egui::Slider::new(&mut wanted, 0.0..=1.0).show_value(false).text(tr(&ctx, "zoom"));
        if ui.add(slider).changed() {
            messages.push(Message::View(ViewMessage::Memory(wanted)));
        }
    }
    ui.add_space(2.0 * SPACE);
    speeds(ui, levels);
}

/// Where the numbers are from.
fn note(ui: &mut Ui, chip: &Hardware) {
    let note = if chip.link.is_empty() {
        "Sizes and speeds are made up for lessons: an A100's speeds, divided by a million."
    } else {
        "Sizes and speeds are the maker's, not measured. SRAM is L1 cache and shared memory: 128 bytes a clock in each SM."
    };
    let source = format!("{}\n{}", tr(ui.ctx(), chip.source), chip.link);
    draw::caption(ui, note).on_hover_text(source);
}

/// How long a mebibyte takes from each memory.
fn speeds(ui: &mut Ui, levels: &[Level]) {
    let (ctx, palette) = (ui.ctx().clone(), Palette::of(ui));
    let head = draw::caption(ui, "Time to read 1 MiB, by bandwidth");
    made_by::beside(ui, &head, MadeBy::Modelled);
    let times: Vec<(&Level, f64)> = levels
        .iter()
        .filter_map(|level| Some((level, TOLD_BYTES / level.speed.filter(|speed| *speed > 0.0)?)))
        .collect();
    let longest = times.iter().map(|(_, time)| *time).fold(1e-30, f64::max);
    for (level, time) in times {
        let speed = number::modelled_rate(level.speed.unwrap_or(0.0), "B/s");
        let text = format!("{} s/MiB, {speed}", number::modelled(time));
        let shown = fill(&ctx, "{0}: {1} ({2})", &[&level.name, &number::modelled_time(time), &speed]);
        let response = ui.label(draw::label(&shown));
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 12.0), Sense::hover());
        let width = (rect.width() * (time / longest) as f32).max(2.0);
        let bar = Rect::from_min_size(rect.min, vec2(width, 8.0));
        ui.painter().rect_filled(bar, 2.0, if level.is_on_chip { palette.sram_edge } else { palette.hbm_edge });
        draw::describe(&response, &fill(&ctx, "speed of {0}", &[&tr(&ctx, level.id)]), &text);
    }
}

/// The squares, with a corner in common.
fn squares(ui: &mut Ui, levels: &[Level], zoom: f32, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    let room = ui.available_size();
    let side = (room.y - 8.0).min(room.x).max(24.0);
    let (area, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    let time = if is_reduced(ui.ctx()) { 0.0 } else { JUMP_S };
    let shown_zoom = ui.ctx().animate_value_with_time(response.id, zoom, time);
    let (largest, smallest) = ends(levels);
    // A side is the root of the bytes; what is looked at fills the view but for a margin.
    let visible = lerp(largest.sqrt().ln() as f32, smallest.sqrt().ln() as f32, shown_zoom).exp() * MARGIN;
    let painter = ui.painter_at(area.expand(1.0));
    // A frame around what is seen whole would be one more memory.
    if largest.sqrt() as f32 > visible {
        painter.rect_stroke(area, 0.0, palette.hairline(), StrokeKind::Inside);
    }
    let (mut free, mut outer) = (f32::INFINITY, area);
    let mut told = Vec::new();
    for level in levels {
        let pixels = level.bytes.sqrt() as f32 / visible * side;
        let square = Rect::from_min_size(area.min, vec2(pixels, pixels));
        let color = if level.is_on_chip { palette.sram } else { palette.hbm };
        painter.rect_filled(square.intersect(area), 0.0, color);
        let stroke = if level.is_on_chip { palette.sram_edge } else { palette.hbm_edge };
        painter.rect_stroke(square, 0.0, Stroke::new(1.5, stroke), StrokeKind::Inside);
        let part = number::short(f64::from(pixels / side));
        told.push(fill(ui.ctx(), "{0}: {1} of the view", &[&tr(ui.ctx(), level.id), &part]));
        free = name(&painter, (area, outer), square, level, free, palette);
        outer = square.intersect(area);
    }
    draw::describe(&response, "memories to scale", &told.join("; "));
    if response.hovered() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let by = scroll / 1000.0 + (pinch - 1.0);
        if by != 0.0 {
            messages.push(Message::View(ViewMessage::Memory((zoom + by).clamp(0.0, 1.0))));
        }
    }
}

/// The name of a square: inside at its lower edge, or right of it where it is small, above `free` as the names of larger
/// ones stand below; with its size where that stays within the square around it. Gives where the name stands.
fn name(
    painter: &egui::Painter,
    (area, outer): (Rect, Rect),
    square: Rect,
    level: &Level,
    free: f32,
    palette: &Palette,
) -> f32 {
    let y = (square.bottom() - 12.0).max(area.top() + 10.0).min(free - 18.0);
    if square.width() > area.width() * MARGIN || y < area.top() + 10.0 {
        return free;
    }
    let font = theme::readable_font(&level.name, theme::text(theme::BODY));
    let wide = |text: &str| painter.layout_no_wrap(text.to_owned(), font.clone(), palette.ink).size().x + 12.0;
    let mut text = format!("{}  {}", level.name, number::bytes(level.bytes as u64));
    let left = if square.width() >= wide(&text) { square.left() } else { square.right() };
    if left + wide(&text) > outer.right() {
        text = level.name.clone();
    }
    let place = Rect::from_min_max(pos2(left + 8.0, y - 9.0), pos2(area.right() - 4.0, y + 9.0));
    fit_text(painter, place, Align2::LEFT_CENTER, &text, theme::text(theme::BODY), palette.ink);
    y
}
