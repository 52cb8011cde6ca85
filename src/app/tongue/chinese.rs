//! The words of the window in Chinese, by their English; [`super::words`] looks them up. They are data files, which a
//! translator edits: `assets/words/README.md`.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::LazyLock;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The files of `assets/words/chinese/`, with what is in them.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../assets/words/chinese/", $name, ".json")))),*]
    };
}

#[rustfmt::skip]
const FILES: [(&str, &str); 30] = files![
    "builds" "checks" "code_edit" "commands" "compare" "devices" "diagnosis" "faults" "files" "gpu_panel"
    "heads" "inputs" "kernels" "lesson_panel" "lessons" "map" "not_finite" "opening" "own_lessons" "panels"
    "run" "setup" "stage" "talk" "teach" "text_editor" "texts" "what_if" "window" "wrong"
];

/// Every line: English, Chinese.
pub static ALL: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| LINES.iter().map(|(english, chinese)| (english.as_str(), chinese.as_str())).collect());

static LINES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let read = |(name, text)| lines(text).unwrap_or_else(|wrong| panic!("assets/words/chinese/{name}.json: {wrong}"));
    FILES.into_iter().flat_map(read).collect()
});

static BY_ENGLISH: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| ALL.iter().copied().collect());

/// The Chinese of a line of the table.
pub fn of(english: &str) -> Option<&'static str> {
    BY_ENGLISH.get(english).copied()
}

/// The lines of a file, under whatever headings they stand.
fn lines(text: &str) -> serde_json::Result<Vec<(String, String)>> {
    let headings: Pairs<Pairs<String>> = serde_json::from_str(text)?;
    Ok(headings.0.into_iter().flat_map(|(_, lines)| lines.0).collect())
}

/// An object as it is written: in its order, and with what is there twice.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object, between { and }")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect::<Result<_, _>>().map(Pairs)
            }
        }

        from.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_values() {
        for (n, (english, chinese)) in ALL.iter().enumerate() {
            for value in ["{0}", "{1}", "{2}", "{3}", "{4}", "{5}"] {
                assert_eq!(english.contains(value), chinese.contains(value), "{english}");
            }
            assert!(ALL[..n].iter().all(|(other, _)| other != english), "{english} twice");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/words/chinese");
        let names = std::fs::read_dir(folder).expect("it is there").map(|file| file.expect("it is named").file_name());
        let mut found: Vec<String> = names.map(|name| name.into_string().expect("it is text")).collect();
        found.sort_unstable();
        assert_eq!(found, FILES.map(|(name, _)| format!("{name}.json")));
    }

    #[test]
    fn a_line_that_is_there_twice_is_read_twice_and_a_fault_has_its_place() {
        let twice = lines(r#"{"A": {"tile": "分块", "row": "行"}, "B": {"tile": "块"}}"#).expect("it is JSON");
        let twice: Vec<&str> = twice.iter().map(|(english, _)| english.as_str()).collect();
        assert_eq!(twice, ["tile", "row", "tile"]);
        let wrong = |text| lines(text).expect_err("it is wrong").to_string();
        assert_eq!(
            wrong("{\"A\": {\n  \"tile\": 1\n}}"),
            "invalid type: integer `1`, expected a string at line 2 column 11"
        );
        assert_eq!(wrong("[]"), "invalid type: sequence, expected an object, between { and } at line 1 column 0");
    }
}
