//! `tilescope trace`
use super::{Failure, options::InputOptions};
use clap::Args;
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,
}
pub fn main(_: &Arguments) -> Result<(), Failure> {
    Ok(())
}
pub fn export_speed() -> super::bench::Row {
    super::bench::Row::new("trace-export", 0., "")
}

pub fn write_head(
    _: &crate::attention::Input,
    _: &'static dyn crate::schedule::Algorithm,
    _: crate::schedule::Tiling,
    _: usize,
    _: &std::path::Path,
) -> Result<u64, Failure> {
    Ok(0)
}
