//! The bottom of the window: the strip of steps, its head, and the buttons that move it. Steps, not time.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{self, Align2, Sense, Ui, pos2, vec2};

use crate::app::ink::draw;
use crate::app::ink::icon::{self, Icon};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::{Message, commands};
use crate::app::panels::strip::{self, StopsSeen, Strip};
use crate::app::run::said::current_step;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{self, tr};
use crate::playback::{Command, MAX_SPEED, MIN_SPEED, Player, Unit};
use crate::schedule::Beat;

/// Width of the signs and their names.
const LEGEND: f32 = 396.0;

pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    player: &Player,
    (strip, stops): (&mut Strip, Option<&StopsSeen>),
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) {
    ui.horizontal(|ui| {
        controls(ui, player, messages);
        sentence(ui, look);
    });
    ui.add_space(SPACE);
    strip.show(ui, look, (player, stops), textures, messages);
}

fn controls(ui: &mut Ui, player: &Player, messages: &mut Vec<Message>) {
    ui.spacing_mut().item_spacing.x = SPACE;
    let ctx = ui.ctx().clone();
    let tooltip = |action: &Message| commands::tooltip(&ctx, action);
    let mut button = |icon: Icon, name: &str, command: Command| {
        let action = Message::Player(command);
        if icon::button(ui, icon, tr(&ctx, name), &tooltip(&action)).clicked() {
            messages.push(action);
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
    match player.looped() {
        None => button(Icon::Loop, "Loop this tile", Command::LoopUnit(Unit::Tile)),
        Some(_) => button(Icon::NoLoop, "Stop looping", Command::NoLoop),
    }
    speed(ui, player, messages);
}

fn speed(ui: &mut Ui, player: &Player, messages: &mut Vec<Message>) {
    let (current, ctx) = (player.speed(), ui.ctx().clone());
    egui::ComboBox::from_id_salt("speed")
        .width(56.0)
        .selected_text(format!("{current} x"))
        .show_ui(ui, |ui| {
            let mut speed = MIN_SPEED;
            while speed <= MAX_SPEED {
                if ui.selectable_label(speed == current, format!("{speed} x")).clicked() {
                    messages.push(Message::Player(Command::SetSpeed(speed)));
                }
                speed *= 2.0;
            }
        })
        .response
        .on_hover_text(tr(&ctx, "Speed ([ slower, ] faster)"));
}

/// The greys and signs of the strip.
fn legend(ui: &Ui, mut at: egui::Pos2, palette: &Palette) {
    for beat in Beat::ALL {
        let square = egui::Rect::from_min_size(at, vec2(12.0, 12.0));
        at.x += draw::legend_item(ui.painter(), at, palette.beat(beat), beat.name(), palette);
        let (sign, font) = (strip::sign(beat), theme::text(10.0));
        ui.painter().text(square.center(), Align2::CENTER_CENTER, sign, font, palette.on_beat(beat));
    }
}

/// A sentence that is too long for its line stands on two smaller ones.
fn two_lines(ui: &Ui, place: egui::Rect, text: &str, palette: &Palette) {
    let font = theme::readable_font(text, theme::text(theme::LABEL));
    let mut job = LayoutJob::simple(text.to_owned(), font, palette.ink, place.width());
    job.wrap = TextWrapping { max_rows: 2, max_width: place.width(), ..TextWrapping::default() };
    let galley = ui.painter().layout_job(job);
    let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), place).min;
    ui.painter().galley(at, galley, palette.ink);
}

/// What the step did, read out as it changes.
fn sentence(ui: &mut Ui, look: &Look<'_>) {
    let text = words::say(ui.ctx(), &current_step(look.scene, look.snapshot, look.question.hides));
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let mut place = rect.shrink2(vec2(2.0 * SPACE, 0.0));
    // The legend stands at the right edge, where the sentence leaves room for it.
    if place.width() > LEGEND + 360.0 {
        place.max.x -= LEGEND;
        legend(ui, pos2(place.right(), place.center().y - 6.0), palette);
        place.max.x -= 4.0 * SPACE;
    }
    let wide = |font| ui.painter().layout_no_wrap(text.clone(), font, palette.ink).size().x;
    if wide(theme::readable_font(&text, theme::text(theme::BODY))) <= place.width() {
        draw::put_text(
            ui.painter(),
            place.left_center(),
            Align2::LEFT_CENTER,
            &text,
            theme::text(theme::BODY),
            palette.ink,
        );
    } else {
        two_lines(ui, place, &text, palette);
    }
    draw::describe(&response, "current step", &text);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Status);
        node.set_live(egui::accesskit::Live::Polite);
    });
}
