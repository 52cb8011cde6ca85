//! What two panels draw alike.

pub mod matrix;
pub mod operands;
pub mod source;
