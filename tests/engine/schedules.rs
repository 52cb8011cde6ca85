//! Schedules against closed forms, and the machine against the oracle: properties over random shapes and masks.

use crate::common;
use crate::common::{any_plans, any_problems, is_tile, odd_problems};
use ndarray::Array4;
use proptest::prelude::*;
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::{Mask, Precision, Problem, TileClass, input, oracle};
use tilescope::machine::{Meter, MeterIndex, Run};
use tilescope::schedule::{Algorithm, Arrival, Plan, Schedule, Setting, TileCounts, Tiling, algorithm, each_step};

/// What a plan's tiles are when each is asked.
fn counted_tiles(plan: &Plan) -> TileCounts {
    let mut counts = TileCounts::default();
    for i in 0..plan.t_r() {
        for j in (0..plan.t_c()).filter(|&j| is_tile(plan, i, j)) {
            counts.count(plan.class(i, j));
        }
    }
    counts
}

fn each_algorithm() -> impl Iterator<Item = &'static Algorithm> {
    algorithm::ALL.into_iter()
}

/// Every text of the program on a problem, its keys in three parts where it has a loop over them.
fn each_schedule(problem: &Problem, tiling: Tiling, precision: Precision) -> impl Iterator<Item = Schedule> {
    let plan = Plan::of_problem(problem, 0, tiling, precision);
    algorithm::of_program().map(move |of| {
        let splits = if of.has_splits() { 3 } else { 1 };
        // Where thread blocks add to what they share, they come in any order.
        Schedule::of(of, Setting { splits, arrival: Arrival::Shuffled(5), ..Setting::new(plan.clone()) })
    })
}

/// By seek and forwards: the same bits, also after a look elsewhere, whose memory the next one takes.
fn is_the_same_however_it_is_reached(
    problem: &Problem,
    tiling: Tiling,
    precision: Precision,
    at: f64,
) -> Result<(), TestCaseError> {
    for schedule in each_schedule(problem, tiling, precision) {
        let name = schedule.algorithm.name().to_owned();
        let run = Run::new(schedule, problem, 0, 0, |_| true).expect("nobody stops it");
        for at in [at, 1.0 - at, at] {
            let cursor = (at * run.schedule.len() as f64) as u64;
            let (seen, stepped) = (run.view(cursor), common::stepped(&run, problem, cursor));
            prop_assert_eq!(common::bits(&seen), common::bits(&stepped), "{} at {}", name, cursor);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counted_equals_closed_form(plan in any_plans()) {
        prop_assert_eq!(TileCounts::of_plan(&plan), counted_tiles(&plan));
        for algorithm in each_algorithm() {
            let schedule = Schedule::new(algorithm, plan.clone());
            let meters = MeterIndex::new(&schedule);
            let (totals, tiles) = (meters.total(), TileCounts::of_plan(&plan));
            prop_assert_eq!(&totals.traffic, &algorithm.closed_form(&plan), "{}", algorithm.name());
            prop_assert_eq!(schedule.len(), algorithm.step_count(&plan), "{}", algorithm.name());
            prop_assert_eq!(totals.peak, algorithm.peak(&plan), "{}", algorithm.name());
            prop_assert_eq!((totals.tiles.full, totals.tiles.partial), (tiles.full, tiles.partial));
            let mut streamed = Meter::of_plan(algorithm, &plan);
            each_step(algorithm, &Setting::new(plan.clone()), |_, step| streamed.add(step));
            prop_assert_eq!(&streamed.totals(), totals);
            let all = [
                totals.traffic.hbm_elements(),
                totals.traffic.hbm_bytes(),
                totals.traffic.sram_read,
                totals.traffic.sram_write,
                totals.traffic.flops.total(),
                totals.peak.total(),
                schedule.len(),
            ];
            prop_assert!(all.into_iter().all(|total| u128::from(total) <= plan.most()), "{}: {all:?}", algorithm.name());
        }
    }

    /// The meters after some steps, wherever a section ends, are those of a walk up to there.
    #[test]
    fn meters_after_some_steps_are_those_of_a_walk(plan in any_plans(), at in 0.0..1.0f64) {
        for algorithm in each_algorithm() {
            let schedule = Schedule::new(algorithm, plan.clone());
            let meters = MeterIndex::new(&schedule);
            let cursor = (at * schedule.len() as f64) as u64;
            let ends = [cursor, cursor + 1, schedule.section_steps(schedule.section_of(cursor)).start, schedule.len() + 1];
            let mut wanted = vec![(0, Meter::new(&schedule).totals())];
            let mut meter = Meter::new(&schedule);
            schedule.for_each(|n, step| {
                meter.add(step);
                if ends.contains(&(n + 1)) {
                    wanted.push((n + 1, meter.totals()));
                }
            });
            wanted.push((schedule.len() + 1, meter.totals()));
            for (cursor, totals) in wanted {
                prop_assert_eq!(&meters.after(&schedule, cursor), &totals, "{} after {}", algorithm.name(), cursor);
            }
        }
    }

    #[test]
    fn visible_blocks_are_the_tiles_that_are_not_skipped(plan in any_plans()) {
        let seen = |i, j| plan.class(i, j) != TileClass::Skipped;
        for i in 0..plan.t_r() {
            let expected: Vec<_> = (0..plan.t_c()).filter(|&j| seen(i, j)).collect();
            prop_assert_eq!(plan.visible_key_blocks(i).indices().collect::<Vec<_>>(), expected);
        }
        for j in 0..plan.t_c() {
            let expected: Vec<_> = (0..plan.t_r()).filter(|&i| seen(i, j)).collect();
            prop_assert_eq!(plan.visible_query_blocks(j).indices().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn every_algorithm_meets_the_oracle((problem, tiling, precision) in any_problems()) {
        for batch in 0..problem.shape.batch {
            for head in 0..problem.shape.heads {
                let reference = error_rule::reference(&problem, batch, head, precision);
                for algorithm in each_algorithm() {
                    let plan = Plan::of_problem(&problem, batch, tiling, precision);
                    let schedule = Schedule::new(algorithm, plan);
                    let (output, totals) = common::run(&schedule, &problem, batch, head);
                    let errors = Errors::between(&output, &reference.exact);
                    let bound = match precision {
                        Precision::F64 | Precision::F32 => reference.bound,
                        _ => common::worst_case(&problem, schedule.plan(), head),
                    };
                    prop_assert!(errors.within(&bound), "{}: {errors:?} {bound:?}", algorithm.name());
                    prop_assert_eq!(&totals.traffic, &algorithm.closed_form(schedule.plan()));
                }
            }
        }
    }

    /// The oracle and every algorithm have NaN and infinities at the same places.
    #[test]
    fn every_algorithm_meets_the_oracle_where_it_is_not_finite((problem, tiling, _) in odd_problems()) {
        let exact = oracle::attention(&problem.head::<f64>(0, 0, Precision::F64));
        for algorithm in each_algorithm() {
            let schedule = Schedule::new(algorithm, Plan::of_problem(&problem, 0, tiling, Precision::F64));
            let errors = Errors::between(&common::run(&schedule, &problem, 0, 0).0, &exact);
            let bound = Errors { o: 1e-9, m: 1e-9, l: 1e-9, lse: 1e-9 };
            prop_assert!(errors.within(&bound), "{}: {errors:?}", algorithm.name());
        }
    }

    /// The same with what is not finite.
    #[test]
    fn state_with_nan_is_the_same_however_it_is_reached((problem, tiling, precision) in odd_problems(), at in 0.0..1.0f64) {
        is_the_same_however_it_is_reached(&problem, tiling, precision, at)?;
    }

    /// Forwards, by seek and backwards: the same bits.
    #[test]
    fn state_is_the_same_however_it_is_reached((problem, tiling, precision) in any_problems(), at in 0.0..1.0f64) {
        is_the_same_however_it_is_reached(&problem, tiling, precision, at)?;
    }
}

/// What is shown of an input is its block at the rows and keys that are shown, and not the one before it.
#[test]
fn an_input_is_shown_at_its_own_place() {
    let problem = input::random::read("random:7,9,2,1,1", 3).expect("a spec").problem;
    let head = problem.head::<f64>(0, 0, Precision::F64);
    for schedule in each_schedule(&problem, Tiling { br: 2, bc: 3 }, Precision::F64) {
        let name = schedule.algorithm.name().to_owned();
        let run = Run::new(schedule, &problem, 0, 0, |_| true).expect("nobody stops it");
        let (mut rows, mut keys) = (0, 0);
        for cursor in 0..=run.schedule.len() {
            let view = run.view(cursor);
            if let Some(q) = view.get("Q") {
                rows += 1;
                assert_eq!(q, head.q.slice(ndarray::s![view.rows.clone(), ..]), "{name}: Q after {cursor} steps");
            }
            for (tensor, whole) in [("K", &head.k), ("V", &head.v)] {
                if let Some(part) = view.get(tensor) {
                    keys += 1;
                    let want = whole.slice(ndarray::s![view.cols.clone(), ..]);
                    assert_eq!(part, want, "{name}: {tensor} after {cursor} steps");
                }
            }
        }
        assert!(rows + keys > 10, "{name} shows no inputs");
    }
}

/// Of a row in the making, a tile is there from the step on that makes it; a whole row, when all of it is made.
#[test]
fn a_tile_that_is_not_made_is_not_there() {
    let text = "language 1\ntitle x\nin Q K\nout X\nkernel k\nshared Q, K ; registers S over keys, X\n\
                parallel for i in query blocks\n  load Q[i]\n  start: X = 0 per row of d\n  for j in key blocks\n    \
                load K[j]\n    scores: S = Q @ K^T\n    add: u = rowmax(S)\n  all: u = rowsum(S); X = X * u\n  store X[i]\n";
    let problem = input::random::read("random:7,9,2,1,1", 3).expect("a spec").problem;
    // Programs of one row each, or one program of all: there the row before is still on chip.
    for (text, is_one) in [(text.to_owned(), false), (text.replace("parallel for", "for"), true)] {
        let algorithm = Algorithm::read("rows", &text).expect("a text");
        rows_in_the_making(&algorithm, &problem, is_one);
    }
}

fn rows_in_the_making(algorithm: &Algorithm, problem: &Problem, is_one: bool) {
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let plan = Plan::of_problem(problem, 0, Tiling { br: 2, bc: 3 }, Precision::F64);
    let run = Run::new(Schedule::new(algorithm, plan), problem, 0, 0, |_| true).expect("nobody stops it");
    let (mut absent, mut tiles, mut rows) = (0, 0, 0);
    for cursor in 1..=run.schedule.len() {
        let view = run.view(cursor);
        let step = run.schedule.step(cursor - 1).expect("a step");
        let (label, found) = (run.schedule.algorithm.operation(step.line), view.get("S"));
        // A value per row is that of the tile before.
        let is_later = step.place.j().is_some_and(|j| j > 0);
        assert!(!is_later || view.get("u").is_some(), "no u after {label}, {cursor}");
        if matches!(label.as_str(), "load Q" | "start" | "load K") {
            let is_kept = is_one && step.place.i() > Some(0);
            assert_eq!(found.is_some(), is_kept, "after {label}, {cursor}");
            absent += 1;
            continue;
        }
        let cols = if step.place.j().is_some() { view.cols.clone() } else { 0..9 };
        let keys = head.k.slice(ndarray::s![cols, ..]);
        let want = head.q.slice(ndarray::s![view.rows.clone(), ..]).dot(&keys.t());
        let found = found.unwrap_or_else(|| panic!("no S after {label}, {cursor}"));
        assert_eq!(found.dim(), want.dim(), "after {label}, {cursor}");
        assert!(found.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "after {label}, {cursor}");
        *(if step.place.j().is_some() { &mut tiles } else { &mut rows }) += 1;
    }
    assert_eq!((absent, tiles, rows), (4 * 5, 4 * 3 * 2, 4 * 2), "four query blocks, three key blocks");
}

/// In a schedule so long that most steps have no checkpoint beside them, what is recomputed is what was there.
#[test]
fn state_far_from_a_checkpoint_is_the_same() {
    let mut problem = input::random::read("random:60,60,1", 3).expect("a spec").problem;
    problem.mask = Mask { causal: true, ..Mask::default() };
    for schedule in each_schedule(&problem, Tiling { br: 1, bc: 1 }, Precision::F32) {
        let name = schedule.algorithm.name().to_owned();
        // More than 4096 checkpoints are never kept.
        assert!(schedule.len() > 3 * 4096, "{name} has {} steps", schedule.len());
        let run = Run::new(schedule, &problem, 0, 0, |_| true).expect("nobody stops it");
        for n in 1..=6 {
            let cursor = run.schedule.len() * n / 7 + n % 5;
            let (found, stepped) = (run.view(cursor), common::stepped(&run, &problem, cursor));
            assert_eq!(common::bits(&found), common::bits(&stepped), "{name} at {cursor}");
        }
    }
}

/// A row whose first key has a score of -inf has no weight yet; what is not finite in that key's V counts all the same.
#[test]
fn what_is_not_finite_in_v_outlives_a_first_score_of_minus_infinity() {
    for odd in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        for tail in [0.5, f64::NEG_INFINITY] {
            let row = |values: &[f64]| Array4::from_shape_vec((1, 1, values.len(), 1), values.to_vec()).expect("sizes");
            let (k, v) = (row(&[f64::NEG_INFINITY, 0.25, tail]), row(&[odd, 2.0, 3.0]));
            let problem = Problem::new(row(&[1.0]), k, v).expect("sizes that fit together");
            let exact = oracle::attention(&problem.head::<f64>(0, 0, Precision::F64));
            assert!(!exact.o[(0, 0)].is_finite(), "{exact:?}");
            for (algorithm, bc) in each_algorithm().flat_map(|algorithm| (1..=3).map(move |bc| (algorithm, bc))) {
                let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc }, Precision::F64);
                let output = common::run(&Schedule::new(algorithm, plan), &problem, 0, 0).0;
                let bound = Errors { o: 1e-12, m: 1e-12, l: 1e-12, lse: 1e-12 };
                assert!(Errors::between(&output, &exact).within(&bound), "{}, {bc}: {output:?}", algorithm.name());
            }
        }
    }
}

/// Programs of each kernel, and the sections of each in order, numbered from 0: for one head and for three.
#[test]
fn programs_and_their_sections_are_numbered() {
    let plan = Plan::new(7, 9, 2, Tiling { br: 2, bc: 3 }, Precision::F32);
    let (t_r, t_c, splits) = (4, 3, 2);
    for heads in [1, 3] {
        for (name, programs) in [
            ("standard", vec![t_r * heads; 3]),
            ("flash1", vec![heads]),
            ("flash2", vec![t_r * heads]),
            ("split-kv", vec![t_r * splits * heads, t_r * heads]),
            ("standard-backward", vec![t_c * heads, t_r * t_c * heads, t_r * heads, t_r * heads, t_c * heads]),
            ("flash1-backward", vec![heads]),
            ("flash2-backward", vec![t_r * heads, t_c * heads]),
            ("two-kernel-backward", vec![t_r * heads, t_r * heads, t_c * heads]),
        ] {
            let algorithm = algorithm::by_name(name).expect("a text");
            // A program of `reduce-heads` for each key block of the group.
            let sums = (heads > 1 && algorithm.is_backward()).then_some(t_c);
            let programs: Vec<usize> = programs.into_iter().chain(sums).collect();
            let schedule = Schedule::of(algorithm, Setting { splits, heads, ..Setting::new(plan.clone()) });
            let got: Vec<usize> = schedule.kernels.iter().map(|kernel| kernel.programs).collect();
            assert_eq!(got, programs, "{name}, {heads} heads");
            let (mut before, mut seen) = (None, vec![0; programs.len()]);
            for index in 0..schedule.section_count() {
                let section = schedule.section(index);
                let want = match before {
                    Some((kernel, program, number)) if (kernel, program) == (section.kernel, section.program) => {
                        number + 1
                    }
                    _ => 0,
                };
                assert_eq!(section.section, want, "{name}, {heads} heads: section {index}");
                if want == 0 {
                    assert_eq!(section.program, seen[section.kernel], "{name}, {heads} heads: section {index}");
                    seen[section.kernel] += 1;
                }
                before = Some((section.kernel, section.program, section.section));
            }
            assert_eq!(seen, programs, "{name}, {heads} heads");
            assert!(!schedule.is_empty());
        }
    }
}

/// What a program holds is alive from its first step that does more than fill HBM, in every later section too.
#[test]
fn buffers_stay_alive_in_later_sections() {
    let text = "language 1\ntitle x\nin Q K\nout D\nhbm E[i]:acc of 1\nkernel k\nshared Q, K ; registers S\n\
                for i in query blocks\n  for j in key blocks\n    fill E[i] = 0\nfor i in query blocks\n  load Q[i]\n  \
                start: D = 0 per row\n  for j in key blocks\n    load K[j]\n    it: S = Q @ K^T; D = D + rowsum(S)\n  store D[i]\n  copy: E = D\n  store E[i]\n\
                for i in query blocks\n  fill E[i] = 1\n  for j in key blocks\n    fill E[i] = 2\n    load E[i]\n    \
                more: x = E + 1\n";
    let algorithm = Algorithm::read("mine", text).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let plan = Plan::new(5, 5, 2, Tiling { br: 2, bc: 2 }, Precision::F32);
    let schedule = Schedule::new(&algorithm, plan.clone());
    assert!(schedule.section_count() > 6, "a section for each turn of an outer loop");
    let (mut has_begun, mut fills) = (false, 0);
    let mut steps = Vec::new();
    schedule.for_each(|n, step| {
        let is_fill = algorithm.operation(step.line).starts_with("initialise");
        has_begun |= !is_fill;
        fills += usize::from(is_fill && has_begun);
        assert_eq!(step.live.total() > 0, has_begun, "step {n}");
        steps.push(*step);
    });
    assert!(fills >= 12, "{fills}");
    each_step(&algorithm, &Setting::new(plan), |n, step| assert_eq!(*step, steps[n as usize], "step {n}"));
}

/// The keys that are looked at are those of the last tile; all of them after a step over whole rows.
#[test]
fn the_keys_that_are_shown_are_those_of_the_last_tile() {
    let problem = input::random::read("random:7,9,2,1,1", 3).expect("a spec").problem;
    for schedule in each_schedule(&problem, Tiling { br: 2, bc: 3 }, Precision::F64) {
        let name = schedule.algorithm.name().to_owned();
        if !matches!(name.as_str(), "standard" | "flash2" | "split-kv") {
            continue;
        }
        let run = Run::new(schedule, &problem, 0, 0, |_| true).expect("nobody stops it");
        let mut kinds = [0; 4];
        for cursor in 1..=run.schedule.len() {
            let (view, step) = (run.view(cursor), run.schedule.step(cursor - 1).expect("a step"));
            let operation = run.schedule.algorithm.operation(step.line);
            let (kind, keys) = match (operation.as_str(), step.place.j()) {
                (_, Some(j)) => (0, 3 * j..3 * j + 3),
                ("tile-max" | "exponentiate" | "row-sum" | "divide-rows", None) => (1, 0..9),
                ("load Q" | "start-rows" | "start-output" | "start-combine", None) => (2, 0..0),
                // The last block of a row, or of its split; parts that are put together are of no keys.
                ("normalise" | "store O_part" | "store L_part", None) if name == "split-kv" => {
                    let s = step.place.s().expect("a split");
                    (3, 3 * s..3 * s + 3)
                }
                ("normalise" | "store O" | "store L", None) if name != "split-kv" => (3, 6..9),
                _ => (2, 0..0),
            };
            assert_eq!(view.cols, keys, "{name} after {operation}, {cursor}");
            kinds[kind] += 1;
        }
        assert!(kinds[0] > 20 && kinds[2] > 3 && kinds[3] > 3 && (kinds[1] > 0) == (name == "standard"), "{kinds:?}");
    }
}
