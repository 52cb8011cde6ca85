//! Which lines of a kernel's source carry out an operation, by the markers in its comments.
//!
//! A marker is `[step: scores]`, or `[step: row max, rescale]` where one paragraph does several. Its lines run from the
//! marker to the next marker, to a blank line, or to the end of the block that the marker stands in.

const OPENS: &str = "[step:";

/// The lines (from 1) of `source` that carry out `operation`, such as `row-max` or `load Q`, rising; none where no marker
/// names it.
pub fn kernel_lines(source: &str, operation: &str) -> Vec<u16> {
    let word = operation.replace('-', " ");
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
        let lines = |operation| kernel_lines(SOURCE, operation);
        assert_eq!(lines("load Q"), [2, 3]);
        assert_eq!(lines("row-max"), [6, 7]);
        assert_eq!(lines("rescale"), [6, 7]);
        assert_eq!(lines("accumulate"), [10, 11, 12, 13]);
        assert_eq!(lines("store L"), [15, 16]);
        assert!(lines("load K").is_empty());
        assert!(kernel_lines("", "scores").is_empty());
    }
}
