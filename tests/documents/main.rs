//! The documents against the code: what they name exists, and what the code has stands in them.

mod lessons;
#[cfg(feature = "app")]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tilescope::attention::input::bundled::CAPTURES;
use tilescope::attention::not_finite;
use tilescope::gpu::kernels::KERNELS;
use tilescope::playback::lesson::library::LESSONS;

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
    let ticks = |line: &str| line.chars().take_while(|c| *c == '`').count();
    let (mut found, mut fence, mut plain, mut at) = (Vec::new(), 0, 0, 0);
    for line in text.split_inclusive('\n') {
        let (start, count) = (at, ticks(line));
        at += line.len();
        match fence {
            0 if count >= 3 => {
                found.extend(spans(&text[plain..start]));
                fence = count;
            }
            0 => {}
            _ if count >= fence => (fence, plain) = (0, at),
            _ => found.push(line.trim_end()),
        }
    }
    assert_eq!(fence, 0, "a fence is not closed");
    found.extend(spans(&text[plain..]));
    found
}

/// What stands between runs of backticks of the same length.
fn spans(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(begin) = rest.find('`') {
        let from = &rest[begin..];
        let length = from.len() - from.trim_start_matches('`').len();
        let (run, after) = from.split_at(length);
        let Some(end) = after.find(run) else { break };
        found.push(&after[..end]);
        rest = &after[end + length..];
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
    let folders = ["src", "kernels", "lessons", "assets", "tests", "scripts", "benches"];
    let mut ours: Vec<String> = folders.iter().flat_map(|folder| below(folder)).collect();
    ours.extend(folders.map(str::to_owned));
    assert!(ours.len() > 300, "the project was not found");
    let is_path = |word: &str| {
        let is_file = [".rs", ".md", ".cu", ".cuh", ".wgsl", ".py", ".png"].iter().any(|end| word.ends_with(end));
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        // `.md` is an ending, `X.png` anyone's file, `arrays/` may be ours, and `capture/1` is none.
        let is_ours = word.starts_with("../") || word.starts_with(|c: char| c.is_ascii_lowercase());
        let top = word.split('/').next().unwrap_or_default();
        let is_folder = word.len() > 2 && (word.ends_with('/') || ours.iter().any(|file| file == top));
        is_plain && is_ours && (is_file || (word.contains('/') && is_folder))
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
    const WORDS: [&str; 18] = [
        "no",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
    ];
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
fn the_table_of_what_is_not_finite_is_the_programs() {
    let text = read("ARCHITECTURE.md");
    let head = format!("| a row that | {} |", not_finite::STATISTICS.join(" | "));
    let told: Vec<&str> =
        text.lines().skip_while(|line| *line != head).take_while(|line| line.starts_with('|')).collect();
    let line = |line: &not_finite::Line| format!("| {} | {} |", line.row, line.gives.join(" | "));
    let rule = [head.clone(), "|---|---|---|---|---|".into()].into_iter().chain(not_finite::TABLE.iter().map(line));
    assert_eq!(told, rule.collect::<Vec<_>>());
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
