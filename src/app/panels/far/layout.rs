//! Where everything of the map stands: a pure function of a text, what it meets in a run, and an area. No state, no colour.
//!
//! One scale holds along the tokens of both axes. How thick a tensor is beside the plane is folded, areas on the chip are
//! true among themselves, and the squares of the inset are true among all of them.

use eframe::egui::{Rect, Vec2, pos2, vec2};

use crate::schedule::language::{self, Axis, Role};
use crate::schedule::{Algorithm, Buffer, Plan, Setting, Tensor};

/// No axis of the plane is shorter.
const LEAST_AXIS: f32 = 28.0;
/// A matrix beside the plane is at least so thick, and at most this part of the plane.
const LEAST_THICK: f32 = 20.0;
const MOST_THICK: f32 = 1.0 / 8.0;
/// Of a ground narrower than this it is less.
const NARROW: f32 = 260.0;
/// A value of each row, and the columns of splits.
const THIN: f32 = 8.0;
const SPLIT: f32 = 20.0;
pub const MOST_SPLITS: usize = 24;
const GAP: f32 = 6.0;
/// A line of names.
const NAMES: f32 = 18.0;
/// Of one letter of a name.
const LETTER: f32 = 6.75;
/// How far each sheet of the plane stands behind the one before.
pub const BEHIND: f32 = 8.0;
/// Of a slot, from side to side: more is folded to this at the same area.
const MOST_ASPECT: f32 = 4.0;
const LEAST_SLOT: f32 = 3.0;
/// Room for the name of a square; for that of the plane where it has two sizes, and for a letter.
const NAMED_AREA: f32 = 26.0;
const NAMED_PLANE: f32 = 52.0;
const NAMED_LETTER: f32 = 14.0;
const GAP_OF_AREAS: f32 = 8.0;
/// A card is at least so high; below the map it is at most so high, so far below it, where the scale grows by so much.
const LEAST_CARD: f32 = 124.0;
const MOST_CARD: f32 = 320.0;
const UNDER: f32 = 16.0;
const WORTH: f32 = 1.15;
/// A card so much wider than high has the squares of true area at its right, from this width on.
const LOW_CARD: f32 = 1.6;
const WITH_AREAS: f32 = 380.0;
const LEAST_AREAS: f32 = 188.0;

/// What the map is of.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub algorithm: &'a Algorithm,
    pub setting: &'a Setting,
    /// On chip now, or of the next program.
    pub buffers: &'a [Buffer],
    /// Bytes of a thread block's memory on chip.
    pub budget: Option<u64>,
    /// Room for the words of the queries at the left and of the keys above.
    pub words: Vec2,
}

/// Where a tensor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flank {
    Left,
    Right,
    Above,
    Below,
    /// A sheet of the plane.
    Plane,
}

/// A tensor beside the plane, or a split of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub tensor: Tensor,
    pub side: Flank,
    pub rect: Rect,
    pub split: Option<usize>,
    /// How thick it is over how thick it would be on the scale of the tokens.
    pub fold: f32,
}

/// A buffer on chip.
#[derive(Clone, Debug, PartialEq)]
pub struct ChipSlot {
    /// In the subject's list.
    pub buffer: usize,
    pub rect: Rect,
}

/// A square of true area.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    pub of: AreaOf,
    pub elements: u64,
    pub rect: Rect,
}

/// What a square stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaOf {
    /// All pairs of query and key.
    Scores,
    Queries,
    Keys,
    Tile,
    /// What one thread block may hold on chip.
    Chip,
}

/// The map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapLayout {
    /// All pairs of query and key; of several sheets, the first.
    pub plane: Rect,
    pub strips: Vec<Band>,
    /// Tensors of whole tiles in HBM, in the order of the text.
    pub sheets: Vec<Tensor>,
    /// Splits that are not drawn.
    pub more_splits: usize,
    /// The card of the chip, where there is room for it.
    pub chip: Option<Rect>,
    pub slots: Vec<ChipSlot>,
    pub areas: Vec<Area>,
    /// The line above them.
    pub caption: Rect,
}

/// The side of a tensor of the text; `None` where it has no blocks along the tokens.
pub fn side(tensor: &language::Tensor) -> Option<Flank> {
    let (axes, is_out) = (tensor.axes(), tensor.role == Role::Out);
    Some(match (axes.has(Axis::I), axes.has(Axis::J)) {
        (true, true) => Flank::Plane,
        (true, false) if is_out || axes.has(Axis::S) => Flank::Right,
        (true, false) => Flank::Left,
        (false, true) if is_out => Flank::Below,
        (false, true) => Flank::Above,
        (false, false) => return None,
    })
}

/// A tensor beside the plane, before there is a scale.
struct Unscaled {
    tensor: Tensor,
    side: Flank,
    cols: usize,
    splits: Option<usize>,
    /// How thick one of them is.
    split: f32,
    /// How thick a matrix is at least.
    least: f32,
    /// Room for its name.
    name: f32,
}

impl Unscaled {
    fn thick(&self, scale: f32, longest: f32) -> f32 {
        match self.cols {
            cols if self.splits.is_some() => {
                if cols == 1 {
                    self.split * (THIN / SPLIT)
                } else {
                    self.split
                }
            }
            1 => THIN,
            cols => (cols as f32 * scale).clamp(self.least, (longest * MOST_THICK).max(self.least)),
        }
    }

    /// All its splits.
    fn all(&self, scale: f32, longest: f32) -> f32 {
        let thick = self.thick(scale, longest);
        self.splits.map_or(thick, |splits| splits as f32 * (thick + 2.0) - 2.0)
    }

    /// With its name.
    fn room(&self, scale: f32, longest: f32) -> f32 {
        let all = self.all(scale, longest);
        let is_row = matches!(self.side, Flank::Above | Flank::Below);
        GAP + if is_row { all } else { all.max(self.name) }
    }
}

/// The ground of the map with the card of the chip, and the scale that the tokens have there.
struct Ground {
    ground: Rect,
    card: Option<Rect>,
    beside: Vec<Unscaled>,
    sheets: Vec<Tensor>,
    more_splits: usize,
    scale: f32,
}

impl Ground {
    fn new(subject: &Subject<'_>, ground: Rect, card: Option<Rect>) -> Self {
        let (beside, sheets, more_splits) = tensors(subject, ground.width());
        let mut placed = Self { ground, card, beside, sheets, more_splits, scale: 0.0 };
        placed.scale = largest(ground.width().max(ground.height()), |scale| {
            let needed = placed.needs(subject, scale);
            needed.x <= ground.width() && needed.y <= ground.height()
        });
        placed
    }

    /// Of a wide room the card takes the right; where many more keys than queries are, it stands below if the plane gains
    /// by it.
    fn best(subject: &Subject<'_>, area: Rect) -> Self {
        let (ground, card) = ground_and_card(area);
        let first = Self::new(subject, ground, card);
        let plan = &subject.setting.plan;
        if !card.is_some_and(|card| card.left() > ground.right()) || plan.n_k <= 2 * plan.n_q {
            return first;
        }
        let ground = Rect::from_min_max(area.min, area.max - vec2(0.0, LEAST_CARD + UNDER));
        let mut other = Self::new(subject, ground, None);
        if other.scale <= first.scale * WORTH {
            return first;
        }
        let top = ground.top() + other.needs(subject, other.scale).y + UNDER;
        let bottom = area.bottom().min(top + MOST_CARD);
        other.card = Some(Rect::from_min_max(pos2(area.left(), top), pos2(area.right(), bottom)));
        other
    }

    fn behind(&self) -> f32 {
        BEHIND * self.sheets.len().saturating_sub(1) as f32
    }

    /// The room that all of it takes.
    fn needs(&self, subject: &Subject<'_>, scale: f32) -> Vec2 {
        let plane = plane(&subject.setting.plan, scale);
        let longest = plane.max_elem();
        let of = |sides: &[Flank]| -> f32 {
            self.beside.iter().filter(|b| sides.contains(&b.side)).map(|b| b.room(scale, longest)).sum()
        };
        let left = (subject.words.x + of(&[Flank::Left])).max(named_at_the_left(&self.beside));
        let width = left + GAP + plane.x + self.behind() + of(&[Flank::Right]);
        let beyond = of(&[Flank::Above, Flank::Below]);
        let height = subject.words.y + beyond + NAMES + plane.y + self.behind() + GAP;
        vec2(width, height)
    }
}

/// All pairs of query and key.
fn plane(plan: &Plan, scale: f32) -> Vec2 {
    (vec2(plan.n_k as f32, plan.n_q as f32) * scale).max(vec2(LEAST_AXIS, LEAST_AXIS))
}

impl MapLayout {
    pub fn new(subject: &Subject<'_>, area: Rect) -> Self {
        Self::at_most(subject, area, f32::INFINITY)
    }

    /// The points that a token has in `area`.
    pub fn scale(subject: &Subject<'_>, area: Rect) -> f32 {
        Ground::best(subject, area).scale
    }

    /// With no more than so many points a token, as beside another map.
    pub fn at_most(subject: &Subject<'_>, area: Rect, most: f32) -> Self {
        let mut placed = Ground::best(subject, area);
        placed.scale = placed.scale.min(most);
        let (ground, scale) = (placed.ground, placed.scale);
        let mut layout = Self {
            plane: Rect::NOTHING,
            strips: Vec::new(),
            sheets: placed.sheets.clone(),
            more_splits: placed.more_splits,
            chip: None,
            slots: Vec::new(),
            areas: Vec::new(),
            caption: Rect::NOTHING,
        };
        layout.put(subject, &placed.beside, ground, plane(&subject.setting.plan, scale), scale);
        if let Some(mut card) = placed.card {
            // A card at the right takes the width that the map leaves, up to what it can fill.
            if card.left() > ground.right() {
                let free = ground.left() + placed.needs(subject, scale).x + (card.left() - ground.right());
                card.min.x = free.clamp(card.right() - card.height().max(card.width()), card.left());
            }
            layout.fill_card(subject, card);
        }
        layout
    }

    /// The plane, and the tensors around it.
    fn put(&mut self, subject: &Subject<'_>, beside: &[Unscaled], ground: Rect, plane: Vec2, scale: f32) {
        let longest = plane.max_elem();
        let sum =
            |side: Flank| -> f32 { beside.iter().filter(|b| b.side == side).map(|b| b.room(scale, longest)).sum() };
        let left = (subject.words.x + sum(Flank::Left)).max(named_at_the_left(beside)) + GAP;
        let above = subject.words.y + sum(Flank::Above) + NAMES;
        self.plane = Rect::from_min_size(ground.min + vec2(left, above), plane);
        let behind = BEHIND * self.sheets.len().saturating_sub(1) as f32;
        let mut at_left = self.plane.left() - GAP - sum(Flank::Left);
        let mut at_right = self.plane.right() + behind + GAP;
        let mut at_top = ground.top() + subject.words.y;
        let mut at_bottom = self.plane.bottom() + behind + GAP;
        for tensor in beside {
            let (thick, room) = (tensor.thick(scale, longest), tensor.room(scale, longest));
            let fold = thick / (tensor.cols as f32 * scale).max(f32::MIN_POSITIVE);
            let rect = match tensor.side {
                Flank::Left => Rect::from_min_size(
                    pos2(at_left + (room - GAP - thick) / 2.0, self.plane.top()),
                    vec2(thick, plane.y),
                ),
                Flank::Right => {
                    let before = (room - GAP - tensor.all(scale, longest)) / 2.0;
                    Rect::from_min_size(pos2(at_right + before, self.plane.top()), vec2(thick, plane.y))
                }
                Flank::Above => Rect::from_min_size(pos2(self.plane.left(), at_top), vec2(plane.x, thick)),
                Flank::Below => Rect::from_min_size(pos2(self.plane.left(), at_bottom), vec2(plane.x, thick)),
                Flank::Plane => continue,
            };
            match tensor.side {
                Flank::Left => at_left += room,
                Flank::Right => at_right += room,
                Flank::Above => at_top += room,
                _ => at_bottom += room,
            }
            for split in 0..tensor.splits.unwrap_or(1) {
                let rect = rect.translate(vec2(split as f32 * (thick + 2.0), 0.0));
                let split = tensor.splits.map(|_| split);
                self.strips.push(Band { tensor: tensor.tensor, side: tensor.side, rect, split, fold });
            }
        }
    }

    /// Slots, and squares of true area below them; at their right where the card is low and wide.
    fn fill_card(&mut self, subject: &Subject<'_>, card: Rect) {
        let is_low = card.width() >= LOW_CARD * card.height() && card.width() >= WITH_AREAS;
        let (chip, inset) = if is_low {
            let (chip, inset) =
                card.split_left_right_at_x(card.right() - (card.width() * 0.36).clamp(LEAST_AREAS, 320.0));
            (chip, Some(inset.with_min_x(inset.left() + 16.0)))
        } else if card.height() >= 240.0 {
            let (chip, inset) = card.split_top_bottom_at_y(card.bottom() - (card.height() * 0.36).min(150.0));
            (chip, Some(inset))
        } else {
            (card, None)
        };
        self.chip = Some(chip);
        let room = Rect::from_min_max(chip.min + vec2(8.0, 26.0), chip.max - vec2(8.0, 32.0));
        let scale = largest(room.width().max(room.height()), |scale| flow(subject.buffers, room, scale).is_some());
        let places = flow(subject.buffers, room, scale).unwrap_or_default();
        self.slots = places.into_iter().enumerate().map(|(buffer, rect)| ChipSlot { buffer, rect }).collect();
        if let Some(inset) = inset {
            self.caption = Rect::from_min_size(inset.min + vec2(0.0, 4.0), vec2(inset.width(), 18.0));
            let room = Rect::from_min_max(inset.min + vec2(0.0, 24.0), inset.max - vec2(0.0, 20.0));
            self.areas = areas(subject, room);
        }
    }

    /// The fold of the matrices beside the plane, where they are drawn thicker or thinner than to scale.
    pub fn fold(&self) -> Option<f32> {
        self.strips.iter().find(|strip| is_folded(strip)).map(|strip| strip.fold)
    }
}

/// The line between the tensors above and the plane, as wide as that, clear of its bracket.
pub fn line_above(layout: &MapLayout) -> Rect {
    let plane = layout.plane;
    Rect::from_min_max(pos2(plane.left(), plane.top() - NAMES - 4.0), pos2(plane.right(), plane.top() - 7.0))
}

/// Whether a matrix beside the plane is drawn so much thicker or thinner than to scale that it is said.
fn is_folded(strip: &Band) -> bool {
    strip.rect.width().min(strip.rect.height()) > THIN && (strip.fold - 1.0).abs() > 0.02
}

/// Where the mark of a folded matrix above or below the plane stands: at its right end, over what stands right of the plane.
/// Of a matrix at a side there is no room for it.
pub fn fold_mark(layout: &MapLayout, strip: &Band) -> Option<Rect> {
    let is_row = matches!(strip.side, Flank::Above | Flank::Below);
    let ends = layout.strips.iter().filter(|other| other.side == Flank::Right).map(|other| other.rect.right());
    let right = ends.fold(layout.plane.right(), f32::max);
    let place = Rect::from_min_max(
        pos2(strip.rect.right() + GAP + 1.0, strip.rect.center().y - 8.0),
        pos2(right, strip.rect.center().y + 8.0),
    );
    (is_row && is_folded(strip) && place.width() > 0.0).then_some(place)
}

/// Where the arrows of a tensor stand that a text both loads and stores: at its end, in the gap around the plane.
pub fn both_ways(strip: &Band) -> Rect {
    let (rect, end) = (strip.rect, GAP - 1.0);
    match strip.side {
        Flank::Above | Flank::Below => Rect::from_min_size(rect.right_top() + vec2(1.0, 0.0), vec2(end, rect.height())),
        _ => Rect::from_min_size(rect.left_bottom() + vec2(0.0, 1.0), vec2(rect.width(), end)),
    }
}

/// The map itself, and the card of the chip at the right of it where it is wide, else below.
fn ground_and_card(area: Rect) -> (Rect, Option<Rect>) {
    if area.width() > area.height() && area.width() >= 400.0 && area.height() >= LEAST_CARD {
        let card = (area.width() * 0.30).clamp(150.0, 340.0);
        let (ground, card) = area.split_left_right_at_x(area.right() - card);
        return (Rect::from_min_max(ground.min, ground.max - vec2(20.0, 0.0)), Some(card));
    }
    if area.height() >= 320.0 {
        let card = (area.height() * 0.34).clamp(110.0, 300.0);
        let (ground, card) = area.split_top_bottom_at_y(area.bottom() - card);
        return (Rect::from_min_max(ground.min, ground.max - vec2(0.0, 16.0)), Some(card));
    }
    (area, None)
}

/// What stands beside the plane, the sheets of it, and splits that are too many to draw.
fn tensors(subject: &Subject<'_>, width: f32) -> (Vec<Unscaled>, Vec<Tensor>, usize) {
    let (mut beside, mut sheets, mut more) = (Vec::new(), Vec::new(), 0);
    let plan = &subject.setting.plan;
    for tensor in subject.algorithm.tensors(plan).map(|of| of.tensor) {
        let Some(of) = subject.algorithm.of_tensor(tensor) else { continue };
        let Some(side) = side(of) else { continue };
        if side == Flank::Plane {
            sheets.push(tensor);
            continue;
        }
        let splits = of.axes().has(Axis::S).then_some(subject.setting.splits);
        more = more.max(splits.unwrap_or(0).saturating_sub(MOST_SPLITS));
        let (_, cols) = subject.algorithm.size_of(tensor, plan).unwrap_or_default();
        let name = tensor.name().len() as f32 * LETTER;
        // All splits together leave most of the width to the plane.
        let split = (width * 0.25 / splits.unwrap_or(1).clamp(1, MOST_SPLITS) as f32 - 2.0).clamp(4.0, SPLIT);
        // In a room as narrow as a side of a race beside a task, all of them are thinner.
        let least = LEAST_THICK * (width / NARROW).clamp(0.6, 1.0);
        beside.push(Unscaled {
            split,
            least,
            tensor,
            side,
            cols: cols.max(1),
            splits: splits.map(|splits| splits.clamp(1, MOST_SPLITS)),
            name,
        });
    }
    (beside, sheets, more)
}

/// Room for the names of what lies above and below, which stand at its left.
fn named_at_the_left(beside: &[Unscaled]) -> f32 {
    let rows = beside.iter().filter(|b| matches!(b.side, Flank::Above | Flank::Below));
    rows.map(|b| b.name).fold(0.0, f32::max)
}

/// The largest scale that fits, to a thousandth.
fn largest(most: f32, fits: impl Fn(f32) -> bool) -> f32 {
    let (mut low, mut high) = (0.0, most.max(0.0));
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

/// Slots side by side in lines, each below its name; `scale` is points of the square root of a byte. `None` where they do
/// not fit.
fn flow(buffers: &[Buffer], room: Rect, scale: f32) -> Option<Vec<Rect>> {
    let mut places = Vec::new();
    let (mut at, mut line) = (room.min, 0.0_f32);
    for buffer in buffers {
        let aspect = (buffer.cols as f32 / buffer.rows.max(1) as f32).clamp(1.0 / MOST_ASPECT, MOST_ASPECT);
        let side = (buffer.bytes() as f32).sqrt() * scale;
        let size = vec2(side * aspect.sqrt(), side / aspect.sqrt()).max(vec2(LEAST_SLOT, LEAST_SLOT));
        let width = size.x.max(buffer.label().len() as f32 * LETTER) + 8.0;
        if at.x > room.left() && at.x + width > room.right() + 8.0 {
            at = pos2(room.left(), at.y + line + 8.0);
            line = 0.0;
        }
        let place = Rect::from_min_size(at + vec2(0.0, NAMES - 2.0), size);
        if place.right() > room.right() || place.bottom() > room.bottom() {
            return None;
        }
        at.x += width;
        line = line.max(NAMES - 2.0 + size.y);
        places.push(place);
    }
    Some(places)
}

fn areas(subject: &Subject<'_>, room: Rect) -> Vec<Area> {
    let plan = &subject.setting.plan;
    let bytes = plan.precision.element_bytes();
    let product = |a: usize, b: usize| a as u64 * b as u64;
    let mut of = vec![
        (AreaOf::Scores, product(plan.n_q, plan.n_k)),
        (AreaOf::Queries, product(plan.n_q, plan.d)),
        (AreaOf::Keys, product(plan.n_k, plan.d)),
        (AreaOf::Tile, product(plan.br, plan.bc)),
    ];
    of.extend(subject.budget.map(|budget| (AreaOf::Chip, budget / bytes)));
    let name = |of: AreaOf| match of {
        AreaOf::Scores if plan.n_q != plan.n_k => NAMED_PLANE,
        AreaOf::Queries | AreaOf::Keys => NAMED_LETTER,
        _ => NAMED_AREA,
    };
    let columns = |of: &[(AreaOf, u64)]| of.iter().map(|(of, _)| name(*of) + GAP_OF_AREAS).sum::<f32>() - GAP_OF_AREAS;
    // In a narrow room K, which is as Q mostly, gives its place to the others; in one that is narrower yet the names stand
    // closer, and the squares stay.
    let is_narrow = columns(&of) + NAMED_AREA > room.width();
    of.retain(|(of, _)| *of != AreaOf::Keys || !is_narrow);
    let closer = (room.width() / columns(&of)).min(1.0);
    let (gap, named) = (GAP_OF_AREAS * closer, |of: AreaOf| name(of) * closer);
    // Each stands above its name.
    let step = |(of, n): (AreaOf, u64), scale: f32| ((n as f32).sqrt() * scale).max(named(of)) + gap;
    let width = |scale: f32| of.iter().map(|of| step(*of, scale)).sum::<f32>() - gap;
    let scale = largest(room.width(), |scale| {
        width(scale) <= room.width() && of.iter().all(|(_, n)| (*n as f32).sqrt() * scale <= room.height())
    });
    let mut left = room.left();
    let place = |(of, elements): (AreaOf, u64)| {
        let side = (elements as f32).sqrt() * scale;
        let middle = left + side.max(named(of)) / 2.0;
        let rect = Rect::from_min_size(pos2(middle - side / 2.0, room.bottom() - side), vec2(side, side));
        left += step((of, elements), scale);
        Area { of, elements, rect }
    };
    of.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests;
