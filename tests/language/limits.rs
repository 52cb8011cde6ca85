//! A text may be exactly as large as its limits, and one more is refused in a line that says so.

use tilescope::schedule::language;

use super::{lines, read};

/// A text with this value, and more lines behind it.
fn text(value: &str, more: &str) -> String {
    format!(
        "language 1\ntitle x\nin Q\nout X\nkernel k\nshared Q ; registers X\nparallel for i in query blocks\n  load Q[i]\n  \
         value: X = {value}\n{more}  store X[i]\n"
    )
}

/// Reads as large as it may be, and is refused one larger.
fn at_most(most: usize, of: &dyn Fn(usize) -> String, what: &str) {
    read(&of(most));
    let wrong = lines(&language::read(&of(most + 1)).expect_err(what));
    assert!(wrong.contains(what), "{wrong}");
}

/// A sum of `n` parts: names, the signs between them, and one in front where that makes it even.
fn sum(n: usize) -> String {
    let sign = if n.is_multiple_of(2) { "-" } else { "" };
    sign.to_owned() + &vec!["Q"; n.div_ceil(2)].join(" + ")
}

fn kernels(n: usize) -> String {
    let more = |n| format!("kernel k{n}\nshared Q\nparallel for i in query blocks\n  load Q[i]\n");
    text("Q + 1", "") + &(1..n).map(more).collect::<String>()
}

#[test]
fn a_text_may_be_as_large_as_its_limits() {
    let deep = "brackets stand in brackets more than 32 deep";
    at_most(32, &|n| text(&format!("{}Q{} + 1", "(".repeat(n), ")".repeat(n)), ""), deep);
    at_most(32, &|n| text(&format!("{}Q + 1", "-".repeat(n)), ""), deep);
    // Beside each other, brackets stand in none.
    read(&text(&vec!["(Q)"; 40].join(" + "), ""));
    at_most(200, &|n| text(&sum(n), ""), "this expression has more than 200 parts");
    let plain = text("Q + 1", "");
    let written = plain.lines().count();
    at_most(1000, &|n| plain.clone() + &"#\n".repeat(n - written), "a text has at most 1000 lines");
    at_most(1 << 16, &|n| format!("{plain}#{}\n", "x".repeat(n - plain.len() - 2)), "a text has at most 65536 bytes");
    let titled = |n: usize| plain.replacen("title x", &format!("title {}", "x".repeat(n)), 1);
    at_most(200, &titled, "a title is one line of 1 to 200 characters");
    let wide = |n: usize| text("Q + 1", &format!("  wide: x = rowsum({}Q)\n", " ".repeat(n - 21)));
    at_most(1000, &wide, "a line has at most 1000 characters");
    let statements = |n: usize| text("Q + 1", &format!("  many: {}\n", vec!["x = rowsum(Q)"; n].join("; ")));
    at_most(16, &statements, "a line has at most 16 statements");
    at_most(16, &kernels, "a text has at most 16 kernels");
    // Q and X are names, too.
    let names = |n: usize| (2..n).map(|n| format!("  s{n}: x{n} = rowsum(Q)\n")).collect::<String>();
    at_most(64, &|n| text("Q + 1", &names(n)), "a text has at most 64 names");
    // A wrong line gives no more of them: what is wrong with others is told.
    let more = "  more: x99 = rowsum(nothing)\n  square: x2 = Q @ Q\n";
    let wrong = lines(&language::read(&text("Q + 1", &(names(64) + more))).expect_err("two wrong lines"));
    assert!(
        wrong.contains("nothing has no value here") && wrong.contains("rows x d @ rows x d is no product"),
        "{wrong}"
    );
    let again = "  again: X = rowsum(nothing)\n".to_owned() + &names(64);
    let wrong = lines(&language::read(&text("Q + 1", &again)).expect_err("a wrong line"));
    assert!(wrong.contains("nothing has no value here") && !wrong.contains("at most 64 names"), "{wrong}");
}
