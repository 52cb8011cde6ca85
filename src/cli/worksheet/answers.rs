//! Answers to worksheets, as a table with commas or as JSON.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::cli::{Failure, files};
use crate::files::shown;

/// One answer, with the place that messages name.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub place: String,
    pub person: String,
    pub seed: u64,
    /// From 1.
    pub question: usize,
    pub answer: String,
}

/// More answers than this are no class.
const MOST: usize = 100_000;

/// Reads a file of answers: JSON where it begins as JSON does, else a table. Errors with the first line that is none, and
/// where a person answered a question twice.
pub fn read(path: &Path) -> Result<Vec<Given>, Failure> {
    let name = shown(path);
    let text = String::from_utf8(files::read_file(path)?).map_err(|_| Failure::bad(&name, "this is not UTF-8 text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let given = match text.trim_start().chars().next() {
        Some('[') => json(text, &name)?,
        Some('{') => json_lines(text, &name)?,
        _ => csv(text, &name)?,
    };
    if given.is_empty() {
        return Err(Failure::bad(name, "there are no answers in it"));
    }
    if given.len() > MOST {
        return Err(Failure::bad(name, format!("there are {} answers in it, and {MOST} are the most", given.len())));
    }
    let mut seen: HashMap<(&str, u64, usize), &str> = HashMap::new();
    for one in &given {
        if let Some(before) = seen.insert((&one.person, one.seed, one.question), &one.place) {
            let what =
                format!("{} answered question {} of seed {} before, at {before}", one.person, one.question, one.seed);
            return Err(Failure::bad(&one.place, what));
        }
    }
    Ok(given)
}

#[derive(Deserialize)]
struct Object {
    person: String,
    seed: u64,
    question: usize,
    answer: Answer,
}

/// A number need not be in quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Text(String),
    Number(serde_json::Number),
}

impl Object {
    fn given(self, place: String) -> Given {
        let answer = match self.answer {
            Answer::Text(text) => text,
            Answer::Number(number) => number.to_string(),
        };
        Given { place, person: self.person, seed: self.seed, question: self.question, answer }
    }
}

fn json(text: &str, name: &str) -> Result<Vec<Given>, Failure> {
    let objects: Vec<Object> = serde_json::from_str(text).map_err(|error| Failure::bad(name, error))?;
    Ok(objects.into_iter().enumerate().map(|(at, object)| object.given(format!("{name}: answer {}", at + 1))).collect())
}

fn json_lines(text: &str, name: &str) -> Result<Vec<Given>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let one = |(at, line): (usize, &str)| {
        let place = format!("{name}:{}", at + 1);
        let object: Object = serde_json::from_str(line).map_err(|error| Failure::bad(&place, error))?;
        Ok(object.given(place))
    };
    lines.map(one).collect()
}

fn csv(text: &str, name: &str) -> Result<Vec<Given>, Failure> {
    let mut rows = rows(text).into_iter();
    let (_, header) = rows.next().ok_or_else(|| Failure::bad(name, "there are no answers in it"))?;
    let column = |wanted: &str| {
        let found = header.iter().position(|title| title.trim().eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| {
            Failure::bad(name, format!("there is no column {wanted}; person, seed, question and answer are needed"))
        })
    };
    let columns = [column("person")?, column("seed")?, column("question")?, column("answer")?];
    let mut given = Vec::new();
    for (line, row) in rows {
        let place = format!("{name}:{line}");
        let cell = |at: usize| row.get(at).map_or("", |cell| cell.trim());
        let [person, seed, question, answer] = columns.map(cell);
        let whole = |text: &str, what: &str| {
            text.parse().map_err(|_| Failure::bad(&place, format!("the {what} is “{text}”; it is a whole number")))
        };
        let (seed, question) = (whole(seed, "seed")?, whole(question, "question")?);
        let question = usize::try_from(question).unwrap_or(usize::MAX);
        given.push(Given { person: person.into(), seed, question, answer: answer.into(), place });
    }
    Ok(given)
}

/// The rows of a table with the numbers of their lines; a cell in quotes may hold commas, lines, and quotes twice. Rows
/// without anything are left out.
fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut start, mut is_quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                is_quoted = true;
            }
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push((start, std::mem::take(&mut row)));
                start = line;
            }
            c => cell.push(c),
        }
    }
    row.push(cell);
    rows.push((start, row));
    rows.retain(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(usize, Vec<String>)> {
        rows(text)
    }

    #[test]
    fn a_table_is_read_as_spreadsheets_write_it() {
        let row = |line, cells: &[&str]| (line, cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        assert_eq!(cells("a,b\r\n1,2\r\n"), [row(1, &["a", "b"]), row(2, &["1", "2"])]);
        assert_eq!(
            cells("\"a,b\",\"c \"\"d\"\"\"\n\n\"e\nf\",g\nh"),
            [row(1, &["a,b", "c \"d\""]), row(3, &["e\nf", "g"]), row(5, &["h"]),]
        );
        assert_eq!(cells(""), []);
        assert_eq!(cells("\n,,\n"), []);
        assert_eq!(cells("\"never closed\n,x"), [row(1, &["never closed\n,x"])]);
    }
}
