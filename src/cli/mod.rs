//! The command line: one file per command.
pub mod bench;
pub mod trace {
    pub fn export_speed() -> super::bench::Row {
        super::bench::Row::new("trace-export", 0., "")
    }
}
