//! Outputs that are something else than a plain new file: links, protected files, mounts, full disks.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::skips::skipped;
use super::{TRACE, folder, is_trace, line, listed, run, shell, trace};

#[test]
fn a_link_is_followed_and_stays() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("data")).expect("a folder");
    fs::write(path("data/t.json"), "old").expect("a file");
    fs::set_permissions(path("data/t.json"), Permissions::from_mode(0o640)).expect("its mode");
    symlink("data/t.json", path("t.json")).expect("a link");
    symlink("t.json", path("second.json")).expect("a link to it");
    symlink("data", path("folder")).expect("a link to a folder");
    symlink("data/new.json", path("dangling.json")).expect("a link to nothing");
    for output in ["t.json", "second.json", "folder/t.json"] {
        fs::write(path("data/t.json"), "old").expect("a file");
        trace(folder.path(), output);
        assert!(is_trace(&fs::read(path("data/t.json")).expect("the file")), "{output}");
        assert_eq!(fs::metadata(path("data/t.json")).expect("the file").mode() & 0o7777, 0o640, "{output}");
    }
    trace(folder.path(), "dangling.json");
    assert!(is_trace(&fs::read(path("data/new.json")).expect("the file")));
    for link in ["t.json", "second.json", "folder", "dangling.json"] {
        assert!(fs::symlink_metadata(path(link)).expect("a link").is_symlink(), "{link}");
    }
    assert_eq!(listed(folder.path()), ["dangling.json", "data", "folder", "second.json", "t.json"]);
    assert_eq!(listed(&path("data")), ["new.json", "t.json"]);
}

#[test]
fn a_new_file_has_the_mode_of_any_new_file() {
    let folder = folder();
    for mask in ["022", "077", "000"] {
        let script = format!("umask {mask}; touch plain; $TS {} -o new.json", TRACE.join(" "));
        assert!(shell(folder.path(), &script).status.success());
        let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("a file").mode();
        assert_eq!(mode("new.json"), mode("plain"), "{mask}");
        for name in ["new.json", "plain"] {
            fs::remove_file(folder.path().join(name)).expect("a file");
        }
    }
}

#[test]
fn every_name_of_a_file_shows_what_was_written() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.json"), "old".repeat(100_000)).expect("a file");
    fs::hard_link(path("a.json"), path("b.json")).expect("a second name");
    trace(folder.path(), "a.json");
    let text = fs::read(path("b.json")).expect("the file");
    assert!(is_trace(&text) && text == fs::read(path("a.json")).expect("the file"));
    assert_eq!(listed(folder.path()), ["a.json", "b.json"]);
}

#[test]
fn what_is_protected_stays() {
    let folder = folder();
    let path = folder.path().join("kept.json");
    fs::write(&path, "precious").expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o444)).expect("its mode");
    symlink("kept.json", folder.path().join("link.json")).expect("a link");
    for output in ["kept.json", "link.json"] {
        let said = line(&run(folder.path(), TRACE.iter().chain(&["-o", output])), 2);
        assert!(said.contains("read-only"), "{said}");
    }
    assert_eq!(fs::read(&path).expect("the file"), b"precious");
    assert_eq!(listed(folder.path()), ["kept.json", "link.json"]);
}

#[test]
fn what_is_no_file_is_refused_before_the_work() {
    let folder = folder();
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    symlink("sub", folder.path().join("link")).expect("a link");
    symlink("round", folder.path().join("round")).expect("a link");
    for (output, why) in [
        ("sub", "folder"),
        ("link", "folder"),
        (".", "folder"),
        ("sub/", "folder"),
        ("none/x.npz", "folder"),
        ("new/", "folder"),
        ("round", "links"),
        ("", "value is required"),
    ] {
        // Work that would take hours.
        let input = "random:65536,65536,64,8";
        let said = line(&run(folder.path(), ["run", input, "--br", "16", "--bc", "16", "-o", output]), 2);
        assert!(said.contains(why), "{output}: {said}");
    }
    assert_eq!(listed(folder.path()), ["link", "round", "sub"]);
}

/// Runs `script` with mounts of its own; `None`, counted as skipped, where that is not allowed.
fn mounted(name: &str, folder: &std::path::Path, script: &str) -> Option<std::process::Output> {
    if !shell(folder, "unshare -m true && unshare -m bash -c 'touch a b && mount --bind a b' && rm a b")
        .status
        .success()
    {
        skipped(name, "mounts of one's own are not allowed here");
        return None;
    }
    fs::write(folder.join("script"), script).expect("a script");
    let output = shell(folder, "unshare -m bash script");
    fs::remove_file(folder.join("script")).expect("the script");
    Some(output)
}

#[test]
fn a_mounted_file_is_written_in_place() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("host.json"), "old".repeat(100_000)).expect("a file");
    fs::write(path("cont.json"), "").expect("a file");
    let script = format!("mount --bind host.json cont.json; $TS {} -o cont.json", TRACE.join(" "));
    let Some(output) = mounted("a_mounted_file_is_written_in_place", folder.path(), &script) else { return };
    assert!(line(&output, 0).contains("in place"));
    assert!(is_trace(&fs::read(path("host.json")).expect("the file")));
    assert_eq!(listed(folder.path()), ["cont.json", "host.json"]);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = folder();
    fs::create_dir(folder.path().join("disk")).expect("a folder");
    let script = "mount -t tmpfs -o size=256k tmpfs disk; echo old > disk/a.json; echo old > disk/b.json;
        ln disk/b.json disk/c.json
        $TS trace random:256,256,8 --br 8 --bc 8 -o disk/a.json; echo $?; cat disk/a.json
        $TS trace random:256,256,8 --br 8 --bc 8 -o disk/b.json; echo $?; cat disk/b.json
        $TS trace random:256,256,8 --br 8 --bc 8 -o disk/new.json; echo $?; ls -A disk";
    let Some(output) = mounted("a_full_disk_leaves_what_was_there", folder.path(), script) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout, "2\nold\n2\nold\n2\na.json\nb.json\nc.json\n", "{stderr}");
    assert_eq!(
        stderr.lines().filter(|line| line.contains("disk is full") && line.contains("KiB")).count(),
        3,
        "{stderr}"
    );
}

#[test]
fn a_file_that_may_not_grow_is_a_failed_write() {
    let folder = folder();
    let output = shell(folder.path(), "ulimit -f 64; exec $TS trace random:256,256,8 --br 8 --bc 8 -o x.json");
    assert!(line(&output, 2).contains("larger than a file may be"), "{output:?}");
    assert_eq!(listed(folder.path()), [""; 0]);
}

/// Only one who may not write everywhere can see it: as `nobody`.
#[test]
fn a_file_in_a_folder_that_takes_none_is_written_in_place() {
    let name = "a_file_in_a_folder_that_takes_none_is_written_in_place";
    let folder = folder();
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).expect("a folder");
    for path in [folder.path(), &shared] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("its mode");
    }
    fs::write(shared.join("a.json"), "old").expect("a file");
    fs::set_permissions(shared.join("a.json"), Permissions::from_mode(0o666)).expect("its mode");
    let script = "cp $TS ./program && chmod 755 program && setpriv --reuid=65534 --clear-groups ./program --version";
    if !shell(folder.path(), script).status.success() {
        return skipped(name, "nobody else can be here");
    }
    let script = format!("cd shared; setpriv --reuid=65534 --clear-groups ../program {} -o a.json", TRACE.join(" "));
    let output = shell(folder.path(), &script);
    assert!(line(&output, 0).contains("in place"));
    assert!(is_trace(&fs::read(shared.join("a.json")).expect("the file")));
    assert_eq!(listed(&shared), ["a.json"]);
    let owner = fs::metadata(shared.join("a.json")).expect("the file").uid();
    assert_eq!(owner, fs::metadata(&shared).expect("the folder").uid());
}
