//! Tokens that are pieces of bytes: a character spread over three tokens is `注 1/3`, `注 2/3`, `注 3/3`. They stay
//! three: each is a row of its own.

/// Labels of the tokens of one sequence, one for each. A token without bytes (`<0xNN>`) keeps its text; so do all where
/// the bytes are no text together.
pub fn labels(tokens: &[String]) -> Vec<String> {
    label(tokens).unwrap_or_else(|| tokens.to_vec())
}

fn label(tokens: &[String]) -> Option<Vec<String>> {
    let mut bytes = Vec::new();
    // The token of each byte.
    let mut owners = Vec::new();
    for (token, text) in tokens.iter().enumerate() {
        bytes.extend(bytes_of(text));
        owners.resize(bytes.len(), token);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut labels = vec![String::new(); tokens.len()];
    for (at, c) in text.char_indices() {
        let (first, last) = (owners[at], owners[at + c.len_utf8() - 1]);
        if first == last {
            labels[first].push(c);
            continue;
        }
        let count = last - first + 1;
        for (n, label) in labels[first..=last].iter_mut().enumerate() {
            label.push_str(&format!("{c} {}/{count}", n + 1));
        }
    }
    Some(labels)
}

/// The bytes of a token in which `<0xNN>` stands for one.
fn bytes_of(token: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = token;
    while !rest.is_empty() {
        let piece = rest.strip_prefix("<0x").and_then(|from| Some((from.get(..2)?, from.get(2..)?.strip_prefix('>')?)));
        match piece.and_then(|(digits, after)| Some((u8::from_str_radix(digits, 16).ok()?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                let length = rest.chars().next().map_or(rest.len(), char::len_utf8);
                bytes.extend_from_slice(&rest.as_bytes()[..length]);
                rest = &rest[length..];
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::bundled;

    fn of(tokens: &[&str]) -> Vec<String> {
        labels(&tokens.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_character_over_three_rows_is_counted_and_never_merged() {
        assert_eq!(of(&["<0xE6>", "<0xB3>", "<0xA8>"]), ["注 1/3", "注 2/3", "注 3/3"]);
        assert_eq!(of(&["a", " <0xE6>", "<0xB3><0xA8>", "b"]), ["a", " 注 1/2", "注 2/2", "b"]);
        // The end of one and the start of the next in one token.
        assert_eq!(of(&["<0xE6><0xB3>", "<0xA8><0xE6>", "<0x84><0x8F>"]), ["注 1/2", "注 2/2意 1/2", "意 2/2"]);
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let odd = ["<0xE6>", "x", "<0xZZ>", "<0x4", "<0xé>", ""];
        assert_eq!(of(&odd), odd);
        assert_eq!(of(&["<0x41>", "é"]), ["A", "é"]);
        assert_eq!(of(&[]), [""; 0]);
    }

    #[test]
    fn the_bundled_chinese_tokens_spell_their_text() {
        for capture in bundled::CAPTURES.iter().filter(|capture| capture.file.contains("-zh-")) {
            let about = capture.input().about;
            let labels = &about.tokens[0];
            assert_eq!(labels.len(), 61);
            assert!(labels.iter().all(|label| !label.contains("<0x")), "{labels:?}");
            assert_eq!(labels[2..5], [" 把 1/3", "把 2/3", "把 3/3"]);
            assert_eq!(labels[5..7], ["注 1/2", "注 2/2"]);
            // Each character once: at its first piece.
            let is_later =
                |label: &&String| label.rsplit_once(' ').is_some_and(|(_, n)| n.contains('/') && !n.starts_with("1/"));
            let spelt: String = labels
                .iter()
                .filter(|label| !is_later(label))
                .map(|label| label.rsplit_once(" 1/").map_or(label.as_str(), |(c, _)| c))
                .collect();
            assert_eq!(spelt, about.text[0]);
        }
    }
}
