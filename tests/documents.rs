//! The documents against the code: what they name exists, and what the code has stands in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tilescope::attention::input::bundled::CAPTURES;
use tilescope::gpu::kernels::KERNELS;
use tilescope::playback::lesson::check::check;
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{BUGS, Distance, Engine, MOST_BYTES, parse};
use tilescope::schedule::algorithm;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// For people, each from the root of the project.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "kernels/README.md",
    "lessons/README.md",
    "assets/captures/README.md",
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn no_faults(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What stands between backticks in a text, and the lines of its fences.
fn code(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (n, part) in text.split("```").enumerate() {
        if n % 2 == 1 {
            found.extend(part.lines().skip(1));
        } else {
            found.extend(part.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// Everything below `folder`, from the root, with `/` between its parts.
fn below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        for path in entries {
            let name = path.strip_prefix(ROOT).expect("it was found there").to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            }
            found.push(name);
        }
    }
    found
}

#[test]
fn files_that_documents_name_are_there() {
    let ours: Vec<String> =
        ["src", "kernels", "lessons", "assets", "tests", "scripts", "benches"].iter().flat_map(|f| below(f)).collect();
    assert!(ours.len() > 300, "the project was not found");
    let is_path = |word: &str| {
        let is_file = [".rs", ".md", ".cu", ".cuh", ".wgsl", ".py", ".png"].iter().any(|end| word.ends_with(end));
        let has_only = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        // `X.png` is anyone's, `.md` an ending, and `O / l` a division.
        let is_named =
            word.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '.') && !word.starts_with(".m");
        has_only && is_named && !word.contains("://") && (is_file || (word.contains('/') && word.len() > 4))
    };
    let (mut faults, mut seen) = (Vec::new(), 0);
    for document in DOCUMENTS {
        let text = read(document);
        let beside = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let words = code(&text).into_iter().flat_map(str::split_whitespace);
        for word in links.chain(words).map(|word| word.trim_end_matches([',', '.', ';', ':'])).filter(|w| is_path(w)) {
            let path = word.trim_start_matches("../").trim_end_matches('/');
            let near = format!("{beside}/{path}");
            let end = format!("/{path}");
            let is_there = ours.iter().any(|file| *file == path || *file == near || file.ends_with(&end));
            seen += 1;
            if !is_there && !Path::new(ROOT).join(path).exists() {
                faults.push(format!("{document}: {word} is not there"));
            }
        }
    }
    assert!(seen > 60, "only {seen} files were found in the documents");
    no_faults(faults);
}

#[test]
fn the_ladder_has_every_kernel_on_its_rung() {
    let text = read("kernels/README.md");
    let mut faults = Vec::new();
    for kernel in KERNELS {
        let Some((_, rung)) = kernel.source.split_once("// Rung ") else {
            faults.push(format!("{}: its header names no rung", kernel.file));
            continue;
        };
        let rung: String = rung.chars().take_while(char::is_ascii_digit).collect();
        let row = format!("| {rung} | `{}` |", kernel.file);
        if text.matches(&row).count() != 1 {
            faults.push(format!("{}: the ladder has not the row {row}", kernel.file));
        }
    }
    let files = below("kernels").into_iter().filter(|file| [".cu", ".cuh", ".wgsl"].iter().any(|e| file.ends_with(e)));
    for file in files {
        if !text.contains(&format!("`{}`", &file["kernels/".len()..])) {
            faults.push(format!("{file} is not in kernels/README.md"));
        }
    }
    no_faults(faults);
}

#[test]
fn counts_in_words_are_right() {
    const WORDS: [&str; 13] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let mut faults = Vec::new();
    let captures = WORDS[CAPTURES.len()];
    let lessons = WORDS[LESSONS.len()];
    for (document, sentence) in [
        ("README.md", format!("{captures} captures are bundled")),
        ("README.md", format!("{lessons} lessons in english and chinese")),
        ("CHANGELOG.md", format!("({captures} are bundled)")),
        ("CHANGELOG.md", format!("{lessons} lessons in english and chinese")),
        ("lessons/README.md", format!("the {lessons} lessons that travel inside")),
    ] {
        let text = read(document).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&sentence) {
            faults.push(format!("{document} does not say {sentence:?}"));
        }
    }
    let version = env!("CARGO_PKG_RUST_VERSION");
    if !read("README.md").contains(&format!("Rust ({version} or newer)")) {
        faults.push(format!("README.md does not ask for Rust {version}"));
    }
    no_faults(faults);
}

#[test]
fn the_table_of_captures_tells_their_shapes() {
    let text = read("assets/captures/README.md");
    let mut faults = Vec::new();
    for capture in &CAPTURES {
        let name = capture.file.trim_end_matches(".safetensors");
        let input = capture.input();
        let (shape, mask) = (input.problem.shape, &input.problem.mask);
        let row = text.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap_or_default();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let heads = format!("{}, {}", shape.heads, shape.kv_heads);
        let lengths = mask.key_lengths.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let masked = if mask.causal { "causal".to_owned() } else { format!("key lengths {lengths}") };
        let told = [format!("{}, {}", shape.batch, shape.n_q), shape.d.to_string()];
        let is_right = cells.len() > 7
            && (cells[3] == heads || cells[3].starts_with(&format!("{heads} (")))
            && cells[4..6] == told
            && cells[7] == masked;
        if !is_right {
            faults.push(format!("{name}: {row:?}, but it has {heads}; {told:?}; {masked}"));
        }
    }
    let rows = text.lines().filter(|line| line.starts_with("| smollm2-") || line.starts_with("| minilm-")).count();
    assert_eq!(rows, CAPTURES.len());
    no_faults(faults);
}

#[test]
fn rooms_are_those_of_the_map() {
    let text = read("ARCHITECTURE.md");
    let told: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once("/`"))
        .map(|(room, _)| room.into())
        .collect();
    let folders = fs::read_dir(Path::new(ROOT).join("src")).expect("sources").flatten().filter(|e| e.path().is_dir());
    let there: BTreeSet<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(told, there);
}

/// Lessons: what their parser knows, as it stands in its sources, and what lessons/README.md says of it.
mod lessons {
    use super::*;

    const FOLDER: &str = "src/playback/lesson";

    /// The part of a source that begins with `start`, up to the next line that closes as far left as it begins.
    fn part(path: &str, start: &str) -> String {
        let text = read(&format!("{FOLDER}/{path}"));
        let at = text.find(start).unwrap_or_else(|| panic!("{path} has no {start:?}"));
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent: String = text[line..].chars().take_while(|c| *c == ' ').collect();
        let end = text[at..].find(&format!("\n{indent}}}")).map_or(text.len(), |end| at + end);
        text[at..end].to_owned()
    }

    fn literals(text: &str) -> impl Iterator<Item = String> + '_ {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned))
    }

    /// What a `match` in a part of a source knows: the texts left of `=>`.
    fn arms(path: &str, start: &str) -> BTreeSet<String> {
        let text = part(path, start);
        let arms = text.lines().filter_map(|line| line.split_once("=>")).map(|(arm, _)| arm);
        let found: BTreeSet<String> = arms
            .filter(|arm| arm.trim_start().starts_with('"'))
            .flat_map(|arm| literals(arm).collect::<Vec<_>>())
            .collect();
        assert!(!found.is_empty(), "{path}: {start} knows nothing");
        found
    }

    /// The keys that a cue takes: `take("key")`, `need("key")`, `all("key")`, `value("key")`.
    fn keys(path: &str) -> BTreeSet<String> {
        let text = read(&format!("{FOLDER}/{path}"));
        let text = text.split("#[cfg(test)]").next().expect("a text has a start").to_owned();
        let takes = [".take(\"", ".need(\"", ".all(\"", " value(\"", "= value(\""];
        let found = takes.iter().flat_map(|take| text.split(take).skip(1)).filter_map(|rest| rest.split('"').next());
        found.map(str::to_owned).collect()
    }

    /// Words between backticks: of letters, digits, `_` and `-`.
    fn told(text: &str) -> BTreeSet<String> {
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        code(text).into_iter().flat_map(|code| code.split(move |c| !in_word(c))).map(str::to_owned).collect()
    }

    /// Everything that a lesson may write, by where it is known.
    fn known() -> Vec<(&'static str, BTreeSet<String>)> {
        let card = |text: String| literals(&text).collect::<BTreeSet<_>>();
        vec![
            ("header", keys("document.rs")),
            ("cue", arms("document.rs", "fn add(")),
            ("scene", arms("scene.rs", "pub fn set(")),
            ("input", arms("scene_text.rs", "pub(super) fn input(")),
            ("mask", arms("scene_text.rs", "pub(super) fn mask(")),
            ("step", arms("scene_text.rs", "pub(super) fn at(")),
            ("selection", arms("scene_text.rs", "pub(super) fn selection(")),
            ("view", Distance::ALL.iter().map(|distance| distance.name().to_owned()).collect()),
            ("bug", BUGS.iter().map(|&bug| bug.to_owned()).collect()),
            ("figure", arms("figure.rs", "pub(super) fn parse(")),
            ("predict", keys("predict.rs")),
            ("kind of question", arms("predict.rs", "pub(super) fn parse(")),
            ("click", arms("predict.rs", "fn click_on(")),
            ("change", keys("cue.rs")),
            ("build", keys("build/parse.rs")),
            ("kind of build", arms("build/parse.rs", "pub(in super::super) fn parse(")),
            ("operation of a card", card(part("build/order.rs", "const OPS"))),
            ("name", arms("functions.rs", "fn name(")),
            ("function", arms("functions.rs", "fn call(")),
            ("tiles", arms("functions.rs", "fn tiles(")),
            ("traffic", arms("objects.rs", "impl Scope for Moved")),
            ("row", arms("objects.rs", "impl Scope for Row")),
            ("run", arms("objects.rs", "impl Scope for Results")),
            ("piece", arms("objects.rs", "impl Scope for Piece")),
            ("hardware", arms("objects.rs", "impl Scope for Chip")),
            ("built-in function", arms("expr/eval.rs", "fn built_in(")),
        ]
    }

    #[test]
    fn the_readme_has_all_that_the_parser_knows() {
        let told = told(&read("lessons/README.md"));
        let mut faults = Vec::new();
        for (what, known) in known() {
            let missing = known.iter().filter(|word| !word.split(' ').all(|word| told.contains(word)));
            faults.extend(missing.map(|word| format!("{what} `{word}` is not in lessons/README.md")));
        }
        no_faults(faults);
    }

    #[test]
    fn the_parser_knows_all_that_the_readme_has() {
        let mut words: BTreeSet<String> = known().into_iter().flat_map(|(_, known)| known).collect();
        let sources = below(FOLDER).into_iter().filter(|file| file.ends_with(".rs"));
        for text in sources.map(|file| read(&file)) {
            // Without tests, which write what is wrong.
            let text = text.split("#[cfg(test)]").next().expect("a text has a start");
            words.extend(literals(text).flat_map(|text| {
                let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                text.split(move |c| !in_word(c)).map(str::to_owned).collect::<Vec<_>>()
            }));
        }
        words.extend(algorithm::ALL.iter().map(|algorithm| algorithm.name().to_owned()));
        let table = read("lessons/README.md");
        // From the cues on: what stands before is an example and file names.
        let (_, table) = table.split_once("## Cues").expect("it has cues");
        let is_word = |word: &&String| word.len() > 1 && word.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        // What stands for something else.
        let placeholders = ["key", "text", "expression", "what", "thought", "it", "does", "condition", "lists"];
        let stands_for = |word: &String| placeholders.contains(&word.as_str());
        let told = told(table);
        let unknown: Vec<String> =
            told.iter().filter(is_word).filter(|word| !words.contains(*word) && !stands_for(word)).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "lessons/README.md has what no lesson can write");
    }

    #[test]
    fn the_example_of_the_readme_is_a_lesson() {
        let text = read("lessons/README.md");
        let (_, rest) = text.split_once("````text\n").expect("it has an example");
        let (example, _) = rest.split_once("\n````").expect("the example ends");
        let lesson = parse(example).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(check(&lesson, &Engine::new()).faults, vec![]);
    }

    #[test]
    fn limits_are_those_told() {
        let text = read("lessons/README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&format!("at most {} KiB and 64 beats, a cue at most 64 lines", MOST_BYTES >> 10)));
        assert!(text.contains("`bar` (`text = expression`, repeated, 24 at most)"));
        assert!(text.contains("at most 60 characters, 24 full-width ones in Chinese"));
        let lesson = |body: &str| {
            let text = format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n{body}");
            parse(&text).map(|lesson| check(&lesson, &Engine::new()).faults.len())
        };
        let beats = |count: usize| "## b\n".repeat(count);
        assert_eq!((lesson(&beats(64)).ok(), lesson(&beats(65)).ok()), (Some(0), None));
        let bars = |count: usize| format!("## b\n```figure\ntitle: t\n{}```\n", "bar: a = 1\n".repeat(count));
        assert_eq!((lesson(&bars(24)).ok(), lesson(&bars(25)).ok()), (Some(0), None));
        let lines = |count: usize| format!("## b\n```scene\n{}```\n", "head: 0\n".repeat(count));
        assert_eq!((lesson(&lines(64)).ok(), lesson(&lines(65)).ok()), (Some(0), None));
        let said = |length: usize| format!("## b\n```say\n{}\n```\n", "a".repeat(length));
        assert_eq!((lesson(&said(60)).ok(), lesson(&said(61)).ok()), (Some(0), Some(1)));
    }
}

/// The command line and the window, which are there with the feature `app`.
#[cfg(feature = "app")]
mod program {
    use std::process::Command;

    use eframe::egui::{Key, Modifiers};
    use tilescope::app::COMMANDS;

    use super::*;

    fn help(command: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_tilescope")).args(command).arg("--help").output();
        let output = output.expect("the program starts");
        assert!(output.status.success(), "{command:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The commands that `--help` lists.
    fn commands() -> Vec<String> {
        let help = help(&[]);
        let (_, rest) = help.split_once("Commands:\n").expect("it has commands");
        let lines = rest.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(Into::into).collect()
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
        let others =
            ["compile-kernels", "gpu-suite", "gpu-report", "test"].map(|name| read(&format!("scripts/{name}")));
        let others = others.concat();
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
}
