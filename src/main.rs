//! Hands over to the command line or to the window.

fn main() {}
