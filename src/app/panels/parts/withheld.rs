//! What panels say in place of what a lesson asks for, until it is answered.

/// In place of what each tensor moves, and of what that comes to.
pub const BYTES: &str = "What moves is yours to find.";
/// In place of what the mask leaves of a tile.
pub const CLASSES: &str = "The classes of the tiles are yours to find.";
/// In place of a text: the order of its lines, the formula of a factor, the rule of a row.
pub const LINES: &str = "The lines are yours to find.";
/// In place of how far results are off.
pub const ERRORS: &str = "What is wrong is yours to find.";
/// In place of what makes a row unlike others, and of what it gives.
pub const RULE: &str = "The rule is yours to find.";
/// In place of a row's way through its visits.
pub const ROW: &str = "What becomes of the row is yours to find.";
