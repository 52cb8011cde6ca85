//! What can be chosen is found and reached: every algorithm by the palette and in Compare, every change of the scores in the
//! setup, and all of it within its panel.

use std::collections::BTreeSet;

use crate::stage_support::{
    all_text, click, command, drop_files, grouped, open, open_with, options, press, type_text, value, word,
};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link, Settings};
use tilescope::attention::dropout::Keep;
use tilescope::attention::input::{preset, random};
use tilescope::playback::lesson::Language;
use tilescope::schedule::algorithm;
use tilescope::schedule::spec::{KeySource, RunSpec, Sinks, Slopes};

const NONE: Modifiers = Modifiers::NONE;

/// Types a few letters into the palette, and takes what comes first.
fn palette(harness: &mut Harness<'_, App>, text: &str) {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, text);
    press(harness, NONE, Key::Enter);
}

fn chosen(harness: &Harness<'_, App>) -> RunSpec {
    harness.state().document().wanted().run.clone()
}

#[test]
fn the_palette_finds_every_algorithm_by_its_name() {
    let mut harness = open(Some(preset::toy()));
    for of in algorithm::of_program() {
        palette(&mut harness, of.name());
        assert_eq!(harness.state().document().wanted().algorithm.name(), of.name());
    }
}

/// Whatever runs on the input can be B: every text of the program, and one that was opened.
#[test]
fn every_text_can_be_b() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.tile");
    std::fs::write(&path, include_str!("../../src/schedule/algorithms/flash2.tile")).expect("it is written");
    let mut harness = open(Some(preset::toy()));
    drop_files(&mut harness, &[path]);
    let mine = harness.state().document().wanted().algorithm.clone();
    assert_eq!(mine.short_name(), "mine.tile");
    command(&mut harness, "Algorithm: flash2");
    press(&mut harness, NONE, Key::Num4);
    for of in algorithm::of_program().cloned().chain([mine]) {
        let name = format!("B algorithm: {}", of.short_name());
        if harness.query_by_label(&name).is_none() {
            click(&mut harness, "Other algorithms of B");
        }
        click(&mut harness, &name);
        let document = harness.state().document();
        let settings = Settings { algorithm: of.clone(), ..document.wanted().clone() };
        let bytes = of.closed_form_of(&settings.setting(document.source())).hbm_bytes();
        let told = value(&harness, "B: HBM bytes").replace(',', "");
        assert!(told.ends_with(&format!(" of {bytes}")), "{}: {told}, not {bytes}", of.short_name());
    }
}

/// The widest name of a number of the setup leaves its number and its buttons within the panel.
#[test]
fn the_setup_stays_within_its_panel() {
    for language in [Language::English, Language::Chinese] {
        let place = Link::of_scene("count");
        let mut harness = open_with(&AppOptions { place, language: Some(language), ..options() });
        let say = |english| word(language, english).to_owned();
        command(&mut harness, "Algorithm: split-kv");
        let edge = harness.get_by_label(&say("memory")).rect().left();
        for name in ["Block rows br", "Block keys bc", "Splits of the keys"] {
            let more = say("More {0}").replace("{0}", &say(name));
            let button = harness.get_by_label(&more).rect();
            assert!(button.right() <= edge && button.width() > 20.0, "{more}: {button:?} beyond {edge}");
        }
    }
}

/// Pages are a choice of the run: the block table that they need is read with K and V, an entry of four bytes for each page of
/// a block.
#[test]
fn keys_are_laid_in_pages_in_the_setup() {
    let mut harness = open(Some(random::read("random:40,40,4", 3).expect("an input")));
    let bytes_of = |harness: &mut Harness<'_, App>| {
        press(harness, NONE, Key::End);
        value(harness, "HBM bytes")
    };
    press(&mut harness, Modifiers::ALT, Key::Num1);
    let mut expected = chosen(&harness);
    let moved = |harness: &Harness<'_, App>| {
        let document = harness.state().document();
        let settings = document.wanted();
        settings.algorithm.closed_form_of(&settings.setting(document.source())).hbm_bytes()
    };
    let without = moved(&harness);
    palette(&mut harness, "K and V in pages");
    click(&mut harness, "K and V in pages");
    expected.page_size = Some(16);
    assert_eq!(chosen(&harness), expected);
    click(&mut harness, "Less Keys of a page");
    expected.page_size = Some(15);
    assert_eq!(chosen(&harness), expected);
    // Each query block sees every key block: K and V, the pages of each.
    let (br, bc) = (expected.br.expect("rows"), expected.bc.expect("keys"));
    let pages =
        |block: usize| (block * bc..(block * bc + bc).min(40)).map(|key| key / 15).collect::<BTreeSet<_>>().len();
    let entries = 2 * 40usize.div_ceil(br) * (0..40usize.div_ceil(bc)).map(pages).sum::<usize>();
    let with = moved(&harness);
    assert_eq!(with, without + 4 * entries as u64);
    assert_eq!(bytes_of(&mut harness), format!("{0} of {0}", grouped(with)));
    click(&mut harness, "K and V in pages");
    expected.page_size = None;
    assert_eq!(chosen(&harness), expected);
    assert_eq!(bytes_of(&mut harness), format!("{0} of {0}", grouped(without)));
}

/// Puts a choice into the description of a run.
type Sets = fn(&mut RunSpec);

/// What is typed in the section of the scores is a choice of the run as every other; an empty field takes it back.
#[test]
fn the_scores_are_chosen_in_the_setup() {
    let mut harness = open(Some(random::read("random:12,12,4,2", 3).expect("an input")));
    let own = harness.state().document().source().problem.clone();
    let typed: [(&str, &str, Sets); 6] = [
        ("scale", "0.25", |run| run.scale = Some(0.25)),
        ("softcap", "30", |run| run.softcap = Some(30.0)),
        ("alibi", "standard", |run| run.alibi = Some(Slopes::Standard)),
        ("sinks", "0.5,-1", |run| run.sinks = Some(Sinks::Each(vec![0.5, -1.0]))),
        ("dropout", "0.25", |run| run.dropout = Some(0.25)),
        ("seed of dropout", "7", |run| run.dropout_seed = Some(7)),
    ];
    let mut expected = chosen(&harness);
    for (found_by, text, choose) in typed {
        palette(&mut harness, found_by);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        type_text(&mut harness, text);
        press(&mut harness, NONE, Key::Enter);
        choose(&mut expected);
        assert_eq!(chosen(&harness), expected, "{found_by}");
    }
    palette(&mut harness, "q for k");
    click(&mut harness, "Q in place of K");
    expected.keys = Some(KeySource::Q);
    assert_eq!(chosen(&harness), expected);
    // It is what runs.
    let scene = harness.state().document().scene().expect("it runs").clone();
    let problem = &scene.input.problem;
    assert_eq!((problem.scale, problem.softcap), (0.25, Some(30.0)));
    assert_eq!(problem.k, own.q);
    assert_eq!(problem.sinks.as_ref().map(|sinks| sinks.to_vec()), Some(vec![0.5, -1.0]));
    // 2^-4 and 2^-8 for two heads (Press et al.).
    assert_eq!(
        problem.alibi_slopes.as_ref().map(|all| all.iter().copied().collect()),
        Some(vec![0.0625, 0.003_906_25])
    );
    let dropout = problem.dropout.as_ref().expect("weights are dropped");
    assert!(dropout.rate == 0.25 && matches!(dropout.keep, Keep::Seed(stream) if stream.seed == 7), "{dropout:?}");
    // Folded, the section says what was chosen.
    click(&mut harness, "Scores");
    let said = value(&harness, "Scores");
    assert!(said.contains("Softcap 30") && said.contains("Seed of dropout 7") && said.contains("Q"), "{said}");
    // What is refused is told, and changes nothing.
    for (found_by, wrong) in [("softcap", "-1"), ("scale", "wide"), ("dropout", "1.5"), ("alibi", "1,2,3")] {
        palette(&mut harness, found_by);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        let before = all_text(&harness).len();
        type_text(&mut harness, wrong);
        assert!(all_text(&harness).len() > before, "nothing is said of {found_by} {wrong}");
        press(&mut harness, NONE, Key::Enter);
        assert_eq!(chosen(&harness), expected, "{found_by} {wrong}");
    }
    // Without its rate a seed is of nothing.
    palette(&mut harness, "rate of dropout");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.key_press(Key::Delete);
    press(&mut harness, NONE, Key::Enter);
    (expected.dropout, expected.dropout_seed) = (None, None);
    assert_eq!(chosen(&harness), expected);
    assert!(harness.query_by_label("Seed of dropout").is_none());
}
