//! Whether a trace agrees with itself: steps within the grid, tiles of the class that the mask gives, totals that add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TraceError;
use super::format::{FlopCounts, Moved, Step, Totals, Trace};
use crate::attention::input::diagonals;
use crate::attention::{BiasOf, Mask, Pages, Pairs, Shape};
use crate::schedule::language::{Kind, SCALE_BYTES, element_bytes};
use crate::schedule::{Algorithm, OnChip, PagesOfBatch, Place, Plan, Tensor, Tiling};
use crate::sentence::Sentence;

/// Sizes above this are refused, so that no product of an index and a block size overflows.
const MOST: usize = 1 << 40;

/// Errors with the first step, or else the first total, that does not agree.
pub(super) fn validate(trace: &Trace) -> Result<(), TraceError> {
    let plan = plan(trace)?;
    let own = trace.text.as_ref().and_then(|text| Algorithm::read(&trace.algorithm, text).ok());
    let mut sums = Sums {
        kinds: kinds(own.as_ref()),
        makes_scores: makes_scores(own.as_ref()),
        counts_scales: trace.totals.tensors.contains_key(&Tensor::SCALES),
        bias_of: bias_of(&trace.totals),
        ..Sums::default()
    };
    for (n, step) in (0..).zip(&trace.steps) {
        check_step(n, step, &plan)
            .and_then(|()| within(step.on_chip_bytes, trace.totals.peak_on_chip_bytes))
            .and_then(|()| sums.add(step, &plan))
            .map_err(|fault| TraceError::invalid(Sentence::new("step {0}").with(n), fault))?;
    }
    let place = |field| Sentence::verbatim(format!("totals.{field}"));
    sums.agree(&trace.totals, &plan).map_err(|(field, fault)| TraceError::invalid(place(field), fault))
}

/// The tensors of the algorithm with their kinds, as the trace's own text has them; of a trace without a text that can be
/// read, those of the forward passes.
fn kinds(own: Option<&Algorithm>) -> BTreeMap<Tensor, Kind> {
    match own {
        Some(own) => own.text().tensors.iter().enumerate().map(|(id, of)| (own.tensor(id), of.kind)).collect(),
        None => Tensor::FORWARD.into_iter().map(|tensor| (tensor, kind_of_forward(tensor))).collect(),
    }
}

/// The arrays that its bias is read from, by what it moves. In traces before they were told apart a mask moves as a bias.
fn bias_of(totals: &Totals) -> BiasOf {
    match [Tensor::BIAS, Tensor::MASK].map(|tensor| totals.tensors.contains_key(&tensor)) {
        [false, true] => BiasOf::Booleans,
        [true, true] => BiasOf::Both,
        [_, false] => BiasOf::Numbers,
    }
}

/// The lines of the trace's own text that make the scores of a tile, from 1.
fn makes_scores(own: Option<&Algorithm>) -> Option<Vec<u32>> {
    let own = own?;
    let lines = own.text().lines.iter().enumerate().filter(|(n, _)| own.facts(*n).makes_scores);
    Some(lines.map(|(_, line)| line.span.line).collect())
}

fn kind_of_forward(tensor: Tensor) -> Kind {
    match tensor {
        Tensor::M | Tensor::SUM | Tensor::LSE => Kind::Accumulator,
        Tensor::KEEP => Kind::Byte,
        _ => Kind::Element,
    }
}

/// What an array leaves of each row. Errors where it is not of as many queries and keys.
fn array(trace: &Trace, shape: &Shape) -> Result<Option<Arc<Pairs>>, TraceError> {
    let facts = &trace.problem.mask;
    let Some(rows) = &facts.array else { return Ok(None) };
    let fits = |row: &Vec<[usize; 2]>| row.last().is_none_or(|[_, end]| *end <= shape.n_k);
    let runs = |row: &Vec<[usize; 2]>| row.iter().map(|&[start, end]| start..end).collect();
    let heads: Vec<_> = std::iter::once(rows).chain(&facts.array_of_all).collect();
    let fits = heads.iter().all(|rows| matches!(rows.len(), n if n == 1 || n == shape.n_q) && rows.iter().all(fits));
    let heads = heads.into_iter().map(|rows| rows.iter().map(runs).collect()).collect();
    // What every head sees, some do: together they are what they were.
    let pairs = Pairs::of_heads(heads).filter(|_| fits);
    let fault = "rising runs of keys are needed, for each query or for all alike";
    let place = Sentence::verbatim("problem.mask.array");
    pairs.map(|pairs| Some(Arc::new(pairs))).ok_or_else(|| TraceError::invalid(place, fault))
}

/// Where K and V lie. Errors where that is no table of the batch.
fn pages(trace: &Trace, shape: &Shape) -> Result<Option<Arc<Pages>>, TraceError> {
    let Some(pages) = &trace.problem.pages else { return Ok(None) };
    let rows = trace.problem.mask.sequences.as_ref().map_or(shape.batch, Vec::len);
    let fits = |row: &Vec<usize>| row.len() <= pages.width && row.iter().all(|&page| page < pages.pool);
    let is_table = pages.table.len() == rows && pages.table.iter().all(fits);
    if !is_table || pages.size == 0 || pages.width.checked_mul(pages.size).is_none_or(|keys| keys > MOST) {
        let fault = "a row of pages of the pool is needed for each batch entry";
        return Err(TraceError::invalid(Sentence::verbatim("problem.pages"), fault));
    }
    Ok(Some(Arc::new(pages.clone())))
}

/// Query heads that are the rows of each query. Errors where the rows are not those of whole queries.
fn heads_as_rows(trace: &Trace, shape: &Shape) -> Result<Option<usize>, TraceError> {
    let heads = trace.problem.mask.heads_as_rows;
    if heads.is_some_and(|heads| heads == 0 || !shape.n_q.is_multiple_of(heads)) {
        let place = Sentence::verbatim("problem.mask.heads_as_rows");
        return Err(TraceError::invalid(place, "the rows are not those of whole queries"));
    }
    Ok(heads)
}

/// The plan that the sizes, the mask and the tiling describe.
fn plan(trace: &Trace) -> Result<Plan, TraceError> {
    let (facts, grid, head) = (&trace.problem, &trace.tiling, trace.head);
    let refuse = |place: &str, fault: Sentence| Err(TraceError::invalid(Sentence::verbatim(place), fault));
    let shape = Shape {
        batch: facts.batch,
        heads: facts.heads,
        kv_heads: facts.kv_heads,
        n_q: facts.n_q,
        n_k: facts.n_k,
        d: facts.d,
        d_v: facts.d_v,
    };
    if let Err(error) = shape.validate() {
        return refuse("problem", error.sentence());
    }
    if let Some(size) = [shape.n_q, shape.n_k, shape.d, shape.d_v].into_iter().find(|&size| size > MOST) {
        return refuse("problem", Sentence::new("a size of {0} is out of reach").with(size));
    }
    if head.batch >= shape.batch || head.head >= shape.heads {
        let fault = Sentence::new("there is no ({0}, {1}) in {2} x {3}").with(head.batch).with(head.head);
        return refuse("head", fault.with(shape.batch).with(shape.heads));
    }
    let lengths = &facts.mask.key_lengths;
    if let Some(count) = lengths.as_ref().map(Vec::len).filter(|&count| count != shape.batch) {
        let fault =
            Sentence::new("{0} {0|length|lengths} for {1} batch {1|entry|entries}").with(count).with(shape.batch);
        return refuse("problem.mask.key_lengths", fault);
    }
    // No size is above MOST, so that a wider window leaves as much of it.
    let [window_left, window_right] = facts.mask.window.map(|side| side.map(|keys| keys.min(MOST)));
    // Of a batch in one schedule, each sequence says where its diagonal lies.
    let packed = trace.input.packed.as_ref().filter(|_| facts.mask.sequences.is_none());
    let mask = Mask {
        causal: facts.mask.causal,
        align: facts.mask.align,
        window_left,
        window_right,
        key_lengths: lengths.clone(),
        diagonal: facts.mask.diagonal,
        left_padding: facts.mask.left_padding.clone(),
        prefix_keys: facts.mask.prefix_keys,
        sink_keys: facts.mask.sink_keys,
        documents: facts.mask.documents.clone(),
        sequences: packed.and_then(|packed| diagonals(packed.iter().copied())),
        varlen: facts.mask.sequences.as_ref().map(|all| all.iter().copied().collect()),
        heads_as_rows: heads_as_rows(trace, &shape)?,
        array: array(trace, &shape)?,
    };
    // Lengths beyond the keys are all of them.
    if let Err(error) = (Mask { key_lengths: None, ..mask.clone() }).check(&shape) {
        return refuse("problem.mask", error.sentence());
    }
    let tiling = Tiling { br: grid.br, bc: grid.bc };
    let pages = pages(trace, &shape)?.map(|pages| PagesOfBatch { pages, batch: head.batch });
    let plan = Plan {
        d_v: shape.d_v,
        pages,
        ..Plan::new(shape.n_q, shape.n_k, shape.d, tiling, facts.precision).with_band(mask.band(&shape, head.batch))
    };
    // The plan clamps blocks to the sequence.
    if (plan.br, plan.bc) != (grid.br, grid.bc) {
        let fault = Sentence::new("blocks of {0} x {1} for {2} x {3}").with(grid.br).with(grid.bc);
        return refuse("tiling", fault.with(shape.n_q).with(shape.n_k));
    }
    if (plan.t_r(), plan.t_c()) != (grid.t_r, grid.t_c) {
        let (t_r, t_c) = (plan.t_r(), plan.t_c());
        let fault = Sentence::new("{0} x {1} blocks, where {2} x {3} are needed").with(grid.t_r).with(grid.t_c);
        return refuse("tiling", fault.with(t_r).with(t_c));
    }
    Ok(plan)
}

fn check_step(n: u64, step: &Step<'_>, plan: &Plan) -> Result<(), Sentence> {
    if step.n != n {
        return Err(Sentence::new("its number is {0}").with(step.n));
    }
    let (t_r, t_c) = (plan.t_r(), plan.t_c());
    if let Some(i) = step.i.filter(|&i| i >= t_r) {
        return Err(Sentence::new("i is {0}, but there {1|is|are} {1} query {1|block|blocks}").with(i).with(t_r));
    }
    if let Some(j) = step.j.filter(|&j| j >= t_c) {
        return Err(Sentence::new("j is {0}, but there {1|is|are} {1} key {1|block|blocks}").with(j).with(t_c));
    }
    let (rows, cols) = plan.spans(Place::new(step.i, step.j));
    let [rows, cols] = [rows, cols].map(|block| [block.start, block.end]);
    for (name, index, found, expected) in [("rows", step.i, step.rows, rows), ("cols", step.j, step.cols, cols)] {
        if found.map_or(index.is_some(), |found| found != expected) {
            let fault = Sentence::new("{0} are {1}, but its block is {2}").with(name);
            return Err(fault.with(format!("{found:?}")).with(format!("{expected:?}")));
        }
    }
    let class = step.i.zip(step.j).map(|(i, j)| plan.class(i, j));
    if step.class != class {
        let name = |class: Option<crate::attention::TileClass>| class.map_or("absent", |class| class.name());
        let fault = Sentence::new("class is {0}, but the mask makes it {1}");
        return Err(fault.and(name(step.class)).and(name(class)));
    }
    if let Some(pages) = &step.pages {
        let own = step.j.and_then(|j| plan.pages_of(j));
        if own.as_ref() != Some(pages) {
            return Err(Sentence::new("its pages are not those of its block"));
        }
    }
    check_lengths(step, rows[1] - rows[0], cols[1] - cols[0], plan.d_v)
}

fn check_lengths(step: &Step<'_>, rows: usize, cols: usize, d_v: usize) -> Result<(), Sentence> {
    if let Some((name, values)) = step.statistics().find(|(_, values)| values.numbers().len() != rows) {
        let fault = Sentence::new("{0} has {1} {1|number|numbers} for {2} {2|row|rows}").with(name);
        return Err(fault.with(values.numbers().len()).with(rows));
    }
    for (name, tile, width) in [("s", &step.s, cols), ("p", &step.p, cols), ("o", &step.o, d_v)] {
        let Some(tile) = tile else { continue };
        if tile.len() != rows || tile.iter().any(|row| row.numbers().len() != width) {
            return Err(Sentence::new("{0} is not a tile of {1} x {2}").with(name).with(rows).with(width));
        }
    }
    Ok(())
}

fn within(live: OnChip, peak: OnChip) -> Result<(), Sentence> {
    if live.shared > peak.shared || live.registers > peak.registers {
        let show = |on_chip: OnChip| {
            Sentence::new("{0} shared and {1} register {1|byte|bytes}").with(on_chip.shared).with(on_chip.registers)
        };
        return Err(Sentence::new("{0} are live, above the peak of {1}").and(show(live)).and(show(peak)));
    }
    Ok(())
}

/// What the steps add up to. Saturates: a sum that does can equal no total that was counted.
#[derive(Default)]
struct Sums {
    steps: u64,
    read: u64,
    write: u64,
    tensors: BTreeMap<Tensor, Moved>,
    flops: FlopCounts,
    peak: OnChip,
    computed: u64,
    /// Tensors that are not kept in the format of the inputs.
    kinds: BTreeMap<Tensor, Kind>,
    /// Scales of blocks are among the bytes read; in traces before they were counted, they are not.
    counts_scales: bool,
    bias_of: BiasOf,
    /// Where the text is there, its lines that make scores; they are known by their name else.
    makes_scores: Option<Vec<u32>>,
}

impl Sums {
    fn add(&mut self, step: &Step<'_>, plan: &Plan) -> Result<(), Sentence> {
        let grow = |sum: &mut u64, by: u64| *sum = sum.saturating_add(by);
        let (read, write) = (step.hbm_read_bytes, step.hbm_write_bytes);
        grow(&mut self.steps, 1);
        grow(&mut self.read, read);
        grow(&mut self.write, write);
        grow(&mut self.flops.matmul, step.flops.matmul);
        grow(&mut self.flops.exp, step.flops.exp);
        grow(&mut self.flops.other, step.flops.other);
        let makes_scores = match &self.makes_scores {
            Some(lines) => step.lines.pseudo.iter().any(|line| lines.contains(&u32::from(*line))),
            None => step.op == "scores",
        };
        grow(&mut self.computed, u64::from(makes_scores));
        self.peak = self.peak.max(step.on_chip_bytes);
        if let Some(tensor) = step.tensor.filter(|tensor| !self.kinds.contains_key(tensor)) {
            return Err(Sentence::new("{0} is no tensor of its text").with(tensor.name()));
        }
        if read == 0 && write == 0 {
            return Ok(());
        }
        let tensor = step.tensor.ok_or("it moves bytes, but no tensor")?;
        let entries = step.pages.as_ref().map_or(0, |pages| pages.len() as u64);
        let scales = u64::from(self.counts_scales && read > 0 && plan.precision.scales(tensor.name()));
        let (rows, cols) = plan.spans(Place::new(step.i, step.j));
        let is_masked = tensor == Tensor::BIAS && read > 0 && self.bias_of.has_booleans();
        let pairs = if is_masked { (rows.len() * cols.len()) as u64 } else { 0 };
        let beside = entries * Pages::ENTRY_BYTES + scales * SCALE_BYTES + pairs * BiasOf::BOOLEAN_BYTES;
        let read = read.checked_sub(beside).ok_or("it reads fewer bytes than stand beside its block")?;
        let element =
            element_bytes(tensor.name(), self.kinds.get(&tensor).copied().unwrap_or(Kind::Element), plan.precision);
        if !read.is_multiple_of(element) || !write.is_multiple_of(element) {
            let fault = Sentence::new("it moves part of an element: those of {0} have {1} {1|byte|bytes}");
            return Err(fault.with(tensor.name()).with(element));
        }
        let all_beside = [
            (Tensor::BLOCK_TABLE, entries, Pages::ENTRY_BYTES),
            (Tensor::SCALES, scales, SCALE_BYTES),
            (Tensor::MASK, pairs, BiasOf::BOOLEAN_BYTES),
        ];
        for (beside, elements, bytes) in all_beside {
            if elements > 0 {
                let moved = self.tensors.entry(beside).or_default();
                grow(&mut moved.read_elements, elements);
                grow(&mut moved.read_bytes, elements * bytes);
            }
        }
        if read == 0 && write == 0 {
            return Ok(());
        }
        let moved = self.tensors.entry(tensor).or_default();
        grow(&mut moved.read_bytes, read);
        grow(&mut moved.read_elements, read / element);
        grow(&mut moved.write_bytes, write);
        grow(&mut moved.write_elements, write / element);
        Ok(())
    }

    /// Errors with the name of the first total that differs.
    fn agree(&self, totals: &Totals, plan: &Plan) -> Result<(), (&'static str, Sentence)> {
        let tiles = totals.tiles;
        let classes = [tiles.full, tiles.partial, tiles.skipped].into_iter().map(u128::from).sum::<u128>();
        let pairs = [
            ("steps", totals.steps.into(), self.steps.into()),
            ("hbm_read_bytes", totals.hbm_read_bytes.into(), self.read.into()),
            ("hbm_write_bytes", totals.hbm_write_bytes.into(), self.write.into()),
            ("flops.matmul", totals.flops.matmul.into(), self.flops.matmul.into()),
            ("flops.exp", totals.flops.exp.into(), self.flops.exp.into()),
            ("flops.other", totals.flops.other.into(), self.flops.other.into()),
            ("peak_on_chip_bytes.shared", totals.peak_on_chip_bytes.shared.into(), self.peak.shared.into()),
            ("peak_on_chip_bytes.registers", totals.peak_on_chip_bytes.registers.into(), self.peak.registers.into()),
            ("tiles.computed", tiles.computed.into(), self.computed.into()),
            ("tiles", classes, plan.tiles().into()),
        ];
        if let Some((field, found, expected)) = pairs.into_iter().find(|(_, found, expected)| found != expected) {
            return Err((field, Sentence::new("{0}, but the steps make {1}").with(found).with(expected)));
        }
        if totals.tensors != self.tensors {
            let differs = |tensor: &&Tensor| totals.tensors.get(tensor) != self.tensors.get(tensor);
            let tensor = totals.tensors.keys().chain(self.tensors.keys()).find(differs);
            let name = tensor.map_or("", |tensor| tensor.name());
            return Err(("tensors", Sentence::new("{0} is not what the steps move").with(name)));
        }
        Ok(())
    }
}
