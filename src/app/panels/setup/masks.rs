//! The masks of the setup: everything that says by indices which key a query sees.

use eframe::egui::{self, Ui};

use super::fields::{is_wanted, number, offer};
use crate::app::ink::draw;
use crate::app::tongue::words::{say, tr};
use crate::attention::{Align, Diagonal, Mask, Shape};
use crate::schedule::spec::Lengths;

/// Every mask that comes from indices, of an input of this shape of which n_q and n_k are run.
pub(super) fn show(ui: &mut Ui, mask: &mut Mask, (n_q, n_k): (usize, usize), shape: &Shape, batch: usize) {
    let response = ui.checkbox(&mut mask.causal, tr(ui.ctx(), "Causal mask").to_owned());
    offer(ui, "Causal mask", &response);
    window(ui, mask, n_q.max(n_k));
    padding(ui, mask, n_k, shape, batch);
    let has_diagonal = mask.causal || !mask.window().is_open();
    if has_diagonal && n_q != n_k {
        draw::caption(ui, "Diagonal, since n_q and n_k differ");
        for (align, name) in [
            (Align::BottomRight, "bottom right: the last query sees the last key"),
            (Align::TopLeft, "top left: the first query sees the first key"),
        ] {
            ui.radio_value(&mut mask.align, align, tr(ui.ctx(), name).to_owned());
        }
    }
    // ALiBi's distances end where the diagonal does.
    if mask.key_lengths.is_some() {
        draw::caption(ui, "Diagonal, since some keys do not exist");
        for (diagonal, name) in [
            (Diagonal::Whole, "whole: it ends at n_k, whatever the lengths"),
            (Diagonal::Lengths, "lengths: the last query sees the last key that exists"),
        ] {
            ui.radio_value(&mut mask.diagonal, diagonal, tr(ui.ctx(), name).to_owned());
        }
    }
    more(ui, mask, (n_q, n_k), shape, batch);
}

/// Masks that fewer inputs have; in sight while one is there, or when they are asked for.
fn more(ui: &mut Ui, mask: &mut Mask, (n_q, n_k): (usize, usize), shape: &Shape, batch: usize) {
    let is_there = mask.prefix_keys > 0 || mask.sink_keys > 0 || mask.documents.is_some();
    let is_there = is_there || mask.left_padding.is_some();
    let open = (is_there || is_wanted(ui, "Other masks")).then_some(true);
    let title = tr(ui.ctx(), "Other masks").to_owned();
    let shown = egui::CollapsingHeader::new(title).id_salt("more masks").open(open).show(ui, |ui| {
        egui::Grid::new("more masks").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
            number(ui, "Prefix keys", &mut mask.prefix_keys, 0..=n_k);
            number(ui, "Sink keys", &mut mask.sink_keys, 0..=n_k);
            left_padding(ui, mask, n_k, shape, batch);
        });
        if n_q == n_k && shape.n_q == shape.n_k {
            documents(ui, mask, shape.n_k);
        }
    });
    offer(ui, "Other masks", &shown.header_response);
}

/// First keys of the batch entry that do not exist.
fn left_padding(ui: &mut Ui, mask: &mut Mask, n_k: usize, shape: &Shape, batch: usize) {
    let padding = mask.left_padding.as_ref().and_then(|all| all.get(batch).copied()).unwrap_or(0);
    let mut new = padding;
    number(ui, "Left padding", &mut new, 0..=n_k);
    if new != padding {
        let all = mask.left_padding.get_or_insert_with(|| vec![0; shape.batch]);
        all.iter_mut().skip(batch).take(1).for_each(|padding| *padding = new);
        mask.left_padding.take_if(|all| all.iter().all(|&padding| padding == 0));
    }
}

/// Tokens of each document, typed; what is no cut of `n` tokens is told, and changes nothing.
fn documents(ui: &mut Ui, mask: &mut Mask, n: usize) {
    let now = Lengths::of(mask.documents.clone());
    let id = ui.scope_id().with("documents");
    let mut text = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_else(|| now.to_string());
    let label = ui.label(tr(ui.ctx(), "Tokens of each document"));
    let edit = ui.add(egui::TextEdit::singleline(&mut text).desired_width(120.0)).labelled_by(label.id);
    if edit.changed() {
        ui.data_mut(|data| data.insert_temp(id, text.clone()));
    }
    let read = text.trim().parse::<Lengths>().and_then(|list| {
        let chosen = Mask { documents: list.list().cloned(), ..Mask::default() };
        chosen.check(&Shape::single(n, n, 1)).map(|()| chosen.documents).map_err(|error| error.sentence())
    });
    match read {
        Ok(documents) if edit.lost_focus() => mask.documents = documents,
        Ok(_) => {}
        Err(fault) => {
            ui.label(say(ui.ctx(), &fault));
        }
    }
    if edit.lost_focus() {
        ui.data_mut(|data| data.remove::<String>(id));
    }
}

/// Keys a side that a window opens with.
const WINDOW: usize = 4;

/// A sliding window: keys left and right of the diagonal. One as wide as the input hides nothing.
fn window(ui: &mut Ui, mask: &mut Mask, most: usize) {
    let reach = |side: Option<usize>| side.unwrap_or(most).min(most);
    let was_on = [mask.window_left, mask.window_right].into_iter().any(|side| reach(side) < most);
    let mut is_on = was_on;
    let response = ui.checkbox(&mut is_on, tr(ui.ctx(), "Sliding window").to_owned());
    offer(ui, "Sliding window", &response);
    if is_on != was_on {
        let side = if is_on { WINDOW.min(most.saturating_sub(1)) } else { most };
        mask.window_left = Some(side);
        mask.window_right = if mask.causal && is_on { Some(0) } else { Some(side) };
    }
    if !is_on {
        return;
    }
    let [left, right] = [mask.window_left, mask.window_right].map(reach);
    let (mut new_left, mut new_right) = (left, right);
    egui::Grid::new("window").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
        number(ui, "Keys to the left", &mut new_left, 0..=most);
        // To the right a causal mask hides everything already.
        if !mask.causal {
            number(ui, "Keys to the right", &mut new_right, 0..=most);
        }
    });
    if (new_left, new_right) != (left, right) {
        (mask.window_left, mask.window_right) = (Some(new_left), Some(new_right));
    }
}

/// How many keys of the batch entry exist; the others are padding.
fn padding(ui: &mut Ui, mask: &mut Mask, n_k: usize, shape: &Shape, batch: usize) {
    let length = mask.key_lengths.as_ref().and_then(|lengths| lengths.get(batch).copied());
    let length = length.unwrap_or(n_k).min(n_k);
    let mut is_on = length < n_k;
    let response = ui.checkbox(&mut is_on, tr(ui.ctx(), "Padding mask").to_owned());
    offer(ui, "Padding mask", &response);
    let mut new = match (length < n_k, is_on) {
        (false, true) => n_k - n_k.div_ceil(4),
        (true, false) => n_k,
        _ => length,
    };
    if is_on {
        egui::Grid::new("padding").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
            number(ui, "Keys that exist", &mut new, 0..=n_k);
        });
    }
    if new != length {
        let lengths = mask.key_lengths.get_or_insert_with(|| vec![shape.n_k; shape.batch]);
        // All keys of a prefix are all keys of the whole.
        if let Some(length) = lengths.get_mut(batch) {
            *length = if new == n_k { shape.n_k } else { new };
        }
        mask.key_lengths.take_if(|lengths| lengths.iter().all(|&length| length == shape.n_k));
    }
}
