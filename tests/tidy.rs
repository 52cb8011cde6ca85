//! The rules of the house, as tests: what each room, and each folder of the window, may import; how files open; where
//! unsafe code and clocks live.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/folders.rs"]
mod folders;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Rooms of `src/`, with the rooms that each may import from.
const ROOMS: [(&str, &[&str]); 10] = [
    ("attention", &[]),
    ("schedule", &["attention"]),
    ("clock", &["attention", "schedule"]),
    ("machine", &["attention", "schedule"]),
    ("trace", &["attention", "schedule", "machine"]),
    ("playback", &["attention", "schedule", "clock", "machine", "trace"]),
    ("gpu", &["attention", "schedule", "clock"]),
    ("files", &["attention", "schedule"]),
    ("cli", &["attention", "schedule", "clock", "machine", "trace", "playback", "gpu", "files", "app"]),
    ("app", &["attention", "schedule", "clock", "machine", "trace", "playback", "gpu", "files"]),
];

/// Text that may stand only in the rooms named.
const ONLY_IN: [(&str, &[&str]); 11] = [
    ("egui", &["app"]),
    ("eframe", &["app"]),
    ("cudarc", &["gpu"]),
    ("wgpu::", &["gpu", "app"]),
    ("libloading", &["gpu"]),
    ("unsafe ", &["gpu"]),
    ("std::fs", &["app", "cli", "files", "gpu"]),
    ("std::thread", &["app", "cli", "files", "gpu"]),
    ("std::process", &["app", "cli", "files", "gpu"]),
    ("Instant", &["app", "cli", "gpu"]),
    ("SystemTime", &["app", "cli", "gpu"]),
];

struct File {
    /// From the root of the project.
    path: String,
    text: String,
}

impl File {
    /// The room of a file in `src/`; none for `lib.rs` and `main.rs`.
    fn room(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
    }

    /// Its lines without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line))
    }
}

fn files(folder: &str, extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> =
            fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|known| e == *known)) {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path.strip_prefix(ROOT).expect("it was found there");
                found.push(File { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    found
}

fn sources() -> Vec<File> {
    let found = files("src", &["rs"]);
    assert!(found.len() > 30, "the sources were not found");
    found
}

fn no_faults(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_opens_with_what_it_is() {
    let all = [sources(), files("tests", &["rs"]), files("benches", &["rs"])].into_iter().flatten();
    no_faults(all.filter(|file| !file.text.starts_with("//! ")).map(|file| file.path).collect());
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut faults = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{}: {room} is no room of ARCHITECTURE.md", file.path));
            continue;
        };
        for (line, text) in file.code() {
            for (other, _) in ROOMS.iter().filter(|(other, _)| *other != room && !allowed.contains(other)) {
                if text.contains(&format!("crate::{other}")) {
                    faults.push(format!("{}:{line}: {room} may not import {other}", file.path));
                }
            }
        }
    }
    no_faults(faults);
}

#[test]
fn libraries_clocks_and_files_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        for (what, rooms) in ONLY_IN.iter().filter(|(_, rooms)| !rooms.contains(&room)) {
            for (line, _) in file.code().filter(|(_, text)| text.contains(what)) {
                faults.push(format!("{}:{line}: {} is only for {}", file.path, what.trim(), rooms.join(", ")));
            }
        }
    }
    no_faults(faults);
}

/// Files that call a library by its C interface, or set the environment before any thread starts.
const UNSAFE: [&str; 4] =
    ["src/gpu/cuda/library.rs", "src/gpu/cuda/nvrtc.rs", "src/gpu/environment.rs", "src/gpu/wgpu/committed.rs"];

#[test]
fn unsafe_code_is_in_the_files_that_need_it() {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for file in sources() {
        let has = file.code().any(|(_, text)| text.contains("unsafe ") || text.contains("allow(unsafe_code)"));
        match UNSAFE.contains(&&*file.path) {
            true if has => found.push(file.path),
            false if has => faults.push(format!("{}: unsafe code", file.path)),
            _ => {}
        }
    }
    assert_eq!(found.len(), UNSAFE.len(), "{found:?}: a file is not there, or needs no unsafe code any more");
    no_faults(faults);
}

#[test]
fn each_unsafe_block_says_why_it_is_sound() {
    let mut faults = Vec::new();
    for file in files("src/gpu", &["rs"]) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            let near = &lines[at.saturating_sub(4)..at];
            if !near.iter().any(|line| line.contains("SAFETY:")) && !line.contains("SAFETY:") {
                faults.push(format!("{}:{}: no SAFETY line", file.path, at + 1));
            }
        }
    }
    no_faults(faults);
}

/// Whether a `Result<.., String>` stands in a line.
fn has_string_for_error(line: &str) -> bool {
    line.match_indices("Result<").any(|(at, opening)| {
        let (mut depth, inside) = (1, &line[at + opening.len()..]);
        let last = inside.char_indices().find(|&(at, c)| {
            let closes = c == '>' && !inside[..at].ends_with('-');
            depth += i32::from(c == '<' || c == '(') - i32::from(closes || c == ')');
            depth == 1 && c == ',' && inside[at..].starts_with(", String>")
        });
        last.is_some()
    })
}

#[test]
fn no_error_is_a_string() {
    assert!(has_string_for_error("fn f() -> Result<Vec<(u8, u8)>, String> {"));
    assert!(!has_string_for_error("fn f() -> Result<BTreeMap<String, String>, Fault> {"));
    let mut faults = Vec::new();
    for file in &sources() {
        for (line, _) in file.code().filter(|(_, text)| has_string_for_error(text)) {
            faults.push(format!("{}:{line}: an error is a Sentence, or has one", file.path));
        }
    }
    no_faults(faults);
}

#[test]
fn files_are_short() {
    let files = sources();
    let mut lengths: Vec<usize> = files.iter().map(|file| file.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < 200, "the median file has {median} lines");
    no_faults(files.iter().filter(|file| file.text.lines().count() > 600).map(|file| file.path.clone()).collect());
}

#[test]
fn colours_live_in_the_theme() {
    let mut faults = Vec::new();
    for file in files("src/app", &["rs"]).into_iter().filter(|file| !file.path.ends_with("theme.rs")) {
        for (line, text) in file.code() {
            if ["Color32::from_rgb", "Color32::from_gray", "Color32::from_hex", "Color32::from_rgba", "hex_color!"]
                .iter()
                .any(|literal| text.contains(literal))
            {
                faults.push(format!("{}:{line}: a colour outside theme.rs", file.path));
            }
        }
    }
    no_faults(faults);
}

/// Files that spell a name which a text may choose itself, beside the rooms that say what such names are for.
const SPELLS_NAMES: [(&str, &str); 7] = [
    ("src/trace/format.rs", "the fields of a trace"),
    ("src/cli/golden.rs", "the arrays of golden data"),
    ("src/number.rs", "prefixes of units"),
    ("src/playback/lesson/objects.rs", "words of a lesson's expressions"),
    ("src/playback/lesson/results.rs", "words of a lesson's expressions"),
    ("src/playback/lesson/row.rs", "words of a lesson's expressions"),
    ("src/playback/lesson/build", "the cards of lessons, a text of the program's own"),
];

/// A text of one's own may call its running maximum what it likes: readers ask for the part that a name plays.
#[test]
fn no_reader_knows_a_name_of_a_text() {
    let names = ["m", "l", "alpha", "beta", "m_tile", "m_new", "l_tile", "S", "P", "O", "L", "O_part", "L_part"];
    let literals = names.map(|name| format!("\"{name}\""));
    let is_free =
        |path: &str| ["src/schedule/", "src/attention/", "src/gpu/"].iter().any(|room| path.starts_with(room));
    let (mut faults, mut found) = (Vec::new(), Vec::new());
    for file in sources().into_iter().filter(|file| !is_free(&file.path)) {
        let excused = SPELLS_NAMES.iter().position(|(path, _)| file.path.starts_with(path));
        let tests = file.text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX);
        for (line, text) in file.code().filter(|(line, _)| *line <= tests) {
            // `value_name = "P"` is the value of an option.
            let spelt = literals.iter().find(|name| text.contains(*name) && !text.contains("value_name"));
            let Some(name) = spelt else { continue };
            match excused {
                Some(at) => found.push(at),
                None => faults.push(format!("{}:{line}: {name} is a name of a text", file.path)),
            }
        }
    }
    let idle = SPELLS_NAMES.iter().enumerate().filter(|(at, _)| !found.contains(at));
    faults.extend(idle.map(|(_, (path, _))| format!("{path} spells no name any more")));
    no_faults(faults);
}

/// What kernels of one language share: no kernel, so named after no algorithm.
const SHARED: [&str; 1] = ["kernels/attention.wgsl"];

#[test]
fn each_kernel_is_named_after_its_algorithm() {
    let mut kernels = files("kernels", &["cu", "wgsl"]);
    let all = kernels.len();
    kernels.retain(|file| !SHARED.contains(&&*file.path));
    assert_eq!(all - kernels.len(), SHARED.len(), "a shared text is missing");
    let entries = ["@compute", "__global__"];
    for file in files("kernels", &["cu", "wgsl"]).iter().filter(|file| SHARED.contains(&&*file.path)) {
        assert!(!entries.iter().any(|entry| file.text.contains(entry)), "{} holds a kernel", file.path);
    }
    assert!(!kernels.is_empty(), "there are no kernels");
    let texts = tilescope::schedule::algorithm::of_program();
    let algorithms: Vec<_> = texts.map(|algorithm| algorithm.name().replace('-', "_")).collect();
    let named = |file: &File| algorithms.iter().any(|name| file.path["kernels/".len()..].starts_with(name));
    no_faults(kernels.into_iter().filter(|file| !named(file)).map(|file| file.path).collect());
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Written in parts, so that this file does not find itself.
    let words = ["todo", "unimplemented"].map(|word| format!("{word}!(")).to_vec();
    let words = [words, vec![["#[ign", "ore"].concat(), ["FIX", "ME"].concat()]].concat();
    let all = [sources(), files("tests", &["rs"]), files("kernels", &["cu", "wgsl"])].into_iter().flatten();
    let mut faults = Vec::new();
    for file in all {
        for (line, _) in file.text.lines().enumerate().filter(|(_, text)| words.iter().any(|w| text.contains(w))) {
            faults.push(format!("{}:{}", file.path, line + 1));
        }
    }
    no_faults(faults);
}

/// What a test leaves out goes through `tests/common/skips.rs`, so that `scripts/test` can name it.
#[test]
fn no_test_tells_of_skips_by_itself() {
    // Written in parts, so that this file does not find itself.
    let marks = [["ran, 0 ", "skipped"].concat(), ["0 ran", ", "].concat(), ["SKIP", "PED "].concat()];
    let mut faults = Vec::new();
    for file in files("tests", &["rs"]).iter().filter(|file| file.path != "tests/common/skips.rs") {
        for (at, line) in file.code().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark))) {
            faults.push(format!("{}:{at}: {}", file.path, line.trim()));
        }
    }
    no_faults(faults);
}
