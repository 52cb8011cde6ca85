//! What is asked of the window itself.

/// A side of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Left,
    Right,
}

impl Edge {
    /// In the table of commands.
    pub fn name(self) -> &'static str {
        match self {
            Edge::Left => "Fold or show the left side",
            Edge::Right => "Fold or show the right side",
        }
    }
}

/// What stands in the left panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Setup,
    Lesson,
}

/// What stands beside the map. Presenting is a layout of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// The map, the row, its bytes.
    Study,
    /// The lesson and the map.
    Learn,
    /// The setup, the map, the code.
    Engineer,
}

impl Arrangement {
    /// In the table of commands.
    pub const fn name(self) -> &'static str {
        match self {
            Arrangement::Study => "Study: the map, the row and its bytes",
            Arrangement::Learn => "Learn: the lesson and the map",
            Arrangement::Engineer => "Engineer: the setup, the map and what if",
        }
    }
}

/// What lies over everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    Keys,
    /// What a NaN, an infinity and an unseen row give.
    OddRows,
    Palette,
    /// What to open, and from where.
    Open,
}

/// The size of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zoom {
    In,
    Out,
    Reset,
}

/// The command that opens the sheet of the rule for such rows, which is its title too.
pub const ODD_ROWS: &str = "What NaN, infinity and an unseen row give";
