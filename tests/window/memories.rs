//! The memories of the chip: numbers and areas on screen against the hardware model.

use crate::stage_support::{click, grouped, open, press, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::schedule::hardware;

/// Each square's side as a part of the view.
fn sides(harness: &mut Harness<'_, App>) -> Vec<(String, f64)> {
    // A jump takes less than a second of frames.
    harness.run_steps(20);
    let text = value(harness, "memories to scale");
    let side = |part: &str| {
        let (name, rest) = part.split_once(": ")?;
        Some((name.to_owned(), rest.strip_suffix(" of the view")?.parse().ok()?))
    };
    text.split("; ").map(|part| side(part).unwrap_or_else(|| panic!("{text}"))).collect()
}

#[test]
fn squares_are_as_large_as_their_memories() {
    let chip = hardware::by_name(hardware::DEFAULT).unwrap();
    let mut harness = open(None);
    press(&mut harness, Modifiers::NONE, Key::Num0);
    assert_eq!(value(&harness, "bytes of HBM"), format!("{}.00 GiB", chip.hbm_bytes >> 30));
    let sram = (chip.sms * chip.sram_bytes_per_sm) as f64;
    assert_eq!(value(&harness, "bytes of SRAM of all SMs"), format!("{:.2} MiB", sram / f64::from(1 << 20)));
    let n = harness.state().document().scene().unwrap().plan().n_q as f64;
    assert_eq!(value(&harness, "bytes of S of one head"), format!("{} B", grouped((4.0 * n * n) as u64)), "f32");
    assert_eq!(sides(&mut harness)[0], ("HBM".to_owned(), 0.8));
    click(&mut harness, "SRAM of one SM");
    let shown = sides(&mut harness);
    let side = |name: &str| shown.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{shown:?}")).1;
    assert!((side("SRAM of one SM") - 0.8).abs() < 2e-3, "it fills the view but for a margin: {shown:?}");
    let ratio = (side("SRAM of all SMs") / side("SRAM of one SM")).powi(2);
    assert!((ratio / chip.sms as f64 - 1.0).abs() < 1e-2, "{ratio} SMs");
    let scores = side("S of one head") / side("SRAM of one SM");
    assert!((scores.powi(2) / (4.0 * n * n / chip.sram_bytes_per_sm as f64) - 1.0).abs() < 1e-2, "{scores}");
}

/// A time that follows from a data sheet has two digits, and says that it is modelled.
#[test]
fn times_of_memories_are_modelled() {
    let chip = hardware::by_name(hardware::DEFAULT).unwrap();
    let mut harness = open(None);
    press(&mut harness, Modifiers::NONE, Key::Num0);
    for (name, speed) in [("HBM", chip.hbm_bytes_per_s), ("SRAM of all SMs", chip.sram_bytes_per_s)] {
        let shown = value(&harness, &format!("speed of {name}"));
        let (seconds, _) = shown.split_once(" s/MiB").expect("it has a unit");
        let digits = seconds.split('e').next().unwrap_or("").trim_start_matches(['0', '.']);
        assert!(digits.chars().filter(char::is_ascii_digit).count() <= 2, "{shown}");
        let seconds: f64 = seconds.parse().expect("a number");
        assert!((seconds * speed / f64::from(1 << 20) - 1.0).abs() < 0.05, "{shown}");
    }
    let marks = harness.get_all_by_label("where these numbers come from");
    assert!(marks.filter_map(|mark| mark.value()).any(|mark| mark == "modelled"));
}

#[test]
fn the_a100_of_the_paper_has_its_figures() {
    // FlashAttention (2022), figure 1: SRAM of 20 MB at 19 TB/s, HBM of 40 GB at 1.5 TB/s.
    let chip = hardware::by_name("a100-40gb").unwrap();
    assert_eq!(chip.sms * chip.sram_bytes_per_sm, 108 * 192 * 1024);
    assert!((19e12..20e12).contains(&chip.sram_bytes_per_s), "{}", chip.sram_bytes_per_s);
    assert!((1.5e12..1.6e12).contains(&chip.hbm_bytes_per_s));
}
