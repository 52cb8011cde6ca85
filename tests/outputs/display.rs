//! Without a display: an error where a window was asked for, the main job where nothing was, and nobody's file touched.

use std::fs;

use super::{folder, is_trace, line, listed, run};

#[test]
fn the_main_job_takes_a_name_that_is_free() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let profile = r#"{"traceEvents": []}"#;
    fs::write(path("trace.json"), profile).expect("a file");
    fs::write(path("tilescope-smollm2-flash2.json"), profile).expect("a file");
    for name in ["tilescope-smollm2-flash2-2.json", "tilescope-smollm2-flash2-3.json"] {
        let output = run(folder.path(), [""; 0]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(name), "{said}");
        assert!(is_trace(&fs::read(path(name)).expect("the trace")));
    }
    for name in ["trace.json", "tilescope-smollm2-flash2.json"] {
        assert_eq!(fs::read_to_string(path(name)).expect("the file"), profile);
    }
    assert_eq!(listed(folder.path()).len(), 4);
}

#[cfg(feature = "app")]
#[test]
fn a_window_that_was_asked_for_is_missing() {
    let folder = folder();
    let cases = [
        &["random:8,8,8"][..],
        &["--scene", "toy"],
        &["--theme", "dark"],
        &["--lesson", "4"],
        &["--renderer", "glow"],
        &["--tour"],
        &["--view", "near"],
    ];
    for arguments in cases {
        assert!(line(&run(folder.path(), arguments), 3).contains("display"), "{arguments:?}");
    }
    assert_eq!(listed(folder.path()), [""; 0]);
}
