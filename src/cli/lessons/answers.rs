//! `tilescope lessons answers`: what was answered, changed and built in the window, as it was kept: a line of JSON each.

use std::path::PathBuf;

use clap::Args;

use crate::app;
use crate::cli::failure::print;
use crate::cli::{Failure, files};

#[derive(Args)]
pub struct Arguments {
    /// Who it was; the name of this account where it is left out
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only of this lesson: its number, or its file as it was opened
    #[arg(long, value_name = "N|FILE")]
    lesson: Option<String>,
    /// The folder in which the window keeps its settings, where it is another than that of this account
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Where the lines go; - is standard output
    #[arg(long, short, value_name = "X.jsonl", default_value = "-")]
    output: PathBuf,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.from.clone().or_else(app::platform_folder);
    let folder = folder.ok_or_else(|| Failure::Bad("there is no folder for settings; name one with --from".into()))?;
    let kept = app::given(&folder).map_err(|fault| Failure::Bad(fault.to_string()))?;
    let person = arguments.person.clone().unwrap_or_else(app::account);
    let lines = app::answers(&person, &kept, arguments.lesson.as_deref());
    let lines = lines.map_err(|error| Failure::Bad(error.to_string()))?;
    if crate::files::is_standard_output(&arguments.output) {
        return print(&lines);
    }
    files::write_bytes(&arguments.output, lines.as_bytes())
}
