//! The command line and the window, and what documents say of them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use eframe::egui::{Key, Modifiers};
use tilescope::app::COMMANDS;

use super::{DOCUMENTS, code, no_faults, read};

/// What `--help` says of a command, and of the commands below it.
fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tilescope")).args(command).arg("--help").output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{command:?}");
    let help = String::from_utf8(output.stdout).expect("text");
    let below = if command.is_empty() { Vec::new() } else { listed(&help) };
    let below = below.iter().map(|name| self::help(&[command, &[name.as_str()]].concat()));
    help.clone() + &below.collect::<String>()
}

/// The commands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    // What is said of a command may go on in the next line, further in.
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(Into::into).collect()
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let commands = listed(&help(&[]));
    assert!(!commands.is_empty(), "it has commands");
    commands
}

fn has_option(help: &str, option: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    help.split(option).skip(1).any(ends)
}

/// Options in a piece of code.
fn options(code: &str) -> impl Iterator<Item = &str> {
    let words = code.split(|c: char| c.is_whitespace() || "[],;".contains(c));
    words.filter(|word| word.starts_with("--") && word.len() > 3 && *word != "---")
}

#[test]
fn commands_and_options_of_the_readme_are_there() {
    let text = read("README.md");
    let commands = commands();
    let mut faults = Vec::new();
    let mut named = BTreeSet::new();
    for line in code(&text).into_iter().filter_map(|line| line.strip_prefix("tilescope")) {
        let line = line.split('#').next().expect("a line has a start");
        let words: Vec<&str> = line.split_whitespace().collect();
        let command = words.first().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        let found = command.filter(|word| commands.iter().any(|known| known == *word));
        if command.is_some() && found.is_none() {
            faults.push(format!("README.md: there is no command in {line:?}"));
        }
        named.extend(found.map(ToString::to_string));
        let help = help(found.map(|word| vec![*word]).unwrap_or_default().as_slice());
        let unknown = options(line).filter(|option| !has_option(&help, option));
        faults.extend(unknown.map(|option| format!("README.md: {option} of {line:?} is not in its --help")));
    }
    let missing = commands.iter().filter(|command| !named.contains(*command));
    faults.extend(missing.map(|command| format!("README.md does not show `tilescope {command}`")));
    no_faults(faults);
}

#[test]
fn options_that_documents_name_are_somewhere() {
    let mut help: String = commands().iter().map(|command| help(&[command])).collect();
    help += &self::help(&[]);
    // Of scripts, and of Cargo.
    let others = ["compile-kernels", "gpu-suite", "gpu-report", "test"].map(|name| read(&format!("scripts/{name}")));
    let others = others.concat() + &read("assets/captures/capture_example.py");
    let cargo = ["--release", "--help"];
    let mut faults = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        for option in code(&text).into_iter().flat_map(options) {
            let is_known = has_option(&help, option) || has_option(&others, option) || cargo.contains(&option);
            if !is_known {
                faults.push(format!("{document}: there is no {option}"));
            }
        }
    }
    no_faults(faults);
}

#[test]
fn keys_that_documents_name_are_in_the_table_of_commands() {
    const NONE: Modifiers = Modifiers::NONE;
    const ALT: Modifiers = Modifiers::ALT;
    for (document, sentence, keys, name) in [
        ("README.md", "the GPU panel (Alt+G)", (ALT, Key::G), "GPU panel"),
        ("README.md", "edited in the window (Alt+E)", (ALT, Key::E), "Edit the kernel"),
        ("README.md", "runs at once (F8)", (NONE, Key::F8), "Compile and run the kernel"),
        ("CHANGELOG.md", "the schedule, the tile, one row (keys 1 2 3)", (NONE, Key::Num1), "Far: the schedule"),
        ("CHANGELOG.md", "the schedule, the tile, one row (keys 1 2 3)", (NONE, Key::Num2), "Middle: the tile"),
        ("CHANGELOG.md", "the schedule, the tile, one row (keys 1 2 3)", (NONE, Key::Num3), "Near: one row"),
        ("CHANGELOG.md", "Compare (key 4)", (NONE, Key::Num4), "Compare two runs"),
        ("CHANGELOG.md", "to scale (key 0)", (NONE, Key::Num0), "The memories of the chip"),
    ] {
        let text = read(document).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(sentence), "{document} does not say {sentence:?} any more");
        let entry = COMMANDS.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no command {name}"));
        assert!(entry.keys.contains(&keys), "{document}: {sentence}, but {name} has another key");
    }
}

#[test]
fn the_trace_is_as_the_readme_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.json");
    let arguments = ["trace", "random:5,7,2", "--br", "2", "--bc", "3", "--output"];
    let output = Command::new(env!("CARGO_BIN_EXE_tilescope")).args(arguments).arg(&path).output();
    assert!(output.expect("the program starts").status.success());
    let text = fs::read_to_string(&path).expect("a trace");
    let trace: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let steps = trace["steps"].as_array().expect("steps");
    let rises: Vec<_> = steps.iter().filter(|step| step["op"] == "row-max").collect();
    assert_eq!(rises.len(), 9);
    assert!(rises.iter().all(|step| step["i"].is_u64() && step["j"].is_u64()));
    assert!(rises.iter().all(|step| step["m"].is_array() && step["alpha"].is_array()));
    let lines = text.lines().filter(|line| line.trim_start().starts_with("{\"n\":")).count();
    assert_eq!(lines, steps.len(), "one step per line");
}
