//! The choices of a run made on an input: what they change of it, what of them it does not have, and the plan.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::attention::dropout::{Dropout, Keep};
use crate::attention::input::{By, Fact, Packed};
use crate::attention::problem::{self, check_modifiers};
use crate::attention::{Input, Mask, Pages, Problem, ProblemError, Shape, Window};
use crate::schedule::{Algorithm, Arrival, DropoutCost, PagesOfBatch, Plan, Setting, Tiling};
use crate::sentence::Sentence;

use super::{Bias, KeyLengths, KeySource, Lengths, OutputGrad, RunSpec, Sinks, Slopes, pack_heads, paged, varlen};

impl RunSpec {
    /// The input that is run: the prefix of `input`, under what was chosen, which is told as said by option. Errors as
    /// [`RunSpec::check_problem`], [`Input::prefix`] and [`Input::validate`] do.
    pub fn apply(&self, input: Cow<'_, Input>) -> Result<Input, ProblemError> {
        self.check_problem(&input)?;
        let mut input = match self.prefix() {
            // What is made causal has a prefix too.
            Some(prefix) if self.causal == Some(true) && !input.problem.mask.causal => {
                let mut input = input.into_owned();
                input.problem.mask.causal = true;
                input.prefix(prefix)?
            }
            Some(prefix) => input.prefix(prefix)?,
            None => input.into_owned(),
        };
        self.choose(&mut input);
        input.validate()?;
        Ok(input)
    }

    /// Puts into `input`, whole or a prefix, what was chosen in place of what it says.
    pub fn choose(&self, input: &mut Input) {
        let problem = &mut input.problem;
        problem.mask = self.mask(&problem.mask, problem.shape.n_k);
        problem.scale = self.scale.unwrap_or(problem.scale);
        problem.softcap = self.softcap.or(problem.softcap);
        if let Some(slopes) = &self.alibi {
            problem.alibi_slopes = slopes.array(&problem.shape);
        }
        if let Some(sinks) = &self.sinks {
            problem.sinks = sinks.array(problem.shape.heads);
        }
        if self.bias == Some(Bias::None) && problem.bias.take().is_some() {
            (input.told.mask, input.told.bias) = (None, None);
        }
        self.keys.unwrap_or(KeySource::Own).apply(problem);
        if let Some(rate) = self.dropout {
            let keep = input.keep.clone();
            let by_seed = Keep::by_seed(self.dropout_seed.unwrap_or(0), &problem.shape);
            let keep = keep.map_or(by_seed, Keep::Given);
            problem.dropout = Some(Dropout { rate, keep });
        }
        if let Some(grad) = self.grad {
            grad.apply(input, self.seed());
        }
        if let Some(size) = self.page_size {
            paged::apply(size, input);
        }
        if self.packs_heads() {
            pack_heads::apply(input);
        }
        if self.is_varlen() && input.varlen.is_none() {
            varlen::apply(input);
        }
        self.chosen().for_each(|fact| input.told.by_option(fact));
    }

    /// `input`, whole, with what was chosen in place of what it says.
    pub fn on_whole<'a>(&self, input: &'a Input) -> Cow<'a, Input> {
        let mut input = Cow::Borrowed(input);
        if self.chosen().next().is_some() || self.page_size.is_some() {
            self.choose(input.to_mut());
        }
        input
    }

    /// What the file of `input` computed is comparable with this run: nothing is chosen in place of what it says of
    /// itself. Of a file that says nothing, what is chosen is what it was computed under.
    pub fn keeps_to(&self, input: &Input) -> bool {
        // How the batch is laid out changes no number, and O has no need of dO.
        self.chosen().all(|fact| matches!(fact, Fact::Varlen | Fact::Grad))
            || input.told.facts.values().all(|by| *by != By::File)
    }

    /// What is chosen in place of what an input says.
    fn chosen(&self) -> impl Iterator<Item = Fact> {
        let chosen = [
            (Fact::Causal, self.causal.is_some()),
            (Fact::Align, self.align.is_some()),
            (Fact::Window, self.window.is_some()),
            (Fact::KeyLengths, self.kv_lengths.is_some()),
            (Fact::Diagonal, self.diagonal.is_some()),
            (Fact::LeftPadding, self.left_padding.is_some()),
            (Fact::PrefixKeys, self.prefix_keys.is_some()),
            (Fact::SinkKeys, self.sink_keys.is_some()),
            (Fact::Documents, self.documents.is_some()),
            (Fact::Scale, self.scale.is_some()),
            (Fact::Softcap, self.softcap.is_some()),
            (Fact::Alibi, self.alibi.is_some()),
            (Fact::Bias, self.bias == Some(Bias::None)),
            (Fact::PackedHeads, self.packs_heads()),
            (Fact::Varlen, self.is_varlen()),
            (Fact::Sinks, self.sinks.is_some()),
            (Fact::Keys, self.keys == Some(KeySource::Q)),
            (Fact::Dropout, self.dropout.is_some()),
            (Fact::Grad, self.grad.is_some()),
        ];
        chosen.into_iter().filter_map(|(fact, is_chosen)| is_chosen.then_some(fact))
    }

    /// What of it changes the problem that an input is, and nothing else.
    pub fn problem(&self) -> Self {
        Self {
            prefix: self.prefix(),
            causal: self.causal,
            align: self.align,
            window: self.window,
            kv_lengths: self.kv_lengths.clone(),
            diagonal: self.diagonal,
            left_padding: self.left_padding.clone(),
            prefix_keys: self.prefix_keys,
            sink_keys: self.sink_keys,
            documents: self.documents.clone(),
            scale: self.scale,
            softcap: self.softcap,
            alibi: self.alibi.clone(),
            bias: self.bias,
            keys: self.keys,
            pack_heads: self.pack_heads,
            varlen: self.varlen,
            page_size: self.page_size,
            sinks: self.sinks.clone(),
            dropout: self.dropout,
            dropout_seed: self.dropout_seed,
            grad: self.grad.map(|grad| grad.seeded(self.seed)),
            ..Self::default()
        }
    }

    /// A prefix of this problem, under what was chosen, is what the whole would have computed for those tokens.
    pub fn has_exact_prefix(&self, problem: &Problem) -> bool {
        let is_causal = problem.mask.causal || self.causal == Some(true);
        let tokens = self.prefix().unwrap_or(problem.shape.n_k);
        is_causal && problem.shape.n_q == problem.shape.n_k && self.whole_mask(&problem.mask).is_cut_at(tokens)
    }

    /// The mask on `n_k` keys of an input that has `own`. Lengths of the whole input leave as much of a prefix as there
    /// is.
    pub fn mask(&self, own: &Mask, n_k: usize) -> Mask {
        self.whole_mask(own).of_first(n_k)
    }

    /// The mask on a whole input that has `own`.
    pub fn whole_mask(&self, own: &Mask) -> Mask {
        let Window { left, right } = self.window.unwrap_or(own.window());
        let list = |chosen: &Option<Lengths>, own: &Option<Vec<usize>>| match chosen {
            None => own.clone(),
            Some(chosen) => chosen.list().cloned(),
        };
        Mask {
            causal: self.causal.unwrap_or(own.causal),
            align: self.align.unwrap_or(own.align),
            window_left: left,
            window_right: right,
            key_lengths: match &self.kv_lengths {
                None => own.key_lengths.clone(),
                Some(KeyLengths::All) => None,
                Some(KeyLengths::Each(lengths)) => Some(lengths.clone()),
            },
            diagonal: self.diagonal.unwrap_or(own.diagonal),
            left_padding: list(&self.left_padding, &own.left_padding),
            prefix_keys: self.prefix_keys.unwrap_or(own.prefix_keys),
            sink_keys: self.sink_keys.unwrap_or(own.sink_keys),
            documents: list(&self.documents, &own.documents),
            sequences: own.sequences.clone(),
            varlen: own.varlen.clone(),
            heads_as_rows: own.heads_as_rows,
            array: own.array.clone().filter(|_| self.bias != Some(Bias::None)),
        }
    }

    /// It without the choices that say what `input` says anyway.
    pub fn against(mut self, input: &Input) -> Self {
        let (problem, own) = (&input.problem, &input.problem.mask);
        let lengths = own.key_lengths.clone().map_or(KeyLengths::All, KeyLengths::Each);
        self.causal.take_if(|causal| *causal == own.causal);
        self.align.take_if(|align| *align == own.align);
        self.window.take_if(|window| *window == own.window());
        self.kv_lengths.take_if(|chosen| *chosen == lengths);
        self.diagonal.take_if(|diagonal| *diagonal == own.diagonal);
        self.left_padding.take_if(|padding| padding.list() == own.left_padding.as_ref());
        self.prefix_keys.take_if(|keys| *keys == own.prefix_keys);
        self.sink_keys.take_if(|keys| *keys == own.sink_keys);
        self.documents.take_if(|documents| documents.list() == own.documents.as_ref());
        self.scale.take_if(|scale| *scale == problem.scale);
        self.softcap.take_if(|softcap| Some(*softcap) == problem.softcap);
        self.alibi.take_if(|slopes| slopes.array(&problem.shape) == problem.alibi_slopes);
        self.pack_heads.take_if(|packs| !*packs);
        self.varlen.take_if(|is_one| !*is_one);
        self.sinks.take_if(|sinks| sinks.array(problem.shape.heads) == problem.sinks);
        self.bias.take_if(|bias| *bias == Bias::Own || problem.bias.is_none());
        self.keys.take_if(|keys| *keys == KeySource::Own);
        let seed = self.dropout_seed.unwrap_or(0);
        let is_own = |rate: f64| {
            problem.dropout.as_ref().is_some_and(|own| match own.keep {
                Keep::Seed(stream) => own.rate == rate && stream.seed == seed,
                Keep::Given(_) => own.rate == rate,
            })
        };
        self.dropout.take_if(|rate| is_own(*rate));
        self.arrival.take_if(|arrival| *arrival == Arrival::InOrder);
        self.grad.take_if(|grad| *grad == OutputGrad::Ones && input.d_o.is_none());
        self
    }

    /// Makes the mask of `input` this one.
    pub fn choose_mask(&mut self, mask: Mask, input: &Input) {
        self.causal = Some(mask.causal);
        self.align = Some(mask.align);
        self.window = Some(mask.window());
        self.kv_lengths = Some(mask.key_lengths.map_or(KeyLengths::All, KeyLengths::Each));
        self.diagonal = Some(mask.diagonal);
        self.left_padding = Some(Lengths::of(mask.left_padding));
        (self.prefix_keys, self.sink_keys) = (Some(mask.prefix_keys), Some(mask.sink_keys));
        self.documents = Some(Lengths::of(mask.documents));
        *self = std::mem::take(self).against(input);
    }

    /// Errors where `input`, whole, cannot have the mask or the modifiers that were chosen.
    pub fn check_problem(&self, input: &Input) -> Result<(), ProblemError> {
        let shape = input.problem.shape;
        check_modifiers(self.scale.unwrap_or(1.0), self.softcap, self.dropout)?;
        let mask = self.whole_mask(&input.problem.mask);
        mask.check(&shape)?;
        if let Some(prefix) = self.prefix().filter(|&prefix| !mask.is_cut_at(prefix)) {
            return Err(problem::is_not_cut(prefix));
        }
        self.alibi.iter().try_for_each(|slopes| slopes.check(&shape))?;
        self.sinks.iter().try_for_each(|sinks| sinks.check(shape.heads))?;
        self.keys.unwrap_or(KeySource::Own).check(&shape)?;
        if self.keys == Some(KeySource::Q) && input.problem.pages.is_some() {
            let need = "queries take the place of keys only where K lies in no pages";
            return Err(ProblemError::Value { name: "keys", value: "q".into(), need });
        }
        if let Some(size) = self.page_size {
            paged::check(size, self, input, &mask)?;
        }
        if self.packs_heads() {
            pack_heads::check(input)?;
        }
        if self.is_varlen() {
            varlen::check(self, input, &mask)?;
        }
        input.check_mask(&mask)
    }

    /// Errors where a batch of this shape, without an input, cannot have the mask that was chosen.
    pub fn check_shape(&self, shape: &Shape) -> Result<(), ProblemError> {
        let mask = self.whole_mask(&Mask::default());
        mask.check(shape)?;
        if self.is_varlen() { varlen::check_mask(&mask, shape, None) } else { Ok(()) }
    }

    /// A run on an input that has slopes of its own, or none, has ALiBi.
    fn has_alibi(&self, own: bool) -> bool {
        self.alibi.as_ref().map_or(own, |slopes| *slopes != Slopes::None)
    }

    /// Errors where an input of this shape has not the batch entry or the head that was chosen.
    pub fn check_head(&self, shape: &Shape) -> Result<(), Sentence> {
        let mut shape = if self.packs_heads() { pack_heads::shape(*shape) } else { *shape };
        if self.is_varlen() {
            shape.batch = 1;
        }
        for (name, asked, count) in [("batch entry", self.batch(), shape.batch), ("head", self.head(), shape.heads)] {
            if asked >= count {
                return Err(past(name, asked, count - 1));
            }
        }
        Ok(())
    }

    /// Queries, or rows that packed heads are, and keys that the prefix leaves of `shape`; at least 1.
    pub fn lengths(&self, shape: &Shape) -> (usize, usize) {
        let (n_q, n_k) = self.tokens(shape);
        (if self.packs_heads() { n_q * shape.group() } else { n_q }, n_k)
    }

    /// Queries and keys that the prefix leaves of `shape`; at least 1.
    fn tokens(&self, shape: &Shape) -> (usize, usize) {
        let cut = |n: usize| self.prefix().map_or(n, |prefix| prefix.min(n)).max(1);
        (cut(shape.n_q), cut(shape.n_k))
    }

    /// What the query heads of one schedule of a batch entry meet, on an input of this shape and mask without modifiers.
    pub fn on_shape(&self, algorithm: &Algorithm, shape: &Shape, own: &Mask, batch: usize) -> Setting {
        let sizes = self.shape_and_mask(shape, own, None, false);
        let heads = 0..sizes.0.heads;
        let setting = self.on_sizes(algorithm, sizes, (batch, heads));
        let (mask, whole) = self.before_packing(shape, own);
        let pages = self.page_size.map(|size| paged::of_shape(size, &mask, &whole, batch));
        Setting { plan: Plan { pages, ..setting.plan }, ..setting }
    }

    fn on_sizes(&self, algorithm: &Algorithm, (shape, mask): (Shape, Mask), at: (usize, Range<usize>)) -> Setting {
        let (batch, heads) = at;
        let tiling: Tiling = self.tiling(algorithm, &varlen::longest(&shape, &mask));
        let plan = Plan::new(shape.n_q.max(1), shape.n_k.max(1), shape.d, tiling, self.precision());
        let plan = Plan { d_v: shape.d_v, ..plan }.with_band(mask.band_of(&shape, batch, heads));
        let (splits, arrival) = (self.splits(algorithm, &shape, &plan), self.arrival(algorithm));
        Setting { splits, arrival, heads: algorithm.heads(&shape), plan }
    }

    /// The sizes of the problem that is run on an input of this shape.
    pub fn shape_of(&self, shape: &Shape) -> Shape {
        self.shape_and_mask(shape, &Mask::default(), None, false).0
    }

    /// The sizes of the problem that is run on `input`, whole or [applied](RunSpec::apply) to.
    pub fn shape(&self, input: &Input) -> Shape {
        self.shape_and_mask_of(input).0
    }

    /// The sizes and the mask of the problem that is run, of an input of this shape and mask.
    fn shape_and_mask(&self, shape: &Shape, own: &Mask, packed: Option<&Packed>, has_alibi: bool) -> (Shape, Mask) {
        // One that was applied to already has the mask that its sequences or its heads were packed under.
        if own.varlen.is_some() || own.heads_as_rows.is_some() {
            return (*shape, own.clone());
        }
        let (mask, shape) = self.before_packing(shape, own);
        if self.packs_heads() && pack_heads::has_some(&shape) {
            return (pack_heads::shape(shape), pack_heads::mask(&mask, &shape, self.has_alibi(has_alibi)));
        }
        if self.is_varlen() {
            let packed = packed.map(|packed| packed.prefix(self.prefix().unwrap_or(usize::MAX)));
            let sequences = varlen::sequences(&mask, &shape, packed.as_ref());
            return (varlen::shape(&shape, &sequences), varlen::mask(mask, sequences));
        }
        (shape, mask)
    }

    /// The mask and the sizes with every sequence a batch entry, and heads as they are.
    fn before_packing(&self, shape: &Shape, own: &Mask) -> (Mask, Shape) {
        let (n_q, n_k) = self.tokens(shape);
        (self.mask(own, n_k), self.keys.unwrap_or(KeySource::Own).shape(Shape { n_q, n_k, ..*shape }))
    }

    fn shape_and_mask_of(&self, input: &Input) -> (Shape, Mask) {
        let problem = &input.problem;
        self.shape_and_mask(&problem.shape, &problem.mask, input.packed.as_ref(), problem.alibi_slopes.is_some())
    }

    /// What the query heads of the run that `head` is of meet of a batch entry on `input`, whether it is whole still or was
    /// [applied](RunSpec::apply) to: the head alone, or all of its group. Copies no tensor.
    pub fn setting(&self, algorithm: &Algorithm, input: &Input, batch: usize) -> Setting {
        self.setting_of(algorithm, input, (batch, self.head()))
    }

    /// The same of the heads that another head is of.
    pub fn setting_of(&self, algorithm: &Algorithm, input: &Input, at: (usize, usize)) -> Setting {
        let (sizes, (batch, head)) = (self.shape_and_mask_of(input), at);
        let heads = algorithm.heads(&sizes.0).max(1);
        let first = head - head % heads;
        self.on_sizes_of(algorithm, input, sizes, (batch, first..first + heads))
    }

    /// The same of these heads.
    pub fn setting_of_heads(&self, algorithm: &Algorithm, input: &Input, at: (usize, Range<usize>)) -> Setting {
        self.on_sizes_of(algorithm, input, self.shape_and_mask_of(input), at)
    }

    fn on_sizes_of(
        &self,
        algorithm: &Algorithm,
        input: &Input,
        sizes: (Shape, Mask),
        (batch, of): (usize, Range<usize>),
    ) -> Setting {
        let problem = &input.problem;
        let Setting { plan, splits, heads, arrival } = self.on_sizes(algorithm, sizes, (batch, of));
        let dropout = match (self.dropout, &problem.dropout) {
            (Some(_), _) if input.keep.is_some() => DropoutCost::Materialised,
            (Some(_), _) => DropoutCost::Regenerated,
            (None, Some(own)) if own.is_materialised() => DropoutCost::Materialised,
            (None, Some(_)) => DropoutCost::Regenerated,
            (None, None) => DropoutCost::None,
        };
        let plan = Plan {
            softcap: self.softcap.or(problem.softcap).is_some(),
            alibi: self.has_alibi(problem.alibi_slopes.is_some()),
            bias: problem.bias.is_some() && self.bias != Some(Bias::None),
            bias_of: problem.bias_of,
            sinks: self.sinks.as_ref().map_or(problem.sinks.is_some(), |sinks| *sinks != Sinks::None),
            dropout,
            pages: self.pages_of(input).map(|pages| PagesOfBatch { pages, batch }),
            ..plan
        };
        Setting { plan, splits, heads, arrival }
    }
}

impl RunSpec {
    /// Where K and V lie in a run on `input`, whether it is whole still or was applied to.
    fn pages_of(&self, input: &Input) -> Option<Arc<Pages>> {
        let problem = &input.problem;
        problem.pages.clone().or_else(|| {
            let (mask, shape) = self.before_packing(&problem.shape, &problem.mask);
            Some(paged::of_input(self.page_size?, &mask, &shape))
        })
    }
}

/// Something that was asked for lies after the last one that there is.
pub fn past(name: &'static str, asked: impl ToString, last: impl ToString) -> Sentence {
    Sentence::new("there is no {0} {1}; the last is {2}").and(name).with(asked.to_string()).with(last.to_string())
}
