//! What an algorithm is: a text that was read, with its name. Everything here is derived from its lines.

mod of_group;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::attention::expected::GRADIENTS;
use crate::attention::{Format, Shape, Stored, TileClass};

use super::arrival::adds_in_hbm;
use super::buffer::Buffer;
use super::language::reduce_heads::{ReducedHeads, reduced};
use super::language::{
    self, Action, Cost, Diagnostic, Effects, Inner, Line, NameId, Names, Ready, Role, Setting, Statement, TEXTS, Tally,
    Test, VARIANTS, Walker,
};
use super::parts::{self, Change, OfText, Part, Parts};
use super::plan::Plan;
use super::step::{Beat, Lane, OnChip};
use super::tensor::Tensor;
use super::traffic::{HbmTensor, PerTensor, Traffic};
use of_group::Written;

/// A tiled algorithm: a text of the tile language, under a name. Copies share the text.
#[derive(Clone)]
pub struct Algorithm(Arc<Read>);

#[derive(Debug)]
struct Read {
    name: String,
    text: language::Algorithm,
    /// It for several query heads that share keys, where it sums nothing of keys over them itself.
    of_group: Option<Algorithm>,
    /// Of what was made of a text for such heads: what was written.
    written: Option<Written>,
    lines: Vec<LineFacts>,
    /// In the order of the text's own.
    tensors: Vec<Tensor>,
    /// Of each kernel: the names that span whole rows.
    whole_rows: Vec<Names>,
    parts: OfText,
}

/// What a line is to those who do not look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFacts {
    pub lane: Lane,
    pub beat: Beat,
    /// The tensor that moves between HBM and chip, if one does.
    pub tensor: Option<Tensor>,
    /// It makes the scores of a tile.
    pub makes_scores: bool,
    /// It makes the weights of a tile.
    pub makes_weights: bool,
    /// What it does to the output of its kernel, if that is a sum of weighted values.
    pub change: Option<Change>,
}

/// The forward passes that lists show, in their order. They report m and l, and have kernels.
pub static ALL: LazyLock<[&'static Algorithm; 3]> = LazyLock::new(|| {
    ["standard", "flash1", "flash2"]
        .map(|name| by_name(name).unwrap_or_else(|| panic!("{name} comes with the program")))
});

/// Every text that comes with the program, in the order in which lists show them; no variants.
pub fn of_program() -> impl Iterator<Item = &'static Algorithm> {
    TEXTS.into_iter().filter_map(|(name, _)| by_name(name))
}

/// It comes with the program, and is no text of the person's own by a name of the program's.
pub fn is_of_program(algorithm: &Algorithm) -> bool {
    by_name(algorithm.name()).is_some_and(|own| own == algorithm)
}

/// The algorithm that comes with the program under this name, such as `split-kv`; of a variant, `flash2/forget-alpha`.
pub fn by_name(name: &str) -> Option<&'static Algorithm> {
    static READ: [OnceLock<Algorithm>; TEXTS.len()] = [const { OnceLock::new() }; TEXTS.len()];
    static VARIANTS_READ: [OnceLock<Algorithm>; VARIANTS.len()] = [const { OnceLock::new() }; VARIANTS.len()];
    // A test reads them all.
    let read = |text: &str| Algorithm::read(name, text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
    if let Some((base, variant)) = name.split_once('/') {
        let at = VARIANTS.iter().position(|(of, own, _)| *of == base && *own == variant)?;
        return Some(VARIANTS_READ[at].get_or_init(|| read(VARIANTS[at].2)));
    }
    let at = TEXTS.iter().position(|(own, _)| *own == name)?;
    Some(READ[at].get_or_init(|| read(TEXTS[at].1)))
}

/// What `algorithm` stores under `plan` before its results are done, read off its traffic: its scores, or an output that
/// is read back and was rounded.
pub fn stored(algorithm: &Algorithm, plan: &Plan) -> Stored {
    let output = algorithm.result(Part::Output);
    let output_every = output.is_some_and(|output| is_rounded_between(algorithm, plan, output)).then_some(plan.bc);
    let scores = algorithm.stores_scores(&algorithm.closed_form(plan));
    Stored { scores, output_every, d_q_every: None }
}

/// What is rounded on the way to the gradients of `backward`: by the forward pass before it, and dQ where the pass adds to
/// it in HBM.
pub fn stored_for_gradients(backward: &Algorithm, plan: &Plan) -> Stored {
    let forward = backward.text().after.as_deref().and_then(by_name);
    let [d_q, ..] = GRADIENTS;
    let d_q_every = is_rounded_between(backward, plan, d_q).then_some(plan.bc);
    Stored { d_q_every, ..forward.map_or(Stored::default(), |forward| stored(forward, plan)) }
}

/// A tensor that is read back from HBM, where it is kept in a narrow format.
fn is_rounded_between(algorithm: &Algorithm, plan: &Plan, name: &str) -> bool {
    let Some(tensor) = Tensor::known(name) else { return false };
    let format = algorithm.of_tensor(tensor).and_then(|of| language::format_in_hbm(of, plan.precision));
    format.is_some_and(Format::is_narrow) && algorithm.closed_form(plan).read.get(tensor) > 0
}

/// A grid of programs (thread blocks).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: String,
    pub programs: usize,
}

/// How block sizes follow from a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRule {
    /// FlashAttention, Algorithm 1 line 1: `bc = ceil(M / 4d)`, `br = min(bc, d)`, M in elements.
    Paper,
    /// The largest of the usual square-ish tiles that fits the budgets.
    Largest,
}

impl PartialEq for Algorithm {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.written() == other.written())
    }
}

impl Eq for Algorithm {}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Algorithm").field(&self.name()).finish()
    }
}

impl Read {
    fn new(name: &str, text: language::Algorithm) -> Result<Self, Vec<Diagnostic>> {
        let named = text.tensors.iter().map(|tensor| Tensor::named(&tensor.name)).collect::<Option<Vec<_>>>();
        let Some(tensors) = named else {
            let what = "a tensor of this text has too long a name, or too many names of tensors were read before";
            let first = language::Span { line: 1, column: 1, width: 1 };
            return Err(vec![Diagnostic::new(first, what)]);
        };
        let parts = parts_of(&text);
        let facts =
            |(n, line): (usize, &Line)| LineFacts::of(line, &tensors, parts.kernel(line.kernel), parts.change(n));
        let lines = text.lines.iter().enumerate().map(facts).collect();
        let whole_rows = (0..text.kernels.len()).map(|kernel| language::whole_rows(&text, kernel)).collect();
        let name = name.to_owned();
        Ok(Self { name, text, of_group: None, written: None, lines, tensors, whole_rows, parts })
    }

    fn operation(&self, line: usize) -> String {
        let label = &self.text.lines[line].label;
        self.lines[line].tensor.map_or_else(|| label.clone(), |tensor| format!("{label} {}", tensor.name()))
    }
}

impl Algorithm {
    /// Reads a text under a name. Errors with all that is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let own = Read::new(name, language::read(text)?)?;
        let Some(sums) = reduced(&own.text) else { return Ok(Self(Arc::new(own))) };
        let ReducedHeads { algorithm, inserted } = sums?;
        let written = Some(Written::of(&own, inserted));
        let of_group = Some(Self(Arc::new(Read { written, ..Read::new(name, algorithm)? })));
        Ok(Self(Arc::new(Read { of_group, ..own })))
    }

    /// The name on the command line and in traces.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name where there is little room: of a text in a file, without the folders.
    pub fn short_name(&self) -> &str {
        let name = self.name();
        if name.ends_with(".tile") { name.rsplit(['/', '\\']).next().unwrap_or(name) } else { name }
    }

    /// One line for a person.
    pub fn title(&self) -> &str {
        &self.0.text.title
    }

    /// The text with its lines.
    pub fn text(&self) -> &language::Algorithm {
        &self.0.text
    }

    /// The text that it is a variant of, if it is one of a text of the program.
    pub fn base(&self) -> Option<&'static Algorithm> {
        by_name(&self.text().variant.as_ref()?.base)
    }

    /// It with a bug of this name, or as it is where its lines cannot have that bug.
    pub fn with_bug(&self, bug: &str) -> Self {
        by_name(&format!("{}/{bug}", self.name())).unwrap_or(self).clone()
    }

    /// Under its mask query `i` sees key `j`: a text may have one that is wrong on purpose, and gives hidden pairs a score
    /// like any other, or goes by another diagonal.
    pub fn keeps(&self, plan: &Plan, i: usize, j: usize) -> bool {
        let statements = || self.text().lines.iter().flat_map(|line| &line.statements);
        let mut hides = statements().filter_map(|statement| match statement.action {
            Action::Hide { value, by, .. } => Some((value, by, statement.conditions.contains(&(Test::Full, false)))),
            _ => None,
        });
        let Some(first) = hides.next() else { return plan.band.keeps(i, j) };
        let of_mask = std::iter::once(first).chain(hides).find(|(value, ..)| *value == f64::NEG_INFINITY);
        of_mask.is_none_or(|(_, by, spares_full)| {
            let is_spared = spares_full && plan.class(plan.query_block(i), plan.key_block(j)) == TileClass::Full;
            is_spared || by.of(&plan.band).keeps(i, j)
        })
    }

    /// It cuts the keys into parts.
    pub fn has_splits(&self) -> bool {
        self.text().lines.iter().any(|line| line.axes().has(language::Axis::S))
    }

    /// The names that play parts in a kernel.
    pub fn parts(&self, kernel: usize) -> &Parts {
        self.0.parts.kernel(kernel)
    }

    /// The name that plays a part in the kernel of a line.
    pub fn part(&self, line: usize, part: Part) -> Option<NameId> {
        self.parts(self.line(line).kernel).get(part)
    }

    /// Some name of the text plays this part.
    pub fn has_part(&self, part: Part) -> bool {
        self.0.parts.first(part).is_some()
    }

    /// What the text calls it; what papers do where it has no such value.
    pub fn called(&self, part: Part) -> &str {
        self.0.parts.first(part).map_or(part.symbol(), |name| self.text().names[name].as_str())
    }

    /// The output, or the name that the text reports, that is this part of its result.
    pub fn result(&self, part: Part) -> Option<&str> {
        self.0.parts.result(part)
    }

    /// The part that a name plays in a kernel.
    pub fn part_of(&self, kernel: usize, name: NameId) -> Option<Part> {
        self.parts(kernel).of(name)
    }

    /// The name that the weights of a kernel are exponentials of scores less of, where they are that and no more.
    pub fn shift(&self, kernel: usize) -> Option<&str> {
        let lines = self.text().lines.iter().filter(|line| line.kernel == kernel);
        let found = lines.flat_map(|line| &line.statements).find_map(|of| parts::shift(&of.action, self.parts(kernel)));
        found.map(|name| self.text().names[name].as_str())
    }

    /// The statement that makes the value of this part, as the text has it but for guards and conditions: `P = exp(S - m)`.
    /// Of `kernel` if that makes it, else of the first that does.
    pub fn formula(&self, kernel: Option<usize>, part: Part) -> Option<String> {
        self.made_by(kernel, part, |_| true).into_iter().next()
    }

    /// The same with what its line makes of the value further in a run of `setting`: `S = cap * tanh(S / cap)`.
    pub fn formulas(&self, kernel: Option<usize>, part: Part, setting: &Setting) -> Vec<String> {
        self.made_by(kernel, part, |statement| {
            let of_run = statement.conditions.iter().filter(|(test, _)| !matches!(test, Test::Full | Test::Seen));
            of_run.into_iter().all(|(test, holds)| setting.of_run(*test) == *holds)
        })
    }

    fn made_by(&self, kernel: Option<usize>, part: Part, is_made: impl Fn(&Statement) -> bool) -> Vec<String> {
        let text = self.text();
        let makes = |name: NameId, statement: &Statement| {
            is_made(statement) && matches!(&statement.action, Action::Assign { name: own, .. } if *own == name)
        };
        let in_kernel = |of: usize| {
            let name = self.parts(of).get(part)?;
            let mut lines = text.lines.iter().filter(|line| line.kernel == of);
            lines.find(|line| line.statements.iter().any(|of| makes(name, of))).map(|line| (name, line))
        };
        let found = kernel.and_then(in_kernel).or_else(|| (0..text.kernels.len()).find_map(in_kernel));
        let Some((name, line)) = found else { return Vec::new() };
        let Some(source) = text.text.lines().nth(line.span.line.saturating_sub(1) as usize) else { return Vec::new() };
        let written = |statement: &Statement| {
            let source: String = source.chars().skip(statement.span.column.saturating_sub(1) as usize).collect();
            let end = [";", " when ", " unless "].into_iter().filter_map(|end| source.find(end)).min();
            parts::without_guards(source[..end.unwrap_or(source.len())].trim())
        };
        line.statements.iter().filter(|of| makes(name, of)).map(written).collect()
    }

    /// Its scores are written to HBM, by the totals of a run.
    pub fn stores_scores(&self, total: &Traffic) -> bool {
        let scores = self.0.parts.first(Part::Scores).and_then(|name| Tensor::known(&self.text().names[name]));
        scores.is_some_and(|scores| total.write.get(scores) > 0)
    }

    /// Query heads that one run is about: those that share a key/value head where what they make of its keys is summed,
    /// by a loop over them or since each makes a part of it; else one.
    pub fn heads(&self, shape: &Shape) -> usize {
        if self.has_kernel_of_group() || self.0.of_group.is_some() { shape.group() } else { 1 }
    }

    /// What comes after a forward pass, whose results it reads.
    pub fn is_backward(&self) -> bool {
        self.text().after.is_some()
    }

    /// Thread blocks of some kernel add to the same place, so that the bits of the results depend on their order.
    pub fn depends_on_arrival(&self) -> bool {
        (0..self.text().kernels.len()).any(|kernel| adds_in_hbm(self.text(), kernel))
    }

    /// The gradient of the output is one of its inputs.
    pub fn takes_gradient(&self) -> bool {
        self.text().tensor("dO").is_some_and(|id| self.text().tensors[id].role == Role::In)
    }

    /// A line of the text, by its number in [`language::Algorithm::lines`].
    pub fn line(&self, line: usize) -> &Line {
        &self.text().lines[line]
    }

    pub fn facts(&self, line: usize) -> LineFacts {
        self.0.lines[line]
    }

    /// The operation of a line with the tensor that it moves, as lessons and traces have it: `load Q`.
    pub fn operation(&self, line: usize) -> String {
        self.0.operation(line)
    }

    /// The statements of a line as the text has them.
    pub fn said(&self, line: usize) -> String {
        let line = self.line(line);
        let text = self.text().text.lines().nth(line.span.line.saturating_sub(1) as usize).unwrap_or_default();
        let text = text.trim();
        text.strip_prefix(line.label.as_str()).and_then(|rest| rest.strip_prefix(':')).unwrap_or(text).trim().to_owned()
    }

    /// The names of a kernel that span whole rows, of which a tile is a part.
    pub fn whole_rows(&self, kernel: usize) -> Names {
        self.0.whole_rows[kernel]
    }

    /// The names of a kernel that keep their values from tile to tile: given a start, or loaded from HBM.
    pub fn kept(&self, kernel: usize) -> Names {
        let lines = self.text().lines.iter().filter(|line| line.kernel == kernel);
        let actions = lines.flat_map(|line| &line.statements).map(|statement| &statement.action);
        actions.fold(Names::default(), |names, action| match action {
            Action::Start { name, .. } => names.with(Names::of(*name)),
            Action::Load { tensor, .. } => names.with(Names::of(self.text().tensors[*tensor].id)),
            _ => names,
        })
    }

    /// What a step of a line touches when the statements of `held` are carried out.
    pub fn effects(&self, line: usize, held: u32) -> Effects {
        Effects::of(self.text(), self.line(line), held)
    }

    /// The tensor with this number in the text.
    pub fn tensor(&self, id: language::TensorId) -> Tensor {
        self.0.tensors[id]
    }

    /// The tensors of the text that a run of `plan` has, in the order of the text.
    pub fn tensors(&self, plan: &Plan) -> impl Iterator<Item = HbmTensor> {
        let setting = Setting::new(plan.clone());
        let is_there = move |role: Role| !matches!(role, Role::Modifier(test) if !setting.of_run(test));
        let all = self.text().tensors.iter().enumerate();
        all.filter(move |(_, tensor)| is_there(tensor.role)).map(|(id, _)| self.hbm_tensor(id, plan))
    }

    /// A tensor of the text with the bytes of its elements.
    pub fn hbm_tensor(&self, id: language::TensorId, plan: &Plan) -> HbmTensor {
        let of = &self.text().tensors[id];
        let element_bytes = language::element_bytes(&of.name, of.kind, plan.precision);
        HbmTensor { tensor: self.tensor(id), element_bytes }
    }

    /// The tensor as the text declares it.
    pub fn of_tensor(&self, tensor: Tensor) -> Option<&language::Tensor> {
        let id = self.0.tensors.iter().position(|known| *known == tensor)?;
        Some(&self.text().tensors[id])
    }

    /// How often a tensor is there: once for each split, or once.
    pub fn splits_of(&self, tensor: Tensor, setting: &Setting) -> usize {
        let has_splits = self.of_tensor(tensor).is_some_and(|of| of.axes().has(language::Axis::S));
        if has_splits { setting.splits } else { 1 }
    }

    /// Rows and columns of a whole tensor, apart from splits; `None` where the text has none of this name.
    pub fn size_of(&self, tensor: Tensor, plan: &Plan) -> Option<(usize, usize)> {
        let of = self.of_tensor(tensor)?;
        let (by_rows, by_keys) = (of.axes().has(language::Axis::I), of.axes().has(language::Axis::J));
        let cols = match of.of {
            _ if by_rows && by_keys => plan.n_k,
            Inner::One => 1,
            Inner::D => plan.d,
            Inner::Dv => plan.d_v,
        };
        Some((if by_rows { plan.n_q } else { plan.n_k }, cols))
    }

    /// The kernels in the order in which they run.
    pub fn kernels(&self, setting: &Setting) -> Vec<Kernel> {
        let text = self.text();
        let ready = Ready::new(text, setting);
        let mut programs = vec![0; text.kernels.len()];
        let walker = Walker { algorithm: text, setting, ready: &ready };
        let walked: ControlFlow<()> = walker.sections(&mut |section| {
            programs[section.kernel] = programs[section.kernel].max(section.program as usize + 1);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue(), "nothing breaks the walk");
        let of = |(kernel, programs): (&language::Kernel, usize)| Kernel { name: kernel.name.clone(), programs };
        text.kernels.iter().zip(programs).map(of).collect()
    }

    /// How block sizes follow from a chip.
    pub fn block_rule(&self) -> BlockRule {
        self.text().blocks
    }

    /// The buffers of a program of `kernel`.
    pub fn buffers(&self, kernel: usize, setting: &Setting) -> Vec<Buffer> {
        language::buffers(self.text(), &self.text().kernels[kernel], setting)
            .map(|buffer| Buffer::new(self.text(), buffer, &setting.plan))
            .collect()
    }

    /// The buffers of its largest program.
    pub fn footprint(&self, plan: &Plan) -> Vec<Buffer> {
        let setting = Setting::new(plan.clone());
        let kernels = (0..self.text().kernels.len()).map(|kernel| self.buffers(kernel, &setting));
        kernels.max_by_key(|buffers| OnChip::of(buffers).total()).unwrap_or_default()
    }

    /// Whether its buffers are held against the budget of a thread block. The ideal products of `standard` are not.
    pub fn is_budgeted(&self) -> bool {
        !self.text().is_ideal
    }

    /// Totals in O(t_r + t_c), visiting no tile; the keys in one split.
    pub fn closed_form(&self, plan: &Plan) -> Traffic {
        self.closed_form_of(&Setting::new(plan.clone()))
    }

    /// The same of what runs in any setting.
    pub fn closed_form_of(&self, setting: &Setting) -> Traffic {
        let of = self.for_heads(setting.heads);
        of.traffic(&language::closed_form(of.text(), setting), &setting.plan)
    }

    /// Steps in all, in O(t_r + t_c), visiting no tile.
    pub fn step_count(&self, plan: &Plan) -> u64 {
        language::closed_form(self.text(), &Setting::new(plan.clone())).total().steps
    }

    /// The same of what runs in any setting.
    pub fn steps_of(&self, setting: &Setting) -> u64 {
        language::closed_form(self.for_heads(setting.heads).text(), setting).total().steps
    }

    fn traffic(&self, tally: &Tally, plan: &Plan) -> Traffic {
        let (total, [mut read, mut write]) = (tally.total(), [PerTensor::default(); 2]);
        for (line, total) in self.text().lines.iter().zip(&tally.lines) {
            if let Some(tensor) = line.tensor() {
                read.add(self.hbm_tensor(tensor, plan), total.hbm_read);
                write.add(self.hbm_tensor(tensor, plan), total.hbm_write);
            }
        }
        read.add(HbmTensor::BLOCK_TABLE, total.table_read);
        read.add(HbmTensor::SCALES, total.scales_read);
        read.add(HbmTensor::MASK, total.mask_read);
        Traffic { read, write, sram_read: total.sram_read, sram_write: total.sram_write, flops: total.flops }
    }

    /// Bytes of live buffers at their most during any step, visiting none.
    pub fn peak(&self, plan: &Plan) -> OnChip {
        language::peak(self.text(), &Setting::new(plan.clone()))
    }

    /// The cost of a line of which the statements of `held` are carried out.
    pub fn cost(&self, line: usize, held: u32, plan: &Plan) -> Cost {
        let keep_is_given = Setting::new(plan.clone()).of_run(Test::KeepGiven);
        Cost::of(self.text(), self.line(line), plan, keep_is_given, held)
    }

    /// The lines of the text that a run of `plan` has.
    pub fn shown(&self, plan: &Plan) -> Vec<language::Shown> {
        language::shown(self.text(), &Setting::new(plan.clone()))
    }
}

/// Of a backward pass, what is given plays the part that its forward pass left it with.
fn parts_of(text: &language::Algorithm) -> OfText {
    let forward = text.after.as_deref().and_then(by_name);
    let parts = OfText::new(text, |name| forward.and_then(|of| of.0.parts.of_tensor(of.text(), name)));
    match text.variant.as_ref().and_then(|variant| by_name(&variant.base)) {
        Some(base) => parts.or_base(text, base.text(), &base.0.parts),
        None => parts,
    }
}

impl LineFacts {
    fn of(line: &Line, tensors: &[Tensor], parts: &Parts, change: Option<Change>) -> Self {
        let lane = line.lane();
        Self {
            lane,
            beat: beat(line, lane, change, parts::divides_weights(line, parts)),
            tensor: line.tensor().map(|tensor| tensors[tensor]),
            makes_scores: parts::makes_scores(line),
            makes_weights: parts::makes_weights(line, parts),
            change,
        }
    }
}

/// The beat of a line: by its label where the house knows it, else by what it does.
fn beat(line: &Line, lane: Lane, change: Option<Change>, divides_weights: bool) -> Beat {
    let makes_tile = line.statements.iter().any(|statement| {
        matches!(&statement.action, Action::Assign { value, .. } if value.is_product() && value.shape.is_tile())
    });
    match line.label.as_str() {
        "start-rows" | "start-keys" | "start-output" | "start-combine" => Beat::Load,
        "scores" | "mask" => Beat::Score,
        "row-max" | "tile-max" | "exponentiate" | "row-sum" | "dropout" | "recompute" => Beat::Softmax,
        "rescale" | "merge-stats" => Beat::Rescale,
        "add-heads" => Beat::Accumulate,
        "normalise" | "divide-rows" | "combine" => Beat::Store,
        _ => match (change, lane) {
            (Some(Change::Rescales), _) => Beat::Rescale,
            (Some(Change::Accumulates), _) => Beat::Accumulate,
            (Some(Change::Divides), _) => Beat::Store,
            _ if divides_weights => Beat::Store,
            (None, Lane::Load) => Beat::Load,
            (None, Lane::Store) => Beat::Store,
            (None, Lane::Matmul) if makes_tile => Beat::Score,
            (None, Lane::Matmul) => Beat::Accumulate,
            (None, Lane::Exp | Lane::Vector) => Beat::Softmax,
        },
    }
}
