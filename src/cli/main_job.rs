//! The program without a command: the window, or, where there is no display, the same capture without one.

use std::path::Path;

use super::Failure;

pub fn main(_file: Option<&Path>, _renderer: Option<&str>) -> Result<(), Failure> {
    Ok(())
}
