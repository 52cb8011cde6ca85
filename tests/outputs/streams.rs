//! Outputs that are no files: standard output by all its names, pipes, devices; and messages that nobody can read.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;

use super::{TRACE, folder, is_trace, line, listed, run, shell, trace};

/// What is said on stderr beside what was understood of the input.
fn complaints(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.starts_with("tilescope: understood: ")).map(str::to_owned).collect()
}

#[test]
fn standard_output_has_many_names() {
    let folder = folder();
    trace(folder.path(), "whole.json");
    let whole = fs::read(folder.path().join("whole.json")).expect("the file");
    symlink("/proc/self/fd/1", folder.path().join("stdout")).expect("a link");
    for name in ["-", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1", "stdout"] {
        let output = trace(folder.path(), name);
        assert_eq!(output.stdout, whole, "{name}");
        // Where it is a file, what stands before and comes after stays.
        let script = format!("{{ echo before; $TS {} -o {name}; echo after; }} > got", TRACE.join(" "));
        assert!(shell(folder.path(), &script).status.success());
        let got = fs::read(folder.path().join("got")).expect("the file");
        assert_eq!(got, [b"before\n".as_slice(), &whole, b"after\n"].concat(), "{name}");
        let script = format!("echo first > log; $TS {} -o {name} >> log", TRACE.join(" "));
        assert!(shell(folder.path(), &script).status.success());
        assert!(fs::read(folder.path().join("log")).expect("the file").starts_with(b"first\n{"), "{name}");
    }
    let script =
        format!("$TS {} -o /dev/fd/7 7> seven; $TS {} -o /dev/stderr 2> two", TRACE.join(" "), TRACE.join(" "));
    assert!(shell(folder.path(), &script).status.success());
    let read = |name: &str| fs::read(folder.path().join(name)).expect("the file");
    assert!(read("seven") == whole);
    // What was understood is said after it.
    assert!(read("two").starts_with(&whole));
    assert!(line(&run(folder.path(), TRACE.iter().chain(&["--json", "-o", "-"])), 2).contains("--json"));
    assert_eq!(listed(folder.path()), ["got", "log", "seven", "stdout", "two", "whole.json"]);
    assert!(fs::symlink_metadata(folder.path().join("stdout")).expect("the link").is_symlink());
}

#[test]
fn numbers_leave_by_standard_output_too() {
    let folder = folder();
    let arguments = ["run", "random:5,7,3", "--output"];
    assert!(run(folder.path(), arguments.iter().chain(&["out.npz"])).status.success());
    let output = run(folder.path(), arguments.iter().chain(&["-"]));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, fs::read(folder.path().join("out.npz")).expect("the file"));
    assert_eq!(listed(folder.path()), ["out.npz"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = folder();
    let big = "trace random:256,256,8 --br 8 --bc 8";
    for output in ["-", "/dev/stdout", "/proc/self/fd/1"] {
        let script = format!("$TS {big} -o {output} | head -c 100 | wc -c; echo ${{PIPESTATUS[0]}}");
        let output = shell(folder.path(), &script);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "100\n0");
        assert_eq!(complaints(&output), [""; 0]);
    }
    let script = format!("mkfifo pipe; head -c 100 pipe | wc -c & $TS {big} -o pipe; echo $?; wait");
    let output = shell(folder.path(), &script);
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!((lines, complaints(&output)), (vec!["0".to_owned(), "100".to_owned()], vec![]));
    for help in ["--help", "devices", "lessons list"] {
        let output = shell(folder.path(), &format!("$TS {help} | true; echo ${{PIPESTATUS[0]}}"));
        assert_eq!((output.stdout, output.stderr.len()), (b"0\n".to_vec(), 0), "{help}");
    }
}

#[test]
fn a_named_pipe_carries_the_whole() {
    let folder = folder();
    trace(folder.path(), "whole.json");
    let script = format!("mkfifo pipe; cat pipe > got & $TS {} -o pipe; wait", TRACE.join(" "));
    assert!(shell(folder.path(), &script).status.success());
    let read = |name: &str| fs::read(folder.path().join(name)).expect("the file");
    assert_eq!(read("got"), read("whole.json"));
    assert_eq!(listed(folder.path()), ["got", "pipe", "whole.json"]);
}

#[test]
fn devices_are_written_to() {
    let folder = folder();
    trace(folder.path(), "/dev/null");
    let said = line(&run(folder.path(), TRACE.iter().chain(&["-o", "/dev/full"])), 2);
    assert!(said.contains("cannot be written"), "{said}");
    let output = shell(folder.path(), &format!("$TS {} -o - > /dev/full", TRACE.join(" ")));
    assert!(line(&output, 2).contains("cannot be written"));
    let output = shell(folder.path(), "$TS devices > /dev/full");
    assert!(line(&output, 2).contains("standard output"));
    assert!(!is_trace(&fs::read("/dev/null").expect("the device")));
}

#[test]
fn a_message_that_nobody_can_read_is_no_panic() {
    let folder = folder();
    for place in ["2> /dev/full", "2>&-", "2> >(true)"] {
        let output = shell(folder.path(), &format!("$TS run nowhere.npz -o out.npz {place}; echo $?"));
        assert_eq!(output.stdout, b"2\n", "{place}");
        let output = shell(folder.path(), &format!("$TS --nonsense {place}; echo $?"));
        assert_eq!(output.stdout, b"2\n", "{place}");
        // A warning goes before the work.
        let script = format!("$TS run random:4,4,4 --br 4 --bc 4 --hardware toy -o out.npz {place}; echo $?");
        assert_eq!(shell(folder.path(), &script).stdout, b"0\n", "{place}");
    }
}
