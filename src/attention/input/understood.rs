//! What was understood of an input, as data and in one line: sizes, masks and modifiers, and who said them.

use serde::Serialize;

use super::told::{By, Fact, GradSource, MaskKind};
use super::{Input, Layout, OwnOutput, Packed};
use crate::attention::dropout::Keep;
use crate::attention::{Align, Diagonal, Pages, Shape, Window};
use crate::sentence::Sentence;

/// A value, and who said it; nobody where it is the default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said<T> {
    pub value: T,
    pub from: Option<By>,
}

/// One of Q, K and V.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArrayFacts {
    /// Q, K or V.
    pub is: &'static str,
    /// What the file calls it.
    pub name: String,
    pub element: &'static str,
}

/// An input as it will be run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Understood {
    pub input: String,
    pub batch: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub n_q: usize,
    pub n_k: usize,
    pub d: usize,
    pub d_v: usize,
    /// Of files: Q, K and V.
    pub arrays: Vec<ArrayFacts>,
    pub layout: Said<&'static str>,
    /// Sequences that the file holds one after the other; each is a batch entry.
    pub packed: Option<Packed>,
    /// Where K and V lie in a pool of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// Keys that were appended to those of the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appended: Option<usize>,
    pub causal: Said<bool>,
    pub align: Said<Align>,
    /// Keys left and right of the diagonal; `None` is unbounded.
    pub window: Said<[Option<usize>; 2]>,
    pub scale: Said<f64>,
    pub softcap: Said<Option<f64>>,
    pub kv_lengths: Said<Option<Vec<usize>>>,
    /// Whether the key lengths move the diagonal.
    pub diagonal: Said<Diagonal>,
    /// First keys of each batch entry that are padding.
    pub left_padding: Said<Option<Vec<usize>>>,
    /// First keys that every query sees.
    pub prefix_keys: Said<usize>,
    /// First keys that a window does not hide.
    pub sink_keys: Said<usize>,
    /// Tokens of each document.
    pub documents: Said<Option<Vec<usize>>>,
    /// An array that hides keys.
    pub mask: Option<MaskKind>,
    /// An array that is added to the scores (or hides keys, where it is of booleans).
    pub bias: Option<MaskKind>,
    pub alibi: bool,
    /// Learned sinks.
    pub sinks: bool,
    /// The rate.
    pub dropout: Said<Option<f64>>,
    /// Where the gradient of the output is from, of a text that takes one, or where it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad: Option<Said<GradSource>>,
    /// There is a keep mask, and no rate to apply it with.
    pub keep_is_unused: bool,
    pub own_output: Option<OwnOutput>,
    /// In one line of English.
    pub sentence: String,
    pub warnings: Vec<String>,
}

impl Understood {
    /// What is understood of `input` as its problem stands; options have been applied to it.
    pub fn of(input: &Input) -> Self {
        Self::for_text(input, false)
    }

    /// The same for a text that takes the gradient of the output, or not.
    pub fn for_text(input: &Input, takes_gradient: bool) -> Self {
        let (problem, told) = (&input.problem, &input.told);
        let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = problem.shape;
        let mask = &problem.mask;
        let names = ["Q", "K", "V"].into_iter().zip(&told.arrays);
        let mut understood = Self {
            input: input.name.clone(),
            batch,
            heads,
            kv_heads,
            n_q,
            n_k,
            d,
            d_v,
            arrays: names.map(|(is, (name, element))| ArrayFacts { is, name: name.clone(), element }).collect(),
            layout: input.said(Fact::Layout, input.layout.name()),
            packed: input.packed.clone(),
            pages: problem.pages.as_deref().cloned(),
            appended: input.appended,
            causal: input.said(Fact::Causal, mask.causal),
            align: input.said(Fact::Align, mask.align),
            window: input.said(Fact::Window, [mask.window_left, mask.window_right]),
            scale: input.said(Fact::Scale, problem.scale),
            softcap: input.said(Fact::Softcap, problem.softcap),
            kv_lengths: input.said(Fact::KeyLengths, mask.key_lengths.clone()),
            diagonal: input.said(Fact::Diagonal, mask.diagonal),
            left_padding: input.said(Fact::LeftPadding, mask.left_padding.clone()),
            prefix_keys: input.said(Fact::PrefixKeys, mask.prefix_keys),
            sink_keys: input.said(Fact::SinkKeys, mask.sink_keys),
            documents: input.said(Fact::Documents, mask.documents.clone()),
            mask: told.mask,
            bias: told.bias,
            alibi: problem.alibi_slopes.is_some(),
            sinks: problem.sinks.is_some(),
            dropout: input.said(Fact::Dropout, problem.dropout.as_ref().map(|dropout| dropout.rate)),
            grad: told.grad.or(takes_gradient.then_some(GradSource::Ones)).map(|source| input.said(Fact::Grad, source)),
            keep_is_unused: input.keep.is_some() && problem.dropout.is_none(),
            own_output: OwnOutput::of(input),
            sentence: String::new(),
            warnings: vec![],
        };
        understood.sentence = understood.line(input).to_string();
        let warnings = input.warnings.iter().cloned().chain(understood.warning());
        understood.warnings = warnings.map(|warning| warning.to_string()).collect();
        understood
    }

    /// The file's own output does not agree.
    pub fn warning(&self) -> Option<Sentence> {
        self.own_output.as_ref().and_then(OwnOutput::warning)
    }

    /// One line: what, and from where.
    pub fn line(&self, input: &Input) -> Sentence {
        let mut clauses = self.sizes();
        clauses.extend(self.masks());
        clauses.push(from(Sentence::new("scale {0}").with(self.scale.value), self.scale.from));
        if let Some(cap) = self.softcap.value {
            clauses.push(from(Sentence::new("softcap {0}").with(cap), self.softcap.from));
        }
        if self.alibi {
            let by = input.told.facts.get(&Fact::Alibi).copied().unwrap_or(By::File);
            clauses.push(from("ALiBi slopes".into(), Some(by)));
        }
        if self.sinks {
            let by = input.told.facts.get(&Fact::Sinks).copied().unwrap_or(By::File);
            clauses.push(from("learned sinks".into(), Some(by)));
        }
        if input.has_packed_heads {
            clauses.push("query heads of a group packed as rows".into());
        }
        if let Some(varlen) = &input.varlen {
            let clause = "the {0} {0|sequence|sequences} of the batch in one schedule";
            clauses.push(Sentence::new(clause).with(varlen.queries.len()));
        }
        if input.told.facts.contains_key(&Fact::Keys) {
            clauses.push("the queries in place of the keys".into());
        }
        let is_replaced = self.mask == Some(MaskKind::Padding) && self.kv_lengths.from == Some(By::Option);
        let of_mask = if is_replaced { REPLACED } else { mask_in_words(self.mask) };
        clauses.push(Sentence::new("mask: {0}").and(of_mask));
        if let Some(kind) = self.bias {
            clauses.push(Sentence::new("bias: {0}").and(mask_in_words(Some(kind))));
        }
        clauses.extend(self.dropout_in_words(input));
        clauses.extend(self.grad.as_ref().map(|said| from(gradient_in_words(said.value), said.from)));
        clauses.extend(self.own_output.as_ref().map(OwnOutput::sentence));
        let joined = clauses.into_iter().reduce(|all, clause| Sentence::new("{0}, {1}").and(all).and(clause));
        Sentence::new("understood: {0}").and(joined.unwrap_or_default()).on_one_line()
    }

    fn sizes(&self) -> Vec<Sentence> {
        let mut clauses = vec![
            Sentence::new("batch {0}").with(self.batch),
            heads(self.heads, self.kv_heads),
            queries(self.n_q),
            keys(self.n_k),
            Sentence::new("d {0}").with(self.d),
        ];
        if self.d_v != self.d {
            clauses.push(Sentence::new("d_v {0}").with(self.d_v));
        }
        // Names are told where they are not plainly those of the tensors.
        if self.arrays.iter().any(|array| !array.name.eq_ignore_ascii_case(array.is)) {
            let names: Vec<&str> = self.arrays.iter().map(|array| array.name.as_str()).collect();
            clauses.push(Sentence::new("Q, K, V from {0}").with(names.join(", ")));
        }
        let mut kinds: Vec<&str> = self.arrays.iter().map(|array| array.element).collect();
        kinds.dedup();
        if !kinds.is_empty() {
            clauses.push(Sentence::verbatim(kinds.join("/")));
        }
        if self.layout.value != Layout::default().name() {
            clauses.push(from(Sentence::new("layout {0}").with(self.layout.value), self.layout.from));
        }
        clauses.extend(self.packed.as_ref().map(Packed::sentence));
        clauses.extend(self.pages.as_ref().map(Pages::sentence));
        clauses.extend(
            self.appended
                .map(|keys| Sentence::new("the last {0} {0|key|keys} appended to those of the past").with(keys)),
        );
        clauses
    }

    fn masks(&self) -> Vec<Sentence> {
        let causal = if self.causal.value { "causal" } else { "not causal" };
        let mut clauses = vec![from(causal.into(), self.causal.from)];
        let [left, right] = self.window.value;
        if left.is_some() || right.is_some() {
            let [left, right] = Window { left, right }.sides();
            clauses.push(from(Sentence::new("window {0},{1}").with(left).with(right), self.window.from));
        }
        let is_bounded = self.causal.value || left.is_some() || right.is_some();
        if self.align.from.is_some() || (is_bounded && self.n_q != self.n_k) {
            clauses.push(from(Sentence::new("diagonal {0}").with(self.align.value.name()), self.align.from));
        }
        for (pattern, said) in [
            ("key lengths {0}", &self.kv_lengths),
            ("left padding {0}", &self.left_padding),
            ("documents of {0} {0|token|tokens}", &self.documents),
        ] {
            if let Some(list) = &said.value {
                clauses.push(from(Sentence::new(pattern).with(shown(list)), said.from));
            }
        }
        if self.diagonal.value == Diagonal::Lengths {
            clauses.push(from("the diagonal ends at each length".into(), self.diagonal.from));
        }
        for (pattern, said) in
            [("prefix of {0} {0|key|keys}", &self.prefix_keys), ("{0} sink {0|key|keys}", &self.sink_keys)]
        {
            if said.value > 0 {
                clauses.push(from(Sentence::new(pattern).with(said.value), said.from));
            }
        }
        clauses
    }

    fn dropout_in_words(&self, input: &Input) -> Option<Sentence> {
        if self.keep_is_unused {
            return Some("keep: not applied, since its rate is not said".into());
        }
        let rate = self.dropout.value?;
        let is_seeded = input.problem.dropout.as_ref().is_some_and(|dropout| matches!(dropout.keep, Keep::Seed(_)));
        let how = if is_seeded { "dropout {0} by a seed" } else { "dropout {0} by keep" };
        Some(from(Sentence::new(how).with(rate), self.dropout.from))
    }
}

/// At most eight numbers.
fn shown(list: &[usize]) -> String {
    let shown: Vec<String> = list.iter().take(8).map(ToString::to_string).collect();
    let more = if list.len() > shown.len() { ",.." } else { "" };
    format!("{}{more}", shown.join(","))
}

impl Input {
    fn said<T>(&self, fact: Fact, value: T) -> Said<T> {
        Said { value, from: self.told.facts.get(&fact).copied() }
    }
}

/// Query heads over those of keys and values.
pub(super) fn heads(heads: usize, kv_heads: usize) -> Sentence {
    match heads {
        1 => Sentence::new("1 head over {0}").with(kv_heads),
        _ => Sentence::new("{0} {0|head|heads} over {1}").with(heads).with(kv_heads),
    }
}

pub(super) fn queries(count: usize) -> Sentence {
    if count == 1 { "1 query".into() } else { Sentence::new("{0} {0|query|queries}").with(count) }
}

pub(super) fn keys(count: usize) -> Sentence {
    if count == 1 { "1 key".into() } else { Sentence::new("{0} {0|key|keys}").with(count) }
}

/// With who said it.
fn from(what: Sentence, by: Option<By>) -> Sentence {
    match by {
        None => what,
        Some(By::File) => Sentence::new("{0} from the file").and(what),
        Some(By::Option) => Sentence::new("{0} from the option").and(what),
    }
}

fn gradient_in_words(source: GradSource) -> Sentence {
    match source {
        GradSource::Array => "dO".into(),
        GradSource::Ones => "dO of ones".into(),
        GradSource::Random(seed) => Sentence::new("dO random by seed {0}").with(seed),
    }
}

/// Of a mask that hides the last keys, where other key lengths were chosen.
const REPLACED: &str = "padding from the file, replaced by the key lengths that were chosen";

fn mask_in_words(kind: Option<MaskKind>) -> &'static str {
    match kind {
        None => "none",
        Some(MaskKind::Boolean) => "boolean from the file (true attends)",
        Some(MaskKind::Additive) => "added to the scores, from the file",
        Some(MaskKind::Padding) => "padding from the file, as key lengths",
        Some(MaskKind::Open) => "boolean from the file, which hides nothing",
    }
}
