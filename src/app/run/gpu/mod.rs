//! What the device is asked, and what it found.

pub mod comparison;
pub mod device;
pub mod fault;
pub mod outcome;
pub mod recorded;
pub mod sources;
pub mod sweep;
pub mod work;
