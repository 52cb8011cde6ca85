//! Hands over to the command line, which opens the window where no command is given.

use std::process::ExitCode;

fn main() -> ExitCode {
    tilescope::gpu::environment::prepare();
    tilescope::cli::main(std::env::args_os())
}
