//! Thread blocks in a queue, as the learner hands them out: the SMs of the scene's chip take one after the other.

use super::super::engine::Engine;
use super::super::scene::Scene;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, Filled, Graded};
use crate::clock::{Order, makespan};
use crate::schedule::language::programs;
use crate::sentence::Sentence;

/// A card is a thread block by its number; it takes as long as it has tiles. One at a time is on an SM.
pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Graded {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    let stage = engine.stage(scene)?;
    let setting = stage.setting(&stage.algorithm, stage.plan.clone());
    let kernels = programs(stage.algorithm.text(), &setting).ok_or("so many thread blocks are too many to list")?;
    let kernel = kernels.first().ok_or("this text has no kernel")?;
    let parts = build.filled(filling).into_iter().flat_map(|(_, parts)| parts);
    let block = |part: Filled<'_>| {
        let block = part.word().trim().parse::<usize>().ok().and_then(|block| kernel.programs.get(block));
        let fault = || Sentence::new("`{0}` is no thread block: there are {1}, from 0");
        block.map(|of| of.tiles as f64).ok_or_else(|| fault().with(part.word()).with(kernel.programs.len()))
    };
    let queue: Vec<f64> = parts.map(block).collect::<Result<_, _>>()?;
    let got = makespan(&queue, Order::InOrder, scene.run.hardware().sms as usize) as u64;
    let want = build.ends.as_ref().map(|ends| engine.number(ends, scene)).transpose().map_err(|error| error.what)?;
    let want = want.map(|want| want as u64).filter(|&want| got > want);
    Ok(Grade { findings: want.map(|want| Finding::Ends { got, want }).into_iter().collect(), ..Grade::default() })
}
