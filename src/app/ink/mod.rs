//! How a mark is made: colours, sizes, textures, motion, prose. It knows the language on screen, and no run.

pub mod axes;
pub mod draw;
pub mod float;
pub mod focus;
pub mod fonts;
pub mod icon;
pub mod listing;
pub mod made_by;
pub mod motion;
pub mod narrow;
pub mod prose;
pub mod texture;
pub mod theme;
pub mod whole;
pub mod zoom;
