//! Tables: columns as wide as their words, narrower where the text is.

use eframe::egui::{self, Rect, Sense, Stroke, Ui, UiBuilder, Vec2, pos2, vec2};

use super::paragraph::{Paragraph, all_strong};
use crate::app::ink::theme::Palette;
use crate::playback::lesson::markdown::{ColumnSide, Span};

/// Between two columns.
const GAP: f32 = 16.0;

/// The first row is the head.
pub(super) fn show(ui: &mut Ui, columns: &[ColumnSide], rows: &[Vec<Vec<Span>>], size: f32) {
    let rows: Vec<Vec<Vec<Span>>> = rows.iter().enumerate().map(|(at, row)| head(row, at == 0)).collect();
    let mut wanted = vec![0.0_f32; columns.len()];
    for row in &rows {
        for (width, cell) in wanted.iter_mut().zip(row) {
            *width = width.max(Paragraph::new(ui, cell, size, f32::INFINITY).galley.size().x.ceil() + 1.0);
        }
    }
    let room = ui.available_width() - GAP * (columns.len().max(1) - 1) as f32;
    let widths = shares(&wanted, room, 5.0 * size);
    egui::ScrollArea::horizontal().id_salt("table").show(ui, |ui| {
        for (at, row) in rows.iter().enumerate() {
            show_row(ui, columns, &widths, row, size);
            if at == 0 {
                rule(ui, &widths);
            }
        }
    });
}

/// Types of a projected table, from the largest.
const SIZES: [f32; 4] = [26.0, 22.0, 18.0, 15.0];

/// The largest type in which a table needs no more than `room`.
pub(super) fn size_for(ui: &Ui, rows: &[Vec<Vec<Span>>], room: Vec2) -> f32 {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |size: f32| -> f32 {
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| Paragraph::new(ui, &all_strong(cell), size, f32::INFINITY).galley.size().x)
                .fold(0.0, f32::max)
        };
        (0..columns).map(widest).sum::<f32>() + GAP * columns.saturating_sub(1) as f32
    };
    let height = |size: f32| rows.len() as f32 * (size * 1.6 + ui.spacing().item_spacing.y);
    let fits = |size: &f32| width(*size) <= room.x && height(*size) <= room.y;
    SIZES.into_iter().find(fits).unwrap_or(SIZES[SIZES.len() - 1])
}

fn head(row: &[Vec<Span>], is_head: bool) -> Vec<Vec<Span>> {
    row.iter().map(|cell| if is_head { all_strong(cell) } else { cell.clone() }).collect()
}

/// The widths of columns that want so much and have `room` in all: what is narrow keeps its width, what is wide shares the
/// rest. None that wants more is narrower than `least`.
fn shares(wanted: &[f32], room: f32, least: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let (mut left, mut widths) = (room, vec![0.0; wanted.len()]);
    for (done, column) in order.into_iter().enumerate() {
        let share = (left / (wanted.len() - done) as f32).max(least);
        widths[column] = wanted[column].min(share);
        left -= widths[column];
    }
    widths
}

fn show_row(ui: &mut Ui, columns: &[ColumnSide], widths: &[f32], row: &[Vec<Span>], size: f32) {
    let cells: Vec<Paragraph> =
        row.iter().zip(widths).map(|(cell, width)| Paragraph::new(ui, cell, size, *width)).collect();
    let height = cells.iter().map(|cell| cell.galley.size().y).fold(size * 1.4, f32::max);
    let (rect, _) = ui.allocate_exact_size(vec2(whole(widths), height), Sense::hover());
    let mut left = rect.left();
    for ((cell, width), side) in cells.into_iter().zip(widths).zip(columns) {
        let slack = (width - cell.galley.size().x).max(0.0);
        let before = match side {
            ColumnSide::Left => 0.0,
            ColumnSide::Middle => slack / 2.0,
            ColumnSide::Right => slack,
        };
        let place = Rect::from_min_max(pos2(left + before, rect.top()), pos2(left + width, rect.bottom()));
        cell.show(&mut ui.new_child(UiBuilder::new().max_rect(place)));
        left += width + GAP;
    }
}

fn whole(widths: &[f32]) -> f32 {
    widths.iter().sum::<f32>() + GAP * (widths.len().max(1) - 1) as f32
}

fn rule(ui: &mut Ui, widths: &[f32]) {
    let (rect, _) = ui.allocate_exact_size(vec2(whole(widths), 1.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(1.0, Palette::of(ui).faint_ink));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_columns_keep_their_width() {
        assert_eq!(shares(&[20.0, 30.0], 100.0, 10.0), [20.0, 30.0]);
        assert_eq!(shares(&[200.0, 20.0, 300.0], 120.0, 10.0), [50.0, 20.0, 50.0]);
        assert_eq!(shares(&[200.0, 5.0], 20.0, 40.0), [40.0, 5.0]);
        assert!(shares(&[], 20.0, 40.0).is_empty());
    }
}
