//! What a test left out, so that it is counted and named and does not pass for something that was tested.

use std::io::Write;

/// Says on stderr that `name` was not tested, and why; and in the file that `TILESCOPE_SKIPS` names, where it does.
pub fn skipped(name: &str, why: &str) {
    let line = format!("SKIPPED {name}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("TILESCOPE_SKIPS") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list of what was skipped");
    }
}
