//! What an output is called: the input, the ending of another format, bytes that are no text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{TRACE, folder, line, listed, run, shell};

/// An input of the project.
const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/captures/smollm2-zh-layer00.safetensors");

#[test]
fn an_input_is_never_overwritten() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let bytes = fs::read(CAPTURE).expect("a capture");
    fs::write(path("x.npz"), &bytes).expect("a file");
    fs::create_dir(path("sub")).expect("a folder");
    symlink("x.npz", path("soft.npz")).expect("a link");
    fs::hard_link(path("x.npz"), path("hard.npz")).expect("a second name");
    for (input, output) in [
        ("x.npz", "x.npz"),
        ("x.npz", "./sub/../x.npz"),
        ("x.npz", "soft.npz"),
        ("soft.npz", "x.npz"),
        ("hard.npz", "soft.npz"),
    ] {
        let said = line(&run(folder.path(), ["run", input, "-o", output]), 2);
        assert!(said.contains("is the input"), "{said}");
        let said = line(&run(folder.path(), ["trace", input, "-o", output]), 2);
        assert!(said.contains("is the input"), "{said}");
    }
    for script in ["$TS run - -o x.npz < x.npz", "$TS run x.npz -o - >> x.npz"] {
        assert!(line(&shell(folder.path(), script), 2).contains("is the input"), "{script}");
    }
    assert_eq!(fs::read(path("x.npz")).expect("the file"), bytes);
}

#[test]
fn an_ending_of_another_format_is_refused() {
    let folder = folder();
    let trace = |more: &'static [&'static str]| [&["trace", "random:4,4,4"], more].concat();
    let cases = [
        (trace(&["-o", "x.png"]), ".json"),
        (trace(&["-o", "x.csv"]), ".json"),
        (trace(&["-o", "x.npz"]), ".json"),
        (trace(&["--format", "csv", "-o", "x.json"]), ".csv"),
        (trace(&["--format", "perfetto", "-o", "x.CSV"]), ".json"),
        (vec!["run", "random:4,4,4", "-o", "out.json"], ".npz"),
        (vec!["run", "random:4,4,4", "-o", "out.safetensors"], ".npz"),
        #[cfg(feature = "app")]
        (vec!["render", "random:4,4,4", "-o", "out.npz"], ".png"),
    ];
    for (arguments, right) in cases {
        let said = line(&run(folder.path(), &arguments), 2);
        assert!(said.contains(right), "{arguments:?}: {said}");
    }
    assert_eq!(listed(folder.path()), [""; 0]);
    for arguments in [
        trace(&["-o", "x.JSON"]),
        trace(&["--format", "csv", "-o", "x.csv"]),
        trace(&["-o", "notes"]),
        trace(&["-o", "run.2026"]),
        vec!["run", "random:4,4,4", "-o", "out"],
    ] {
        assert_eq!(run(folder.path(), &arguments).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn names_that_are_no_text_are_files_like_any_other() {
    let folder = folder();
    let name = |bytes: &'static [u8]| OsStr::from_bytes(bytes);
    let (input, output) = (name(b"in-\xff.safetensors"), name(b"out-\xfe\xff"));
    fs::copy(CAPTURE, folder.path().join(input)).expect("a copy");
    let text = |text: &'static str| OsStr::new(text);
    for command in ["run", "trace"] {
        let result = run(folder.path(), [text(command), input, text("--prefix"), text("5"), text("-o"), output]);
        assert_eq!(result.status.code(), Some(0), "{result:?}");
        assert!(fs::metadata(folder.path().join(output)).expect("the file").len() > 100);
        fs::remove_file(folder.path().join(output)).expect("the file");
    }
    let said = line(&run(folder.path(), [text("run"), name(b"none-\xff.npz"), text("-o"), output]), 2);
    assert!(said.contains(r"none-\xff.npz: there is no such file"), "{said}");
    let said = line(&run(folder.path(), [text("run"), input, text("-o"), name(b"none/\xfe")]), 2);
    assert!(said.contains(r"none/\xfe: cannot be written"), "{said}");
    // The window asks for a display, and names the file.
    let said = line(&run(folder.path(), [input]), 3);
    assert!(said.contains(r"in-\xff.safetensors"), "{said}");
}

#[test]
fn a_name_cannot_steer_a_message() {
    let folder = folder();
    for (steering, shown) in [("a\nb", "a"), ("\u{1b}[31mred", "red"), ("gnp\u{202e}zpn", "gnp"), ("\u{2028}x", "x")] {
        for arguments in [["run", steering, "-o", "out.npz"], ["run", "random:4,4,4", "-o", &format!("{steering}/x")]] {
            let said = line(&run(folder.path(), arguments), 2);
            assert!(said.contains(shown), "{said}");
            let plain = said.trim_end_matches('\n').chars().all(|c| c.is_ascii_graphic() || c == ' ');
            assert!(plain, "{said:?}");
        }
    }
    assert_eq!(run(folder.path(), TRACE.iter().chain(&["-o", "注意力.json"])).status.code(), Some(0));
}
