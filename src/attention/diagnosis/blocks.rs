//! Bugs of a loop over key blocks, which hang on the size of the blocks. A maximum that is stuck is none of them: what is
//! taken off all scores of a row cancels.

use crate::attention::Head;

use super::told::{Told, unmasked, weigh};

/// Keys of a block that kernels have.
pub const SIZES: [usize; 9] = [4, 8, 16, 32, 64, 80, 96, 128, 256];

/// What a loop does that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    OutputKept,
    SumKept,
    BothKept,
    Inverse,
    MaximumOfBlock,
    LastBlockLost,
    PaddingCounts,
    FirstBlockTwice,
    PartsAveraged,
    PartsBySums,
    TornTile,
}

/// Each by its name, what it is, and the text of the program that has it.
pub const SLIPS: [(Slip, &str, &str, Option<&str>); 11] = [
    (
        Slip::OutputKept,
        "output-not-rescaled",
        "O is not rescaled where the maximum rises",
        Some("flash2/output-not-rescaled"),
    ),
    (Slip::SumKept, "sum-not-rescaled", "l is not rescaled where the maximum rises", Some("flash2/sum-not-rescaled")),
    (
        Slip::BothKept,
        "not-rescaled",
        "neither O nor l is rescaled where the maximum rises",
        Some("flash2/forget-alpha"),
    ),
    (
        Slip::Inverse,
        "inverse-factor",
        "O is divided by the factor and not multiplied by it",
        Some("flash2/inverse-alpha"),
    ),
    (
        Slip::MaximumOfBlock,
        "maximum-of-block",
        "the factor is against the maximum of the block, and not the running one",
        None,
    ),
    (Slip::LastBlockLost, "last-block-lost", "the last block is left out where it is not whole", None),
    (Slip::PaddingCounts, "padding-counts", "the last block is filled up with keys of score 0, which count in l", None),
    (Slip::FirstBlockTwice, "first-block-twice", "the first block is counted twice", None),
    (Slip::PartsAveraged, "parts-averaged", "the outputs of all blocks are averaged, each with the same weight", None),
    (
        Slip::PartsBySums,
        "parts-by-sums",
        "the outputs of all blocks are merged by their sums, without their maxima",
        None,
    ),
    (
        Slip::TornTile,
        "torn-tile",
        "half of the rows of each block of V are those of the block before, as without a barrier behind the load",
        Some("flash2/drop-barrier"),
    ),
];

/// Row `i` by a loop over blocks of `size` keys; `None` where one block is all there is, or the slip has nothing to act on.
pub fn row(head: &Head<f64>, i: usize, size: usize, slip: Slip) -> Option<Told> {
    // A loop ends at the length of the sequence.
    let n_k = head.n_k().min(head.band.kv);
    let is_ragged = !n_k.is_multiple_of(size);
    if size >= n_k || matches!(slip, Slip::LastBlockLost | Slip::PaddingCounts) && !is_ragged {
        return None;
    }
    let scores = unmasked(head, i).into_iter().take(n_k);
    let scores: Vec<f64> =
        scores.enumerate().map(|(j, s)| if head.sees(i, j) { s } else { f64::NEG_INFINITY }).collect();
    match slip {
        // Nothing says what such a merge makes of a learned sink.
        Slip::PartsAveraged | Slip::PartsBySums if head.sink.is_some() => None,
        Slip::PartsAveraged | Slip::PartsBySums => Some(of_parts(head, i, &scores, size, slip)),
        _ => Some(online(head, i, &scores, size, slip)),
    }
}

fn online(head: &Head<f64>, i: usize, scores: &[f64], size: usize, slip: Slip) -> Told {
    let sink = head.sink_at(i).unwrap_or(f64::NEG_INFINITY);
    let (mut m, mut l, mut o) = (sink, if head.sink.is_some() { 1.0 } else { 0.0 }, vec![0.0; head.v.ncols()]);
    let mut starts: Vec<usize> = (0..scores.len()).step_by(size).collect();
    match slip {
        Slip::LastBlockLost => _ = starts.pop(),
        Slip::FirstBlockTwice => starts.insert(1, 0),
        _ => {}
    }
    let mut is_first = true;
    for start in starts {
        let block = &scores[start..(start + size).min(scores.len())];
        let padding = if slip == Slip::PaddingCounts { size - block.len() } else { 0 };
        let mut most = block.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if padding > 0 {
            most = most.max(0.0);
        }
        if most == f64::NEG_INFINITY {
            continue;
        }
        let m_new = match slip {
            Slip::MaximumOfBlock => most,
            _ => m.max(most),
        };
        let alpha = if m == f64::NEG_INFINITY { 0.0 } else { (m - m_new).exp() };
        let (of_l, of_o) = match slip {
            Slip::OutputKept => (alpha, 1.0),
            Slip::SumKept => (1.0, alpha),
            Slip::BothKept => (1.0, 1.0),
            Slip::Inverse => (alpha, if m == f64::NEG_INFINITY { 0.0 } else { 1.0 / alpha }),
            // The old is not worth less where this block has the larger maximum only.
            Slip::MaximumOfBlock => (alpha.min(1.0), alpha.min(1.0)),
            _ => (alpha, alpha),
        };
        let weights: Vec<f64> =
            block.iter().map(|s| if *s == f64::NEG_INFINITY { 0.0 } else { (s - m_new).exp() }).collect();
        l = of_l * l + weights.iter().sum::<f64>() + padding as f64 * (-m_new).exp();
        let added = match slip {
            Slip::TornTile if !is_first => weigh_torn(head, i, start, &weights, size),
            _ => weigh(head, i, start, &weights),
        };
        o.iter_mut().zip(added).for_each(|(o, added)| *o = of_o * *o + added);
        (m, is_first) = (m_new, false);
    }
    Told { o: o.into_iter().map(|o| if l == 0.0 { o } else { o / l }).collect(), lse: m + l.ln() }
}

/// As [`weigh`], of a block that is not the row's first: its keys from half of `size` on have the values of the block before.
fn weigh_torn(head: &Head<f64>, i: usize, start: usize, weights: &[f64], size: usize) -> Vec<f64> {
    let mut o = vec![0.0; head.v.ncols()];
    for (n, p) in weights.iter().enumerate().filter(|(_, p)| **p != 0.0) {
        let key = start + n;
        let read = if n >= size.div_ceil(2) { key - size } else { key };
        let p = p * head.dropout_factor(i, key);
        o.iter_mut().zip(head.v.row(read)).for_each(|(o, v)| *o += p * v);
    }
    o
}

fn of_parts(head: &Head<f64>, i: usize, scores: &[f64], size: usize, slip: Slip) -> Told {
    let (mut weight, mut o) = (0.0, vec![0.0; head.v.ncols()]);
    for (n, block) in scores.chunks(size).enumerate() {
        let m = block.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if m == f64::NEG_INFINITY {
            continue;
        }
        let weights: Vec<f64> = block.iter().map(|s| (s - m).exp()).collect();
        let l: f64 = weights.iter().sum();
        let of_part = if slip == Slip::PartsAveraged { 1.0 } else { l };
        o.iter_mut().zip(weigh(head, i, n * size, &weights)).for_each(|(o, part)| *o += of_part * part / l);
        weight += of_part;
    }
    let lse = Told::softmax(head, i, scores).lse;
    Told { o: o.into_iter().map(|o| if weight == 0.0 { o } else { o / weight }).collect(), lse }
}
