//! From what a file holds to a problem: the one place that knows what Q, K and V must be, whatever container they are in.

use ndarray::{Array4, Axis};

use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::found::{Found, Place};
use super::held::Held;
use super::layout::Layout;
use super::names::Role;
use super::packed::{self, Packed};
use super::paged;
use super::told::{Fact, GradSource};
use super::word::Word;
use super::{Input, Reading, about, appended, modifiers, understood};
use crate::attention::{Diagonal, Pages, Problem, Shape};
use crate::sentence::Sentence;

/// The input that the file `name` makes.
///
/// What is understood is applied, what is not is named in a warning, what contradicts itself is refused.
pub(super) fn assemble(name: &str, held: Held, how: &Reading) -> Result<Input, InputError> {
    let found = Found::sort(&held)?;
    let mut making = Making { held, found, how, budget: Budget::new() };
    about::check_format(&making.held)?;
    let axes = making.axes()?;
    let mut input = making.tensors(name, &axes)?;
    modifiers::apply(&mut making, &mut input)?;
    appended::place(&mut input);
    input.validate()?;
    making.gradient(&mut input)?;
    making.output(&mut input)?;
    making.own_gradients(&mut input);
    about::describe(&making.held, &mut input);
    input.warnings.append(&mut making.found.warnings);
    input.warn_of_not_finite();
    Ok(input)
}

/// An input while it is made.
pub(super) struct Making<'a> {
    pub held: Held<'a>,
    pub found: Found,
    pub how: &'a Reading,
    pub budget: Budget,
}

/// What is said of the axes of Q, K and V.
struct Axes {
    layout: Layout,
    by_option: bool,
    /// The file or an option names the layout.
    is_said: bool,
    heads: Option<usize>,
    kv_heads: Option<usize>,
    head_dim: Option<usize>,
    /// The sequences that the tokens are of; one alone may be left out.
    packed: Option<Packed>,
}

/// Numbers that a word may have: lengths and slopes have one a head of each batch entry at most.
const LONGEST_WORD: usize = 1 << 16;

impl Making<'_> {
    /// What is said of `role`, with the name that says it.
    pub fn word(&mut self, role: Role) -> Result<Option<(Place, Word)>, InputError> {
        let Some(place) = self.found.take(role) else { return Ok(None) };
        let word = match &place {
            Place::Array(at) => self.held.word(*at, LONGEST_WORD, &mut self.budget)?,
            Place::Key(key) => self.held.metadata.get(key).map_or(Word::Nothing, |text| Word::of(text)),
        };
        Ok(if word == Word::Nothing { None } else { Some((place, word)) })
    }

    /// A count such as the number of heads.
    fn count(&mut self, role: Role) -> Result<Option<usize>, InputError> {
        let Some((place, word)) = self.word(role)? else { return Ok(None) };
        match word.whole().as_deref() {
            Some(&[count]) if count > 0 => Ok(Some(count as usize)),
            _ => place
                .wrong(&self.held, Sentence::new("is {0}, but one whole number above 0 is needed").with(word.shown())),
        }
    }

    fn axes(&mut self) -> Result<Axes, InputError> {
        let (heads, kv_heads) = (self.count(Role::Heads)?, self.count(Role::KvHeads)?);
        let head_dim = self.count(Role::HeadDim)?;
        let said = self.how.layout.or(self.layout_of_file()?);
        let sequences = packed::read(self)?;
        let layout = match (&sequences, said) {
            (None, said) => said.unwrap_or_default(),
            (Some(_), None | Some(Layout::Thd | Layout::Bnhd)) => Layout::Thd,
            (Some((place, _)), Some(other)) => {
                let fault = "packs sequences as [total, heads, d], the layout thd, and the layout is said to be {0}";
                return place.wrong(&self.held, Sentence::new(fault).with(other.name()));
            }
        };
        Ok(Axes {
            layout,
            by_option: self.how.layout.is_some(),
            is_said: said.is_some() || sequences.is_some(),
            packed: sequences.map(|(_, packed)| packed),
            heads: self.how.heads.or(heads),
            kv_heads: self.how.kv_heads.or(kv_heads),
            head_dim,
        })
    }

    fn layout_of_file(&mut self) -> Result<Option<Layout>, InputError> {
        let Some((place, word)) = self.word(Role::Layout)? else { return Ok(None) };
        let parsed = if let Word::Text(text) = &word { Layout::parse(text) } else { None };
        let Some((layout, axes)) = parsed else {
            let fault = Sentence::new("is {0}; known are {1}").with(word.shown()).with("bhnd, bnhd, nbhd, bnd, thd");
            return place.wrong(&self.held, fault);
        };
        let rank = match self.found.array(Role::Q) {
            Some(at) => self.held.header(at)?.1.len(),
            None => axes,
        };
        if axes < rank {
            let fault = Sentence::new("is {0}, which names {1} {1|axis|axes}, and Q has {2}")
                .with(word.shown())
                .with(axes)
                .with(rank);
            return place.wrong(&self.held, fault);
        }
        Ok(Some(layout))
    }

    /// The problem of Q, K and V alone.
    fn tensors(&mut self, name: &str, axes: &Axes) -> Result<Input, InputError> {
        let roles = [Role::Q, Role::K, Role::V];
        let at = roles.map(|role| self.found.take_array(role));
        let [Some(q), Some(k), Some(v)] = at else {
            return Err(InputError::NoArray { role: "Q", found: "-".into() });
        };
        let rank = self.check_ranks([q, k, v], axes.layout)?;
        let arrays = [q, k, v].map(|at| self.held.names[at].clone());
        let elements = [self.number_kind(q)?, self.number_kind(k)?, self.number_kind(v)?];
        let kv_heads = axes.kv_heads.or(self.heads_of_keys(q, k, axes)?);
        let packed = axes.packed.as_ref().filter(|packed| packed.queries.len() > 1);
        let of = |lengths: fn(&Packed) -> &Vec<usize>| packed.map(|packed| lengths(packed).as_slice());
        let q = self.tensor(q, axes.layout, axes.heads, of(|packed| &packed.queries))?;
        let k = self.tensor(k, axes.layout, kv_heads, of(|packed| &packed.keys))?;
        let v = self.tensor(v, axes.layout, kv_heads, of(|packed| &packed.keys))?;
        let ([k, v], mut pages) = self.in_order([k, v])?;
        packed::check_longest(self, axes.layout, [q.len_of(Axis(2)), k.len_of(Axis(2))])?;
        let (k, v) = (self.over_batch(k, q.len_of(Axis(0)))?, self.over_batch(v, q.len_of(Axis(0)))?);
        if let Some(pages) = pages.as_mut().filter(|pages| pages.table.len() == 1) {
            // One row of the table that all batch entries share.
            pages.table = vec![pages.table[0].clone(); k.len_of(Axis(0))];
        }
        let ([k, v], appended) = match appended::find(self)? {
            Some(parts) if parts.is_past && pages.is_some() => {
                let fault = "is beside keys of the past that lie in no page: give the pages of all keys";
                return InputError::array("block_table", fault);
            }
            Some(_) if packed.is_some() => {
                let fault = "is of packed sequences, to which nothing is appended: give all keys of each as K and V";
                return InputError::array("cu_seqlens", fault);
            }
            Some(parts) => {
                let (joined, count) = parts.join(self, axes.layout, kv_heads, [k, v])?;
                (joined, Some(count))
            }
            None => ([k, v], None),
        };
        let hint = if axes.is_said { None } else { as_flash_attn(rank, &q, &k) };
        let problem = Problem::new(q, k, v).map_err(|error| match hint.clone() {
            Some(hint) => InputError::Hinted { error: Box::new(error), hint },
            None => error.into(),
        })?;
        check_counts(axes, &problem.shape, hint)?;
        let mut input = Input::new(name, problem, rank);
        input.layout = axes.layout;
        input.appended = appended;
        if let Some(packed) = packed {
            if packed.is_ragged() {
                input.problem.mask.key_lengths = Some(packed.keys.clone());
                input.told.by_file(Fact::KeyLengths);
            }
            input.problem.mask.sequences = packed.diagonals();
            input.packed = Some(packed.clone());
        }
        if let Some(pages) = pages {
            // As every library with pages has it.
            input.problem.mask.diagonal = Diagonal::Lengths;
            input.told.by_file(Fact::Diagonal);
            input.problem.mask.key_lengths = pages.lengths();
            input.problem.pages = Some(pages.into());
        }
        if axes.by_option {
            input.told.by_option(Fact::Layout);
        } else if axes.is_said {
            input.told.by_file(Fact::Layout);
        }
        let is_small = |element: &Element| matches!(element, Element::I8 | Element::U8 | Element::Bool);
        if let Some(at) = elements.iter().position(is_small) {
            let warning = "{0} is {1}: taken as whole numbers, not as the bits of a float8, and without a scale";
            input.warnings.push(Sentence::new(warning).with(&arrays[at]).with(elements[at].name()));
        }
        warn_of_many_heads(&mut input, axes);
        input.told.arrays = arrays.into_iter().zip(elements.map(Element::name)).collect();
        Ok(input)
    }

    /// The axes of Q, which K and V must have as many of.
    fn check_ranks(&mut self, at: [usize; 3], layout: Layout) -> Result<usize, InputError> {
        let mut ranks = [0; 3];
        for (rank, at) in ranks.iter_mut().zip(at) {
            let (_, shape) = self.held.header(at)?;
            *rank = shape.len();
            if !(2..=4).contains(rank) {
                let fault = Sentence::new("has shape {0}; {1}").with(format!("{shape:?}")).and(layout.axes());
                return InputError::array(&self.held.names[at], fault);
            }
        }
        for at in 1..3 {
            if ranks[at] != ranks[0] {
                let fault = Sentence::new("has {0} {0|axis|axes} and Q has {1}; give them the same number");
                return InputError::array(["Q", "K", "V"][at], fault.with(ranks[at]).with(ranks[0]));
            }
        }
        Ok(ranks[0])
    }

    /// The element kind of an array that must hold numbers. Errors on 16-bit whole numbers, unless they are asked for as
    /// the bits of bf16.
    fn number_kind(&mut self, at: usize) -> Result<Element, InputError> {
        let (element, _) = self.held.header(at)?;
        match element {
            Element::I16 | Element::U16 if self.how.bf16_bits => Ok(Element::Bf16),
            Element::I16 | Element::U16 => {
                let fault = "is {0}: the bits of bfloat16? Then give --bf16-bits. Whole numbers? Then save \
                    .astype(numpy.float32)";
                InputError::array(&self.held.names[at], Sentence::new(fault).with(element.name()))
            }
            _ => Ok(element),
        }
    }

    /// One tensor as `[batch, heads, N, d]`; of packed sequences, each a batch entry.
    pub fn tensor(
        &mut self,
        at: usize,
        layout: Layout,
        heads: Option<usize>,
        sequences: Option<&[usize]>,
    ) -> Result<Array4<f64>, InputError> {
        self.number_kind(at)?;
        let array = self.held.numbers(at, self.how.bf16_bits, &mut self.budget)?;
        let name = &self.held.names[at];
        let tensor = layout.lift(name, array, heads)?;
        match sequences {
            Some(lengths) => packed::pad(name, tensor, lengths, &mut self.budget),
            None => Ok(tensor),
        }
    }

    /// Key heads where the file has heads and d in one axis: as wide as those of Q.
    fn heads_of_keys(&mut self, q: usize, k: usize, axes: &Axes) -> Result<Option<usize>, InputError> {
        let (Layout::Bnd, Some(heads)) = (axes.layout, axes.heads) else { return Ok(axes.heads) };
        let width = |shape: Vec<usize>| shape.last().copied().unwrap_or(0);
        let (q, k) = (width(self.held.header(q)?.1), width(self.held.header(k)?.1));
        let d = q.checked_div(heads).unwrap_or(0);
        Ok(if d > 0 && k.is_multiple_of(d) { Some(k / d) } else { Some(heads) })
    }

    /// Keys and values that lie in pages, in their order; and where they lay.
    fn in_order(&mut self, [k, v]: [Array4<f64>; 2]) -> Result<([Array4<f64>; 2], Option<Pages>), InputError> {
        let Some(pages) = paged::read(self, k.len_of(Axis(0)), k.len_of(Axis(2)))? else { return Ok(([k, v], None)) };
        let (k, v) = (pages.gather("K", &k, &mut self.budget)?, pages.gather("V", &v, &mut self.budget)?);
        Ok(([k, v], Some(pages)))
    }

    /// Keys or values that all batch entries share, once for each.
    pub fn over_batch(&mut self, tensor: Array4<f64>, batch: usize) -> Result<Array4<f64>, InputError> {
        let (own, heads, n, d) = tensor.dim();
        if own != 1 || batch <= 1 {
            return Ok(tensor);
        }
        // Before it is copied: a small file may ask for a large batch.
        self.budget.take("K or V for each batch entry".into(), &[batch, heads, n, d], Element::F32)?;
        Ok(tensor.broadcast((batch, heads, n, d)).map_or(tensor.clone(), |whole| whole.to_owned()))
    }

    /// dO, of the shape and layout of O.
    fn gradient(&mut self, input: &mut Input) -> Result<(), InputError> {
        let Some(at) = self.found.take_array(Role::DO) else { return Ok(()) };
        let Shape { batch, heads, n_q, d_v, .. } = input.problem.shape;
        let found = self.held.header(at)?.1;
        let sequences = input.packed.as_ref().map(|packed| packed.queries.as_slice());
        let tensor = self.tensor(at, input.layout, Some(heads), sequences)?;
        if tensor.shape() != [batch, heads, n_q, d_v] {
            let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
            let needed = format!("{:?}", [batch, heads, n_q, d_v]);
            return InputError::array(
                &self.held.names[at],
                fault.with(format!("{found:?}")).and(Sentence::verbatim(needed)),
            );
        }
        input.d_o = Some(tensor);
        input.told.grad = Some(GradSource::Array);
        input.told.by_file(Fact::Grad);
        Ok(())
    }

    /// The output that someone else computed: in the layout of Q, or as flash-attn or a projection has it.
    fn output(&mut self, input: &mut Input) -> Result<(), InputError> {
        let outputs = std::mem::take(&mut self.found.outputs);
        for at in outputs {
            let name = self.held.names[at].clone();
            let fitting = if input.about.o.is_none() { self.fitting_output(at, input)? } else { None };
            match fitting {
                Some((tensor, element)) => {
                    input.about.o = Some(tensor);
                    input.told.output = Some((name, element.name()));
                }
                None => {
                    let fault = "{0} is taken for an output, but is not compared: it has not the shape of O, or there \
                        is another";
                    self.found.warnings.push(Sentence::new(fault).with(name).on_one_line());
                }
            }
        }
        Ok(())
    }

    /// dQ, dK and dV that someone else computed, in the layout of Q, K and V.
    fn own_gradients(&mut self, input: &mut Input) {
        for (role, at) in std::mem::take(&mut self.found.gradients) {
            if role == Role::DSinks {
                self.own_gradient_of_sinks(at, input);
                continue;
            }
            let n = [Role::DQ, Role::DK, Role::DV].iter().position(|of| *of == role).unwrap_or_default();
            let fitting = if input.about.gradients[n].is_none() { self.fitting_gradient(n, at, input) } else { None };
            match fitting {
                Some((tensor, element)) => {
                    input.about.gradients[n] = Some(tensor);
                    input.told.gradients.push(element.name());
                }
                None => {
                    let fault = "{0} is taken for a gradient, but is not compared: it has not the shape of its tensor, \
                        or there is another";
                    self.found.warnings.push(Sentence::new(fault).with(&self.held.names[at]).on_one_line());
                }
            }
        }
    }

    /// dSinks that someone else computed, one number for each query head.
    fn own_gradient_of_sinks(&mut self, at: usize, input: &mut Input) {
        let heads = input.problem.shape.heads;
        let element = self.number_kind(at).ok().filter(|element| element.is_float());
        let shape = element.and_then(|_| self.held.header(at).ok()).map(|(_, shape)| shape);
        let fitting = shape.filter(|shape| shape.iter().filter(|size| **size != 1).all(|size| *size == heads));
        let values = fitting.and_then(|_| self.held.numbers(at, self.how.bf16_bits, &mut self.budget).ok());
        let values = values.filter(|values| values.len() == heads && input.problem.sinks.is_some());
        match values.zip(element).filter(|_| input.about.d_sinks.is_none()) {
            Some((values, element)) => {
                input.about.d_sinks = Some(values.into_iter().collect());
                input.told.gradients.push(element.name());
            }
            None => {
                let fault = "{0} is taken for the gradient of learned sinks, but is not compared: the input has none, or \
                    it is not [heads], or there is another";
                self.found.warnings.push(Sentence::new(fault).with(&self.held.names[at]).on_one_line());
            }
        }
    }

    fn fitting_gradient(&mut self, n: usize, at: usize, input: &Input) -> Option<(Array4<f64>, Element)> {
        let problem = &input.problem;
        let (heads, of) = match n {
            0 => (problem.shape.heads, &problem.q),
            1 => (problem.shape.kv_heads, &problem.k),
            _ => (problem.shape.kv_heads, &problem.v),
        };
        let element = self.number_kind(at).ok()?;
        element.is_float().then_some(())?;
        let packed = input.packed.clone();
        let sequences = packed.as_ref().map(|packed| if n == 0 { &packed.queries[..] } else { &packed.keys[..] });
        // What cannot be read is no reason to refuse the input.
        let tensor = self.tensor(at, input.layout, Some(heads), sequences).ok()?;
        (tensor.shape() == of.shape()).then_some((tensor, element))
    }

    fn fitting_output(&mut self, at: usize, input: &Input) -> Result<Option<(Array4<f64>, Element)>, InputError> {
        let Shape { batch, heads, n_q, d_v, .. } = input.problem.shape;
        // What cannot be read is no reason to refuse the input.
        let (Ok(element), Ok((_, shape))) = (self.number_kind(at), self.held.header(at)) else { return Ok(None) };
        let count = shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
        let sequences = input.packed.as_ref().map(|packed| packed.queries.as_slice());
        let wanted = match sequences {
            Some(lengths) => [1, heads, lengths.iter().sum(), d_v],
            None => [batch, heads, n_q, d_v],
        };
        if count != wanted.iter().product::<usize>() || !(element.is_float()) {
            return Ok(None);
        }
        let array = self.held.numbers(at, self.how.bf16_bits, &mut self.budget)?;
        let tensor = [input.layout, Layout::Bhnd, Layout::Bnhd, Layout::Bnd]
            .into_iter()
            .filter_map(|layout| layout.lift("O", array.clone(), Some(heads)).ok())
            .find(|tensor| tensor.shape() == wanted);
        let tensor = match (tensor, sequences) {
            (Some(tensor), Some(lengths)) => Some(packed::pad("O", tensor, lengths, &mut self.budget)?),
            (tensor, _) => tensor,
        };
        Ok(tensor.map(|tensor| (tensor, element)))
    }
}

/// What the file says of its axes must be so.
fn check_counts(axes: &Axes, shape: &Shape, hint: Option<Sentence>) -> Result<(), InputError> {
    let said = [
        ("heads", axes.heads, shape.heads),
        ("kv_heads", axes.kv_heads, shape.kv_heads),
        // Values may be of another width.
        ("head_dim", axes.head_dim.filter(|&said| said != shape.d_v), shape.d),
    ];
    for (what, said, found) in said {
        if let Some(said) = said.filter(|&said| said != found) {
            return Err(InputError::Counts { what, said, found, layout: axes.layout.name(), hint });
        }
    }
    Ok(())
}

/// Words for the tensors read as `[batch, N, heads, d]`, where that makes a problem too.
fn as_flash_attn(rank: usize, q: &Array4<f64>, k: &Array4<f64>) -> Option<Sentence> {
    let (_, n_q, heads, d) = q.dim();
    let (_, n_k, kv_heads, k_d) = k.dim();
    let fits = rank >= 3 && d == k_d && kv_heads > 0 && heads.is_multiple_of(kv_heads);
    let hint = Sentence::new("with --layout bnhd they are {0}, {1} and {2}");
    fits.then(|| hint.and(understood::heads(heads, kv_heads)).and(understood::queries(n_q)).and(understood::keys(n_k)))
}

/// Few tokens of many heads: the axes may be the other way round.
fn warn_of_many_heads(input: &mut Input, axes: &Axes) {
    let Shape { heads, kv_heads, n_q, n_k, .. } = input.problem.shape;
    let is_known = axes.is_said || axes.heads.is_some() || axes.kv_heads.is_some();
    if !is_known && input.rank >= 3 && heads > n_q && kv_heads > n_k {
        let warning = "{0} {0|head outnumbers|heads outnumber} {1} {1|token|tokens}: if the axes are [batch, N, \
            heads, d], as flash-attn has them, give --layout bnhd";
        input.warnings.push(Sentence::new(warning).with(heads).with(n_q.max(n_k)));
    }
}
