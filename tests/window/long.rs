//! Long inputs: what is looked at is computed and nothing waits for a first pass; of what no memory holds, steps and counts
//! are shown without a number.

use crate::stage_support::{
    all_text, click, cursor, grouped, open, open_as, options, press, seek, settle, short, value,
};
use eframe::egui::{Key, Modifiers, Vec2};
use tilescope::app::{AppOptions, Link};
use tilescope::attention::input::random;
use tilescope::attention::{Precision, oracle};
use tilescope::schedule::{RunSpec, algorithm};

const NONE: Modifiers = Modifiers::NONE;

fn under(algorithm: &str, causal: bool) -> AppOptions {
    let run = RunSpec { algorithm: Some(algorithm.into()), causal: Some(causal), ..RunSpec::default() };
    AppOptions { place: Link { run, ..Link::default() }, ..options() }
}

/// The counters of a million tokens in 32 heads equal the closed forms; no view says a number, and each says why.
#[test]
fn a_million_tokens_are_counted() {
    let input = random::read_or_count("random:1048576,1048576,128,32,8", 0).expect("a shape");
    assert!(!input.problem.has_values());
    for (name, causal) in [("flash2", false), ("flash1", true), ("split-kv", false)] {
        let mut harness = open_as(Some(input.clone()), &under(name, causal), Vec2::new(1280.0, 800.0), 1.0);
        let scene = harness.state().document().scene().expect("a run").clone();
        assert_eq!(scene.settings.algorithm.name(), name);
        let of = algorithm::by_name(name).expect("a text");
        let setting = &scene.schedule().setting;
        assert_eq!(scene.schedule().len(), of.steps_of(setting), "{name}");
        assert_eq!(scene.run.meters().total().traffic, of.closed_form_of(setting), "{name}");
        click(&mut harness, "Counts");
        let bytes = grouped(of.closed_form_of(setting).hbm_elements());
        let text = all_text(&harness).join("\n");
        assert!(text.contains(&bytes) && text.contains("sections are added up"), "{name}: no {bytes} in {text}");
        assert!(text.contains("counted alone"), "{name}: {text}");
        let before = cursor(&harness);
        press(&mut harness, NONE, Key::ArrowRight);
        assert_eq!(cursor(&harness), before + 1);
        for tab in ["Bytes", "Counts", "Plot", "Code", "What-if"] {
            click(&mut harness, tab);
        }
        for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5] {
            press(&mut harness, NONE, key);
            let text = all_text(&harness).join("\n");
            for wrong in ["NaN", "No key of this row is visible", "not computed yet", "is like any other"] {
                assert!(!text.contains(wrong), "{name}, {key:?}: {wrong}");
            }
        }
        press(&mut harness, NONE, Key::Num3);
        assert_eq!(value(&harness, "frame of the needle"), "The input is a shape alone, without numbers.");
        press(&mut harness, NONE, Key::End);
        assert_eq!(cursor(&harness), scene.schedule().len());
        press(&mut harness, NONE, Key::F5);
        press(&mut harness, NONE, Key::Escape);
    }
}

/// Scores that no memory holds are counted, and what stands in their way is said.
#[test]
fn scores_that_do_not_fit_are_counted() {
    let input = random::read("random:65536,65536,1", 0).expect("an input");
    let harness = open_as(Some(input), &under("standard", false), Vec2::new(1280.0, 800.0), 1.0);
    let scene = harness.state().document().scene().expect("a run").clone();
    let n: u64 = 65_536;
    // Algorithm 0 moves Q, K, V and O once, and S and P twice each.
    assert_eq!(scene.run.meters().total().traffic.hbm_elements(), 4 * n * n + 4 * n);
    let text = all_text(&harness).join("\n");
    assert!(text.contains("standard would keep S and P of 65536 x 65536 in memory"), "{text}");
}

/// Before the first pass is over the numbers of a row are there, those of the same keys in f64 within f32's rounding; they
/// are the same bits when it is.
#[test]
fn numbers_are_there_before_the_first_pass() {
    let input = random::read("random:8192,8192,64", 3).expect("an input");
    let problem = input.problem.clone();
    let mut harness = open(Some(input));
    let scene = harness.state().document().scene().expect("a run").clone();
    assert!(scene.flops() > 1 << 30, "it is not carried out at once");
    let at = scene.schedule().len() / 3;
    seek(&mut harness, at);
    settle(&mut harness);
    let snapshot = harness.state().document().snapshot().expect("a look").clone();
    let query = snapshot.view.rows.start;
    let visit = *snapshot.all_visits(query).last().expect("visits");
    let exact = oracle::row(&problem.head::<f64>(0, 0, Precision::F64), query);
    assert!((visit.m - exact.m).abs() <= 1e-5 * exact.m.abs(), "{} {}", visit.m, exact.m);
    assert!((visit.l - exact.l).abs() <= 1e-5 * exact.l, "{} {}", visit.l, exact.l);
    let shown = value(&harness, "m of the row");
    let shown = shown.rsplit(' ').next().expect("a number");
    let mut rows = snapshot.view.rows.clone();
    assert!(rows.any(|row| snapshot.row_state(row).m.is_some_and(|m| short(m) == shown)), "m is {shown} on screen");
    let before = scene.run.view(at);
    scene.run.carry_out(|_| true).expect("it can be carried out");
    assert!(scene.run.is_carried_out());
    assert!(before == scene.run.view(at));
    let whole = scene.run.output().expect("O");
    assert_eq!((whole.m[query], whole.l[query]), (visit.m, visit.l));
}
