//! The sentences of the window: what a step does, why a number is what it is. Data in, English out; one place to
//! translate.

use eframe::egui::{Context, Id};

use crate::playback::lesson::Language;
use crate::schedule::{Max, Op, Plan, Step, Tensor, Traffic};

use super::chinese;
use super::number::{grouped, short};
use super::scene::Scene;
use super::snapshot::Snapshot;

/// The language on screen.
pub fn language(ctx: &Context) -> Language {
    ctx.data(|data| data.get_temp(Id::unique("language"))).unwrap_or_default()
}

/// Every word changes with the next frame.
pub fn set_language(ctx: &Context, language: Language) {
    ctx.data_mut(|data| data.insert_temp(Id::unique("language"), language));
}

/// `english` in the language on screen; itself where the table has no line for it, which a test forbids.
pub fn tr<'a>(ctx: &Context, english: &'a str) -> &'a str {
    in_language(language(ctx), english)
}

pub fn in_language(language: Language, english: &str) -> &str {
    match language {
        Language::English => english,
        Language::Chinese => chinese::of(english).unwrap_or(english),
    }
}

/// A sentence of the table with its values: `{0}` is the first.
pub fn fill(ctx: &Context, english: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut text = tr(ctx, english).to_owned();
    for (at, value) in values.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), &value.to_string());
    }
    text
}

/// What the step carried out last did, such as
/// `step 37 of 96: tile (i 1, j 2): row max rose in 2 of 4 rows`.
pub fn current_step(scene: &Scene, snapshot: &Snapshot) -> String {
    let len = grouped(scene.schedule().len());
    let Some(step) = snapshot.view.step else {
        return format!("step 0 of {len}: nothing is on chip yet");
    };
    let n = grouped(snapshot.cursor);
    let kernels = &scene.schedule().kernels;
    let kernel = match snapshot.view.program {
        Some((kernel, _)) if kernels.len() > 1 => {
            kernels.get(kernel).map_or(String::new(), |k| format!("{}, ", k.name))
        }
        _ => String::new(),
    };
    format!("step {n} of {len}: {kernel}{}: {}", place(&step), deed(&step, snapshot))
}

/// Where a step works.
pub fn place(step: &Step) -> String {
    match (step.place.i(), step.place.j()) {
        (Some(i), Some(j)) => format!("tile (i {i}, j {j})"),
        (Some(i), None) => format!("query block i {i}"),
        (None, Some(j)) => format!("key block j {j}"),
        (None, None) => "all blocks".into(),
    }
}

fn deed(step: &Step, snapshot: &Snapshot) -> String {
    match step.op {
        Op::Load(tensor) if step.free => format!("{} is used again, no bytes move", block(tensor)),
        Op::Load(tensor) => format!("loaded {} to the chip", block(tensor)),
        Op::Store(tensor) => format!("stored {} to HBM", block(tensor)),
        Op::Initialise(tensor) => format!("wrote the starting value of {} to HBM", tensor.name()),
        Op::StartRows => "O = 0, l = 0, m = -inf on chip".into(),
        Op::Scores => "computed the scores S = scale Q K^T".into(),
        Op::Mask => "hid the masked scores".into(),
        Op::RowMax(Max::Running) | Op::MergeStats => match snapshot.risen() {
            Some((0, of)) => format!("no new maximum in {of} rows, alpha = 1"),
            Some((risen, of)) => format!("row max rose in {risen} of {of} rows"),
            None => "took the row maximum".into(),
        },
        Op::RowMax(Max::Tile) => "took the row maximum".into(),
        Op::Exponentiate(_) => "weights P = exp(S - m)".into(),
        Op::RowSum => "summed the weights of each row".into(),
        Op::Dropout => "dropped weights".into(),
        Op::Rescale => "shrank l and O by alpha".into(),
        Op::Accumulate => "added P V to O and the row sums to l".into(),
        Op::StartOutput => "O = 0 on chip".into(),
        Op::Product => "added P V to O".into(),
        Op::Normalise => "divided O by l".into(),
        Op::MergeOutput => "merged P V into O".into(),
        Op::DivideRows => "divided P by the row sums".into(),
    }
}

fn block(tensor: Tensor) -> &'static str {
    match tensor {
        Tensor::Q => "Q_i",
        Tensor::K => "K_j",
        Tensor::V => "V_j",
        Tensor::O => "O_i",
        Tensor::S => "a tile of S",
        Tensor::P => "a tile of P",
        Tensor::M => "m_i",
        Tensor::Sum => "l_i",
        Tensor::Lse => "L_i",
        Tensor::Bias => "a tile of the bias",
        Tensor::Keep => "a tile of the dropout mask",
    }
}

/// Traffic beside that of standard attention; says why when it is more.
pub fn beside_standard(scene: &Scene) -> String {
    let plan = scene.plan();
    let (own, standard) = (scene.closed_form.hbm_bytes(plan), scene.standard.hbm_bytes(plan));
    let name = scene.settings.algorithm;
    if scene.is_baseline() {
        return "This is standard attention: S and P go through HBM whole.".into();
    }
    let ratio = own as f64 / standard.max(1) as f64;
    if own <= standard {
        return format!("{name} moves {} the bytes of standard attention.", times(ratio));
    }
    let why = if plan.d >= plan.n_k {
        format!("S and P are small here: {} keys against d = {}", plan.n_k, plan.d)
    } else {
        format!("blocks of {} queries load K and V {} times", plan.br, plan.t_r())
    };
    format!("{name} moves {} the bytes of standard attention: {why}. At this size tiling does not pay.", times(ratio))
}

fn times(ratio: f64) -> String {
    format!("{} x", short(ratio))
}

/// The counters equal the formula, or by how much they do not.
pub fn beside_formula(counted: &Traffic, formula: &Traffic) -> String {
    let (counted, formula) = (counted.hbm_elements(), formula.hbm_elements());
    if counted == formula {
        format!("Closed form: {} elements, the same.", grouped(formula))
    } else {
        format!("Closed form: {} elements; counted {}. They must agree.", grouped(formula), grouped(counted))
    }
}

/// Elements and bytes of each tensor, one line each way.
pub fn per_tensor(traffic: &Traffic, plan: &Plan) -> String {
    let ways = [("read", &traffic.read), ("write", &traffic.write)];
    let lines = ways.into_iter().flat_map(|(way, tensors)| {
        tensors.iter().map(move |(tensor, elements)| {
            let bytes = elements * plan.bytes_of(tensor);
            format!("{} {way}: {} elements, {} B", tensor.name(), grouped(elements), grouped(bytes))
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the counters leave out.
pub const NOT_MODELLED: &str = "Counted: every element that the algorithm moves between HBM and the chip, and between \
    on-chip memory and arithmetic. Not modelled: caches (L2 would serve some of the repeated reads), transactions of \
    32 bytes, bank conflicts, and the reads of the mask, which comes from indices.";

pub const NOTHING_ON_CHIP: &str = "Nothing is on chip yet. Press Space to play, or Right for the first step.";
