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

#[cfg(test)]
mod tests {
    use eframe::egui::{Vec2, vec2};
    use proptest::prelude::*;

    use super::*;
    use crate::app::panels::far::layout::Subject;
    use crate::attention::Precision;
    use crate::schedule::{Setting, Tiling, algorithm};

    const AREA: Rect = Rect { min: pos2(10.0, 20.0), max: pos2(910.0, 640.0) };

    /// The tokens of a block, by its size alone.
    fn block(n: usize, size: usize, at: usize) -> Range<usize> {
        at * size..((at + 1) * size).min(n)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Of every text: tiles are as wide and as high as their blocks have tokens, touch each other, and together are the
        /// plane; blocks of strips stand beside theirs; a point finds the tile that it lies in.
        #[test]
        fn blocks_of_the_map_are_those_of_the_plan(
            (n_q, n_k) in (1_usize..150, 1_usize..150),
            (br, bc, d) in (1_usize..40, 1_usize..40, 1_usize..130),
            (zoom, x, y) in (1.0_f32..6.0, 0.0_f32..1.0, 0.0_f32..1.0),
        ) {
            let (br, bc) = (br.min(n_q), bc.min(n_k));
            let plan = Plan::new(n_q, n_k, d, Tiling { br, bc }, Precision::F32);
            let (t_r, t_c) = (n_q.div_ceil(br), n_k.div_ceil(bc));
            prop_assert_eq!((plan.t_r(), plan.t_c()), (t_r, t_c));
            let lens = PlaneLens { zoom, center: vec2(x, y) };
            for algorithm in algorithm::of_program() {
                let setting = Setting { splits: 3, ..Setting::new(plan.clone()) };
                let buffers = algorithm.buffers(0, &setting);
                let (budget, words) = (Some(1 << 17), Vec2::ZERO);
                let subject = Subject { algorithm, setting: &setting, buffers: &buffers, budget, words };
                let layout = MapLayout::new(&subject, AREA);
                let (plane, window) = (layout.plane, PlaneWindow::new(&layout, lens, &plan));
                let per_token = vec2(plane.width() * zoom / n_k as f32, plane.height() * zoom / n_q as f32);
                let mut corner: Option<Rect> = None;
                for (i, j) in (0..t_r).flat_map(|i| (0..t_c).map(move |j| (i, j))) {
                    let tile = window.tile(&plan.rows(i), &plan.cols(j));
                    let (rows, cols) = (block(n_q, br, i), block(n_k, bc, j));
                    let size = vec2(cols.len() as f32 * per_token.x, rows.len() as f32 * per_token.y);
                    let name = algorithm.name();
                    prop_assert!((tile.size() - size).length() < 0.05, "{} {},{}: {:?} of {:?}", name, i, j, tile, size);
                    // From the corner of the first tile on, as many tokens as stand before it.
                    let first = *corner.get_or_insert(tile);
                    let from = first.min + vec2(cols.start as f32 * per_token.x, rows.start as f32 * per_token.y);
                    prop_assert!((tile.min - from).length() < 0.05, "{} {},{}: {:?} at {:?}", name, i, j, tile, from);
                    if plane.contains(tile.center()) {
                        prop_assert_eq!(window.tile_at(tile.center()), Some((i, j)), "{}", name);
                    }
                    for strip in layout.strips.iter().filter(|strip| strip.side != Flank::Plane) {
                        let is_along_keys = matches!(strip.side, Flank::Above | Flank::Below);
                        let part = window.part(strip, &if is_along_keys { plan.cols(j) } else { plan.rows(i) });
                        let beside = if is_along_keys {
                            Rect::from_x_y_ranges(tile.x_range(), strip.rect.y_range())
                        } else {
                            Rect::from_x_y_ranges(strip.rect.x_range(), tile.y_range())
                        };
                        prop_assert!(strip.rect.expand(0.01).contains_rect(part) || !part.is_positive());
                        let beside = beside.intersect(strip.rect);
                        let is_beside = (part.min - beside.min).length() < 0.05 && (part.max - beside.max).length() < 0.05;
                        prop_assert!(is_beside, "{} {:?}: {:?} beside {:?}", name, strip.tensor, part, tile);
                    }
                }
                // All of them are the plane, as large as the lens has it.
                let last = window.tile(&plan.rows(t_r - 1), &plan.cols(t_c - 1));
                let whole = corner.unwrap_or(last).union(last);
                prop_assert!((whole.size() - plane.size() * zoom).length() < 0.1, "{:?} of {:?}", whole, plane);
                for (axis, n, size) in [(0, n_k, bc), (1, n_q, br)] {
                    let seen = [lens.seen().x_range(), lens.seen().y_range()][axis];
                    let known = window.blocks(axis);
                    for at in 0..n.div_ceil(size) {
                        let tokens = block(n, size, at);
                        let (from, to) = (tokens.start as f32 / n as f32, tokens.end as f32 / n as f32);
                        let overlap = to.min(seen.max) - from.max(seen.min);
                        if overlap.abs() > 1e-4 {
                            prop_assert_eq!(known.contains(&at), overlap > 0.0, "block {} of axis {}", at, axis);
                        }
                    }
                }
            }
        }
    }
}
