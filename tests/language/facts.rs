//! What readers ask of a text: its formulas, its tensors and their sizes, the heads that a run is of.

use tilescope::attention::{Precision, Shape};
use tilescope::schedule::algorithm::{by_name, stored, stored_before};
use tilescope::schedule::{Algorithm, DropoutCost, Part, Plan, Setting, Tensor, Tiling};

fn text(name: &str) -> &'static Algorithm {
    by_name(name).unwrap_or_else(|| panic!("{name} comes with the program"))
}

/// 7 queries, 11 keys, d = 2, d_v = 3.
fn plan() -> Plan {
    Plan { d_v: 3, ..Plan::new(7, 11, 2, Tiling { br: 2, bc: 4 }, Precision::F16) }
}

#[test]
fn formulas_are_those_of_the_text() {
    for (name, kernel, part, formula) in [
        ("flash2", None, Part::Scores, Some("S = scale * (Q @ K^T)")),
        ("flash2", Some(0), Part::Weights, Some("P = exp(S - m)")),
        ("flash2", None, Part::Alpha, Some("alpha = exp(m - m_new)")),
        ("flash2", None, Part::Beta, None),
        ("flash1", None, Part::Weights, Some("P = exp(S - m_tile)")),
        ("standard", None, Part::Sum, Some("l = rowsum(P)")),
        // Of the kernel that is asked for, where it makes the value; else of the first that does.
        ("split-kv", Some(0), Part::Lse, Some("L_part = m + ln(l)")),
        ("split-kv", Some(1), Part::Lse, Some("L = top + ln(weight)")),
        ("split-kv", Some(1), Part::Weights, Some("P = exp(S - m)")),
    ] {
        assert_eq!(text(name).formula(kernel, part).as_deref(), formula, "{name} {kernel:?} {part:?}");
    }
    let shifts = |name: &str| (0..text(name).text().kernels.len()).map(|kernel| text(name).shift(kernel)).collect();
    let shifts = |name: &str| -> Vec<Option<&str>> { shifts(name) };
    assert_eq!(shifts("flash2"), [Some("m")]);
    assert_eq!(shifts("flash1"), [Some("m_tile")]);
    assert_eq!(shifts("standard"), [None, Some("m"), None]);
    assert_eq!(shifts("split-kv"), [Some("m"), None]);
    assert_eq!(shifts("flash2-backward"), [None, Some("L")]);
    assert!(text("flash1").has_part(Part::Beta) && !text("flash2").has_part(Part::Beta));
    assert!(text("standard").title().starts_with("Standard attention"));
}

#[test]
fn tensors_are_those_of_the_run() {
    let names =
        |name: &str, plan: &Plan| -> Vec<&str> { text(name).tensors(plan).map(|of| of.tensor.name()).collect() };
    assert_eq!(names("flash2", &plan()), ["Q", "K", "V", "O", "L"]);
    let both = Plan { bias: true, dropout: DropoutCost::Materialised, ..plan() };
    let mut all = names("flash2", &both);
    all.sort_unstable();
    assert_eq!(all, ["K", "L", "O", "Q", "V", "bias", "keep"]);
    let size = |name: &str, tensor: Tensor| text(name).size_of(tensor, &plan());
    assert_eq!(size("standard", Tensor::P), Some((7, 11)));
    assert_eq!(size("standard", Tensor::K), Some((11, 2)));
    assert_eq!((size("standard", Tensor::Q), size("standard", Tensor::V)), (Some((7, 2)), Some((11, 3))));
    assert_eq!((size("standard", Tensor::O), size("flash1", Tensor::M)), (Some((7, 3)), Some((7, 1))));
    assert_eq!(size("flash2", Tensor::P), None, "it is in HBM nowhere");
    let setting = Setting { splits: 5, ..Setting::new(plan()) };
    let splits = text("split-kv");
    let part = Tensor::known("O_part").expect("split-kv was read");
    assert_eq!(splits.splits_of(part, &setting), 5);
    assert_eq!(text("split-kv").splits_of(Tensor::O, &setting), 1);
}

#[test]
fn a_run_is_of_the_heads_that_make_something_together() {
    let shape = Shape { heads: 6, kv_heads: 2, ..Shape::single(7, 11, 2) };
    let heads = |name: &str| text(name).heads(&shape);
    assert_eq!(["standard", "flash1", "flash2", "split-kv"].map(heads), [1; 4]);
    assert_eq!(["standard-backward", "flash2-backward", "two-kernel-backward"].map(heads), [3; 3]);
    // A gradient of queries alone is that of one head.
    let of_queries = "language 1\ntitle x\nin Q dO\nout dQ\nkernel k\nregisters dQ\nparallel for i in query blocks\n  \
                      start-rows: dQ = 0 per row of d\n  store dQ[i]\n";
    assert_eq!(Algorithm::read("of queries", of_queries).expect("a text").heads(&shape), 1);
}

/// What is rounded before a result is done: the scores of plain attention, flash1's output after every key block.
#[test]
fn what_is_stored_on_the_way() {
    let of = |name: &str| (stored(text(name), &plan()).scores, stored(text(name), &plan()).output_every);
    assert_eq!(of("standard"), (true, None));
    assert_eq!(of("flash1"), (false, Some(4)));
    assert_eq!(of("flash2"), (false, None));
    let before = |name: &str| stored_before(text(name), &plan());
    assert!(before("standard-backward").scores && !before("flash2-backward").scores);
    assert_eq!(before("flash1-backward").output_every, Some(4));
}

#[test]
fn texts_are_the_same_by_name_and_text() {
    let flash2 = text("flash2");
    let read = |name: &str, text: &str| Algorithm::read(name, text).expect("a text");
    assert!(read("flash2", &flash2.text().text) == *flash2);
    assert!(read("another", &flash2.text().text) != *flash2);
    assert!(read("flash2", &format!("{}\n", flash2.text().text)) != *flash2);
}
