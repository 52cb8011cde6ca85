//! The program from outside, without a display.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`.
pub fn tilescope(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tilescope"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        // Without it, Mesa's drivers print a line of their own.
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .expect("the program starts")
}

/// What a run that succeeds prints.
pub fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = tilescope(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line on stderr of a run that ends with `code`.
pub fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = tilescope(folder, arguments);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.contains("warning")).collect();
    assert_eq!(lines.len(), 1, "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    lines[0].to_owned()
}
