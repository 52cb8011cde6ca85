//! Which key a query may see, as it is chosen: causal and window masks in both alignments, key lengths, left padding,
//! documents, keys that every query sees. What follows for pairs and tiles is [`Band`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::band::{Band, UNBOUNDED};
use super::pairs::Pairs;
use super::problem::ProblemError;
use super::sequences::{Sequence, Sequences};
use super::shape::Shape;
use crate::sentence::Sentence;

/// Where the diagonal of a causal or window mask lies when `n_q != n_k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// The last query sees the last key (flash-attention since 2.1). Offset `n_k - n_q`.
    #[default]
    BottomRight,
    /// The first query sees the first key (PyTorch's `is_causal`). Offset 0.
    TopLeft,
}

impl Align {
    pub const ALL: [Align; 2] = [Align::BottomRight, Align::TopLeft];

    pub fn name(self) -> &'static str {
        match self {
            Align::BottomRight => "bottom-right",
            Align::TopLeft => "top-left",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|align| align.name() == name)
    }
}

/// The two sides of a sliding window. As text `16,0`, in which -1 is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Keys left of the diagonal that stay visible; `None` is unbounded.
    pub left: Option<usize>,
    /// Keys right of the diagonal that stay visible; `None` is unbounded.
    pub right: Option<usize>,
}

impl Window {
    /// Nothing is hidden.
    pub const OPEN: Self = Self { left: None, right: None };

    pub fn is_open(self) -> bool {
        self == Self::OPEN
    }

    /// Both sides as numbers, with -1 for no bound: more keys than any input has are none.
    pub fn sides(self) -> [i64; 2] {
        [self.left, self.right].map(|side| side.and_then(|keys| i64::try_from(keys).ok()).unwrap_or(-1))
    }

    /// A side of a number, of which -1 is unbounded.
    pub fn side(keys: i64) -> Option<Option<usize>> {
        if keys == -1 { Some(None) } else { usize::try_from(keys).ok().map(Some) }
    }
}

impl std::str::FromStr for Window {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let side = |text: &str| match text.trim() {
            "-1" => Ok(None),
            keys => keys.parse::<usize>().map(|keys| Some(keys).filter(|&keys| i64::try_from(keys).is_ok())),
        };
        let side = |text| side(text).map_err(|_| Sentence::new("it is two numbers such as 16,0; -1 is unbounded"));
        let (left, right) = text.split_once(',').ok_or("it is two numbers with a comma, such as 16,0")?;
        Ok(Self { left: side(left)?, right: side(right)? })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = self.sides();
        write!(f, "{left},{right}")
    }
}

crate::sentence::stands_as_text!(Window);

/// Where the diagonal of a causal or window mask ends, where a sequence has fewer keys than the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diagonal {
    /// It is that of n_q and n_k, whatever the lengths.
    #[default]
    Whole,
    /// The last query sees the last key of its sequence, as libraries with a KV cache have it (flash-attention's
    /// `cache_seqlens`); ALiBi's distances are measured from there as well.
    Lengths,
}

impl Diagonal {
    pub const ALL: [Diagonal; 2] = [Diagonal::Whole, Diagonal::Lengths];

    pub fn name(self) -> &'static str {
        match self {
            Diagonal::Whole => "whole",
            Diagonal::Lengths => "lengths",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|diagonal| diagonal.name() == name)
    }
}

/// The masks of a whole problem. All but the array come from indices and cost no traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    pub causal: bool,
    pub align: Align,
    /// Keys left of the diagonal that stay visible; `None` is unbounded.
    pub window_left: Option<usize>,
    /// Keys right of the diagonal that stay visible; `None` is unbounded.
    pub window_right: Option<usize>,
    /// Keys that exist, one entry per batch entry.
    pub key_lengths: Option<Vec<usize>>,
    /// Whether the key lengths move the diagonal.
    pub diagonal: Diagonal,
    /// First keys that are padding, one entry per batch entry. Does not move the diagonal.
    pub left_padding: Option<Vec<usize>>,
    /// First keys that every query sees, whatever causal mask and window hide (a prefix LM).
    pub prefix_keys: usize,
    /// First keys that a window does not hide from later queries (attention sinks).
    pub sink_keys: usize,
    /// Tokens of each document, one after the other: a query sees the keys of its own document alone.
    pub documents: Option<Vec<usize>>,
    /// Queries and keys of each batch entry, where sequences that a file packs have diagonals of their own (a mixed batch of
    /// prefills, chunks and decode steps): the last query of each sees its last key.
    pub sequences: Option<Arc<[[usize; 2]]>>,
    /// Sequences one after the other on both axes, in one batch entry.
    pub varlen: Option<Arc<[Sequence]>>,
    /// Query heads of a group that are the rows of each query, one after the other (packed GQA): all see what it sees.
    pub heads_as_rows: Option<usize>,
    /// What an array of the input hides, of the rows where heads are rows: it is in the bias as -inf, and moves as data does.
    pub array: Option<Arc<Pairs>>,
}

impl Mask {
    pub fn window(&self) -> Window {
        Window { left: self.window_left, right: self.window_right }
    }

    /// Something of it depends on how far a key is from the diagonal.
    pub fn has_diagonal(&self) -> bool {
        self.causal || !self.window().is_open()
    }

    /// The mask of some heads of a batch entry: an array may hide other pairs from one than from another.
    pub fn band_of(&self, shape: &Shape, batch: usize, heads: Range<usize>) -> Band {
        let array = self.array.as_ref().map(|pairs| pairs.of(batch, heads));
        Band { array, ..self.band_by_index(shape, batch) }
    }

    /// The mask of all heads of a batch entry.
    pub fn band(&self, shape: &Shape, batch: usize) -> Band {
        Band { array: self.array.as_ref().map(|pairs| pairs.of_all(batch)), ..self.band_by_index(shape, batch) }
    }

    /// The mask of one batch entry, whatever an array hides.
    fn band_by_index(&self, shape: &Shape, batch: usize) -> Band {
        if let Some(heads) = self.heads_as_rows {
            let of_queries = Self { heads_as_rows: None, array: None, ..self.clone() };
            let shape = Shape { n_q: shape.n_q / heads.max(1), ..*shape };
            return of_queries.band_by_index(&shape, batch).packed(heads.max(1));
        }
        let bound =
            |side: Option<usize>| side.and_then(|n| i64::try_from(n).ok()).map_or(UNBOUNDED, |n| n.min(UNBOUNDED));
        let right = bound(self.window_right);
        let (n_q, n_k) = (shape.n_q, shape.n_k);
        let of_batch = |lengths: &Vec<usize>| lengths[batch].min(n_k);
        let kv = self.key_lengths.as_ref().map_or(n_k, of_batch);
        let own = self.sequences.as_ref().and_then(|all| all.get(batch).copied());
        let [own_q, own_k] = own.map_or([n_q, n_k], |[queries, keys]| [queries.min(n_q), keys.min(n_k)]);
        let ahead = match self.diagonal {
            Diagonal::Whole => own_k as i64 - own_q as i64,
            Diagonal::Lengths => kv as i64 - own_q as i64,
        };
        let sequences = self.varlen.as_ref().map(|all| {
            let band = |of: &Sequence| {
                let (key_lengths, left_padding, documents) = (None, None, None);
                let of_batch = Self { sequences: None, array: None, varlen: None, ..self.clone() };
                let alone = Self { key_lengths, left_padding, documents, ..of_batch };
                let shape = Shape { batch: 1, n_q: of.queries, n_k: of.keys, ..*shape };
                let offset = if self.align == Align::BottomRight { of.ahead } else { 0 };
                Band { offset, ahead: of.ahead, ..alone.band(&shape, 0) }
            };
            Arc::new(Sequences::new(all.iter().map(band).collect()))
        });
        Band {
            n_q,
            n_k,
            offset: if self.align == Align::BottomRight { ahead } else { 0 },
            left: bound(self.window_left),
            right: if self.causal { right.min(0) } else { right },
            kv,
            padding: self.left_padding.as_ref().map_or(0, of_batch),
            prefix: self.prefix_keys.min(n_k),
            sinks: self.sink_keys.min(n_k),
            documents: self.documents.as_ref().map(|lengths| ends(lengths)),
            array: None,
            ahead,
            sequences,
            packed: None,
        }
    }

    /// Errors where an input of this shape cannot have it.
    pub fn check(&self, shape: &Shape) -> Result<(), ProblemError> {
        self.key_lengths.iter().try_for_each(|lengths| shape.check_key_lengths(lengths))?;
        self.left_padding.iter().try_for_each(|lengths| shape.check_left_padding(lengths))?;
        if let Some(all) = &self.varlen {
            let sum = |of: fn(&Sequence) -> usize| all.iter().try_fold(0usize, |sum, each| sum.checked_add(of(each)));
            let found = [sum(|of| of.queries), sum(|of| of.keys)];
            if shape.batch != 1 || found != [Some(shape.n_q), Some(shape.n_k)] {
                let expected = Sentence::new("{0} {0|query|queries} and {1} {1|key|keys} in one batch entry");
                let found = found.map(Option::unwrap_or_default).to_vec();
                return Err(ProblemError::Shape {
                    name: "sequences",
                    found,
                    expected: expected.with(shape.n_q).with(shape.n_k),
                });
            }
        }
        let Some(documents) = &self.documents else { return Ok(()) };
        let (found, Shape { n_q, n_k, .. }) = (documents.clone(), *shape);
        let n_q = n_q / self.heads_as_rows.unwrap_or(1).max(1);
        if n_q != n_k {
            let expected = Sentence::new("as many queries as keys (here {0} and {1})").with(n_q).with(n_k);
            return Err(ProblemError::Shape { name: "documents", found, expected });
        }
        if documents.iter().try_fold(0usize, |sum, &length| sum.checked_add(length)) != Some(n_k) {
            let expected = Sentence::new("a sum of {0} {0|token|tokens}").with(n_k);
            return Err(ProblemError::Shape { name: "documents", found, expected });
        }
        Ok(())
    }

    /// As much of it as the first `tokens` keys have.
    pub fn of_first(mut self, tokens: usize) -> Self {
        for lengths in [&mut self.key_lengths, &mut self.left_padding] {
            lengths.iter_mut().flatten().for_each(|length| *length = (*length).min(tokens));
        }
        if let Some(cut) = self.array.as_ref().and_then(|pairs| pairs.cut(tokens)) {
            self.array = Some(Arc::new(cut));
        }
        let mut left = tokens;
        for length in self.documents.iter_mut().flatten() {
            *length = (*length).min(left);
            left -= *length;
        }
        // No document is left of those that lie after the tokens.
        self.documents.iter_mut().for_each(|lengths| lengths.retain(|&length| length > 0));
        self
    }

    /// It with no key from `end` on, and every diagonal where it was.
    pub fn until_key(&self, shape: &Shape, end: usize) -> Self {
        let lengths = self.key_lengths.clone().unwrap_or_else(|| vec![shape.n_k; shape.batch]);
        let own_q =
            |batch: usize| self.sequences.as_ref().and_then(|all| all.get(batch)).map_or(shape.n_q, |own| own[0]);
        // Where lengths move the diagonal, each sequence has one that they do not.
        let sequences = match self.diagonal {
            Diagonal::Lengths => Some(lengths.iter().enumerate().map(|(batch, &keys)| [own_q(batch), keys]).collect()),
            Diagonal::Whole => self.sequences.clone(),
        };
        let key_lengths = Some(lengths.into_iter().map(|length| length.min(end)).collect());
        Self { key_lengths, diagonal: Diagonal::Whole, sequences, ..self.clone() }
    }

    /// Where it is causal, its first `tokens` see what they would see without those after them.
    pub fn is_cut_at(&self, tokens: usize) -> bool {
        let moves = self.diagonal == Diagonal::Lengths && self.key_lengths.is_some();
        self.prefix_keys <= tokens && !moves && self.sequences.is_none() && self.varlen.is_none()
    }

    /// What of it no kernel knows that has a band, key lengths and diagonals of sequences alone, by its name.
    pub fn beyond_band(&self) -> Option<&'static str> {
        let holds = [
            ("sequences in one schedule", self.varlen.is_some()),
            ("query heads as rows of a block", self.heads_as_rows.is_some() && self.has_diagonal()),
            ("documents", self.documents.is_some()),
            ("prefix keys", self.prefix_keys > 0),
            ("sink keys", self.sink_keys > 0),
            ("left padding", self.left_padding.iter().flatten().any(|&keys| keys > 0)),
        ];
        holds.into_iter().find_map(|(name, is_there)| is_there.then_some(name))
    }
}

/// Where each of these lengths ends, one after the other.
fn ends(lengths: &[usize]) -> Arc<[usize]> {
    let mut end = 0usize;
    let add = |length: &usize| {
        end = end.saturating_add(*length);
        end
    };
    lengths.iter().map(add).collect()
}
