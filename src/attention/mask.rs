//! Which key a query may see: causal and window masks in both alignments, key lengths, tile classes.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

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

impl TryFrom<String> for Window {
    type Error = Sentence;

    fn try_from(text: String) -> Result<Self, Sentence> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

/// The masks of a whole problem. Masks come from indices and cost no traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    pub causal: bool,
    pub align: Align,
    /// Keys left of the diagonal that stay visible; `None` is unbounded.
    pub window_left: Option<usize>,
    /// Keys right of the diagonal that stay visible; `None` is unbounded.
    pub window_right: Option<usize>,
    /// Keys that exist, one entry per batch entry. Does not move the diagonal.
    pub key_lengths: Option<Vec<usize>>,
}

impl Mask {
    pub fn window(&self) -> Window {
        Window { left: self.window_left, right: self.window_right }
    }

    /// The mask of one batch entry as a band of visible keys.
    pub fn band(&self, shape: &Shape, batch: usize) -> Band {
        let bound =
            |side: Option<usize>| side.and_then(|n| i64::try_from(n).ok()).map_or(UNBOUNDED, |n| n.min(UNBOUNDED));
        let right = bound(self.window_right);
        Band {
            n_q: shape.n_q,
            n_k: shape.n_k,
            offset: match self.align {
                Align::BottomRight => shape.n_k as i64 - shape.n_q as i64,
                Align::TopLeft => 0,
            },
            left: bound(self.window_left),
            right: if self.causal { right.min(0) } else { right },
            kv: self.key_lengths.as_ref().map_or(shape.n_k, |lengths| lengths[batch].min(shape.n_k)),
        }
    }
}

/// Stands for "no bound"; far from overflow when added to an index.
pub const UNBOUNDED: i64 = i64::MAX / 4;

/// The visible keys of one batch entry: query `i` sees key `j` iff
/// `-left <= j - i - offset <= right` and `j < kv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    pub n_q: usize,
    pub n_k: usize,
    pub offset: i64,
    pub left: i64,
    pub right: i64,
    pub kv: usize,
}

/// What a mask leaves of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TileClass {
    /// Every pair is visible: no mask needed.
    Full,
    /// Some pairs are visible: the mask is applied element by element.
    Partial,
    /// No pair is visible.
    Skipped,
}

impl TileClass {
    pub fn name(self) -> &'static str {
        match self {
            TileClass::Full => "full",
            TileClass::Partial => "partial",
            TileClass::Skipped => "skipped",
        }
    }
}

impl Band {
    /// Every pair visible.
    pub fn open(n_q: usize, n_k: usize) -> Self {
        Mask::default().band(&Shape::single(n_q, n_k, 1), 0)
    }

    pub fn keeps(&self, i: usize, j: usize) -> bool {
        let distance = j as i64 - i as i64 - self.offset;
        j < self.kv && -self.left <= distance && distance <= self.right
    }

    /// The keys that query `i` sees: always one run.
    pub fn keys_of(&self, i: usize) -> Range<usize> {
        self.keys_of_rows(i..i + 1)
    }

    /// The keys that at least one query of `rows` sees, as one run (empty if none).
    pub fn keys_of_rows(&self, rows: Range<usize>) -> Range<usize> {
        let start = (rows.start as i64 + self.offset - self.left).max(0);
        let end = (rows.end as i64 + self.offset + self.right).min(self.kv as i64);
        if start < end { start as usize..end as usize } else { 0..0 }
    }

    /// The queries that see at least one key of `cols`, as one run (empty if none).
    pub fn rows_of_keys(&self, cols: Range<usize>) -> Range<usize> {
        let last = cols.end.min(self.kv) as i64;
        if cols.start as i64 >= last {
            return 0..0;
        }
        let start = (cols.start as i64 - self.offset - self.right).max(0);
        let end = (last - self.offset + self.left).min(self.n_q as i64);
        if start < end { start as usize..end as usize } else { 0..0 }
    }

    /// The exact class of the tile `rows` x `cols`: the distance `j - i - offset` takes every integer
    /// between its least and its greatest value on a rectangle, so comparing those two is enough.
    pub fn class(&self, rows: Range<usize>, cols: Range<usize>) -> TileClass {
        let seen_end = cols.end.min(self.kv) as i64;
        let least = cols.start as i64 - (rows.end as i64 - 1) - self.offset;
        let greatest = seen_end - 1 - rows.start as i64 - self.offset;
        if cols.start >= self.kv || least > self.right || greatest < -self.left {
            TileClass::Skipped
        } else if cols.end <= self.kv && greatest <= self.right && least >= -self.left {
            TileClass::Full
        } else {
            TileClass::Partial
        }
    }

    /// True when no pair is masked anywhere.
    pub fn is_open(&self) -> bool {
        self.class(0..self.n_q, 0..self.n_k) == TileClass::Full
    }

    /// Queries that see no key at all.
    pub fn dead_rows(&self) -> usize {
        (0..self.n_q).filter(|&i| self.keys_of(i).is_empty()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bands() -> impl Strategy<Value = Band> {
        (1usize..20, 1usize..20, any::<bool>(), -1i64..6, -1i64..6, 0usize..22, any::<bool>()).prop_map(
            |(n_q, n_k, top_left, left, right, kv, causal)| {
                let mask = Mask {
                    causal,
                    align: if top_left { Align::TopLeft } else { Align::BottomRight },
                    window_left: usize::try_from(left).ok(),
                    window_right: usize::try_from(right).ok(),
                    key_lengths: Some(vec![kv.min(n_k)]),
                };
                mask.band(&Shape::single(n_q, n_k, 1), 0)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn class_counts_the_pairs(band in bands(), r0 in 0usize..20, r in 1usize..6, c0 in 0usize..20, c in 1usize..6) {
            let (r0, c0) = (r0 % band.n_q, c0 % band.n_k);
            let (rows, cols) = (r0..(r0 + r).min(band.n_q), c0..(c0 + c).min(band.n_k));
            let kept = rows.clone().map(|i| cols.clone().filter(|&j| band.keeps(i, j)).count()).sum::<usize>();
            let expected = match kept {
                0 => TileClass::Skipped,
                n if n == rows.len() * cols.len() => TileClass::Full,
                _ => TileClass::Partial,
            };
            prop_assert_eq!(band.class(rows, cols), expected);
        }

        #[test]
        fn runs_are_the_kept_keys_and_rows(band in bands()) {
            for i in 0..band.n_q {
                let kept: Vec<usize> = (0..band.n_k).filter(|&j| band.keeps(i, j)).collect();
                prop_assert_eq!(kept, band.keys_of(i).collect::<Vec<_>>());
            }
            for j in 0..band.n_k {
                let kept: Vec<usize> = (0..band.n_q).filter(|&i| band.keeps(i, j)).collect();
                prop_assert_eq!(kept, band.rows_of_keys(j..j + 1).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn both_alignments_of_a_causal_mask() {
        let shape = Shape::single(5, 2, 1);
        let seen = |align| {
            let band = Mask { causal: true, align, ..Mask::default() }.band(&shape, 0);
            (0..5).map(|i| band.keys_of(i).len()).collect::<Vec<_>>()
        };
        assert_eq!(seen(Align::BottomRight), [0, 0, 0, 1, 2]);
        assert_eq!(seen(Align::TopLeft), [1, 2, 2, 2, 2]);
    }
}
