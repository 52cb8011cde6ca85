//! What the sources say to people: words that go with a number go with 1 too, and the window has all of it in Chinese.

#[path = "common/literals.rs"]
mod literals;

use literals::{Literal, literals, of_code};

/// Words that end like a plural and are none, behind a value that is a name or a size.
const NO_PLURALS: &str = "
    agrees always as asks brings comes differs does ends fails follows gives goes has holds is its keeps knows lacks leaves
    loads makes means moves names needs reads rises runs says sees spreads stands starts stops stores takes this was writes
    us ms less
";

/// A limit or a second size stands behind these words, and neither is a number of things.
const LIMITS: [&str; 5] = ["at most ", "more than ", "above ", "of 1 to ", " x "];
/// Of a number of things that is too large.
const MANY: [&str; 2] = [" are too many", " at once are not one"];

/// The word behind each value of `text` that is wrong where the value is 1.
fn plurals(text: &str) -> Vec<&str> {
    let is_place = |inside: &str| inside.parse::<usize>().is_ok();
    let word = |at: usize| {
        let open = text[..at].rfind('{')?;
        let is_limit = LIMITS.iter().any(|words| text[..open].ends_with(words));
        let is_many = MANY.iter().any(|words| text[at..].contains(words));
        let word = text[at + 2..].split(|c: char| !c.is_ascii_alphabetic()).next()?;
        let is_plural = word.len() > 2 && word.ends_with('s') && word.chars().all(|c| c.is_ascii_lowercase());
        let is_known = NO_PLURALS.split_whitespace().any(|known| known == word);
        (is_place(&text[open + 1..at]) && !is_limit && !is_many && is_plural && !is_known).then_some(word)
    };
    text.match_indices("} ").filter_map(|(at, _)| word(at)).collect()
}

#[test]
fn a_number_of_things_may_be_one() {
    assert_eq!(plurals("{0} keys are seen, {1} {1|row|rows}, at most {2} rows; {0} holds {3} keys"), ["keys", "keys"]);
    let wrong = |literal: &Literal| {
        let words = plurals(&literal.text);
        (!words.is_empty()).then(|| format!("{}: {words:?} in {:?}", literal.path, literal.text))
    };
    let all = literals(&["src"]);
    assert!(all.len() > 2000, "{} literals", all.len());
    let wrong: Vec<String> = all.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} where 1 is wrong; write `{{0}} {{0|key|keys}}`:\n{}", wrong.len(), wrong.join("\n"));
}

/// Each sentence that is written out where it is made; those of the command line alone are English.
#[cfg(feature = "app")]
#[test]
fn every_sentence_has_its_chinese() {
    let known: std::collections::HashSet<&str> = tilescope::app::CHINESE.iter().map(|(english, _)| *english).collect();
    let has_words = |text: &str| text.split(['{', '}']).step_by(2).any(|part| part.contains(char::is_alphabetic));
    let all = literals(&["src"]);
    let said = all.iter().filter(|one| one.before.ends_with("Sentence::new(") && !one.path.starts_with("src/cli/"));
    let said: Vec<&Literal> = said.filter(|one| has_words(&one.text)).collect();
    assert!(said.len() > 300, "{} sentences", said.len());
    let missing: Vec<String> = said
        .iter()
        .filter(|one| !known.contains(one.text.as_str()))
        .map(|one| format!("{}: {:?}", one.path, one.text))
        .collect();
    assert!(missing.is_empty(), "{} have none:\n{}", missing.len(), missing.join("\n"));
}

/// Where words come from that stand in no literal: the titles of texts and what runs them, and a key as egui names it.
#[cfg(feature = "app")]
fn said_elsewhere() -> impl Iterator<Item = String> {
    let of = |algorithm: &tilescope::schedule::Algorithm| {
        [algorithm.title().to_owned(), format!("Algorithm: {}", algorithm.name())]
    };
    tilescope::schedule::algorithm::of_program().flat_map(of).chain(["Space".to_owned()])
}

#[cfg(feature = "app")]
#[test]
fn every_line_of_the_chinese_is_said_and_every_title_has_one() {
    let lines: std::collections::HashSet<&str> = tilescope::app::CHINESE.iter().map(|(english, _)| *english).collect();
    let untold: Vec<String> = said_elsewhere().filter(|words| !lines.contains(words.as_str())).collect();
    assert!(untold.is_empty(), "without a line:\n{}", untold.join("\n"));
    let said = literals(&["src"]).into_iter().map(|one| one.text).chain(said_elsewhere());
    let said: std::collections::HashSet<String> = said.collect();
    let unsaid: Vec<&str> = lines.into_iter().filter(|english| !said.contains(*english)).collect();
    assert!(unsaid.is_empty(), "{} lines that nothing says:\n{}", unsaid.len(), unsaid.join("\n"));
}

#[test]
fn literals_are_read_as_the_program_has_them() {
    let code = "let a = f(\"one\"); // \"none\"\nlet q = '\"'; g(\n    \"two \\\n     lines \\\"x\\\"\\u{a0}\",\n)";
    let found = of_code(code);
    let found: Vec<(&str, &str)> = found.iter().map(|(text, before)| (text.as_str(), before.trim_start())).collect();
    assert_eq!(found, [("one", "let a = f("), ("two lines \"x\"\u{a0}", "let q = ; g(")]);
}
