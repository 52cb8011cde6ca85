//! Comparing two runs: numbers read off the screen by their names against closed forms, under both locks.

use crate::stage_support::{all_text, click, cursor, open, open_sized, press, seek, settle, short, value};
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{bundled, preset, random};
use tilescope::attention::{Precision, oracle};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

const NONE: Modifiers = Modifiers::NONE;
/// Elements that each algorithm moves on `toy`, as the house's documents have them.
const TOY: [(&str, u64); 3] = [("standard", 1280), ("flash1", 1248), ("flash2", 656)];

fn grouped(n: u64) -> String {
    let text = n.to_string();
    let groups: Vec<&str> = text.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}

fn command(harness: &mut Harness<'_, App>, name: &str) {
    press(harness, Modifiers::COMMAND, Key::P);
    harness.event(Event::Text(name.into()));
    harness.run_steps(2);
    press(harness, NONE, Key::Enter);
    assert_eq!(harness.state().last_command(), name);
}

/// The two numbers of a value such as `1,024 of 5,120`.
fn pair(harness: &Harness<'_, App>, name: &str) -> (u64, u64) {
    let text = value(harness, name).replace(',', "");
    let (now, of) = text.split_once(" of ").unwrap_or_else(|| panic!("{name}: {text}"));
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{name}: {text}"));
    (number(now), number(of))
}

fn run_of_toy(name: &str, block: usize, precision: Precision) -> Run {
    let problem = preset::toy().problem;
    let plan = Plan::of_problem(&problem, 0, Tiling { br: block, bc: block }, precision);
    let schedule = Schedule::new(algorithm::by_name(name).expect("it is known"), plan);
    Run::new(schedule, &problem, 0, 0, |_| true).expect("it is not stopped")
}

#[test]
fn both_meters_end_at_the_closed_forms() {
    for (a, of_a) in TOY {
        let mut harness = open(Some(preset::toy()));
        command(&mut harness, &format!("Algorithm: {a}"));
        press(&mut harness, NONE, Key::Num4);
        for (b, of_b) in TOY {
            click(&mut harness, &format!("B algorithm: {b}"));
            press(&mut harness, NONE, Key::End);
            for (side, elements) in [("A", of_a), ("B", of_b)] {
                let bytes = grouped(4 * elements);
                assert_eq!(value(&harness, &format!("{side}: HBM bytes")), format!("{bytes} of {bytes}"), "{a} {b}");
            }
            let sentence = value(&harness, "which moves more");
            let ratio = of_a.max(of_b) as f64 / of_a.min(of_b) as f64;
            let (more, less) = if of_a > of_b { (a, b) } else { (b, a) };
            match of_a == of_b {
                true => assert!(sentence.starts_with("Both move the same"), "{sentence}"),
                false => {
                    assert!(sentence.contains(&format!("({more}) moves {} times", short(ratio))), "{sentence}");
                    assert!(sentence.contains(&format!("bytes of {} ({less})", if of_a > of_b { "B" } else { "A" })));
                }
            }
            press(&mut harness, NONE, Key::Home);
            assert_eq!((pair(&harness, "A: HBM bytes").0, pair(&harness, "B: HBM bytes").0), (0, 0));
        }
    }
}

#[test]
fn the_facts_of_b_are_those_of_its_own_run() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    for (name, _) in TOY {
        click(&mut harness, &format!("B algorithm: {name}"));
        let run = run_of_toy(name, 4, Precision::F32);
        let total = run.meters().total();
        assert_eq!(value(&harness, "B: FLOPs"), grouped(total.traffic.flops.total()));
        // What ideal kernels keep on chip is held against no budget, and says so.
        let peak = if name == "standard" { "B: ideal peak" } else { "B: SRAM peak" };
        assert_eq!(value(&harness, peak), format!("{} B", grouped(total.peak.total())));
        let exact = oracle::attention(&preset::toy().problem.head::<f64>(0, 0, Precision::F64));
        let error = max_error(&run.output().unwrap().o, &exact.o);
        assert!((value(&harness, "B: error of O").parse::<f64>().unwrap() / error - 1.0).abs() < 1e-3, "{name}");
        // A row's maximum rose where its history says so, after a visit in which it saw a key.
        let rises: usize = (0..4)
            .flat_map(|i| run.history(i))
            .map(|visits| visits.iter().skip(1).filter(|visit| visit.alpha < 1.0).count())
            .sum();
        let expected = if name == "standard" { "none".to_owned() } else { format!("{rises} of 48") };
        assert_eq!(value(&harness, "B: row rescales"), expected, "{name}");
    }
    assert_eq!(value(&harness, "A: row rescales"), value(&harness, "B: row rescales"));
}

#[test]
fn by_steps_the_two_cursors_have_the_same_share() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    click(&mut harness, "B algorithm: flash1");
    let (run, other) = (run_of_toy("flash2", 4, Precision::F32), run_of_toy("flash1", 4, Precision::F32));
    for n in (0..=run.schedule.len()).step_by(7) {
        seek(&mut harness, n);
        let ((a, of_a), (b, of_b)) = (pair(&harness, "A: step"), pair(&harness, "B: step"));
        assert_eq!((a, of_a, of_b), (n, run.schedule.len(), other.schedule.len()));
        assert!((a as f64 / of_a as f64 - b as f64 / of_b as f64).abs() <= 0.5 / of_b as f64 + 1e-12, "at {n}");
        let bytes = other.totals(b).traffic.hbm_bytes();
        assert_eq!(pair(&harness, "B: HBM bytes").0, bytes, "at {n}");
    }
}

#[test]
fn by_bytes_the_two_have_moved_the_same_as_nearly_as_a_step_allows() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    click(&mut harness, "bytes moved");
    for (name, _) in TOY {
        click(&mut harness, &format!("B algorithm: {name}"));
        let other = run_of_toy(name, 4, Precision::F32);
        let moved = |cursor| other.totals(cursor).traffic.hbm_bytes();
        for n in (0..=149).step_by(7) {
            seek(&mut harness, n);
            let (of_a, of_b) = (pair(&harness, "A: HBM bytes").0, pair(&harness, "B: HBM bytes").0);
            let (b, len) = pair(&harness, "B: step");
            assert_eq!(of_b, moved(b), "{name} at {n}");
            assert!(of_b <= of_a && (b == len || moved(b + 1) > of_a), "{name} at {n}: {of_a} {of_b}");
        }
    }
    // The same run under the same lock is at the same bytes.
    assert_eq!(pair(&harness, "A: HBM bytes"), pair(&harness, "B: HBM bytes"));
}

#[test]
fn every_way_to_a_step_compares_the_same() {
    for lock in ["share of steps", "bytes moved"] {
        let mut harness = open(Some(preset::toy()));
        press(&mut harness, NONE, Key::Num4);
        click(&mut harness, lock);
        press(&mut harness, NONE, Key::Home);
        let mut forward = vec![all_text(&harness)];
        for _ in 0..30 {
            press(&mut harness, NONE, Key::ArrowRight);
            forward.push(all_text(&harness));
        }
        for expected in forward.iter().rev().skip(1) {
            press(&mut harness, NONE, Key::ArrowLeft);
            assert_eq!(all_text(&harness), *expected);
        }
        for n in [17, 3, 30, 8] {
            seek(&mut harness, n);
            assert_eq!(all_text(&harness), forward[n as usize], "sought {n} by {lock}");
        }
    }
}

#[test]
fn blocks_and_precision_of_b_are_its_own_until_it_follows_a_again() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    click(&mut harness, "B algorithm: flash2");
    harness.get_by_label("B precision: f32").click();
    harness.run_steps(3);
    click(&mut harness, "f16");
    // 656 elements, of which the 16 of L stay in four bytes.
    assert_eq!(pair(&harness, "B: HBM bytes").1, 2 * 640 + 4 * 16);
    assert_eq!(pair(&harness, "A: HBM bytes").1, 4 * 656);
    assert!(value(&harness, "which moves more").ends_with("its elements take 4 B each, those of the other 2 B."));
    click(&mut harness, "More Block rows br");
    let plan = Plan::new(16, 16, 4, Tiling { br: 5, bc: 4 }, Precision::F16);
    let bytes = algorithm::by_name("flash2").unwrap().closed_form(&plan).hbm_bytes();
    assert_eq!(pair(&harness, "B: HBM bytes").1, bytes, "blocks that were not chosen are those of A");
    click(&mut harness, "as A");
    assert_eq!(pair(&harness, "B: HBM bytes").1, 4 * 1280);
}

#[test]
fn another_input_makes_b_again_and_what_cannot_run_says_why() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    command(&mut harness, "Open row: one query, six keys");
    settle(&mut harness);
    let plan = harness.state().document().scene().unwrap().plan().clone();
    let standard = algorithm::by_name("standard").unwrap().closed_form(&plan).hbm_bytes();
    assert_eq!(pair(&harness, "B: HBM bytes").1, standard);

    let mut harness = open(Some(random::read("random:524288,524288,1", 0).unwrap()));
    press(&mut harness, NONE, Key::Num4);
    let why = value(&harness, "run of B");
    assert!(why.starts_with("! B cannot run: ") && why.contains("are too many to walk"), "{why}");
    assert!(harness.query_by_label("B: HBM bytes").is_none());
    assert!(pair(&harness, "A: HBM bytes").1 > 0);

    // What does not fit in memory is counted.
    let mut harness = open(Some(random::read("random:40000,40000,1", 0).unwrap()));
    press(&mut harness, NONE, Key::Num4);
    let n: u64 = 40_000;
    assert_eq!(pair(&harness, "B: HBM bytes").1, 4 * (4 * n * n + 4 * n));
}

#[test]
fn the_runs_change_places_and_the_distances_leave_the_comparison() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num4);
    click(&mut harness, "Swap A and B");
    assert_eq!(harness.state().document().wanted().algorithm.name(), "standard");
    assert_eq!((pair(&harness, "A: HBM bytes").1, pair(&harness, "B: HBM bytes").1), (4 * 1280, 4 * 656));
    press(&mut harness, NONE, Key::Num2);
    assert!(harness.query_by_label("A: HBM bytes").is_none());
    command(&mut harness, "Compare two runs");
    assert!(harness.query_by_label("A: HBM bytes").is_some());
    let at = cursor(&harness);
    press(&mut harness, NONE, Key::ArrowLeft);
    assert_eq!(pair(&harness, "A: step").0, at - 1);
}

#[test]
fn a_surprise_opens_the_right_pair() {
    let mut harness = open(Some(preset::toy()));
    command(&mut harness, "Compare: flash2 moves more than flash1");
    settle(&mut harness);
    let plan = Plan::new(1024, 1024, 64, Tiling { br: 64, bc: 326 }, Precision::F16);
    let bytes = |name| algorithm::by_name(name).unwrap().closed_form(&plan).hbm_bytes();
    assert_eq!(pair(&harness, "A: HBM bytes").1, bytes("flash2"));
    assert_eq!(pair(&harness, "B: HBM bytes").1, bytes("flash1"));
    let sentence = value(&harness, "which moves more");
    assert!(
        sentence.starts_with("A (flash2) moves 2.") && sentence.contains("K and V are loaded 16 times"),
        "{sentence}"
    );
}

#[test]
fn a_real_head_is_compared_too() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Num4);
    let input = bundled::CAPTURES[0].input().prefix(16).unwrap();
    let plan = Plan::of_problem(&input.problem, 0, Tiling { br: 4, bc: 4 }, Precision::F32);
    let standard = algorithm::by_name("standard").unwrap().closed_form(&plan).hbm_bytes();
    assert_eq!(pair(&harness, "B: HBM bytes").1, standard);
    assert!(value(&harness, "B: schedule grid").starts_with("at tile"));
}

#[test]
fn no_window_is_too_small_or_too_large_to_compare_loop_and_zoom() {
    for size in [(0.0, 0.0), (1.0, 900.0), (200.0, 120.0), (640.0, 400.0), (3000.0, 40.0), (8000.0, 4000.0)] {
        let mut harness = open_sized(Some(preset::toy()), Vec2::from(size), 1.0);
        for (modifiers, key) in [(NONE, Key::Num4), (NONE, Key::L), (Modifiers::ALT, Key::Equals), (NONE, Key::Home)] {
            press(&mut harness, modifiers, key);
        }
        harness.event(Event::PointerMoved(eframe::egui::pos2(size.0 / 2.0, size.1 - 20.0)));
        settle(&mut harness);
    }
}

/// A long run is looked at by workers, which take their time while the cursor goes on: whatever is on screen, the two
/// cursors are locked, and at rest they are where the player is.
#[test]
fn while_workers_look_the_two_are_never_apart() {
    let input = random::read("random:1024,1024,16", 0).expect("it is small");
    for lock in ["share of steps", "bytes moved"] {
        let mut harness = open(Some(input.clone()));
        press(&mut harness, NONE, Key::Num4);
        click(&mut harness, lock);
        let tiling = harness.state().document().wanted().tiling();
        let run = |name: &str| {
            let plan = Plan::of_problem(&input.problem, 0, tiling, Precision::F32);
            Run::counted(Schedule::new(algorithm::by_name(name).expect("it is known"), plan), 0, 0)
        };
        let (a, b) = (run("flash2"), run("standard"));
        let mut seen = 0;
        for n in 0..120 {
            harness.event(Event::Key {
                key: if n % 40 == 39 { Key::Home } else { Key::ArrowRight },
                physical_key: None,
                pressed: true,
                repeat: false,
                modifiers: NONE,
            });
            harness.step();
            let Some(of_b) = harness.query_by_label("B: step").and_then(|node| node.value()) else { continue };
            assert!(!of_b.is_empty());
            let ((at_a, all_a), (at_b, all_b)) = (pair(&harness, "A: step"), pair(&harness, "B: step"));
            assert_eq!((all_a, all_b), (a.schedule.len(), b.schedule.len()), "the blocks are those of the input");
            let expected = match lock {
                "bytes moved" => {
                    let moved = a.totals(at_a).traffic.hbm_bytes();
                    b.meters().cursor_within(&b.schedule, moved, |totals| totals.traffic.hbm_bytes())
                }
                _ => ((2 * at_a * all_b + all_a) / (2 * all_a)).min(all_b),
            };
            assert_eq!(at_b, expected, "{lock}: A at {at_a}");
            assert_eq!(pair(&harness, "A: HBM bytes").0, a.totals(at_a).traffic.hbm_bytes(), "{lock}: A at {at_a}");
            assert_eq!(pair(&harness, "B: HBM bytes").0, b.totals(at_b).traffic.hbm_bytes(), "{lock}: B at {at_b}");
            seen += 1;
        }
        assert!(seen > 20, "{seen} frames had both");
        settle(&mut harness);
        assert_eq!(pair(&harness, "A: step").0, cursor(&harness), "{lock}");
    }
}
