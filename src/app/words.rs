//! The sentences of the window: what a step does, why a number is what it is. Data in, sentences out, which are said in
//! the language on screen.

use eframe::egui::{Context, Id};

use crate::playback::lesson::Language;
use crate::schedule::{Max, Op, Plan, Step, Tensor, Traffic};
use crate::sentence::{self, Sentence};

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
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    sentence::fill(tr(ctx, english), &values)
}

/// A sentence in the language on screen.
pub fn say(ctx: &Context, sentence: &Sentence) -> String {
    let language = language(ctx);
    sentence.say(&|pattern| in_language(language, pattern))
}

/// Why there is no GPU: what a driver or a probe says is looked up whole.
pub fn no_gpu(ctx: &Context, reason: &Sentence) -> String {
    let reason = say(ctx, reason);
    tr(ctx, &reason).to_owned()
}

/// What the step carried out last did, such as
/// `step 37 of 96: tile (i 1, j 2): row max rose in 2 of 4 rows`.
pub fn current_step(scene: &Scene, snapshot: &Snapshot) -> Sentence {
    let len = grouped(scene.schedule().len());
    let Some(step) = snapshot.view.step else {
        return Sentence::new("step 0 of {0}: nothing is on chip yet").with(len);
    };
    let kernels = &scene.schedule().kernels;
    let kernel = snapshot.view.program.and_then(|(kernel, _)| kernels.get(kernel)).filter(|_| kernels.len() > 1);
    let place = match kernel {
        Some(kernel) => Sentence::new("{0}, {1}").and(kernel_name(&kernel.name)).and(place(&step)),
        None => place(&step),
    };
    let sentence = Sentence::new("step {0} of {1}: {2}: {3}").with(grouped(snapshot.cursor)).with(len);
    sentence.and(place).and(deed(&step, snapshot))
}

/// The kernels that the window has words for.
const KERNELS: [&str; 4] = ["attention", "scores", "softmax", "output"];

/// A kernel by its name in the text.
fn kernel_name(name: &str) -> Sentence {
    KERNELS.into_iter().find(|known| *known == name).map_or_else(|| Sentence::verbatim(name), Sentence::from)
}

/// Where a step works.
pub fn place(step: &Step) -> Sentence {
    match (step.place.i(), step.place.j()) {
        (Some(i), Some(j)) => Sentence::new("tile (i {0}, j {1})").with(i).with(j),
        (Some(i), None) => Sentence::new("query block i {0}").with(i),
        (None, Some(j)) => Sentence::new("key block j {0}").with(j),
        (None, None) => "all blocks".into(),
    }
}

fn deed(step: &Step, snapshot: &Snapshot) -> Sentence {
    match step.op {
        Op::Load(tensor) if step.free => Sentence::new("{0} is used again, no bytes move").and(block(tensor)),
        Op::Load(tensor) => Sentence::new("loaded {0} to the chip").and(block(tensor)),
        Op::Store(tensor) => Sentence::new("stored {0} to HBM").and(block(tensor)),
        Op::Initialise(tensor) => Sentence::new("wrote the starting value of {0} to HBM").with(tensor.name()),
        Op::StartRows => "O = 0, l = 0, m = -inf on chip".into(),
        Op::Scores => "computed the scores S = scale Q K^T".into(),
        Op::Mask => "hid the masked scores".into(),
        Op::RowMax(Max::Running) | Op::MergeStats => match snapshot.risen() {
            Some((0, of)) => Sentence::new("no new maximum in {0} rows, alpha = 1").with(of),
            Some((risen, of)) => Sentence::new("row max rose in {0} of {1} rows").with(risen).with(of),
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

fn block(tensor: Tensor) -> Sentence {
    Sentence::new(match tensor {
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
    })
}

/// Traffic beside that of standard attention; says why when it is more.
pub fn beside_standard(scene: &Scene) -> Sentence {
    let plan = scene.plan();
    let (own, standard) = (scene.closed_form.hbm_bytes(plan), scene.standard.hbm_bytes(plan));
    let name = scene.settings.algorithm;
    if scene.is_baseline() {
        return "This is standard attention: S and P go through HBM whole.".into();
    }
    let ratio = own as f64 / standard.max(1) as f64;
    if own <= standard {
        return Sentence::new("{0} moves {1} the bytes of standard attention.").with(name).with(times(ratio));
    }
    let why = if plan.d >= plan.n_k {
        Sentence::new("S and P are small here: {0} keys against d = {1}").with(plan.n_k).with(plan.d)
    } else {
        Sentence::new("blocks of {0} queries load K and V {1} times").with(plan.br).with(plan.t_r())
    };
    let sentence = "{0} moves {1} the bytes of standard attention: {2}. At this size tiling does not pay.";
    Sentence::new(sentence).with(name).with(times(ratio)).and(why)
}

fn times(ratio: f64) -> String {
    format!("{} x", short(ratio))
}

/// The counters equal the formula, or by how much they do not.
pub fn beside_formula(counted: &Traffic, formula: &Traffic) -> Sentence {
    let (counted, formula) = (counted.hbm_elements(), formula.hbm_elements());
    if counted == formula {
        return Sentence::new("Closed form: {0} elements, the same.").with(grouped(formula));
    }
    let sentence = Sentence::new("Closed form: {0} elements; counted {1}. They must agree.");
    sentence.with(grouped(formula)).with(grouped(counted))
}

/// Elements and bytes of each tensor, one line each way.
pub fn per_tensor(ctx: &Context, traffic: &Traffic, plan: &Plan) -> String {
    let ways = [("{0} read: {1} elements, {2} B", &traffic.read), ("{0} write: {1} elements, {2} B", &traffic.write)];
    let lines = ways.into_iter().flat_map(|(way, tensors)| {
        tensors.iter().map(move |(tensor, elements)| {
            let bytes = elements * plan.bytes_of(tensor);
            fill(ctx, way, &[&tensor.name(), &grouped(elements), &grouped(bytes)])
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the counters leave out.
pub const NOT_MODELLED: &str = "Counted: every element that the algorithm moves between HBM and the chip, and between \
    on-chip memory and arithmetic. Not modelled: caches (L2 would serve some of the repeated reads), transactions of \
    32 bytes, bank conflicts, and the reads of the mask, which comes from indices.";

pub const NOTHING_ON_CHIP: &str = "Nothing is on chip yet. Press Space to play, or Right for the first step.";
