//! What of a lesson's Markdown cannot be shown, with its line and column.

use super::blocks::read;
use super::fill::Filled;
use super::{Fault, formula};
use crate::playback::lesson::engine::Engine;
use crate::playback::lesson::error::{LessonError, Result};
use crate::playback::lesson::scene::Scene;
use crate::playback::lesson::text::Text;
use crate::sentence::Sentence;

/// The faults of `text` with the values of `scene`. Only where `has_blocks` is it more than one line. Errors where a value
/// cannot be computed.
pub fn check(text: &Text, has_blocks: bool, engine: &Engine, scene: &Scene) -> Result<Vec<LessonError>> {
    let filled = Filled::new(text, engine, scene)?;
    let (_, found) = read(&filled.text);
    let at = |byte: usize, what: Sentence| {
        let (line, column) = filled.place(byte);
        LessonError::at(line, column, what)
    };
    let mut faults: Vec<LessonError> = found
        .faults
        .iter()
        .filter_map(|(range, fault)| {
            let (offset, what) = told(fault, &filled.text[range.clone()])?;
            Some(at(range.start + offset, what))
        })
        .collect();
    for (range, file) in &found.pictures {
        let fault = match has_blocks {
            true => engine.picture(scene, file).err(),
            false => Some("a picture stands in prose or in notes".into()),
        };
        faults.extend(fault.map(|what| at(range.start, what)));
    }
    if let Some((line, column)) = filled.first_formula.filter(|_| found.formulas != filled.formulas) {
        let what = "this formula, or one behind it, cannot be read here; set it apart from the marks around it";
        faults.push(LessonError::at(line, column, what));
    }
    Ok(faults)
}

/// How many bytes behind the beginning of `written` the fault is, and what it is.
fn told(fault: &Fault, written: &str) -> Option<(usize, Sentence)> {
    Some(match fault {
        Fault::Html => (0, "HTML is not shown; write Markdown, and a lone < as `<`".into()),
        Fault::Link(address) => {
            (0, Sentence::new("links lead to pages, https://.. and nothing else, and this to {0}").with(address))
        }
        Fault::Picture => (0, "a picture stands in a paragraph of its own".into()),
        Fault::Deep => (0, "lists and quotes are nested too deep here; make this flatter".into()),
        Fault::Formula(tex) => {
            let fault = formula::set(tex, written.starts_with("$$")).err()?;
            let start = written.find(tex.as_str()).unwrap_or(0);
            (start + fault.at, Sentence::new("this formula cannot be set: {0}").and(fault.what))
        }
    })
}
