//! A file with an output of its own that is wrong: the map marks where, and a click leads there.

use crate::stage_support::{all_text, click, open, press, settle, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use ndarray::s;
use tilescope::app::App;
use tilescope::attention::input::random;
use tilescope::attention::{Input, Precision, oracle};

/// Two heads of 96 tokens, and what attention gives; with `odd` of it changed.
fn input(odd: Option<[usize; 3]>) -> Input {
    let mut input = random::read("random:96,96,8,2", 4).expect("an input");
    let shape = input.problem.shape;
    let mut o = ndarray::Array4::zeros((1, shape.heads, shape.n_q, shape.d_v));
    for head in 0..shape.heads {
        let exact = oracle::attention(&input.problem.head(0, head, Precision::F64));
        o.slice_mut(s![0, head, .., ..]).assign(&exact.o);
    }
    if let Some([head, query, component]) = odd {
        o[[0, head, query, component]] += 1.0;
    }
    input.about.o = Some(o);
    input.told.output = Some(("O".into(), "f32"));
    input
}

/// The query block of the step that was done last; blocks have 16 rows.
fn block_of(harness: &Harness<'_, App>) -> Option<usize> {
    let scene = harness.state().document().scene().expect("a run").clone();
    assert_eq!(scene.plan().br, 16);
    scene.schedule().step(harness.state().player().cursor() - 1).expect("a step").place.i()
}

#[test]
fn the_first_wrong_number_of_a_file_is_marked_and_a_click_leads_there() {
    let mut harness = open(Some(input(Some([0, 77, 3]))));
    press(&mut harness, Modifiers::NONE, Key::Num1);
    let what = value(&harness, "first wrong number of the file");
    assert!(what.starts_with("O of query 77, component 3 is "), "{what}");
    click(&mut harness, "first wrong number of the file");
    assert_eq!(block_of(&harness), Some(77 / 16));
}

/// A file of which the first tokens alone are run: the number that is wrong lies beyond them, and a button runs them all.
#[test]
fn what_is_wrong_beyond_the_tokens_that_are_run_can_be_run() {
    let mut input = input(Some([0, 77, 3]));
    input.problem.mask.causal = true;
    let exact = oracle::attention(&input.problem.head(0, 0, Precision::F64));
    let o = input.about.o.as_mut().expect("an output");
    o.slice_mut(s![0, 0, ..77, ..]).assign(&exact.o.slice(s![..77, ..]));
    let mut harness = open(Some(input));
    press(&mut harness, Modifiers::NONE, Key::Num1);
    let tokens = |harness: &Harness<'_, App>| harness.state().document().scene().expect("a run").plan().n_q;
    if tokens(&harness) <= 77 {
        let button = "Run all tokens of head 0 of batch entry 0";
        harness.get_by_label(button).scroll_to_me();
        settle(&mut harness);
        click(&mut harness, button);
    }
    assert_eq!(tokens(&harness), 96);
    assert!(value(&harness, "first wrong number of the file").starts_with("O of query 77, "));
}

#[test]
fn what_is_wrong_in_another_head_leads_to_it_and_what_is_right_has_no_mark() {
    let mut harness = open(Some(input(Some([1, 40, 0]))));
    assert!(harness.query_by_label("first wrong number of the file").is_none());
    for button in ["Show head 1 of batch entry 0", "Show it on the map"] {
        harness.get_by_label(button).scroll_to_me();
        settle(&mut harness);
        click(&mut harness, button);
    }
    assert!(value(&harness, "first wrong number of the file").starts_with("O of query 40, component 0 is "));
    assert_eq!(block_of(&harness), Some(40 / 16));
    let harness = open(Some(input(None)));
    assert!(harness.query_by_label("first wrong number of the file").is_none());
    assert!(all_text(&harness).iter().any(|line| line.contains("its own output O agrees to ")));
}

/// A capture that says that it is causal, run without the mask: its own O is of another problem, and is not called wrong.
#[test]
fn an_output_is_not_judged_under_another_mask_than_its_own() {
    let mut harness = open(None);
    let told = "what the file says it computed";
    assert!(harness.query_by_label(told).is_some());
    click(&mut harness, "Causal mask");
    let scene = harness.state().document().scene().unwrap();
    assert!(!scene.input.problem.mask.causal && scene.own.get().is_some_and(Option::is_none));
    assert!(harness.query_by_label(told).is_none());
    assert!(harness.query_by_label("first wrong number of the file").is_none());
    click(&mut harness, "Causal mask");
    assert!(harness.query_by_label(told).is_some());
}
