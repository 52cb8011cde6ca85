//! From queries and keys to points: what of the plane is seen, and where.

use std::ops::Range;

use eframe::egui::{Pos2, Rect, pos2};

use crate::app::message::plane_lens::PlaneLens;
use crate::app::panels::far::layout::{Band, Flank, MapLayout};
use crate::schedule::Plan;

/// The plane with the part of it that is seen.
pub struct PlaneWindow {
    pub plane: Rect,
    seen: Rect,
    plan: Plan,
}

impl PlaneWindow {
    pub fn new(layout: &MapLayout, lens: PlaneLens, plan: &Plan) -> Self {
        Self { plane: layout.plane, seen: lens.seen(), plan: plan.clone() }
    }

    pub fn seen(&self) -> Rect {
        self.seen
    }

    /// Where a key begins.
    pub fn x(&self, key: usize) -> f32 {
        let part = key as f32 / self.plan.n_k.max(1) as f32;
        self.plane.left() + (part - self.seen.left()) / self.seen.width() * self.plane.width()
    }

    /// Where a query begins.
    pub fn y(&self, query: usize) -> f32 {
        let part = query as f32 / self.plan.n_q.max(1) as f32;
        self.plane.top() + (part - self.seen.top()) / self.seen.height() * self.plane.height()
    }

    pub fn tile(&self, rows: &Range<usize>, cols: &Range<usize>) -> Rect {
        Rect::from_min_max(pos2(self.x(cols.start), self.y(rows.start)), pos2(self.x(cols.end), self.y(rows.end)))
    }

    /// The part of a strip that belongs to some of its tokens, as far as it is seen.
    pub fn part(&self, strip: &Band, tokens: &Range<usize>) -> Rect {
        let part = match strip.side {
            Flank::Above | Flank::Below => {
                Rect::from_x_y_ranges(self.x(tokens.start)..=self.x(tokens.end), strip.rect.y_range())
            }
            Flank::Left | Flank::Right | Flank::Plane => {
                Rect::from_x_y_ranges(strip.rect.x_range(), self.y(tokens.start)..=self.y(tokens.end))
            }
        };
        part.intersect(strip.rect)
    }

    /// Blocks of an axis (0 keys, 1 queries) that are seen.
    pub fn blocks(&self, axis: usize) -> Range<usize> {
        let (from, to) = [(self.seen.left(), self.seen.right()), (self.seen.top(), self.seen.bottom())][axis];
        let n = self.n(axis);
        let last = ((to * n as f32).ceil() as usize).min(n);
        self.block_at(from, axis)..if last == 0 { 0 } else { self.block_of(last - 1, axis) + 1 }
    }

    /// The tile at a point of the plane.
    pub fn tile_at(&self, at: Pos2) -> Option<(usize, usize)> {
        if !self.plane.contains(at) {
            return None;
        }
        let part = self.seen.min + self.seen.size() * ((at - self.plane.min) / self.plane.size());
        Some((self.block_at(part.y, 1), self.block_at(part.x, 0)))
    }

    /// Tokens of an axis.
    fn n(&self, axis: usize) -> usize {
        if axis == 0 { self.plan.n_k } else { self.plan.n_q }
    }

    fn block_of(&self, token: usize, axis: usize) -> usize {
        if axis == 0 { self.plan.key_block(token) } else { self.plan.query_block(token) }
    }

    /// The block at a part of an axis.
    fn block_at(&self, part: f32, axis: usize) -> usize {
        let n = self.n(axis);
        self.block_of(((part.max(0.0) * n as f32) as usize).min(n.saturating_sub(1)), axis)
    }
}
