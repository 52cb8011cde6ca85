//! The bottom of the window: the strip of steps, its head, and the buttons that move it. Steps, not time.

use eframe::egui::{self, Align2, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::playback::{Command, MAX_SPEED, MIN_SPEED, Player, Unit};

use crate::schedule::Beat;

use super::action::Action;
use super::commands;
use super::draw::{self, fit_text};
use super::grid::UV;
use super::icon::{self, Icon};
use super::look::Look;
use super::number::grouped;
use super::texture::Textures;
use super::theme::{self, Palette, SPACE};
use super::words;

const STRIP: f32 = 28.0;
/// Width of the colours and their names.
const LEGEND: f32 = 396.0;

pub fn show(ui: &mut Ui, look: &Look<'_>, player: &Player, textures: &mut Textures, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        controls(ui, player, actions);
        sentence(ui, look);
    });
    ui.add_space(SPACE);
    strip(ui, look, player, textures, actions);
}

fn controls(ui: &mut Ui, player: &Player, actions: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing.x = SPACE;
    let ctx = ui.ctx().clone();
    let tooltip = |action: &Action| commands::tooltip(&ctx, action);
    let mut button = |icon: Icon, name: &str, command: Command| {
        let action = Action::Player(command);
        if icon::button(ui, icon, name, &tooltip(&action)).clicked() {
            actions.push(action);
        }
    };
    let (play, play_name) = if player.is_playing() { (Icon::Pause, "Pause") } else { (Icon::Play, "Play") };
    button(Icon::ToStart, "To the start", Command::Home);
    button(Icon::TileBack, "Previous tile", Command::StepBack(Unit::Tile));
    button(Icon::Back, "Step back", Command::StepBack(Unit::Operation));
    button(play, play_name, Command::Toggle);
    button(Icon::Forward, "Step forward", Command::StepForward(Unit::Operation));
    button(Icon::TileForward, "Next tile", Command::StepForward(Unit::Tile));
    button(Icon::ToEnd, "To the end", Command::End);
    speed(ui, player, actions);
}

fn speed(ui: &mut Ui, player: &Player, actions: &mut Vec<Action>) {
    let current = player.speed();
    egui::ComboBox::from_id_salt("speed")
        .width(56.0)
        .selected_text(format!("{current} x"))
        .show_ui(ui, |ui| {
            let mut speed = MIN_SPEED;
            while speed <= MAX_SPEED {
                if ui.selectable_label(speed == current, format!("{speed} x")).clicked() {
                    actions.push(Action::Player(Command::SetSpeed(speed)));
                }
                speed *= 2.0;
            }
        })
        .response
        .on_hover_text("Speed ([ slower, ] faster)");
}

/// The colours of the strip.
fn legend(ui: &Ui, mut at: egui::Pos2, palette: &Palette) {
    for beat in Beat::ALL {
        at.x += draw::legend_item(ui.painter(), at, palette.beat(beat), beat.name(), palette);
    }
}

/// What the step did, read out as it changes.
fn sentence(ui: &mut Ui, look: &Look<'_>) {
    let text = words::current_step(look.scene, look.snapshot);
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let mut place = rect.shrink2(vec2(2.0 * SPACE, 0.0));
    // The legend stands at the right edge, where the sentence leaves room for it.
    if place.width() > LEGEND + 360.0 {
        place.max.x -= LEGEND;
        legend(ui, pos2(place.right(), place.center().y - 6.0), palette);
    }
    fit_text(ui.painter(), place, Align2::LEFT_CENTER, &text, theme::text(theme::BODY), palette.ink);
    draw::describe(&response, "current step", &text);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Status);
        node.set_live(egui::accesskit::Live::Polite);
    });
}

fn strip(ui: &mut Ui, look: &Look<'_>, player: &Player, textures: &mut Textures, actions: &mut Vec<Action>) {
    let palette = Palette::of(ui);
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), STRIP + 4.0), Sense::hover());
    let label = Rect::from_min_size(line.min, vec2(96.0, line.height()));
    fit_text(ui.painter(), label, Align2::LEFT_CENTER, "steps, not time", theme::text(theme::LABEL), palette.faint_ink);
    let count = Rect::from_min_max(pos2((line.right() - 120.0).max(label.right()), line.top()), line.max);
    let len = look.scene.schedule().len();
    let text = format!("{} / {}", grouped(player.cursor()), grouped(len));
    fit_text(ui.painter(), count, Align2::RIGHT_CENTER, &text, theme::figures(theme::LABEL), palette.ink);
    let rect =
        Rect::from_min_max(pos2(label.right(), line.top() + 2.0), pos2(count.left() - SPACE, line.bottom() - 2.0));
    if rect.width() < 8.0 || len == 0 {
        return;
    }
    let response = ui.interact(rect, ui.scope_id().with("strip"), Sense::click_and_drag());
    let value = format!("step {} of {}", player.cursor(), len);
    draw::describe(&response, "steps", &value);
    paint(ui, rect, look, player, textures, palette);
    if let Some(at) = response.interact_pointer_pos() {
        let fraction = f64::from((at.x - rect.left()) / rect.width());
        actions.push(Action::Player(Command::SeekFraction(fraction)));
    }
    response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
}

fn paint(ui: &Ui, rect: Rect, look: &Look<'_>, player: &Player, textures: &mut Textures, palette: &Palette) {
    let strip = &look.scene.map.strip;
    let len = look.scene.schedule().len() as f32;
    let painter = ui.painter();
    let color = |_: usize, column: usize| strip.beats.get(column).map_or(palette.empty, |beat| palette.beat(*beat));
    let key = (look.generation, ui.visuals().dark_mode);
    let texture = textures.get(ui.ctx(), "strip", key, (1, strip.beats.len()), color);
    let band = rect.shrink2(vec2(0.0, 6.0));
    painter.image(texture, band, UV, theme::NO_TINT);
    let x_of = |step: f32| rect.left() + rect.width() * step / len;
    // What is still to come is veiled.
    let head = x_of(player.cursor() as f32);
    painter.rect_filled(Rect::from_min_max(pos2(head, band.top()), band.max), 0.0, palette.veil());
    for (steps, overhang) in [(&strip.tiles, 0.0), (&strip.blocks, 4.0)] {
        for step in steps.iter().skip(1) {
            let x = painter.round_to_pixel_center(x_of(*step as f32));
            painter.vline(x, band.top() - overhang..=band.bottom() + overhang, Stroke::new(1.0, palette.panel));
            if overhang > 0.0 {
                painter.vline(x, band.bottom()..=band.bottom() + overhang, Stroke::new(1.0, palette.faint_ink));
                painter.vline(x, band.top() - overhang..=band.top(), Stroke::new(1.0, palette.faint_ink));
            }
        }
    }
    painter.vline(head, rect.y_range(), Stroke::new(4.0, palette.panel));
    painter.vline(head, rect.y_range(), palette.outline());
    painter.circle_filled(pos2(head, rect.top() + 2.0), 4.0, palette.ink);
}
