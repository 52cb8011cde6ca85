//! How a command ends when it does not end well: one line and an exit code.

use std::process::ExitCode;

use crate::files::{printable, reason};

/// Why a command failed. The text is one line: what, where, what to do.
#[derive(Debug)]
pub enum Failure {
    /// A check failed: 1.
    Check(String),
    /// Bad arguments, bad input, or an output that cannot be written: 2.
    Bad(String),
    /// No display, or no device, asked for by name: 3.
    Missing(String),
    /// The reader of our output went away, as `head` does: not a failure.
    Pipe,
}

impl Failure {
    /// Bad input, with the place it came from in front.
    pub fn bad(place: impl std::fmt::Display, what: impl std::fmt::Display) -> Self {
        Failure::Bad(format!("{place}: {what}"))
    }

    /// What is told, and the exit code.
    fn told(&self) -> (&str, u8) {
        match self {
            Failure::Check(text) => (text, 1),
            Failure::Bad(text) => (text, 2),
            Failure::Missing(text) => (text, 3),
            Failure::Pipe => ("", 0),
        }
    }

    pub fn text(&self) -> &str {
        self.told().0
    }

    pub fn report(self) -> ExitCode {
        let (text, code) = self.told();
        if code != 0 {
            say(text);
        }
        ExitCode::from(code)
    }
}

/// Something the person should know, though the work goes on.
pub fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// What was done, or understood: no fault.
pub fn note(text: &str) {
    say(text);
}

/// One line on standard error; where that is full or closed, there is nobody left to tell.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "tilescope: {}", one_line(text));
}

/// Prints help where it was asked for; else the first line of what is wrong.
pub fn of_arguments(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Failure::bad("standard output", reason(&error)).report()
            }
            _ => ExitCode::SUCCESS,
        };
    }
    let text = error.to_string();
    let what = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what).to_owned();
    Failure::Bad(format!("{what} (`tilescope --help` lists the commands, `tilescope COMMAND --help` their options)"))
        .report()
}

/// Text of a file or an argument may hold line breaks and characters that steer a terminal; a message does not.
fn one_line(text: &str) -> String {
    printable(&text.replace(['\n', '\t'], " "))
}

/// Standard output, with a closed pipe told apart.
pub fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::Pipe),
        Err(error) => Err(Failure::bad("standard output", format!("cannot be written: {}", reason(&error)))),
    }
}

/// A value as indented JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Bad(error.to_string()))?;
    print(&format!("{text}\n"))
}
