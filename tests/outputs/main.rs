//! What happens to files: the program from outside, as a careful one treats links, modes, devices, pipes and signals.
#![cfg(unix)]

#[path = "../common/skips.rs"]
mod skips;

mod display;
mod inputs;
mod interrupted;
mod names;
mod places;
mod streams;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tilescope");

/// A trace of few steps.
const TRACE: [&str; 4] = ["trace", "random:4,4,4", "--algorithm", "flash2"];

/// The program, without a display, in `folder`.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        // Without it, Mesa's drivers print a line of their own.
        .env("XDG_RUNTIME_DIR", folder);
    command
}

fn run<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    program(folder).args(arguments).output().expect("the program starts")
}

/// The trace of [`TRACE`] written to `output`; it must succeed.
fn trace(folder: &Path, output: &str) -> Output {
    let output = run(folder, TRACE.iter().chain(&["--output", output]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

/// What a shell makes of `script`, in which `$TS` is the program.
fn shell(folder: &Path, script: &str) -> Output {
    Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .env("TS", PROGRAM)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .expect("bash")
}

/// The one line on stderr of what ended with `code`, but for the one that says what was understood of the input.
fn line(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).expect("messages are text");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    let mut lines = stderr.lines().filter(|line| !line.starts_with("tilescope: understood: "));
    let line = lines.next().unwrap_or_default().to_owned();
    assert_eq!(lines.next(), None, "{stderr}");
    assert!(line.starts_with("tilescope: ") && !line.contains("panicked"), "{stderr}");
    line
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn is_trace(bytes: &[u8]) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    value.is_ok_and(|value| value["format"] == "tilescope-trace")
}
