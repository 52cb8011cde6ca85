//! Hands over to the command line or to the window.

use std::process::ExitCode;

#[cfg(feature = "app")]
fn main() -> ExitCode {
    match tilescope::app::open(None, tilescope::app::AppOptions::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("tilescope: {reason}");
            ExitCode::from(3)
        }
    }
}

#[cfg(not(feature = "app"))]
fn main() -> ExitCode {
    eprintln!("tilescope: this build has no window; build with `--features app`");
    ExitCode::from(3)
}
