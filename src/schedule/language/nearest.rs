//! The nearest right word to a wrong one.

/// The candidate with the fewest letters to change, if that is few for its length; of equals the one that `word` begins.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    // One letter for another is no help in a word of two.
    let most = if length < 3 { 0 } else { length.div_ceil(3) };
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(changes, candidate)| *changes <= most && 2 * changes < length.max(candidate.chars().count()))
        .min_by_key(|(changes, candidate)| (*changes, !candidate.starts_with(word)))
        .map(|(_, candidate)| candidate)
}

/// Letters to put in, leave out, change or exchange with the next; a letter in the other case costs nothing.
fn distance(a: &str, b: &str) -> usize {
    let [a, b] = [a, b].map(|word| word.to_lowercase().chars().collect::<Vec<_>>());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let changed = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut fewest = changed.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                fewest = fewest.min(above[j - 2] + 1);
            }
            next.push(fewest);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_to_change() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("rowmax", "rowmax"), 0);
        assert_eq!(distance("ROWMAX", "rowmax"), 0);
        assert_eq!(distance("rowsun", "rowsum"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("laod", "load"), 1);
        assert_eq!(distance("rowmxa", "rowmax"), 1);
        assert_eq!(distance("abcdfegh", "abcdefgh"), 1);
    }

    #[test]
    fn only_what_is_near_is_offered() {
        assert_eq!(nearest("rowmx", ["rowsum", "rowmax"]), Some("rowmax"));
        assert_eq!(
            nearest("key blcks seen by i", ["key blocks", "key blocks seen by i"]),
            Some("key blocks seen by i")
        );
        assert_eq!(nearest("alfa", ["l", "alpha"]), Some("alpha"));
        assert_eq!(nearest("key blocks seen", ["key blocks", "key blocks seen by i"]), Some("key blocks seen by i"));
        assert_eq!(nearest("banana", ["rowsum", "rowmax"]), None);
        assert_eq!(nearest("x", ["S", "m"]), None, "one letter for another is no help");
        assert_eq!(nearest("s", ["m", "S"]), Some("S"));
        assert_eq!(nearest("load", ["lost"]), None, "half of it is another word");
    }
}
