//! Inputs that are no plain files: standard input, pipes, devices.

use std::fs;

use super::{folder, line, shell};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/captures/smollm2-zh-layer00.safetensors");

#[test]
fn what_a_pipe_brings_is_read() {
    let folder = folder();
    fs::copy(CAPTURE, folder.path().join("x.safetensors")).expect("a copy");
    assert!(shell(folder.path(), "$TS run x.safetensors -o right.npz").status.success());
    let right = fs::read(folder.path().join("right.npz")).expect("the file");
    for script in [
        "$TS run - -o got.npz < x.safetensors",
        "cat x.safetensors | $TS run - -o got.npz",
        "cat x.safetensors | $TS run /dev/stdin -o got.npz",
        "$TS run <(cat x.safetensors) -o got.npz",
        "mkfifo pipe; cat x.safetensors > pipe & $TS run pipe -o got.npz",
        "cat x.safetensors | $TS run - -o - > got.npz",
        "$TS run /dev/fd/7 -o got.npz 7< x.safetensors",
    ] {
        let output = shell(folder.path(), script);
        assert!(output.status.success(), "{script}: {output:?}");
        assert_eq!(fs::read(folder.path().join("got.npz")).expect("the file"), right, "{script}");
    }
    // The window reads it too, before it asks for a display.
    assert!(line(&shell(folder.path(), "cat x.safetensors | $TS -"), 3).contains("display"));
    assert!(line(&shell(folder.path(), "$TS <(cat x.safetensors)"), 3).contains("display"));
}

#[test]
fn what_brings_nothing_is_refused() {
    let folder = folder();
    for (script, why) in [
        ("$TS run - -o x.npz < /dev/null", "standard input"),
        ("$TS run /dev/zero -o x.npz", "regular file"),
        ("$TS run <(head -c 100 /dev/zero) -o x.npz", "no known kind"),
        ("$TS - < /dev/null", "empty"),
    ] {
        let said = line(&shell(folder.path(), script), 2);
        assert!(said.contains(why), "{script}: {said}");
    }
}
