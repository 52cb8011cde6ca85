//! A text with other names for all that it makes, and with other labels.
#![allow(dead_code, reason = "each test file uses a part of it")]

use tilescope::schedule::Algorithm;
use tilescope::schedule::language::{Inner, Kind, Role, Tensor};

/// What a name of the text is called instead.
pub fn other(name: &str) -> String {
    format!("z_{name}")
}

/// `text` as the original has it: labels too.
pub fn back(text: &str) -> String {
    text.replace("z_", "").replace("z-", "")
}

/// The text of `algorithm` with another name for every value that it is not given, its outputs included.
pub fn renamed(algorithm: &Algorithm) -> String {
    let text = algorithm.text();
    let given: Vec<&str> = text
        .tensors
        .iter()
        .filter(|tensor| matches!(tensor.role, Role::In | Role::Modifier(_)))
        .map(|tensor| tensor.name.as_str())
        .collect();
    let changes = |word: &str| text.names.iter().any(|name| name == word) && !given.contains(&word);
    let line = |line: &str| {
        let role =
            [("out ", Role::Out), ("hbm ", Role::Between)].into_iter().find(|(start, _)| line.starts_with(start));
        if let Some((start, role)) = role {
            let declared = text.tensors.iter().filter(|tensor| tensor.role == role).map(declared);
            return format!("{start}{}", declared.collect::<Vec<_>>().join(" "));
        }
        if line.starts_with('#') || line.starts_with("title") || line.starts_with("kernel") {
            return line.to_owned();
        }
        let (label, rest) = match line.split_once(": ") {
            Some((label, rest)) if line.starts_with(' ') && !label.trim().contains(' ') => (format!("{label}: "), rest),
            _ => (String::new(), line),
        };
        let (mut made, mut word) = (label, String::new());
        for c in rest.chars().chain(['\n']) {
            if c.is_ascii_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            let own = std::mem::take(&mut word);
            made += &if changes(&own) { other(&own) } else { own };
            made.push(c);
        }
        made.trim_end_matches('\n').to_owned()
    };
    text.text.lines().map(|of| line(of) + "\n").collect()
}

/// A tensor with all that the house knows of it by its name.
fn declared(tensor: &Tensor) -> String {
    let axes: Vec<&str> = tensor.axes.iter().map(|axis| axis.name()).collect();
    let kind = if tensor.kind == Kind::Accumulator { ":acc" } else { "" };
    let width = match (tensor.shape().is_tile(), tensor.of) {
        (true, _) => "",
        (false, Inner::One) => " of 1",
        (false, Inner::D) => " of d",
        (false, Inner::Dv) => " of d_v",
    };
    format!("{}[{}]{kind}{width}", other(&tensor.name), axes.join(","))
}

/// The same with labels that the house does not know.
pub fn relabelled(text: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some((label, rest)) if line.starts_with(' ') && !label.trim().contains(' ') => {
            let indent = label.len() - label.trim_start().len();
            format!("{}z-{}: {rest}", &label[..indent], label.trim())
        }
        _ => line.to_owned(),
    };
    text.lines().map(|of| line(of) + "\n").collect()
}
