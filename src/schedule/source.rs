//! Which lines of a kernel's source carry out an operation, by the markers in its comments.
//!
//! A marker is `[step: scores]`, or `[step: row max, rescale]` where one paragraph does several. Its lines run from the
//! marker to the next marker, to a blank line, or to the end of the block that the marker stands in.

use super::algorithm::Algorithm;

const OPENS: &str = "[step:";

/// The lines (from 1) of `source` that carry out a line of the text, rising; none where no marker names its operation. Where
/// several kernels of the text have an operation of that name, markers stand in the order of the text.
pub fn kernel_lines(source: &str, algorithm: &Algorithm, line: usize) -> Vec<u16> {
    let operation = algorithm.written_operation(line);
    let before = (0..line).filter(|&before| algorithm.written_operation(before) == operation).count();
    lines_of(source, &operation, before)
}

/// The lines of the marker that names `operation`, such as `row-max` or `load Q`, after `before` others that do.
fn lines_of(source: &str, operation: &str, before: usize) -> Vec<u16> {
    let word = operation.replace('-', " ");
    let (mut found, mut passed) = (Vec::new(), 0);
    // The indentation of the marker whose lines these are.
    let mut inside = None;
    for (line, number) in source.lines().zip(1..=u16::MAX) {
        let indent = line.len() - line.trim_start().len();
        if let Some(mut words) = words_of(line) {
            let is_named = words.any(|named| named == word);
            inside = (is_named && passed == before).then_some(indent);
            passed += usize::from(is_named);
        } else if line.trim().is_empty() || inside.is_some_and(|marker| indent < marker) {
            inside = None;
        }
        if inside.is_some() {
            found.push(number);
        }
    }
    found
}

fn words_of(line: &str) -> Option<impl Iterator<Item = &str>> {
    let (_, rest) = line.split_once(OPENS)?;
    let (words, _) = rest.split_once(']')?;
    Some(words.split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let lines = |operation| lines_of(SOURCE, operation, 0);
        assert_eq!(lines("load Q"), [2, 3]);
        assert_eq!(lines("row-max"), [6, 7]);
        assert_eq!(lines("rescale"), [6, 7]);
        assert_eq!(lines("accumulate"), [10, 11, 12, 13]);
        assert_eq!(lines("store L"), [15, 16]);
        assert!(lines("load K").is_empty());
        assert!(lines_of("", "scores", 0).is_empty());
        assert_eq!(lines_of(&[SOURCE, SOURCE].concat(), "load Q", 1), [19, 20]);
        assert!(lines_of(SOURCE, "load Q", 1).is_empty());
    }
}
