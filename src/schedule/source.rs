//! Which lines of a kernel's source carry out an operation, by the markers in its comments.
//!
//! A marker is `[step: scores]`, or `[step: row max, rescale]` where one paragraph does several. Its lines run from the
//! marker to the next marker, to a blank line, or to the end of the block that the marker stands in.

use super::step::Op;

const OPENS: &str = "[step:";

/// The lines (from 1) of `source` that carry out `op`, rising; none where no marker names it.
pub fn kernel_lines(source: &str, op: Op) -> Vec<u16> {
    let word = marker(op);
    let mut found = Vec::new();
    // The indentation of the marker whose lines these are.
    let mut inside = None;
    for (line, number) in source.lines().zip(1..=u16::MAX) {
        let indent = line.len() - line.trim_start().len();
        if let Some(mut words) = words_of(line) {
            inside = words.any(|named| named == word).then_some(indent);
        } else if line.trim().is_empty() || inside.is_some_and(|marker| indent < marker) {
            inside = None;
        }
        if inside.is_some() {
            found.push(number);
        }
    }
    found
}

/// What a marker calls `op`: its name with spaces, and the tensor that it moves.
fn marker(op: Op) -> String {
    let name = op.name().replace('-', " ");
    match op.tensor() {
        Some(tensor) => format!("{name} {}", tensor.name()),
        None => name,
    }
}

fn words_of(line: &str) -> Option<impl Iterator<Item = &str>> {
    let (_, rest) = line.split_once(OPENS)?;
    let (words, _) = rest.split_once(']')?;
    Some(words.split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Max, Tensor};

    const SOURCE: &str = "\
fn kernel() {
    // [step: load Q]
    q = load();

    loop {
        // [step: row max, rescale]
        m = max(m, s);

        // not a step
        // [step: accumulate]
        if p {
            o += p;
        }
    }
    // [step: store L]
    store();
}
";

    #[test]
    fn from_the_marker_to_the_end_of_its_paragraph_or_block() {
        let lines = |op| kernel_lines(SOURCE, op);
        assert_eq!(lines(Op::Load(Tensor::Q)), [2, 3]);
        assert_eq!(lines(Op::RowMax(Max::Running)), [6, 7]);
        assert_eq!(lines(Op::Rescale), [6, 7]);
        assert_eq!(lines(Op::Accumulate), [10, 11, 12, 13]);
        assert_eq!(lines(Op::Store(Tensor::Lse)), [15, 16]);
        assert!(lines(Op::Load(Tensor::K)).is_empty());
        assert!(kernel_lines("", Op::Scores).is_empty());
    }

    #[test]
    fn operations_are_called_by_their_names() {
        let words = [Op::StartRows, Op::Scores, Op::RowSum, Op::Normalise, Op::Store(Tensor::O)].map(marker);
        assert_eq!(words, ["start rows", "scores", "row sum", "normalise", "store O"]);
    }
}
