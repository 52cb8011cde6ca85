//! Hands over to the command line or to the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    match tilescope::app::open(None, tilescope::app::AppOptions::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("tilescope: {reason}");
            ExitCode::from(3)
        }
    }
}
