//! What each program of a kernel does: the closed form against every step of a walk, over random plans, splits and heads.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tilescope::attention::Precision;
use tilescope::schedule::language::{
    Algorithm, Cost, KernelWork, ProgramSteps, Ready, Setting, TEXTS, Tensor, Test, Walker, Work, closed_form,
    element_bytes, programs, walk,
};
use tilescope::schedule::{Plan, Tiling};

use super::common::any_plans;
use super::text;

/// Of one element.
fn bytes_of(tensor: &Tensor, setting: &Setting) -> u64 {
    element_bytes(&tensor.name, tensor.kind, setting.plan.precision)
}

/// Every step, added to its program. A load under `once` is counted where it first is; told apart below.
fn walked(name: &str, setting: &Setting) -> Vec<Vec<Work>> {
    let algorithm = text(name);
    let keep = setting.of_run(Test::KeepGiven);
    let mut kernels = vec![Vec::new(); algorithm.kernels.len()];
    let mut tiles = std::collections::HashMap::new();
    let _: ControlFlow<()> = walk(&algorithm, setting, &mut |step| {
        let line = &algorithm.lines[step.line];
        let programs = &mut kernels[line.kernel];
        let at = step.program as usize;
        if programs.len() <= at {
            programs.resize(at + 1, Work::default());
        }
        let (cost, counts) = (Cost::of(&algorithm, line, &setting.plan, keep, step.held), setting.counts(step.place));
        let bytes = line.tensor().map_or(0, |tensor| bytes_of(&algorithm.tensors[tensor], setting));
        let work = &mut programs[at];
        let read = bytes * cost.hbm_read.at(counts) + 4 * (cost.lookups * counts.entries + cost.scales * counts.one);
        let read = read + cost.mask_read.at(counts);
        work.loaded += if step.free { 0 } else { read } as f64;
        work.stored += (bytes * cost.hbm_write.at(counts)) as f64;
        work.matmul += cost.matmul.at(counts);
        work.exp += cost.exp.at(counts);
        work.other += cost.other.at(counts);
        if step.place.tile().is_some() {
            let of_line = tiles.entry((step.line, at)).or_insert(0);
            *of_line += 1;
            work.tiles = work.tiles.max(*of_line);
        }
        ControlFlow::Continue(())
    });
    kernels
}

fn agree(name: &str, setting: &Setting) {
    let algorithm = text(name);
    let is_ideal = algorithm.is_ideal;
    let found = programs(&algorithm, setting).expect("small");
    let expected = walked(name, setting);
    let mut bytes = 0.0;
    for (kernel, mut expected) in found.iter().zip(expected) {
        let all: Vec<Work> = (0..kernel.heads).flat_map(|_| kernel.programs.clone()).collect();
        // Programs without a step leave no trace in a walk.
        expected.resize(all.len(), Work::default());
        bytes += all.iter().map(Work::bytes).sum::<f64>();
        for (n, (found, expected)) in all.iter().zip(&expected).enumerate() {
            let shared = |work: &Work| if is_ideal { Work { loaded: 0.0, ..*work } } else { *work };
            assert_eq!(shared(found), shared(expected), "{name}, {}, program {n}, {setting:?}", kernel.name);
        }
    }
    add_up(&algorithm, setting, &found);
    let tally = closed_form(&algorithm, setting);
    let of_line = |(line, total): (&tilescope::schedule::language::Line, &tilescope::schedule::language::Totals)| {
        let bytes = line.tensor().map_or(0, |tensor| bytes_of(&algorithm.tensors[tensor], setting));
        let beside = 4 * (total.table_read + total.scales_read) + total.mask_read;
        (bytes * (total.hbm_read + total.hbm_write) + beside) as f64
    };
    let total: f64 = algorithm.lines.iter().zip(&tally.lines).map(of_line).sum();
    assert!((bytes - total).abs() <= 1e-9 * total, "{name}: {bytes} and {total}, {setting:?}");
}

/// The steps of each program take together what is said of it, and each line comes as often as is said.
fn add_up(algorithm: &Algorithm, setting: &Setting, found: &[KernelWork]) {
    let (steps, ready) = (ProgramSteps::new(algorithm, setting), Ready::new(algorithm, setting));
    let walker = Walker { algorithm, setting, ready: &ready };
    for (number, kernel) in found.iter().enumerate() {
        let mut programs = kernel.programs.iter();
        let _: ControlFlow<()> = walker.programs(number, &mut |place| {
            let (of_program, expected) =
                (steps.of_program(number, place, usize::MAX), programs.next().expect("it is one"));
            let sum = |of: fn(&Work) -> f64| of_program.iter().map(|step| of(&step.work)).sum::<f64>();
            let parts: [fn(&Work) -> f64; 5] =
                [|of| of.loaded, |of| of.stored, |of| of.matmul as f64, |of| of.exp as f64, |of| of.other as f64];
            for part in parts {
                let (sum, expected) = (sum(part), part(expected));
                assert!((sum - expected).abs() <= 1e-9 * expected, "{}: {sum}, {expected}", kernel.name);
            }
            for line in (0..algorithm.lines.len()).filter(|&line| algorithm.lines[line].kernel == number) {
                let count = of_program.iter().filter(|of| of.step.line == line).count() as u64;
                assert_eq!(steps.turns(line, place), count, "{}", algorithm.lines[line].label);
            }
            ControlFlow::Continue(())
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_program_does_what_its_steps_do(plan in any_plans(), splits in 1usize..5, heads in 1usize..4) {
        for (name, _) in TEXTS {
            agree(name, &Setting { splits, heads, ..Setting::new(plan.clone()) });
        }
    }
}

#[test]
fn causal_programs_have_one_tile_more_each() {
    let mut plan = Plan::new(32, 32, 4, Tiling { br: 4, bc: 4 }, Precision::F16);
    plan.band.right = 0;
    let found = programs(&text("flash2"), &Setting::new(plan)).expect("small");
    let tiles: Vec<u64> = found[0].programs.iter().map(|work| work.tiles).collect();
    assert_eq!(tiles, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// A million tokens take no longer than their grid is large.
#[test]
fn a_long_sequence_is_summed_at_once() {
    let mut plan = Plan::new(1 << 20, 1 << 20, 128, Tiling { br: 128, bc: 128 }, Precision::BF16);
    plan.band.right = 0;
    let found = programs(&text("flash2"), &Setting::new(plan)).expect("8192 programs");
    assert_eq!(found[0].programs.len(), 8192);
    assert_eq!(found[0].programs.iter().map(|work| work.tiles).sum::<u64>(), 8192 * 8193 / 2);
    let tiny = Plan::new(1 << 20, 1 << 20, 128, Tiling { br: 1, bc: 1 }, Precision::BF16);
    assert!(programs(&text("standard-backward"), &Setting::new(tiny)).is_none());
}
