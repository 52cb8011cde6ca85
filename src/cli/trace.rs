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
