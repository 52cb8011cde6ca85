//! What two panels draw alike.

pub mod budget;
pub mod held;
pub mod lead;
pub mod moved;
pub mod source;
pub mod withheld;
