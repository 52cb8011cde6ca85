//! What a test leaves out is said: on standard error, and in the file that `TILESCOPE_SKIPS` names, which `scripts/test`
//! reads out at its end.
#![allow(dead_code, clippy::print_stderr)] // Each test file uses its own part; tests say what they leave out.

use std::io::Write;

/// Says that `name` was not tested, and why.
pub fn skipped(name: &str, why: &str) {
    let line = format!("SKIPPED {name}: {}", why.replace('\n', " "));
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("TILESCOPE_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        // One write, so that tests at the same time leave whole lines.
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Says that `what` of the test at hand was not tested, and why.
pub fn skipped_here(what: &str, why: &str) {
    skipped(&format!("{}, {what}", this_test()), why);
}

/// Says that `what` of the test at hand was not tested for want of a driver or compiler. Fails where
/// `TILESCOPE_REQUIRE_GPU=1` says that they are there.
pub fn missing(what: &str, why: &str) {
    assert!(std::env::var("TILESCOPE_REQUIRE_GPU").as_deref() != Ok("1"), "it is required, but: {why}");
    skipped_here(what, why);
}

/// The test at hand, with the file that it is in: a test runs in a thread of its name.
fn this_test() -> String {
    let program = std::env::current_exe().ok();
    let stem = program.as_ref().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    // The name of a test program ends in a hash.
    let file = stem.as_deref().map(|stem| stem.rsplit_once('-').map_or(stem, |(file, _)| file));
    let thread = std::thread::current();
    format!("{}: {}", file.unwrap_or("a test"), thread.name().unwrap_or("in a thread of its own"))
}

/// Says what rows of `tilescope check --json` were skipped, by backend and reason.
pub fn skipped_rows(rows: &[serde_json::Value]) {
    let mut reasons = std::collections::BTreeMap::<(&str, &str), usize>::new();
    for row in rows.iter().filter(|row| row["status"] == "skipped") {
        let text = |name: &str| row[name].as_str().unwrap_or("?");
        *reasons.entry((text("backend"), text("reason"))).or_default() += 1;
    }
    for ((backend, reason), count) in reasons {
        skipped_here(&format!("{count} checks on {backend}"), reason);
    }
}
