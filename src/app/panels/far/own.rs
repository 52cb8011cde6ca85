//! Where the file's own output or gradients are wrong first: the block of that tensor is marked, and a click goes to the last
//! step of its tiles.

use std::ops::Range;

use eframe::egui::{Align2, Rect, Sense, Stroke, StrokeKind};

use super::figure::Map;
use crate::app::ink::draw::{self, hatch};
use crate::app::ink::theme;
use crate::app::message::Message;
use crate::app::run::own_verdict::OwnWrong;
use crate::app::run::scene::FinishedRun;
use crate::app::run::selection::Selection;
use crate::app::tongue::words::{say, tr};
use crate::playback::Command;

/// The tokens of the block that holds the number: rows, or of dK and dV columns.
fn tokens(scene: &FinishedRun, wrong: &OwnWrong) -> Range<usize> {
    let plan = scene.plan();
    if wrong.is_of_key { plan.cols(plan.key_block(wrong.row)) } else { plan.rows(plan.query_block(wrong.row)) }
}

/// Its row or column of tiles, and its block of the tensor where that stands beside the plane.
fn places(map: &Map<'_>, wrong: &OwnWrong) -> [Option<Rect>; 2] {
    let (plan, tokens) = (map.look.scene.plan(), tokens(map.look.scene, wrong));
    let tiles = if wrong.is_of_key {
        map.window.tile(&(0..plan.n_q), &tokens)
    } else {
        map.window.tile(&tokens, &(0..plan.n_k))
    };
    let strip = map.layout.strips.iter().find(|strip| strip.tensor.name() == wrong.tensor);
    [Some(tiles.intersect(map.layout.plane)), strip.map(|strip| map.window.part(strip, &tokens))]
        .map(|rect| rect.filter(Rect::is_positive))
}

pub fn paint(map: &Map<'_>) {
    let Some(wrong) = map.look.scene.own_wrong() else { return };
    let (painter, palette) = (map.ui.painter(), map.palette);
    let [tiles, block] = places(map, wrong);
    if let Some(tiles) = tiles {
        painter.rect_stroke(tiles, 0.0, Stroke::new(1.5, palette.trouble), StrokeKind::Inside);
    }
    if let Some(block) = block {
        let block = block.expand(1.0);
        hatch(painter, block, palette.trouble, 5.0);
        painter.rect_stroke(block, 0.0, Stroke::new(2.5, palette.trouble), StrokeKind::Outside);
        draw::put_text(painter, block.center(), Align2::CENTER_CENTER, "!", theme::text(theme::LABEL), palette.ink);
    }
}

/// A click on the block leads to where it is made; without a block beside the plane, the panel of checks does.
pub fn steer(map: &Map<'_>, messages: &mut Vec<Message>) {
    let Some(wrong) = map.look.scene.own_wrong() else { return };
    let [_, Some(block)] = places(map, wrong) else { return };
    let (ui, what) = (map.ui, say(map.ui.ctx(), &wrong.what));
    let response = ui.interact(block.expand(3.0), ui.scope_id().with("own wrong"), Sense::click());
    draw::describe(&response, tr(ui.ctx(), "first wrong number of the file"), &what);
    if response.on_hover_text(what).clicked() {
        messages.extend(way(map.look.scene, wrong));
    }
}

/// To the last step of the tiles of the block, with its row or key picked.
pub fn way(scene: &FinishedRun, wrong: &OwnWrong) -> Vec<Message> {
    let (plan, grid) = (scene.plan(), &scene.map.grid);
    let tiles: Vec<(usize, usize)> = if wrong.is_of_key {
        (0..plan.t_r()).map(|i| (i, plan.key_block(wrong.row))).collect()
    } else {
        (0..plan.t_c()).map(|j| (plan.query_block(wrong.row), j)).collect()
    };
    let ends = tiles.into_iter().filter_map(|(i, j)| {
        let (row, col) = grid.position(i, j);
        grid.cell(row, col).map(|cell| cell.end)
    });
    let selection = if wrong.is_of_key {
        Selection { query: 0, key: Some(wrong.row) }
    } else {
        Selection { query: wrong.row, key: None }
    };
    let seek = ends.max().filter(|end| *end > 0).map(|end| Message::Player(Command::SeekTo(end)));
    [Message::Select(selection)].into_iter().chain(seek).collect()
}
