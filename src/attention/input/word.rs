//! A short thing that a file says, as an array of an element or two or as text: `True`, `0.125`, `(4, 0)`, `bnhd`, `None`.

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// `None` or `null`, or no text at all: as if it were not said.
    Nothing,
    Truth(bool),
    Numbers(Vec<f64>),
    Text(String),
}

impl Word {
    /// Takes the spellings of JSON and of Python.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "" | "none" | "null" => return Word::Nothing,
            "true" => return Word::Truth(true),
            "false" => return Word::Truth(false),
            _ => {}
        }
        let list = [('[', ']'), ('(', ')')]
            .into_iter()
            .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
            .map(|inside| inside.trim().trim_end_matches(','));
        let numbers = match list {
            Some("") => Some(vec![]),
            _ => list.unwrap_or(text).split(',').map(|number| number.trim().parse().ok()).collect(),
        };
        numbers.map_or_else(|| Word::Text(text.to_owned()), Word::Numbers)
    }

    /// True or false; 1 and 0 are taken for them.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Word::Truth(truth) => Some(*truth),
            Word::Numbers(numbers) => match numbers[..] {
                [1.0] => Some(true),
                [0.0] => Some(false),
                _ => None,
            },
            Word::Nothing | Word::Text(_) => None,
        }
    }

    /// One number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Word::Numbers(numbers) => <[f64; 1]>::try_from(numbers.as_slice()).ok().map(|[number]| number),
            _ => None,
        }
    }

    /// Whole numbers, -1 among them.
    pub fn whole(&self) -> Option<Vec<i64>> {
        let Word::Numbers(numbers) = self else { return None };
        let whole = |&x: &f64| (x.fract() == 0.0 && x.abs() <= 2f64.powi(53)).then_some(x as i64);
        numbers.iter().map(whole).collect()
    }

    /// As it is told in a message.
    pub fn shown(&self) -> String {
        match self {
            Word::Nothing => "nothing".into(),
            Word::Truth(truth) => truth.to_string(),
            Word::Numbers(numbers) => match numbers[..] {
                [number] => number.to_string(),
                [..] if numbers.len() > 8 => format!("{} numbers", numbers.len()),
                _ => format!("{numbers:?}"),
            },
            Word::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_json_and_python() {
        for text in ["true", "True", " TRUE "] {
            assert_eq!(Word::of(text).truth(), Some(true), "{text}");
        }
        assert_eq!(Word::of("0").truth(), Some(false));
        assert_eq!(Word::of("2").truth(), None);
        for text in ["", "None", "null"] {
            assert_eq!(Word::of(text), Word::Nothing);
        }
        for text in ["(4, 0)", "[4,0]", "4, 0", "(4, 0,)"] {
            assert_eq!(Word::of(text).whole(), Some(vec![4, 0]), "{text}");
        }
        assert_eq!(Word::of("[]").whole(), Some(vec![]));
        assert_eq!(Word::of("1e-1").number(), Some(0.1));
        assert_eq!(Word::of("[3.5]").whole(), None);
        assert_eq!(Word::of("1/8"), Word::Text("1/8".into()));
        assert_eq!(Word::of("[batch, heads, N, d]"), Word::Text("[batch, heads, N, d]".into()));
    }
}
