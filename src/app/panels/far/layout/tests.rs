//! Every text at many sizes and in many rooms: aspect, areas, that nothing lies over another, and what the room is used for.

use super::*;
use crate::attention::Precision;
use crate::schedule::{Tiling, algorithm};

const AREA: Rect = Rect { min: pos2(10.0, 20.0), max: pos2(770.0, 480.0) };

fn setting((n_q, n_k, d): (usize, usize, usize), (br, bc): (usize, usize), splits: usize) -> Setting {
    let plan = Plan::new(n_q, n_k, d, Tiling { br, bc }, Precision::F32);
    Setting { splits, ..Setting::new(plan) }
}

/// Every text, at sizes from one token to a million, in areas from a phone's to a wall's.
fn each(mut check: impl FnMut(&Algorithm, &Setting, &[Buffer], Rect, &MapLayout)) {
    let sizes =
        [(1, 1, 1), (6, 6, 4), (16, 16, 64), (1, 8192, 128), (1024, 1024, 64), (37, 5, 3), (1 << 20, 1 << 20, 64)];
    let areas = [
        AREA,
        Rect::from_min_size(pos2(0.0, 0.0), vec2(300.0, 200.0)),
        Rect::from_min_size(pos2(0.0, 0.0), vec2(500.0, 900.0)),
        Rect::from_min_size(pos2(0.0, 0.0), vec2(1900.0, 1000.0)),
    ];
    for algorithm in algorithm::of_program() {
        for size in sizes {
            for splits in [1, 3, 40] {
                let setting = setting(size, (size.0.min(128), size.1.min(64)), splits);
                for area in areas {
                    let buffers = algorithm.buffers(0, &setting);
                    let subject = Subject {
                        algorithm,
                        setting: &setting,
                        buffers: &buffers,
                        budget: Some(1 << 17),
                        words: Vec2::ZERO,
                    };
                    check(algorithm, &setting, &buffers, area, &MapLayout::new(&subject, area));
                }
            }
        }
    }
}

#[test]
fn the_plane_keeps_its_aspect_and_no_axis_is_shorter_than_28_points() {
    each(|_, setting, _, area, layout| {
        let plane = layout.plane;
        if area.width() < 400.0 {
            return;
        }
        assert!(plane.width() >= LEAST_AXIS && plane.height() >= LEAST_AXIS, "{plane:?}");
        if plane.width().min(plane.height()) > LEAST_AXIS + 0.01 {
            let (aspect, true_aspect) = (plane.aspect_ratio(), setting.plan.n_k as f32 / setting.plan.n_q as f32);
            assert!((aspect / true_aspect - 1.0).abs() < 1e-3, "{aspect} for {true_aspect}");
        }
    });
}

#[test]
fn nothing_leaves_the_area_and_nothing_lies_over_another() {
    each(|algorithm, setting, _, area, layout| {
        if area.width() < 400.0 {
            return;
        }
        let behind = BEHIND * layout.sheets.len().saturating_sub(1) as f32;
        let plane = Rect::from_min_max(layout.plane.min, layout.plane.max + vec2(behind, behind));
        let mut rects = vec![("plane".to_owned(), plane)];
        rects.extend(layout.strips.iter().map(|strip| (format!("{:?} {:?}", strip.tensor, strip.split), strip.rect)));
        rects.extend(layout.chip.map(|chip| ("chip".to_owned(), chip)));
        rects.extend(layout.areas.iter().map(|area| (format!("{:?}", area.of), area.rect)));
        for (n, (name, rect)) in rects.iter().enumerate() {
            let of = (algorithm.name(), setting.plan.n_q, setting.plan.n_k, setting.splits);
            assert!(area.expand(0.5).contains_rect(*rect), "{name} {rect:?} leaves {area:?} of {of:?}");
            for (other, other_rect) in &rects[..n] {
                assert!(!rect.shrink(0.1).intersects(other_rect.shrink(0.1)), "{name} over {other}: {of:?}");
            }
        }
        let chip = layout.chip.unwrap();
        for (n, slot) in layout.slots.iter().enumerate() {
            assert!(chip.contains_rect(slot.rect));
            for other in &layout.slots[..n] {
                assert!(!slot.rect.shrink(0.1).intersects(other.rect.shrink(0.1)));
            }
        }
    });
}

/// What is said at its place lies over nothing: the line above the plane, marks of folds, arrows of what goes both ways.
#[test]
fn marks_stand_where_nothing_else_does() {
    let mut marks = 0;
    each(|algorithm, setting, _, area, layout| {
        if area.width() < 400.0 {
            return;
        }
        let behind = BEHIND * layout.sheets.len().saturating_sub(1) as f32;
        let mut rects = vec![Rect::from_min_max(layout.plane.min, layout.plane.max + vec2(behind, behind))];
        rects.extend(layout.strips.iter().map(|strip| strip.rect));
        rects.extend(layout.chip);
        let folds = layout.strips.iter().filter_map(|strip| fold_mark(layout, strip));
        let placed: Vec<Rect> = folds.chain(layout.strips.iter().map(both_ways)).chain([line_above(layout)]).collect();
        marks += placed.len();
        for (n, mark) in placed.iter().enumerate() {
            let of = (algorithm.name(), setting.plan.n_q, setting.plan.n_k, setting.splits);
            assert!(area.expand(0.5).contains_rect(*mark), "{mark:?} leaves {area:?} of {of:?}");
            let others = rects.iter().chain(&placed[..n]);
            for other in others {
                assert!(!mark.shrink(0.1).intersects(other.shrink(0.1)), "{mark:?} over {other:?}: {of:?}");
            }
        }
    });
    assert!(marks > 1000);
}

/// The scale in a room, with the plane and the card that it gives.
fn in_room(name: &str, size: (usize, usize, usize), room: Vec2, most: f32) -> (f32, MapLayout) {
    let algorithm = algorithm::by_name(name).unwrap();
    let setting = setting(size, (size.0.min(128), size.1.min(128)), 3);
    let buffers = algorithm.buffers(0, &setting);
    let budget = Some(1 << 17);
    let subject = Subject { algorithm, setting: &setting, buffers: &buffers, budget, words: Vec2::ZERO };
    let area = Rect::from_min_size(pos2(0.0, 0.0), room);
    (MapLayout::scale(&subject, area), MapLayout::at_most(&subject, area, most))
}

/// As it stands beside a question: a decode step's plane has the width, and the chip what is left below it.
#[test]
fn a_plane_of_one_query_has_the_width_of_its_room() {
    let room = vec2(409.0, 276.0);
    for (name, keys) in [("flash2", 1024), ("split-kv", 6), ("flash2", 8192)] {
        let (_, layout) = in_room(name, (1, keys, 4), room, f32::INFINITY);
        let chip = layout.chip.expect("a card");
        assert!(layout.plane.width() > 0.5 * room.x, "{name}: {:?}", layout.plane);
        assert!(chip.top() > layout.plane.bottom() && chip.bottom() <= room.y && chip.width() > 200.0);
        assert!(!layout.areas.is_empty() && layout.areas.iter().all(|area| area.rect.right() <= room.x));
    }
    let (_, square) = in_room("flash2", (16, 16, 4), room, f32::INFINITY);
    assert!(square.chip.is_some_and(|chip| chip.left() > square.plane.right()));
}

#[test]
fn two_maps_of_a_race_have_one_scale() {
    for room in [vec2(192.0, 220.0), vec2(420.0, 300.0), vec2(600.0, 420.0)] {
        for size in [(1, 8192, 64), (16, 16, 4), (128, 64, 64)] {
            let [a, b] = ["split-kv", "flash2"].map(|name| in_room(name, size, room, f32::INFINITY).0);
            let [a, b] = ["split-kv", "flash2"].map(|name| in_room(name, size, room, a.min(b)).1.plane.size());
            assert!((a - b).length() < 0.1, "{a:?} and {b:?} in {room:?}");
        }
    }
}

#[test]
fn squares_and_slots_have_true_areas() {
    each(|_, setting, buffers, _, layout| {
        let plan = &setting.plan;
        let scores = layout.areas.iter().find(|area| area.of == AreaOf::Scores);
        let mut largest = 0.0_f32;
        for area in &layout.areas {
            let elements = match area.of {
                AreaOf::Scores => plan.n_q * plan.n_k,
                AreaOf::Queries => plan.n_q * plan.d,
                AreaOf::Keys => plan.n_k * plan.d,
                AreaOf::Tile => plan.br * plan.bc,
                AreaOf::Chip => (1 << 17) / 4,
            };
            assert_eq!(area.elements, elements as u64);
            largest = area.rect.width().max(largest);
            let scores = scores.unwrap();
            let (ratio, true_ratio) =
                (f64::from(area.rect.area() / scores.rect.area()), elements as f64 / (plan.n_q * plan.n_k) as f64);
            assert!((ratio / true_ratio - 1.0).abs() < 0.02 || area.rect.width() < 0.5, "{ratio} for {true_ratio}");
        }
        assert!(layout.areas.is_empty() || largest >= 16.0, "the largest square is {largest} wide");
        let drawn = layout.slots.iter().filter(|slot| slot.rect.width().min(slot.rect.height()) > LEAST_SLOT);
        let per_byte: Vec<f32> = drawn.map(|slot| slot.rect.area() / buffers[slot.buffer].bytes() as f32).collect();
        for one in &per_byte {
            assert!((one / per_byte[0] - 1.0).abs() < 0.02, "{per_byte:?}");
        }
    });
}

/// Also where the plane has two sizes, and its name is long, beside a question.
#[test]
fn squares_are_drawn_in_the_narrowest_card() {
    let algorithm = algorithm::by_name("flash2").unwrap();
    for shape in [(8, 8, 4), (8, 12, 4), (12, 8, 4), (1, 1024, 64)] {
        let setting = setting(shape, (4, 4), 1);
        for (width, height) in (300..1000).step_by(10).flat_map(|w| (240..600).step_by(30).map(move |h| (w, h))) {
            let area = Rect::from_min_size(pos2(0.0, 0.0), vec2(width as f32, height as f32));
            let subject = Subject { algorithm, setting: &setting, buffers: &[], budget: Some(512), words: Vec2::ZERO };
            let layout = MapLayout::new(&subject, area);
            let largest = layout.areas.iter().map(|area| area.rect.width()).fold(0.0, f32::max);
            assert!(layout.areas.is_empty() || largest >= 16.0, "{largest} in {area:?} of {shape:?}");
        }
    }
}

#[test]
fn a_tensor_stands_where_the_header_says() {
    let stands = |name: &str| {
        let algorithm = algorithm::by_name(name).unwrap();
        let setting = setting((16, 16, 4), (4, 4), 2);
        let subject = Subject { algorithm, setting: &setting, buffers: &[], budget: None, words: Vec2::ZERO };
        let layout = MapLayout::new(&subject, AREA);
        let on = |side: Flank| {
            let strips = layout.strips.iter().filter(move |strip| strip.side == side && strip.split.unwrap_or(0) == 0);
            strips.map(|strip| strip.tensor.name()).collect::<Vec<_>>().join(" ")
        };
        let sheets: Vec<_> = layout.sheets.iter().map(|tensor| tensor.name()).collect();
        [on(Flank::Left), on(Flank::Right), on(Flank::Above), on(Flank::Below), sheets.join(" ")]
    };
    assert_eq!(stands("flash2"), ["Q", "O L", "K V", "", ""]);
    assert_eq!(stands("flash1"), ["Q", "O m l", "K V", "", ""]);
    assert_eq!(stands("standard"), ["Q", Tensor::O.name(), "K V", "", "S P"]);
    assert_eq!(stands("split-kv"), ["Q", "O L O_part L_part", "K V", "", ""]);
    assert_eq!(stands("flash2-backward"), ["Q O L dO D", "dQ", "K V", "dK dV", ""]);
}
