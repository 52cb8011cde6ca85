//! Loops and conditions, each against what its words say, asked tile by tile.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Align, Mask, Precision, Shape, TileClass};
use tilescope::machine::{Given, Run};
use tilescope::schedule::language::{
    self, Algorithm, Over, Setting, Step, TEXTS, Test, closed_form, counted, peak, walk,
};
use tilescope::schedule::{DropoutCost, OnChip, Plan, Schedule, Tiling};

use super::common::{self, any_plans};
use super::outcome::carry_out;
use super::{read, text};

fn steps(algorithm: &Algorithm, setting: &Setting) -> Vec<Step> {
    let mut steps = Vec::new();
    let walked: ControlFlow<()> = walk(algorithm, setting, &mut |step| {
        steps.push(*step);
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    steps
}

/// Totals by tensor and in all.
fn same_totals(algorithm: &Algorithm, setting: &Setting) {
    let (counted, closed) = (counted(algorithm, setting), closed_form(algorithm, setting));
    for (n, tensor) in algorithm.tensors.iter().enumerate() {
        let of = |tally: &language::Tally| tally.of_tensor(algorithm, n);
        assert_eq!(of(&counted), of(&closed), "{}\n{}", tensor.name, algorithm.text);
    }
    assert_eq!(counted.total(), closed.total(), "{}", algorithm.text);
}

fn masked(n_q: usize, n_k: usize, tiling: Tiling, mask: &Mask) -> Plan {
    let band = mask.band(&Shape::single(n_q, n_k, 4), 0);
    Plan { band, ..Plan::new(n_q, n_k, 4, tiling, Precision::F32) }
}

#[test]
fn causal_is_where_no_query_sees_a_later_key() {
    let is_causal = |mask: &Mask| Setting::new(masked(6, 6, Tiling { br: 2, bc: 2 }, mask)).of_run(Test::Causal);
    for align in [Align::TopLeft, Align::BottomRight] {
        let mask = |causal, window_right| Mask { causal, align, window_right, ..Mask::default() };
        assert!(is_causal(&mask(true, None)) && is_causal(&mask(true, Some(3))) && is_causal(&mask(false, Some(0))));
        assert!(!is_causal(&mask(false, None)) && !is_causal(&mask(false, Some(1))));
    }
}

/// A kernel of one tile a turn, under these two loops, with a condition on its lines.
fn tiles(loops: &[&str], condition: &str) -> Algorithm {
    let mut text = "language 1\ntitle x\nin Q K\nout P\nkernel k\nshared Q, K ; registers P\n".to_owned();
    let mut indent = String::new();
    for line in loops {
        text += &format!("{indent}{line}\n");
        indent += "  ";
    }
    for line in ["load Q[i]", "load K[j]", "scores: P = Q @ K^T", "store P[i,j]"] {
        text += &format!("{indent}{line}{condition}\n");
    }
    read(&text)
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let plan = masked(11, 13, Tiling { br: 4, bc: 3 }, &Mask { causal: true, ..Mask::default() });
    for (condition, is_met) in [
        (" when seen unless full", (|class| class == TileClass::Partial) as fn(TileClass) -> bool),
        (" unless seen unless full", |class| class == TileClass::Skipped),
        (" when full when seen", |class| class == TileClass::Full),
        (" when full when causal", |class| class == TileClass::Full),
        (" when full unless causal", |_| false),
        (" unless full unless bias", |class| class != TileClass::Full),
    ] {
        let algorithm = tiles(&["parallel for i in query blocks", "for j in key blocks"], condition);
        let setting = Setting::new(plan.clone());
        let mut at: Vec<(usize, usize)> = steps(&algorithm, &setting).iter().filter_map(|s| s.place.tile()).collect();
        at.dedup();
        let all = (0..plan.t_r()).flat_map(|i| (0..plan.t_c()).map(move |j| (i, j)));
        let wanted: Vec<(usize, usize)> = all.filter(|&(i, j)| is_met(plan.class(i, j))).collect();
        assert_eq!(at, wanted, "{condition}");
        same_totals(&algorithm, &setting);
    }
}

/// Lines in a loop over splits, with and without the blocks that those cut: each is counted once a split.
#[test]
fn lines_of_splits_are_counted_for_each() {
    let text = "language 1\ntitle x\nin Q K\nout D\nkernel k\nshared Q, K\nfor s in splits\n  one: u = 1 + scale\n  \
                for i in query blocks\n    load Q[i]\n    two: v = rowsum(Q)\n    for j in key blocks\n      load K[j]\n      \
                three: w = rowmax(Q)\n  for j in key blocks\n    load K[j]\n    four: x = rowsum(K)\n\
                kernel d\nparallel for i in query blocks\n  start: D = 0 per row\n  store D[i]\n";
    for splits in [1, 3] {
        let plan = masked(11, 13, Tiling { br: 4, bc: 3 }, &Mask { causal: true, ..Mask::default() });
        same_totals(&read(text), &Setting { splits, ..Setting::new(plan) });
    }
}

/// Tiles that are read once, of places that are seen and then of all.
#[test]
fn tiles_are_read_once() {
    let text = "language 1\ntitle x\nin P\nout D\nkernel k\nshared P\nparallel for i in query blocks\n  \
                start: D = 0 per row\n  for j in key blocks seen by i\n    load P[i,j] once\n    one: D = D + rowsum(P)\n  \
                for j in key blocks\n    load P[i,j] once\n    two: D = D + rowmax(P)\n  store D[i]\n";
    for text in [text.to_owned(), text.replace("for j in key blocks\n", "for j in key blocks seen by i\n")] {
        let plan = masked(11, 13, Tiling { br: 4, bc: 3 }, &Mask { causal: true, ..Mask::default() });
        same_totals(&read(&text), &Setting::new(plan));
    }
}

/// A value that one condition gives may be used where another holds, if the one follows from the other at that place.
#[test]
fn a_condition_holds_where_it_follows() {
    let text = |loops: &[(&str, &str)], used: &str| {
        let mut text = "language 1\ntitle x\nin Q\nout D\nkernel k\n".to_owned();
        for (depth, (line, statement)) in loops.iter().enumerate() {
            text += &format!("{}{line}\n", "  ".repeat(depth));
            if !statement.is_empty() {
                text += &format!("{}{statement}\n", "  ".repeat(depth + 1));
            }
        }
        text + &format!(
            "{}use: v = u + 1 {used}\nkernel d\nshared Q\nparallel for i in query blocks\n  load Q[i]\n  \
                         start: D = 0 per row\n  store D[i]\n",
            "  ".repeat(loops.len())
        )
    };
    let (i, j, s) = ("for i in query blocks", "for j in key blocks", "for s in splits");
    let of = |given: &str| format!("give: u = 1 + scale {given}");
    let is_read = |loops: &[(&str, &str)], used: &str| language::read(&text(loops, used)).is_ok();
    // Given and used at a tile.
    for (given, used, follows) in [
        ("when full", "when full", true),
        ("when seen", "when full", true),
        ("when seen", "unless full", false),
        ("when full", "when seen", false),
        ("when seen", "", false),
        ("unless full", "unless full", true),
        ("unless seen", "unless seen", true),
        ("unless full", "when seen", false),
        ("when dropout", "when keep is given", true),
        ("when keep is given", "when dropout", false),
        ("unless keep is given", "unless dropout", true),
        ("unless dropout", "unless keep is given", false),
        ("when dropout", "unless keep is given", false),
        ("unless keep is given", "when dropout", false),
        ("when bias", "when bias", true),
        ("when bias", "when dropout", false),
        ("when bias", "unless bias", false),
    ] {
        assert_eq!(is_read(&[(i, ""), (j, &of(given))], used), follows, "given {given}, used {used}");
    }
    // Given in the outer loop, used in the inner one.
    for (outer, given, inner, used, follows) in [
        (i, "when seen", j, "when seen", true),
        (i, "when seen", j, "when full", true),
        (i, "when seen", j, "unless seen", false),
        (i, "when seen", j, "", false),
        (i, "unless seen", j, "unless seen", false),
        (i, "when seen", "for j in key blocks seen by i", "", true),
        (i, "unless seen", "for j in key blocks seen by i", "", false),
        (j, "when seen", i, "when seen", true),
        (j, "when seen", i, "when full", true),
        (j, "when seen", i, "", false),
        (j, "when seen", "for i in query blocks that see j", "", true),
        ("for j in key blocks that some query sees", "when seen", i, "", true),
        (i, "when seen", s, "when seen", true),
        (i, "when seen", s, "", false),
        (i, "unless seen", s, "unless seen", false),
    ] {
        let read = is_read(&[(outer, &of(given)), (inner, "")], used);
        assert_eq!(read, follows, "given {given} in {outer}, used {used} in {inner}");
    }
    let of_split = "for j in key blocks of split s seen by i";
    assert!(is_read(&[(i, ""), (s, &of("when seen")), (of_split, "")], ""));
    assert!(is_read(&[(i, &of("when seen")), (s, ""), (of_split, "")], ""));
    assert!(!is_read(&[(i, ""), (s, &of("when seen")), ("for j in key blocks of split s", "")], ""));
    // A range of a split stands in a loop over splits.
    for range in [of_split, "for j in key blocks of split s"] {
        assert!(!is_read(&[(i, &of("")), (range, "")], ""), "{range}");
        assert!(is_read(&[(i, &of("")), (s, ""), (range, "")], ""), "{range}");
    }
}

#[test]
fn a_reversed_loop_goes_the_same_way_back() {
    let plan = masked(11, 13, Tiling { br: 4, bc: 3 }, &Mask { causal: true, window_left: Some(5), ..Mask::default() });
    let setting = Setting { splits: 3, ..Setting::new(plan) };
    for over in Over::ALL.into_iter().filter(|over| !matches!(over, Over::Splits | Over::Heads)) {
        let phrase = over.phrase();
        let outer = match over {
            Over::KeyBlocksOfSplit | Over::KeyBlocksOfSplitSeen => vec!["for i in query blocks", "for s in splits"],
            Over::QueryBlocks | Over::QueryBlocksThatSee => vec!["for j in key blocks"],
            _ => vec!["for i in query blocks"],
        };
        let letter = over.axis().name();
        let at = |reversed: &str| -> Vec<Vec<usize>> {
            let inner = format!("for {letter} in {reversed}{phrase}");
            let algorithm = tiles(&[outer.clone(), vec![&inner]].concat(), "");
            let steps = steps(&algorithm, &setting);
            let mut turns: Vec<(Vec<Option<usize>>, usize)> = Vec::new();
            for step in steps {
                let axes: Vec<Option<usize>> = [step.place.i(), step.place.j(), step.place.s()]
                    .into_iter()
                    .zip(["i", "j", "s"])
                    .map(|(at, name)| at.filter(|_| name != letter))
                    .collect();
                let turn = (axes, step.place.at(over.axis()).expect("the loop"));
                if turns.last() != Some(&turn) {
                    turns.push(turn);
                }
            }
            turns.chunk_by(|a, b| a.0 == b.0).map(|of| of.iter().map(|turn| turn.1).collect()).collect()
        };
        let (forwards, mut back) = (at(""), at("reversed "));
        assert!(forwards.iter().any(|turns| turns.len() > 1), "{phrase}: a loop of one turn has no order");
        back.iter_mut().for_each(|turns| turns.reverse());
        assert_eq!(forwards, back, "{phrase}");
    }
}

/// Every loop inside every other that it may stand in, with blocks that are read once, and seen or not.
fn nests() -> Vec<Algorithm> {
    let of_i = ["for i in query blocks", "for i in reversed query blocks"];
    let of_j = ["for j in key blocks", "for j in key blocks that some query sees"];
    let mut nests: Vec<Vec<&str>> = Vec::new();
    for i in of_i {
        nests.extend(of_j.iter().map(|j| vec![i, *j]));
        nests.extend(of_j.iter().map(|j| vec![*j, i]));
        nests.push(vec![i, "for j in key blocks seen by i"]);
        for of_split in ["for j in key blocks of split s", "for j in key blocks of split s seen by i"] {
            nests.push(vec![i, "for s in splits", of_split]);
            nests.push(vec!["for s in splits", i, of_split]);
        }
        nests.push(vec!["for s in splits", "for j in key blocks of split s", i]);
    }
    nests.extend(of_j.iter().map(|j| vec![*j, "for i in query blocks that see j"]));
    let mut all = Vec::new();
    for nest in &nests {
        for group in [false, true] {
            let mut loops = nest.clone();
            if group {
                loops.insert(all.len() % (loops.len() + 1), "for h in heads of the group");
            }
            for condition in ["", " when seen"] {
                all.push(read_once(&loops, condition));
            }
        }
    }
    all
}

/// Each of the loops with a load under it as soon as its block is known, and once more where both are.
fn read_once(loops: &[&str], condition: &str) -> Algorithm {
    let mut text = "language 1\ntitle x\nin Q K\nout P:acc\nkernel k\nshared Q, K ; registers P\n".to_owned();
    for (depth, line) in loops.iter().enumerate() {
        text += &format!("{}{line}\n", "  ".repeat(depth));
    }
    let indent = "  ".repeat(loops.len());
    for line in ["load Q[i] once", "load K[j] once", "load K[j] once", "load Q[i] once"] {
        text += &format!("{indent}{line}{condition}\n");
    }
    read(&format!("{text}{indent}scores: P = Q @ K^T{condition}\n{indent}store P[i,j]{condition}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_loop_is_counted(plan in any_plans(), splits in 1usize..6, heads in 1usize..4) {
        let setting = Setting { splits, heads, ..Setting::new(plan) };
        for algorithm in nests() {
            same_totals(&algorithm, &setting);
        }
    }
}

/// What is read under `once` costs the blocks that are met, once a kernel; by every head where the heads are apart.
#[test]
fn once_is_once_a_kernel() {
    let plan = Plan::new(7, 9, 4, Tiling { br: 2, bc: 4 }, Precision::F32);
    let setting = Setting { heads: 3, ..Setting::new(plan) };
    let loops = ["for i in query blocks", "for j in key blocks"];
    let in_group = [loops[0], "for h in heads of the group", loops[1]];
    for (loops, times_q, times_k) in [(&loops[..], 3, 3), (&in_group[..], 3, 1)] {
        let algorithm = read_once(loops, "");
        let tally = counted(&algorithm, &setting);
        assert_eq!(tally.of_name(&algorithm, "Q"), (times_q * 7 * 4, 0), "{}", algorithm.text);
        assert_eq!(tally.of_name(&algorithm, "K"), (times_k * 9 * 4, 0), "{}", algorithm.text);
        same_totals(&algorithm, &setting);
    }
}

/// Buffers are alive from the first step of a program that is no fill, to its end; and those that the run has.
#[test]
fn buffers_are_those_of_the_program_at_hand() {
    let filled = read(
        "language 1\ntitle x\nin Q\nout X[i]:acc of d\nkernel k\nshared Q ; registers X\nparallel for i in query blocks\n  \
         initialise: fill X[i] = 0\n  load Q[i] when seen\n  half: X = Q / 2 when seen\n  store X[i] when seen\n",
    );
    let open = Setting::new(masked(7, 5, Tiling { br: 3, bc: 2 }, &Mask::default()));
    let alive = OnChip { shared: 3 * 4 * 4, registers: 3 * 4 * 4 };
    let lives: Vec<OnChip> = steps(&filled, &open).iter().map(|step| step.live).collect();
    let program = [OnChip::default(), alive, alive, alive];
    assert_eq!(lives, [program, program, program].concat());
    assert_eq!(peak(&filled, &open), alive);
    let closed =
        Setting::new(masked(7, 5, Tiling { br: 3, bc: 2 }, &Mask { key_lengths: Some(vec![0]), ..Mask::default() }));
    assert_eq!(steps(&filled, &closed).len(), 3, "nothing is seen: fills alone");
    assert_eq!(peak(&filled, &closed), OnChip::default());

    // Q, K and V of 4 columns, O, m, l, and S beside P: no bias in a run without one.
    let flash2 = |bias, dropout| {
        let plan = Plan { bias, dropout, ..Plan::new(16, 16, 4, Tiling { br: 3, bc: 2 }, Precision::F32) };
        peak(&text("flash2"), &Setting::new(plan))
    };
    let registers = (3 * 4 + 3 * 2 + 3 + 3) * 4;
    let (none, kept) = (DropoutCost::None, DropoutCost::Materialised);
    let shared = (3 + 2 + 2) * 4 * 4;
    assert_eq!(flash2(false, none), OnChip { shared, registers });
    assert_eq!(flash2(true, none), OnChip { shared: shared + 3 * 2 * 4, registers });
    assert_eq!(flash2(false, DropoutCost::Regenerated), OnChip { shared, registers });
    assert_eq!(flash2(false, kept), OnChip { shared: shared + 3 * 2, registers }, "a byte a pair");

    // A kernel that is one program is one for each head.
    let setting = Setting { heads: 3, ..open };
    let programs: Vec<(usize, u64)> = steps(&text("flash1"), &setting).iter().map(|s| (s.head, s.program)).collect();
    assert!(programs.iter().all(|&(head, program)| head as u64 == program) && programs.last() == Some(&(2, 2)));
}

/// The sections of a schedule, each walked on its own, are the steps of the walk.
#[test]
fn sections_are_the_walk() {
    let plan = masked(11, 13, Tiling { br: 4, bc: 3 }, &Mask { causal: true, ..Mask::default() });
    for (name, text) in TEXTS {
        let algorithm = tilescope::schedule::Algorithm::read(name, text).expect("a text of the program");
        let setting = Setting { splits: 3, heads: 2, arrival: Default::default(), plan: plan.clone() };
        let mut sections = Vec::new();
        let schedule = Schedule::of(&algorithm, setting.clone());
        schedule.for_each(|_, step| sections.push(*step));
        assert_eq!(sections, steps(schedule.algorithm.text(), &setting), "{name}");
    }
}

/// What is reported is reported of each row, whatever programs or turns take the rows.
#[test]
fn every_row_is_reported() {
    let problem = random::read("random:7,5,3,1,1", 4).expect("a spec").problem;
    let (_, flash2) = TEXTS.into_iter().find(|(name, _)| *name == "flash2").expect("a text of the program");
    let one_program = flash2.replace("parallel for i", "for i");
    let reported = |text: &str| {
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 2, bc: 2 }, Precision::F64));
        let given = [Given::new(problem.head::<f64>(0, 0, Precision::F64))];
        let outcome = carry_out(&read(text), &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
        ["m", "l"].map(|name| outcome.reported(name, 0).expect("it is reported").to_vec())
    };
    let rows = reported(&one_program);
    assert_eq!(rows, reported(flash2));
    assert!(rows.iter().flatten().all(|value| value.is_finite()), "{rows:?}");
}

/// A line of which one statement holds at some tiles: what the other would have given stays, costs nothing where it is not
/// carried out, and is found again from any step.
#[test]
fn a_statement_that_does_not_hold_leaves_what_was_there() {
    let text = "language 1\ntitle x\nin Q K V\nout O\nkernel k\nshared Q, K ; registers O, S\nparallel for i in query blocks\n  \
                load Q[i]\n  start: O = 1 per row of d_v; t = 0 per row\n  for j in key blocks\n    load K[j]\n    \
                scores: S = Q @ K^T; t = rowsum(S) when full; u = rowmax(S)\n    add: O = O * finite(t) unless full; \
                u = exp(u - u); O = O + u\n  store O[i]\n";
    let algorithm = tilescope::schedule::Algorithm::read("a text", text).expect("a text");
    let mut problem = random::read("random:7,9,3,1,1", 4).expect("a spec").problem;
    problem.mask = Mask { causal: true, align: Align::TopLeft, ..Mask::default() };
    for tiling in [Tiling { br: 2, bc: 3 }, Tiling { br: 3, bc: 2 }] {
        let plan = Plan::of_problem(&problem, 0, tiling, Precision::F64);
        let schedule = Schedule::new(&algorithm, plan);
        same_totals(algorithm.text(), &schedule.setting);
        let run = Run::new(schedule, &problem, 0, 0, |_| true).expect("nobody stops it");
        let closed = algorithm.closed_form_of(&run.schedule.setting);
        assert_eq!(run.totals(run.schedule.len()).traffic, closed);
        for cursor in 0..=run.schedule.len() {
            let (found, stepped) = (run.view(cursor), common::stepped(&run, &problem, cursor));
            assert_eq!(common::bits(&found), common::bits(&stepped), "after {cursor} steps");
        }
    }
}
