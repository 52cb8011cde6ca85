//! What a run says of itself: what a step does, where, and why a number is what it is. Data in, sentences out.

use eframe::egui::Context;

use crate::app::run::scene::FinishedRun;
use crate::app::run::snapshot::Snapshot;
use crate::app::tongue::words::{fill, tr};
use crate::attention::BiasOf;
use crate::machine::MeterIndex;
use crate::number::{bytes, grouped, short};
use crate::playback::lesson::Hides;
use crate::schedule::language::{self, Action, Axes, Axis};
use crate::schedule::{Part, Schedule, Step, Tensor, Tiling, Traffic};
use crate::sentence::Sentence;

/// What the step carried out last did, such as
/// `step 37 of 96: tile (i 1, j 2): row max rose in 2 of 4 rows`, without what a lesson asks for.
pub fn current_step(scene: &FinishedRun, snapshot: &Snapshot, hides: Hides) -> Sentence {
    let len = grouped(scene.schedule().len());
    let Some(step) = snapshot.view.step else {
        return Sentence::new("step 0 of {0}: nothing is on chip yet").with(len);
    };
    let kernels = &scene.schedule().kernels;
    let kernel = snapshot.view.program.and_then(|(kernel, _)| kernels.get(kernel)).filter(|_| kernels.len() > 1);
    let place = match kernel {
        Some(kernel) => Sentence::new("{0}, {1}").and(kernel_name(&kernel.name)).and(place(scene, &step)),
        None => place(scene, &step),
    };
    let sentence = Sentence::new("step {0} of {1}: {2}: {3}").with(grouped(snapshot.cursor)).with(len);
    sentence.and(place).and(torn(scene.schedule(), &step, snapshot, deed(scene.schedule(), &step, snapshot, hides)))
}

/// What a step did, with which block it tore for that.
fn torn(schedule: &Schedule, step: &Step, snapshot: &Snapshot, deed: Sentence) -> Sentence {
    let writes = schedule.effects(step).writes;
    let names = schedule.line(step).statements.iter().filter_map(|statement| match statement.action {
        Action::Tear { name, .. } if writes.has(name) => Some(&schedule.algorithm.text().names[name]),
        _ => None,
    });
    names.fold(deed, |deed, name| match snapshot.view.torn(name) {
        Some(block) => Sentence::new("half of {1} still of block {2}; {0}").and(deed).with(name).with(block),
        None => Sentence::new("no row of {1} torn; {0}").and(deed).with(name),
    })
}

/// The kernels that the window has words for.
const KERNELS: [&str; 9] =
    ["attention", "scores", "softmax", "output", "splits", "combine", "preprocess", "gradients", "reduce-heads"];

/// A kernel by its name in the text.
fn kernel_name(name: &str) -> Sentence {
    KERNELS.into_iter().find(|known| *known == name).map_or_else(|| Sentence::verbatim(name), Sentence::from)
}

/// The kernel that runs of several, at length and short; nothing where there is but one, or before the first step.
pub fn running_kernel(scene: &FinishedRun, program: Option<(usize, usize)>) -> Option<[Sentence; 2]> {
    let kernels = &scene.schedule().kernels;
    let (kernel, _) = program.filter(|_| kernels.len() > 1)?;
    let name = kernel_name(&kernels.get(kernel)?.name);
    let long = Sentence::new("kernel {0} of {1}: {2}").with(kernel + 1).with(kernels.len());
    Some([long.and(name.clone()), name])
}

/// Where a step works: its blocks, its split where the keys are split, its head where a run is of several.
pub fn place(scene: &FinishedRun, step: &Step) -> Sentence {
    let blocks = match (step.place.i(), step.place.j()) {
        (Some(i), Some(j)) => Sentence::new("tile (i {0}, j {1})").with(i).with(j),
        (Some(i), None) => Sentence::new("query block i {0}").with(i),
        (None, Some(j)) => Sentence::new("key block j {0}").with(j),
        (None, None) => "all blocks".into(),
    };
    let setting = &scene.schedule().setting;
    let split = step.place.s().filter(|_| setting.splits > 1);
    let blocks = split.map_or(blocks.clone(), |s| Sentence::new("{0}, split {1}").and(blocks).with(s));
    let kernel = &scene.schedule().algorithm.text().kernels[scene.schedule().line(step).kernel];
    match setting.heads {
        1 => blocks,
        _ if kernel.is_of_group && step.place.h().is_none() => Sentence::new("{0}, all heads").and(blocks),
        _ => Sentence::new("{0}, head {1}").and(blocks).with(scene.run.head_of(step)),
    }
}

/// The operation of a step, in the language on screen where that has a word for it.
pub fn operation(ctx: &Context, schedule: &Schedule, step: &Step) -> String {
    tr(ctx, &schedule.line(step).label).to_owned()
}

/// What a step did, in words where the house has them for its line, else as the line has it.
fn deed(schedule: &Schedule, step: &Step, snapshot: &Snapshot, hides: Hides) -> Sentence {
    let (line, facts) = (schedule.line(step), schedule.facts(step));
    if let Some(tensor) = facts.tensor {
        return match line.statements.first().map(|statement| &statement.action) {
            Some(Action::Load { .. }) if step.free => {
                Sentence::new("{0} is used again, no bytes move").and(block(schedule, tensor))
            }
            Some(Action::Load { .. }) => Sentence::new("loaded {0} to the chip").and(block(schedule, tensor)),
            Some(Action::Fill { .. }) => Sentence::new("wrote the starting value of {0} to HBM").with(tensor.name()),
            Some(Action::Add { .. }) => Sentence::new("added to {0} in HBM").and(block(schedule, tensor)),
            _ => Sentence::new("stored {0} to HBM").and(block(schedule, tensor)),
        };
    }
    let kernel_has = |name: &str| {
        schedule.algorithm.text().lines.iter().any(|other| other.kernel == line.kernel && other.label == name)
    };
    let said = |pattern, parts: &[Part]| {
        parts.iter().fold(Sentence::new(pattern), |sentence, part| sentence.with(snapshot.called(*part)))
    };
    let formula = |part| snapshot.formulas(part, &schedule.setting).join("; ");
    match line.label.as_str() {
        "start-rows" if kernel_has("row-max") => {
            said("{0} = 0, {1} = 0, {2} = -inf on chip", &[Part::Output, Part::Sum, Part::Max])
        }
        "start-output" => said("{0} = 0 on chip", &[Part::Output]),
        "scores" => Sentence::new("computed the scores {0}").with(formula(Part::Scores)),
        "mask" => "hid the masked scores".into(),
        "row-max" | "merge-stats" => match snapshot.risen() {
            Some((0, of)) if hides.factor => Sentence::new("no new maximum in {0} {0|row|rows}").with(of),
            Some((0, of)) => {
                Sentence::new("no new maximum in {0} {0|row|rows}, {1} = 1").with(of).with(snapshot.called(Part::Alpha))
            }
            Some((risen, of)) => Sentence::new("row max rose in {0} of {1} {1|row|rows}").with(risen).with(of),
            None => "took the row maximum".into(),
        },
        "tile-max" => "took the row maximum".into(),
        "exponentiate" => Sentence::new("weights {0}").with(formula(Part::Weights)),
        "row-sum" => "summed the weights of each row".into(),
        "dropout" => "dropped weights".into(),
        "rescale" => said("shrank {0} and {1} by {2}", &[Part::Sum, Part::Output, Part::Alpha]),
        "accumulate" => said("added {0} V to {1} and the row sums to {2}", &[Part::Weights, Part::Output, Part::Sum]),
        "product" => said("added {0} V to {1}", &[Part::Weights, Part::Output]),
        "normalise" if kernel_has("row-max") => said("divided {0} by {1}", &[Part::Output, Part::Sum]),
        "merge-output" => said("merged {0} V into {1}", &[Part::Weights, Part::Output]),
        "divide-rows" => said("divided {0} by the row sums", &[Part::Weights]),
        _ => Sentence::verbatim(schedule.algorithm.said(step.line)),
    }
}

/// The block of a tensor that a step moves.
fn block(schedule: &Schedule, tensor: Tensor) -> Sentence {
    match tensor {
        Tensor::BIAS => match schedule.plan().bias_of {
            BiasOf::Numbers => "a tile of the bias".into(),
            BiasOf::Booleans => "a tile of the mask".into(),
            BiasOf::Both => "a tile of the bias and of the mask".into(),
        },
        Tensor::KEEP => "a tile of the dropout mask".into(),
        _ => {
            let axes = schedule.algorithm.of_tensor(tensor).map(language::Tensor::axes);
            if axes.is_some_and(|axes| axes.has(Axis::I) && axes.has(Axis::J)) {
                return Sentence::new("a tile of {0}").with(tensor.name());
            }
            let letters: Vec<&str> = axes.into_iter().flat_map(Axes::iter).map(Axis::name).collect();
            Sentence::verbatim(format!("{}_{}", tensor.name(), letters.join("")))
        }
    }
}

/// Traffic beside that of standard attention; says why when it is more.
pub fn beside_standard(scene: &FinishedRun) -> Sentence {
    let plan = scene.plan();
    let (own, standard) = (scene.closed_form.hbm_bytes(), scene.standard.hbm_bytes());
    let name = scene.settings.algorithm.short_name();
    if scene.is_baseline() {
        return match scene.settings.algorithm.is_backward() {
            false => "This is standard attention: S and P go through HBM whole.".into(),
            true => "This is the standard backward pass: P, dP and dS go through HBM whole.".into(),
        };
    }
    let ratio = own as f64 / standard.max(1) as f64;
    let standard_name = scene.baseline().name();
    let pairs = if scene.settings.algorithm.is_backward() { "P, dP, dS" } else { "S, P" };
    if own <= standard {
        return Sentence::new("{0} moves {1} x the bytes of {2}.").with(name).with(short(ratio)).with(standard_name);
    }
    let why = if plan.d >= plan.n_k {
        Sentence::new("{0} are small here: {1} {1|key|keys} against d = {2}").with(pairs).with(plan.n_k).with(plan.d)
    } else {
        Sentence::new("blocks of {0} {0|query|queries} load K and V {1} {1|time|times}").with(plan.br).with(plan.t_r())
    };
    let sentence = "{0} moves {1} x the bytes of {2}: {3}. At this size tiling does not pay.";
    Sentence::new(sentence).with(name).with(short(ratio)).with(standard_name).and(why)
}

/// What every number of a run is of: its heads, entry, programs, text, blocks and precision. `program` is the kernel and
/// the program at the cursor, which is alone lit; `is_of_all`: the chart of bytes is of all heads.
pub fn scope(scene: &FinishedRun, program: Option<(usize, usize)>, is_of_all: bool) -> Sentence {
    let (shape, settings) = (scene.input.problem.shape, &scene.settings);
    let (heads, head, Tiling { br, bc }) = (scene.schedule().setting.heads, settings.run.head(), settings.tiling());
    let first = head - head % heads.max(1);
    let text = match (shape.batch > 1, heads > 1) {
        (false, false) => "head {0} of {1}; {2}",
        (false, true) => "heads {4} to {5} of {1}; {2}",
        (true, false) => "head {0} of {1}, batch entry {3} of {6}; {2}",
        (true, true) => "heads {4} to {5} of {1}, batch entry {3} of {6}; {2}",
    };
    let run = format!("{} {br}x{bc}, {}", settings.algorithm.short_name(), settings.run.precision().name());
    let programs = scene.schedule().kernels.get(program.map_or(0, |(kernel, _)| kernel)).map_or(1, |of| of.programs);
    let run = match programs {
        0 | 1 => Sentence::verbatim(run),
        _ => Sentence::new("one program of {0}; {1}").with(grouped(programs as u64)).with(run),
    };
    let sentence = Sentence::new(text).with(head).with(shape.heads).and(run).with(settings.run.batch());
    let sentence = sentence.with(first).with(first + heads.max(1) - 1).with(shape.batch);
    let sentence = if scene.run.has_numbers() { sentence } else { Sentence::new("{0}; counted alone").and(sentence) };
    let all = match shape.batch {
        _ if !is_of_all => return sentence,
        1 => "bytes in the chart: all {0} {0|head|heads}; all else: {1}",
        _ => "bytes in the chart: all {0} {0|head|heads} of {2} batch entries; all else: {1}",
    };
    Sentence::new(all).with(shape.heads).and(sentence).with(shape.batch)
}

/// What all heads of all entries move, beside the counts of a few; nothing where the run is of all. `is_shown`: the counts
/// are of all now.
pub fn all_heads(scene: &FinishedRun, is_shown: bool) -> Option<Sentence> {
    let shape = scene.input.problem.shape;
    let text = match shape.batch {
        _ if scene.is_of_all_heads() => return None,
        1 if is_shown => "These counts are of all {0} {0|head|heads}; the picture is of {3} {3|head|heads}.",
        _ if is_shown => {
            "These counts are of all {0} {0|head|heads} of {2} batch entries; the picture is of {3} {3|head|heads}."
        }
        1 => "These counts are of {3} {3|head|heads}; all {0} {0|head|heads} move {1}.",
        _ => "These counts are of {3} {3|head|heads}; all {0} {0|head|heads} of {2} batch entries move {1}.",
    };
    let sentence = Sentence::new(text).with(shape.heads).with(bytes(scene.bytes_of_all()));
    Some(sentence.with(shape.batch).with(scene.schedule().setting.heads))
}

/// The counters equal the formula, or by how much they do not; of a long run, that it is the formula's own sections which are
/// added up.
pub fn beside_formula(meters: &MeterIndex, formula: &Traffic) -> Sentence {
    let (counted, formula) = (meters.total().traffic.hbm_elements(), formula.hbm_elements());
    if counted == formula && !meters.is_counted {
        let text = "Closed form: {0} {0|element|elements}. The steps are too many to be counted one by one: sections are \
            added up by it.";
        return Sentence::new(text).with(grouped(formula));
    }
    if counted == formula {
        return Sentence::new("Closed form: {0} {0|element|elements}, the same.").with(grouped(formula));
    }
    let sentence = Sentence::new("Closed form: {0} {0|element|elements}; counted {1}. They must agree.");
    sentence.with(grouped(formula)).with(grouped(counted))
}

/// Elements and bytes of each tensor, one line each way.
pub fn per_tensor(ctx: &Context, traffic: &Traffic) -> String {
    let ways = [
        ("{0} read: {1} {1|element|elements}, {2}", &traffic.read),
        ("{0} write: {1} {1|element|elements}, {2}", &traffic.write),
    ];
    let lines = ways.into_iter().flat_map(|(way, tensors)| {
        tensors.iter().map(move |(tensor, elements)| {
            fill(ctx, way, &[&tensor.name(), &grouped(elements), &bytes(tensors.bytes_of(tensor))])
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the counters leave out.
pub const NOT_MODELLED: &str = "Counted: every element that the algorithm moves between HBM and the chip, and between \
    on-chip memory and arithmetic. Not modelled: caches (L2 would serve some of the repeated reads), transactions of \
    32 bytes, bank conflicts, and the reads of the mask, which comes from indices.";

pub const NOTHING_ON_CHIP: &str = "Nothing is on chip yet. Press Space to play, or Right for the first step.";
