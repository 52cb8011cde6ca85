//! What readers ask of a text: its formulas, its tensors and their sizes, the heads that a run is of.

use std::sync::Arc;

use tilescope::attention::cases::single;
use tilescope::attention::dropout::Keep;
use tilescope::attention::{Dropout, Precision, Shape, Stored};
use tilescope::machine::Run;
use tilescope::schedule::algorithm::{by_name, stored, stored_for_gradients};
use tilescope::schedule::{
    Algorithm, Buffer, Counts, DropoutCost, Part, Place, Plan, Schedule, Setting, Tensor, Tiling,
};

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
    // What a run makes of them further, and nothing that it does not.
    let of_run = |plan: Plan| text("flash2").formulas(None, Part::Scores, &Setting::new(plan));
    let product = "S = scale * (Q @ K^T)";
    assert_eq!(of_run(plan()), [product]);
    assert_eq!(of_run(Plan { softcap: true, ..plan() }), [product, "S = cap * tanh(S / cap)"]);
    assert_eq!(
        of_run(Plan { alibi: true, bias: true, ..plan() }),
        [product, "S = S - slope * distance", "S = S + bias"]
    );
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
    let before = |name: &str| stored_for_gradients(text(name), &plan());
    assert!(before("standard-backward").scores && !before("flash2-backward").scores);
    assert_eq!(before("flash1-backward"), Stored { output_every: Some(4), ..Stored::default() });
    // dQ is kept in f32 between visits, unless it is asked for otherwise.
    let narrow = Plan { precision: Precision::read("f16,O=f32,dQ=f16").expect("a precision"), ..plan() };
    let of = |name: &str| stored_for_gradients(text(name), &narrow);
    let every = Stored { d_q_every: Some(4), ..Stored::default() };
    assert_eq!(["flash1-backward", "flash2-backward"].map(of), [every; 2]);
    assert_eq!(of("two-kernel-backward"), Stored::default());
}

#[test]
fn texts_are_the_same_by_name_and_text() {
    let flash2 = text("flash2");
    let read = |name: &str, text: &str| Algorithm::read(name, text).expect("a text");
    assert!(read("flash2", &flash2.text().text) == *flash2);
    assert!(read("another", &flash2.text().text) != *flash2);
    assert!(read("flash2", &format!("{}\n", flash2.text().text)) != *flash2);
}

/// What a viewer names: buffers, the lines of a run, the sizes of a step's block.
#[test]
fn a_run_is_shown_by_its_own_names() {
    let labels = |name: &str, kernel: usize| -> Vec<String> {
        text(name).buffers(kernel, &Setting::new(plan())).iter().map(Buffer::label).collect()
    };
    assert_eq!(labels("flash2", 0), ["Q_i", "K_j", "V_j", "O_i", "S, P", "m_i", "l_i"]);
    assert_eq!(labels("flash1", 0)[5..], ["m_i", "l_i", "m_tile", "l_tile"]);
    let shown = text("flash2").shown(&plan());
    let kernel = text("flash2").text().kernels[0].span.line;
    assert_eq!((shown[0].number, shown[0].text.as_str()), (kernel, "kernel attention"));
    assert!(shown.iter().all(|line| !line.text.contains("load bias")) && shown.len() > 15, "{shown:?}");
    let biased = text("flash2").shown(&Plan { bias: true, ..plan() });
    assert_eq!(biased.len(), shown.len() + 1);
    let schedule = Schedule::new(text("flash2"), plan());
    let step = |place: Place| {
        let mut found = None;
        schedule.for_each(|_, step| found = found.or((step.place == place).then_some(*step)));
        found.expect("a step there")
    };
    let counts = |place: Place| schedule.counts(&step(place));
    // The last blocks are ragged.
    assert_eq!(counts(Place::new(Some(3), Some(2))), Counts { rc: 3, r: 1, c: 3, one: 1, entries: 0 });
    assert_eq!(counts(Place::new(Some(0), None)), Counts { rc: 22, r: 2, c: 11, one: 1, entries: 0 });
    // A text whose lines all want a bias has no step without one.
    let biased = "language 1\ntitle x\nin Q\nout D\nkernel k\nparallel for i in query blocks\n  \
                  it: D = 1 per row when bias\n  store D[i] when bias\n";
    let biased = Algorithm::read("some/where/biased.tile", biased).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    assert_eq!((biased.short_name(), text("flash2").short_name()), ("biased.tile", "flash2"));
    let of = |bias| Schedule::new(&biased, Plan { bias, ..plan() });
    assert_eq!((of(false).is_empty(), of(false).len(), of(true).is_empty()), (true, 0, false));
    assert!(!schedule.stores_scores() && Schedule::new(text("standard"), plan()).stores_scores());
}

/// A keep mask that is given costs traffic, one that is drawn from a seed does not.
#[test]
fn dropout_costs_what_its_mask_does() {
    let cost = |keep: Option<Keep>| {
        let mut problem = single(3, 4, 2);
        problem.dropout = keep.map(|keep| Dropout { rate: 0.5, keep });
        Plan::of_problem(&problem, 0, Tiling { br: 2, bc: 2 }, Precision::F32).dropout
    };
    let given = Keep::Given(Arc::new(ndarray::Array4::from_elem((1, 1, 3, 4), true)));
    assert_eq!(cost(Some(given)), DropoutCost::Materialised);
    assert_eq!(
        (cost(Some(Keep::by_seed(1, &Shape::single(3, 4, 2)))), cost(None)),
        (DropoutCost::Regenerated, DropoutCost::None)
    );
}

/// A gradient that no forward pass leaves is given by itself.
#[test]
fn a_text_may_take_the_gradient_alone() {
    let twice = "language 1\ntitle x\nin dO\nout X[i] of d_v\nkernel k\nshared dO ; registers X\n\
                 parallel for i in query blocks\n  load dO[i]\n  it: X = 2 * dO\n  store X[i]\n";
    let algorithm = Algorithm::read("twice", twice).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let plan = Plan::new(3, 4, 2, Tiling { br: 2, bc: 2 }, Precision::F64);
    let run = Run::new(Schedule::new(&algorithm, plan), &single(3, 4, 2), 0, 0, |_| true).expect("it runs");
    assert_eq!(run.results().get("X"), Some(&ndarray::Array2::from_elem((3, 2), 2.0)), "ones, twice");
}

/// What a header does not say of a tensor: values per row or per key are kept as they were accumulated, the rest as
/// elements.
#[test]
fn tensors_have_the_kind_of_their_width() {
    let of = "language 1\ntitle x\nin Q K A[i] of 1 B[j] of 1 C[i,j] E[i] of d\nout D\nkernel k\nshared C, E\n\
              parallel for i in query blocks\n  load A[i]\n  load E[i]\n  for j in key blocks\n    load B[j]\n    load C[i,j]\n  \
              it: D = A + rowsum(E)\n  store D[i]\n";
    let algorithm = Algorithm::read("kinds", of).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let kinds = ["A", "B", "C", "E"].map(|name| {
        let tensor = &algorithm.text().tensors[algorithm.text().tensor(name).expect("a tensor")];
        (tensor.kind, tensor.is_of_keys())
    });
    use tilescope::schedule::language::Kind::{Accumulator, Element};
    assert_eq!(kinds, [(Accumulator, false), (Accumulator, true), (Element, false), (Element, false)]);
}
