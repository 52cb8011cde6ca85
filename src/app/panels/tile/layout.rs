//! Where everything of the tile stands: the map drawn closer. Rows lie at the left and what they give at the right, keys
//! above, as around the plane of the map; S and P stand side by side, each with what it is multiplied with. A pure function.

use eframe::egui::{Rect, Vec2, pos2, vec2};

use crate::app::ink::theme::NUMBER_CELL;

/// Room for the words of the queries.
const WORDS: f32 = 70.0;
pub const GAP: f32 = 6.0;
/// Between the two sheets: the names of the blocks above the second stand there.
const BETWEEN: f32 = 44.0;
/// Of one letter of a name.
const LETTER: f32 = 6.75;
/// A block beside a sheet is so thick, as a part of the smaller side of the room.
const THICK: f32 = 0.075;
const LEAST_THICK: f32 = 16.0;
const MOST_THICK: f32 = 64.0;
/// A value of each row, with its number and without.
const VALUE: f32 = 58.0;
const BAR: f32 = 10.0;
/// Where the room is wide, numbers of rows grow by so much at most.
const MOST_VALUE: f32 = 1.5;
/// Lines: a formula, the words of the keys, the names of what lies beside the rows, the colours.
const FORMULA: f32 = 22.0;
/// A formula may be wider than its sheet, but not reach the next one.
const LEAST_FORMULA: f32 = 120.0;
/// Of each further line of a formula.
pub const FURTHER: f32 = 18.0;
pub const KEYS: f32 = 18.0;
pub const NAMES: f32 = 18.0;
pub const COLOURS: f32 = 22.0;
/// The width from which all beside the sheets has its room, and what of it is left at least.
const WITH_ALL: f32 = 700.0;
const LEAST_PART: f32 = 0.65;
/// Of a figure that does not fill its room, so much stays free above at most.
const MOST_ABOVE: f32 = 80.0;
const LARGEST_CELL: f32 = 150.0;
/// A cell is so much higher than wide at most.
const HIGHEST: f32 = 1.4;
const LEAST_CELL: f32 = 0.05;
/// Where all is enlarged, as in a talk, a cell from this width on has a short number.
pub const NARROW_CELL: f32 = 28.0;
/// A number needs a cell of this height.
pub const LEAST_NUMBER_HEIGHT: f32 = 18.0;

/// How many blocks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Around {
    pub left: usize,
    pub right: usize,
    /// Of the first sheet, and of the second.
    pub above: [usize; 2],
    pub below: [usize; 2],
    /// One number a row.
    pub values: usize,
    /// Lines of the formulas; one at least.
    pub formulas: usize,
    /// Points of the longest word of a query.
    pub words: f32,
    /// Letters of the longest name above or below each sheet, which stands left of it.
    pub letters: [usize; 2],
}

/// Where everything stands.
#[derive(Clone, Debug, PartialEq)]
pub struct TileLayout {
    pub rows: usize,
    pub cols: usize,
    pub cell: Vec2,
    /// The lines of the formulas.
    pub formulas: [Rect; 2],
    pub sheets: [Rect; 2],
    pub left: Vec<Rect>,
    pub right: Vec<Rect>,
    pub above: [Vec<Rect>; 2],
    pub below: [Vec<Rect>; 2],
    pub values: Vec<Rect>,
    /// The words of the queries end here.
    pub words: f32,
    /// The words of the keys stand from here on, over the blocks above the sheets.
    pub keys: f32,
}

impl TileLayout {
    pub fn new((rows, cols): (usize, usize), around: Around, area: Rect) -> Self {
        let (rows, cols) = (rows.max(1), cols.max(1));
        // In a narrow room the numbers of the cells come first.
        let part = (area.width() / WITH_ALL).clamp(LEAST_PART, 1.0);
        let roomy = VALUE * (area.width() / WITH_ALL).clamp(1.0, MOST_VALUE);
        // Queries that have no words but their numbers leave the room to the cells: a gap after them, half of one before.
        let words_width = (WORDS * part).min(around.words + 1.5 * GAP);
        let [before, between] = around.letters.map(|letters| LETTER * letters as f32 + 10.0);
        let between = between.max(BETWEEN * part);
        let thick = (area.size().min_elem() * THICK * part).clamp(LEAST_THICK, MOST_THICK);
        let across = |n: usize| n as f32 * (thick + GAP);
        // What stands left of the first sheet leaves room for the names of the blocks over and under that.
        let words_width = words_width.max(before - across(around.left));
        let most = |of: [usize; 2]| across(of[0].max(of[1]));
        let beside = words_width + across(around.left + around.right) + between;
        let width = |value: f32| {
            let room = area.width() - beside - around.values as f32 * (value + GAP);
            (room / 2.0 / cols as f32).clamp(LEAST_CELL, LARGEST_CELL)
        };
        // Numbers of rows have a place where those of the cells have one.
        let has_numbers = |width: f32| width >= NUMBER_CELL - 8.0;
        let value = match (has_numbers(width(roomy)), has_numbers(width(VALUE))) {
            (true, _) => roomy,
            (false, true) => VALUE,
            (false, false) => BAR,
        };
        let width = width(value);
        let formula = FORMULA + FURTHER * around.formulas.saturating_sub(1) as f32;
        let over = formula + KEYS + most(around.above) + NAMES;
        let under = most(around.below) + COLOURS;
        let height = ((area.height() - over - under) / rows as f32).clamp(LEAST_CELL, LARGEST_CELL);
        // Few rows have the height that there is, as far as cells stay cells; a tile of many rows is squeezed instead.
        let cell = vec2(width, height.min(HIGHEST * width.max(24.0)));
        let sheet = vec2(cell.x * cols as f32, cell.y * rows as f32);
        // What is left of the room stands on both sides.
        let used = beside + around.values as f32 * (value + GAP) + 2.0 * sheet.x;
        let left = area.left() + ((area.width() - used) / 2.0).clamp(0.0, 3.0 * WORDS);
        let words = left + words_width - GAP;
        let free = (area.height() - over - under - sheet.y).max(0.0);
        let area = area.translate(vec2(0.0, (free / 2.0).min(MOST_ABOVE)));
        let top = area.top() + over;
        let first = Rect::from_min_size(pos2(left + words_width + across(around.left), top), sheet);
        let second = first.translate(vec2(sheet.x + between, 0.0));
        let sheets = [first, second];
        let column = |x: f32, width: f32| Rect::from_x_y_ranges(x..=x + width, first.y_range());
        let line = |sheet: Rect, y: f32| Rect::from_x_y_ranges(sheet.x_range(), y..=y + thick);
        let right = second.right() + GAP;
        let places = |count: [usize; 2], at: &dyn Fn(usize, usize) -> f32| {
            [0, 1].map(|sheet| (0..count[sheet]).map(|n| line(sheets[sheet], at(sheet, n))).collect())
        };
        Self {
            rows,
            cols,
            cell,
            formulas: [(first, second.left() - GAP), (second, area.right())].map(|(sheet, free)| {
                let width = sheet.width().max(LEAST_FORMULA.min(free - sheet.left()));
                Rect::from_min_size(pos2(sheet.left(), area.top()), vec2(width, formula))
            }),
            sheets,
            left: (0..around.left).map(|n| column(left + words_width + across(n), thick)).collect(),
            right: (0..around.right).map(|n| column(right + across(n), thick)).collect(),
            // The nearest to the sheet is the last.
            above: places(around.above, &|sheet, n| top - NAMES - across(around.above[sheet] - n) + GAP),
            below: places(around.below, &|_, n| first.bottom() + GAP + across(n)),
            values: (0..around.values)
                .map(|n| column(right + across(around.right) + n as f32 * (value + GAP), value))
                .collect(),
            words,
            keys: area.top() + formula,
        }
    }

    pub fn cell(&self, sheet: Rect, row: usize, col: usize) -> Rect {
        Rect::from_min_size(sheet.min + vec2(col as f32 * self.cell.x, row as f32 * self.cell.y), self.cell)
    }

    /// The lowest edge of a sheet with what lies below it.
    pub fn bottom(&self, sheet: usize) -> f32 {
        self.below[sheet].iter().map(Rect::bottom).fold(self.sheets[sheet].bottom(), f32::max)
    }

    /// There is room for a number of each row.
    pub fn has_values(&self) -> bool {
        self.values.first().is_some_and(|rect| rect.width() >= VALUE)
    }

    /// How much larger than a label the numbers of rows are.
    pub fn value_zoom(&self) -> f32 {
        self.values.first().map_or(1.0, |rect| (rect.width() / VALUE).max(1.0))
    }

    /// All that is drawn.
    #[cfg(test)]
    fn all(&self) -> impl Iterator<Item = Rect> {
        let beside = [&self.left, &self.right, &self.values].into_iter().flatten();
        let lines = self.above.iter().chain(&self.below).flatten();
        self.sheets.iter().chain(beside).chain(lines).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect { min: pos2(10.0, 20.0), max: pos2(754.0, 600.0) };
    const FORWARD: Around = Around {
        left: 1,
        right: 1,
        above: [1, 1],
        below: [0, 0],
        values: 2,
        formulas: 1,
        words: 58.0,
        letters: [3, 3],
    };
    const BACKWARD: Around = Around { left: 2, below: [1, 1], formulas: 3, words: 16.0, letters: [10, 10], ..FORWARD };

    #[test]
    fn nothing_leaves_the_room_and_nothing_lies_over_another() {
        let areas = [AREA, Rect::from_min_size(pos2(0.0, 0.0), vec2(480.0, 300.0)), AREA.expand2(vec2(500.0, 200.0))];
        for (around, area) in [FORWARD, BACKWARD, Around::default()].into_iter().flat_map(|a| areas.map(|b| (a, b))) {
            for shape in [(1, 1), (4, 4), (1, 7), (13, 3), (128, 128), (5, 64)] {
                let layout = TileLayout::new(shape, around, area);
                let all: Vec<Rect> = layout.all().collect();
                let [one, other] = layout.formulas;
                assert!(one.right() <= other.left() && other.right() <= area.right() + 0.5, "{shape:?}: {one:?}");
                for (n, rect) in all.iter().enumerate() {
                    assert!(area.expand(0.5).contains_rect(*rect), "{shape:?} {around:?}: {rect:?} leaves {area:?}");
                    for other in &all[..n] {
                        assert!(!rect.shrink(0.1).intersects(other.shrink(0.1)), "{shape:?}: {rect:?} over {other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_belongs_to_rows_stands_along_rows_and_what_belongs_to_keys_along_keys() {
        for shape in [(4, 4), (3, 8), (64, 16)] {
            let layout = TileLayout::new(shape, BACKWARD, AREA);
            let [first, second] = layout.sheets;
            assert!(layout.left.iter().all(|rect| rect.right() < first.left() && rect.y_range() == first.y_range()));
            let right = layout.right.iter().chain(&layout.values);
            assert!(right.clone().count() == 3);
            assert!(right.clone().all(|rect| rect.left() > second.right() && rect.y_range() == first.y_range()));
            for n in 0..2 {
                let sheet = layout.sheets[n];
                assert!(layout.above[n].iter().all(|r| r.bottom() < sheet.top() && r.x_range() == sheet.x_range()));
                assert!(layout.below[n].iter().all(|r| r.top() > sheet.bottom() && r.x_range() == sheet.x_range()));
            }
            assert_eq!(first.size(), second.size());
        }
    }

    /// As it stands beside a question that is presented.
    #[test]
    fn the_cells_of_four_keys_have_room_for_numbers_in_a_narrow_room() {
        let area = Rect::from_min_size(pos2(0.0, 0.0), vec2(510.0, 380.0));
        assert!(TileLayout::new((4, 4), FORWARD, area).cell.x >= NUMBER_CELL - 8.0);
    }

    /// The same on a screen of 720 lines, and that of an algorithm that keeps four values of a row.
    #[test]
    fn and_on_a_small_screen_those_of_queries_without_words_have_it_for_short_ones() {
        let area = Rect::from_min_size(pos2(0.0, 0.0), vec2(388.0, 262.0));
        let bare = Around { words: 16.0, ..FORWARD };
        for around in [bare, Around { values: 4, ..bare }] {
            let cell = TileLayout::new((4, 4), around, area).cell;
            assert!(cell.x >= NARROW_CELL && cell.y >= LEAST_NUMBER_HEIGHT, "{cell:?}");
        }
    }

    #[test]
    fn few_rows_fill_the_height_and_a_wide_room_has_large_numbers() {
        let layout = TileLayout::new((4, 4), FORWARD, AREA);
        assert!(layout.cell.y > layout.cell.x && layout.cell.y <= HIGHEST * layout.cell.x + 0.1, "{:?}", layout.cell);
        assert!((layout.value_zoom() - AREA.width() / WITH_ALL).abs() < 1e-3, "{}", layout.value_zoom());
        let wide = TileLayout::new((4, 4), FORWARD, AREA.expand2(vec2(300.0, 120.0)));
        assert!(wide.value_zoom() > 1.4 && wide.cell.x > layout.cell.x);
    }

    #[test]
    fn a_tile_of_four_has_numbers_and_one_of_128_has_bars() {
        assert!(TileLayout::new((4, 4), FORWARD, AREA).has_values());
        assert!(!TileLayout::new((128, 128), FORWARD, AREA).has_values());
    }
}
