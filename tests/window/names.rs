//! The names of what a text keeps and moves are whole wherever they stand: in every panel beside the map, in every view, in
//! texts whose tensors have long names.

use crate::painted::all_painted;
use crate::stage_support::{open_with, options, press, rest, seek};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::Language;
use tilescope::schedule::spec::Splits;
use tilescope::schedule::{Algorithm, RunSpec, algorithm};

/// Eight query heads that share two keys and values, in a text of the program.
fn grouped(name: &str, language: Language) -> Harness<'static, App> {
    let splits = algorithm::by_name(name).is_some_and(Algorithm::has_splits).then_some(Splits::Count(3));
    let run = RunSpec {
        input: vec!["random:24,24,8,8,2".into()],
        algorithm: Some(name.to_owned()),
        br: Some(8),
        bc: Some(8),
        splits,
        ..RunSpec::default()
    };
    open_with(&AppOptions { place: Link { run, ..Link::default() }, language: Some(language), ..options() })
}

/// The names of all that the run on screen moves or keeps.
fn names_of(harness: &Harness<'_, App>) -> Vec<String> {
    let scene = harness.state().document().scene().expect("a run").clone();
    let algorithm = &scene.schedule().algorithm;
    let tensors = algorithm.text().tensors.iter().map(|tensor| tensor.name.clone());
    let kept = algorithm.footprint(scene.plan()).into_iter().flat_map(|buffer| buffer.names);
    tensors.chain(kept).filter(|name| name.len() > 1).collect()
}

/// Texts that lost letters of one of `names`.
fn cut(harness: &Harness<'_, App>, names: &[String]) -> Vec<String> {
    let has_name = |text: &str| names.iter().any(|name| text.contains(name.as_str()));
    let all = all_painted(harness).into_iter().filter(|one| has_name(&one.text));
    let is_cut = |one: &crate::painted::Painted| {
        let seen = one.lines.iter().filter(|line| line.intersects(one.clip));
        one.is_cut
            || seen.clone().any(|line| line.left() < one.clip.left() - 1.0 || line.right() > one.clip.right() + 1.0)
    };
    all.filter(is_cut).map(|one| one.text).collect()
}

/// All texts of the program, in every tab beside the map and in every view, at their end and in between.
#[test]
fn no_name_of_a_tensor_is_cut() {
    let (mut faults, mut met) = (Vec::new(), Vec::new());
    for name in algorithm::of_program().map(Algorithm::name) {
        let mut harness = grouped(name, Language::English);
        let names = names_of(&harness);
        met.extend(names.iter().cloned());
        let len = harness.state().document().scene().expect("a run").schedule().len();
        for at in [len / 2, len - 1] {
            seek(&mut harness, at);
            for (modifiers, key) in [
                (Modifiers::ALT, Key::B),
                (Modifiers::ALT, Key::Num1),
                (Modifiers::ALT, Key::Num2),
                (Modifiers::NONE, Key::Num0),
                (Modifiers::NONE, Key::Num1),
                (Modifiers::NONE, Key::Num2),
                (Modifiers::NONE, Key::Num3),
                (Modifiers::NONE, Key::Num4),
            ] {
                press(&mut harness, modifiers, key);
                rest(&mut harness);
                faults.extend(cut(&harness, &names).into_iter().map(|text| format!("{name} {at} {key:?}: {text:?}")));
            }
        }
    }
    assert!(["dK_head", "O_part"].iter().all(|name| met.iter().any(|known| known == name)), "{met:?}");
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
