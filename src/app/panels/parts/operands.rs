//! The blocks on chip that make a tile: Q_i, K_j, V_j and O_i, one thin line per row.

use eframe::egui::{Align2, Rect, Sense, StrokeKind, Ui, pos2, vec2};
use ndarray::{ArrayView2, s};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::panels::grid::UV;
use crate::app::state::seen::Look;
use crate::app::tongue::words::tr;
use crate::schedule::{Part, Tensor};

/// Room that the four lines of blocks take out of `available`: in a small view the matrices above them come first.
pub fn height(available: f32) -> f32 {
    let of = |strip: f32| 4.0 * (strip + GAP) + 24.0;
    (available * 0.36).clamp(of(SHORT_STRIP), of(STRIP))
}

const STRIP: f32 = 28.0;
const SHORT_STRIP: f32 = 16.0;
/// On a large window the lines grow up to this.
const TALLEST_STRIP: f32 = 56.0;
const GAP: f32 = 8.0;
const LABELS: f32 = 80.0;

/// One block: what it is, and its values if it is on chip.
struct Operand<'a> {
    tensor: Tensor,
    texture: &'static str,
    label: String,
    /// Its name on chip.
    name: &'a str,
    values: Option<ArrayView2<'a, f64>>,
}

pub fn show(ui: &mut Ui, look: &Look<'_>, textures: &mut Textures) {
    let palette = Palette::of(ui);
    let strip_height = ((ui.available_height() - SPACE) / 4.0 - GAP).clamp(SHORT_STRIP, TALLEST_STRIP);
    let height = 4.0 * (strip_height + GAP);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let operands = on_chip(look);
    let names: Vec<&str> = operands.iter().map(|operand| operand.label.as_str()).collect();
    draw::describe(&response, "blocks on chip", &names.join("; "));
    for (n, operand) in operands.iter().enumerate() {
        let top = rect.top() + n as f32 * (strip_height + GAP);
        let label = Rect::from_min_size(pos2(rect.left(), top), vec2(LABELS - SPACE, strip_height));
        let strip = Rect::from_min_max(pos2(rect.left() + LABELS, top), pos2(rect.right(), top + strip_height));
        if strip.bottom() > rect.bottom() || strip.width() < 8.0 {
            break;
        }
        paint(ui, label, strip, operand, look, textures, palette);
    }
}

fn paint(
    ui: &Ui,
    label: Rect,
    strip: Rect,
    operand: &Operand<'_>,
    look: &Look<'_>,
    textures: &mut Textures,
    palette: &Palette,
) {
    let painter = ui.painter();
    let square = Rect::from_center_size(label.left_center() + vec2(6.0, 0.0), vec2(12.0, 12.0));
    painter.rect_filled(square, 2.0, palette.tensor(operand.tensor));
    let place = Rect::from_min_max(square.right_top() + vec2(6.0, -4.0), label.right_bottom());
    let place = Rect::from_center_size(pos2(place.center().x, label.center().y), vec2(place.width(), 16.0));
    fit_text(painter, place, Align2::LEFT_CENTER, &operand.label, theme::text(theme::LABEL), palette.ink);
    let Some(values) = &operand.values else {
        painter.rect_stroke(strip, 0.0, palette.hairline(), StrokeKind::Inside);
        let font = theme::text(theme::LABEL);
        let text = if look.snapshot.has_buffer(operand.name) { "not loaded yet" } else { "not on chip" };
        fit_text(
            painter,
            strip.shrink2(vec2(8.0, 0.0)),
            Align2::LEFT_CENTER,
            tr(ui.ctx(), text),
            font,
            palette.faint_ink,
        );
        return;
    };
    let limit = values.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()));
    let color =
        |row: usize, col: usize| values.get((row, col)).map_or(palette.background, |&x| palette.diverging(x, limit));
    let texture = textures.get(ui.ctx(), operand.texture, look.key(ui.visuals().dark_mode), values.dim(), color);
    painter.image(texture, strip, UV, theme::NO_TINT);
    painter.rect_stroke(strip, 0.0, palette.hairline(), StrokeKind::Inside);
}

/// The blocks of the current rows and keys, as the algorithm has loaded them.
fn on_chip<'a>(look: &Look<'a>) -> Vec<Operand<'a>> {
    let view = &look.snapshot.view;
    let (problem, settings) = (&look.scene.input.problem, &look.scene.settings);
    let (head, kv_head) = (look.head(), problem.shape.kv_head(settings.run.head()));
    let held = |name: &str| look.snapshot.holds(name);
    let q = problem.q.slice(s![settings.run.batch(), head, view.rows.clone(), ..]);
    let k = problem.k.slice(s![settings.run.batch(), kv_head, view.cols.clone(), ..]);
    let v = problem.v.slice(s![settings.run.batch(), kv_head, view.cols.clone(), ..]);
    let has_keys = !view.cols.is_empty();
    let given = |tensor: Tensor, texture, axis: &str, values| {
        let name = tensor.name();
        Operand { tensor, texture, label: format!("{name}_{axis}"), name, values }
    };
    let output = look.snapshot.called(Part::Output);
    vec![
        given(Tensor::Q, "Q_i", "i", held(Tensor::Q.name()).then_some(q)),
        given(Tensor::K, "K_j", "j", (held(Tensor::K.name()) && has_keys).then_some(k)),
        given(Tensor::V, "V_j", "j", (held(Tensor::V.name()) && has_keys).then_some(v)),
        Operand {
            tensor: Tensor::O,
            texture: "O_i",
            label: format!("{output}_i"),
            name: output,
            values: look.snapshot.output().map(|o| o.view()),
        },
    ]
}
