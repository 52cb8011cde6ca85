//! What a trace says of a run before and after its steps: problem, grid, conventions, totals, check.

use std::iter;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis, s};

use super::format::{
    Check, DropoutFacts, ErrorAndBound, FORMAT, Grid, HeadIndex, MaskFacts, Moved, Origin, ProblemFacts, TileTotals,
    Totals, Trace, VERSION,
};
use super::number::Number;
use crate::attention::dropout::Keep;
use crate::attention::expected::{self, Compared, Expected, FORWARD, GRADIENTS, WrongNumber};
use crate::attention::input::Layout;
use crate::attention::pairs::Rows;
use crate::attention::{Input, Problem, Window};
use crate::machine::{self, Results};
use crate::schedule::spec::{KeyLengths, Lengths, RunSpec, Splits};
use crate::schedule::{Arrival, Plan, Schedule, TileCounts, Tiling, algorithm, hardware};
use crate::sentence::Sentence;

/// A run to be exported.
#[derive(Clone)]
pub struct Export<'a> {
    pub origin: Origin,
    pub problem: &'a Problem,
    /// Of (batch, head) of the problem, in the precision to compute in.
    pub schedule: &'a Schedule,
    pub batch: usize,
    /// Query head.
    pub head: usize,
    /// The name of the hardware model, where one was used.
    pub hardware: Option<&'a str>,
    /// The source of a kernel with step markers, for its lines.
    pub kernel_source: Option<&'a str>,
    /// The gradient of the outputs of all heads, `[heads, n_q, d_v]`, for a backward pass; ones where there is none.
    pub d_o: Option<ArrayView3<'a, f64>>,
}

impl<'a> Export<'a> {
    /// Of a run that `spec` describes, on the input that it was [applied](RunSpec::apply) to.
    pub fn of(spec: &RunSpec, input: &'a Input, schedule: &'a Schedule) -> Self {
        let (batch, head) = (spec.batch(), spec.head());
        Self {
            origin: Origin {
                alibi: spec.alibi.as_ref().map(ToString::to_string),
                arrival: Some(schedule.setting.arrival).filter(|of| *of != Arrival::InOrder).map(|of| of.to_string()),
                bias: spec.bias.as_ref().map(ToString::to_string),
                grad: spec.grad.map(|grad| grad.seeded(Some(input.seed.unwrap_or(spec.seed()))).to_string()),
                keys: spec.keys.as_ref().map(ToString::to_string),
                pack_heads: spec.packs_heads(),
                page_size: spec.page_size,
                sinks: spec.sinks.as_ref().map(ToString::to_string),
                ..Origin::of(input, spec.prefix())
            },
            problem: &input.problem,
            schedule,
            batch,
            head,
            hardware: Some(spec.hardware().name),
            kernel_source: None,
            d_o: input.d_o.as_ref().map(|d_o| d_o.slice(s![batch, .., .., ..])),
        }
    }
}

impl Trace {
    /// The run that it describes; its algorithm may be a text of its own, and its input a file beside it.
    pub fn run(&self) -> RunSpec {
        let ProblemFacts { mask, scale, softcap, dropout, precision, .. } = &self.problem;
        let [left, right] = mask.window;
        // What nobody can read is as if it were not said: the problem is held against the trace after that.
        fn read<T: std::str::FromStr>(said: Option<&String>) -> Option<T> {
            said.and_then(|text| text.parse().ok())
        }
        let splits = self.steps.iter().filter_map(|step| step.split).max();
        let run = RunSpec {
            input: vec![self.input.name.clone().into()],
            seed: self.input.seed,
            prefix: Some(self.input.prefix.unwrap_or(0)),
            algorithm: Some(self.algorithm.clone()),
            splits: splits.map(|last| Splits::Count(last + 1)),
            batch: Some(self.head.batch),
            head: Some(self.head.head),
            causal: Some(mask.causal),
            align: Some(mask.align),
            window: Some(Window { left, right }),
            kv_lengths: Some(mask.lengths().map_or(KeyLengths::All, KeyLengths::Each)),
            diagonal: Some(mask.diagonal),
            left_padding: Some(Lengths::of(mask.left_padding.clone())),
            prefix_keys: Some(mask.prefix_keys),
            sink_keys: Some(mask.sink_keys),
            documents: Some(Lengths::of(mask.documents.clone())),
            scale: Some(scale.0),
            softcap: softcap.map(|cap| cap.0),
            alibi: read(self.input.alibi.as_ref()),
            bias: read(self.input.bias.as_ref()),
            keys: read(self.input.keys.as_ref()),
            pack_heads: self.input.pack_heads.then_some(true),
            page_size: self.input.page_size,
            varlen: mask.sequences.is_some().then_some(true),
            sinks: read(self.input.sinks.as_ref()),
            grad: read(self.input.grad.as_ref()),
            arrival: read(self.input.arrival.as_ref()),
            dropout: dropout.as_ref().map(|dropout| dropout.rate.0),
            dropout_seed: dropout.as_ref().and_then(|dropout| dropout.seed),
            precision: Some(*precision),
            hardware: self.hardware.as_deref().and_then(hardware::by_name),
            ..RunSpec::default()
        };
        run.with_blocks(Tiling { br: self.tiling.br, bc: self.tiling.bc })
    }
}

impl MaskFacts {
    /// Keys that exist, for each batch entry of the input.
    fn lengths(&self) -> Option<Vec<usize>> {
        let of_each = self.sequences.as_ref().map(|all| all.iter().map(|of| of.keys).collect());
        of_each.or_else(|| self.key_lengths.clone())
    }
}

impl Origin {
    /// Where `input` came from, of which the first `prefix` tokens were used.
    pub fn of(input: &Input, prefix: Option<usize>) -> Self {
        let layout = Some(input.layout).filter(|layout| *layout != Layout::default());
        let layout = layout.map(|layout| layout.name().into());
        let packed = input
            .packed
            .as_ref()
            .map(|packed| packed.queries.iter().zip(&packed.keys).map(|(&queries, &keys)| [queries, keys]).collect());
        let (name, sha256) = (input.name.clone(), input.sha256.clone());
        Self { name, sha256, seed: input.seed, prefix, layout, packed, ..Self::default() }
    }
}

const CONVENTIONS: [&str; 12] = [
    "Scores are s = scale * dot(q_i, k_j), then softcap, then ALiBi and bias, then masks to -Infinity.",
    "Query head h reads key and value head h / (heads / kv_heads).",
    "The causal diagonal: bottom-right lets query i see key j if j <= i + n_k - n_q, top-left if j <= i; where mask.diagonal is lengths, n_k is here the key length of the batch entry.",
    "A row that sees no key has m = -Infinity, l = 0, L = -Infinity and O = 0; with a learned sink m = L = sink and l = 1.",
    "alpha = exp(m_old - m_new), and 0 where m_old is -Infinity; flash1 has a second factor beta = exp(m_tile - m_new).",
    "L = m + ln l, with the natural logarithm.",
    "f16 and bf16 round the inputs, P before its product, and what is stored in that format; all else is f32.",
    "HBM traffic counts the elements that ragged blocks really have, starting values included.",
    "A skipped tile costs nothing, and masks made of indices cost no traffic; standard skips no tile.",
    "standard reads each operand once per kernel: a block loaded again is a step of 0 bytes.",
    "Buffers on chip are allocated whole, also at a ragged edge.",
    "Not modelled: caches, coalescing, bank conflicts, padding of transfers, other heads, time.",
];

const OF_SCALES: &str = "Each load of a block of Q, K or V in e4m3 reads the scale of the block, 4 bytes.";
const OF_MASK: &str = "Where the text loads the bias, a mask of booleans is read with it or in its place: the tensor `mask`, 1 byte a pair.";
const OF_PAGES: &str = "Each load of a block of K or V reads from the block table an entry of 4 bytes for every page that its keys lie in.";

/// Everything before the steps, which it has none of; `totals` are empty.
pub(super) fn head_of(export: &Export<'_>) -> Trace {
    let plan = export.schedule.plan();
    Trace {
        format: FORMAT.into(),
        version: VERSION,
        generator: concat!("tilescope ", env!("CARGO_PKG_VERSION")).into(),
        input: export.origin.clone(),
        problem: facts(export.problem, plan),
        algorithm: export.schedule.algorithm.name().into(),
        text: Some(export.schedule.algorithm.text().text.clone()),
        tiling: Grid { br: plan.br, bc: plan.bc, t_r: plan.t_r(), t_c: plan.t_c() },
        hardware: export.hardware.map(Into::into),
        head: HeadIndex { batch: export.batch, head: export.head },
        conventions: CONVENTIONS
            .into_iter()
            .chain(plan.pages.as_ref().map(|_| OF_PAGES))
            .chain((plan.bias && plan.bias_of.has_booleans()).then_some(OF_MASK))
            .chain(plan.precision.has_scales().then_some(OF_SCALES))
            .map(Into::into)
            .collect(),
        steps: Vec::new(),
        totals: totals(export.schedule, &machine::Totals::default()),
        check: None,
    }
}

fn facts(problem: &Problem, plan: &Plan) -> ProblemFacts {
    let (shape, mask) = (problem.shape, &problem.mask);
    let runs = |rows: &Rows| {
        let row = |row: &Vec<Range<usize>>| row.iter().map(|run| [run.start, run.end]).collect();
        rows.as_slice().iter().take(shape.n_q).map(row).collect()
    };
    let array = plan.band.array.as_ref();
    ProblemFacts {
        batch: shape.batch,
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        n_q: shape.n_q,
        n_k: shape.n_k,
        d: shape.d,
        d_v: shape.d_v,
        scale: Number(problem.scale),
        mask: MaskFacts {
            causal: mask.causal,
            align: mask.align,
            window: [mask.window_left, mask.window_right],
            key_lengths: mask.key_lengths.clone(),
            diagonal: mask.diagonal,
            left_padding: mask.left_padding.clone(),
            prefix_keys: mask.prefix_keys,
            sink_keys: mask.sink_keys,
            documents: mask.documents.clone(),
            sequences: mask.varlen.as_ref().map(|all| all.to_vec()),
            heads_as_rows: mask.heads_as_rows,
            array: array.map(|pairs| runs(&pairs.some)),
            array_of_all: array.filter(|pairs| pairs.some != pairs.every).map(|pairs| runs(&pairs.every)),
        },
        softcap: problem.softcap.map(Number),
        has_alibi: problem.alibi_slopes.is_some(),
        has_bias: problem.bias.is_some(),
        has_sinks: problem.sinks.is_some(),
        dropout: problem.dropout.as_ref().map(|dropout| DropoutFacts {
            rate: Number(dropout.rate),
            seed: match dropout.keep {
                Keep::Seed(stream) => Some(stream.seed),
                Keep::Given(_) => None,
            },
        }),
        pages: problem.pages.as_deref().cloned(),
        precision: plan.precision,
    }
}

/// The totals of a schedule from those of its meter.
pub(super) fn totals(schedule: &Schedule, counted: &machine::Totals) -> Totals {
    let (plan, traffic) = (schedule.plan(), &counted.traffic);
    let (read, write) = (&traffic.read, &traffic.write);
    let moved = |tensor| Moved {
        read_elements: read.get(tensor),
        read_bytes: read.bytes_of(tensor),
        write_elements: write.get(tensor),
        write_bytes: write.bytes_of(tensor),
    };
    let tensors = traffic.tensors().into_iter().map(|tensor| (tensor, moved(tensor))).collect();
    let TileCounts { full, partial, skipped } = TileCounts::of_plan(plan);
    let computed = counted.tiles.full + counted.tiles.partial + counted.tiles.skipped;
    Totals {
        steps: schedule.len(),
        hbm_read_bytes: read.bytes(),
        hbm_write_bytes: write.bytes(),
        tensors,
        sram_read_elements: traffic.sram_read,
        sram_write_elements: traffic.sram_write,
        flops: traffic.flops.into(),
        peak_on_chip_bytes: counted.peak,
        tiles: TileTotals { full, partial, skipped, computed },
    }
}

/// Holds the results of each head of the schedule against exact ones; where they are not right, says where first. `None`
/// where nothing was computed, or no rule tells how far it may be off.
pub(super) fn check(export: &Export<'_>, results: &[Results]) -> Option<(Check, Option<Sentence>)> {
    let picked = results.get(export.schedule.setting.picked(export.head))?;
    let has = |names: &[&str]| names.iter().any(|name| picked.called(name).is_some());
    let forward = if has(&FORWARD) { of_forward(export, picked) } else { Default::default() };
    let backward = if has(&GRADIENTS) { of_backward(export, results).ok()? } else { Vec::new() };
    let compared: Vec<Compared> = forward.into_iter().chain(backward).collect();
    if compared.is_empty() {
        return None;
    }
    let fault = compared.iter().find_map(|of| of.wrong.as_ref()).map(WrongNumber::sentence);
    // Of dQ, that of the head which is worst.
    let worst = |name: &str| {
        let all = compared.iter().filter(|of| of.name == name);
        all.max_by(|a, b| a.share().total_cmp(&b.share())).map(|of| ErrorAndBound {
            max_error: Number(of.error),
            bound: Number(of.bound),
            plain: of.plain.map(Number),
        })
    };
    let [o, m, l, lse] = FORWARD.map(worst);
    let gradients = GRADIENTS.iter().filter_map(|name| Some(((*name).to_owned(), worst(name)?))).collect();
    let passed = compared.iter().all(Compared::is_right);
    let saturated = picked.saturated().iter().cloned().collect();
    Some((Check { passed, o, m, l, lse, gradients, saturated }, fault))
}

fn of_forward(export: &Export<'_>, results: &Results) -> Vec<Compared> {
    let (algorithm, plan) = (&export.schedule.algorithm, export.schedule.plan());
    let stored = algorithm::stored(algorithm, plan);
    let (reference, bound) = expected::forward(export.problem, (export.batch, export.head), plan.precision, stored);
    let all = Expected::of_forward(&reference, &bound);
    all.iter().filter_map(|of| Some(of.compare(results.called(of.name)?.view()))).collect()
}

/// Errors with why no rule tells.
fn of_backward(export: &Export<'_>, results: &[Results]) -> Result<Vec<Compared>, Sentence> {
    let (schedule, shape) = (export.schedule, export.problem.shape);
    let first = export.head - schedule.setting.picked(export.head);
    let heads = first..first + results.len();
    let ones = Array2::ones((shape.n_q, shape.d_v));
    let d_o = |head| export.d_o.map_or(ones.view(), |d_o| d_o.index_axis_move(Axis(0), head));
    let d_o: Vec<ArrayView2<'_, f64>> = heads.clone().map(d_o).collect();
    let plan = schedule.plan();
    let stored = algorithm::stored_for_gradients(&schedule.algorithm, plan);
    let (of_queries, of_keys) =
        expected::backward(export.problem, (export.batch, heads), &d_o, plan.precision, stored)?;
    // What is of keys is the sum of the group.
    let all = of_queries.iter().zip(results).chain(of_keys.iter().zip(iter::repeat(&results[0])));
    Ok(all.filter_map(|(of, results)| Some(of.compare(results.called(of.name)?.view()))).collect())
}
