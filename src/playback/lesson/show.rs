//! Which picture a beat is about: a line `show` of its scene, and another of its reveal where the answer has another.

use crate::schedule::algorithm;
use crate::sentence::Sentence;

use super::error::Result;
use super::fields::Field;
use super::scene::{Distance, Scene};

/// A picture of the stage, or the beat's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BeatPicture {
    /// The plane of queries and keys with its tensors, whole or close up at a tile.
    #[default]
    Map,
    /// The memories of the chip, to scale.
    Memory,
    /// One row: its scores, what is kept of it, the needle.
    Row,
    /// The run beside another, under one cursor.
    Race,
    /// The bytes between HBM and the chip.
    Chart,
    /// The beat's own: its bars, or the first table, picture or formula on lines of its own in its prose.
    Figure,
}

impl BeatPicture {
    pub const ALL: [Self; 6] = [Self::Map, Self::Memory, Self::Row, Self::Race, Self::Chart, Self::Figure];

    /// As lessons have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Memory => "memory",
            Self::Row => "row",
            Self::Race => "race",
            Self::Chart => "chart",
            Self::Figure => "figure",
        }
    }

    /// The picture that is seen at a distance.
    pub fn at(distance: Distance) -> Self {
        match distance {
            Distance::Memory => Self::Memory,
            Distance::Far | Distance::Middle => Self::Map,
            Distance::Near => Self::Row,
        }
    }

    /// How close the main view stands for it, where it stood at `distance`.
    fn distance(self, distance: Distance) -> Distance {
        match (self, distance) {
            (Self::Memory, _) => Distance::Memory,
            (Self::Row, _) => Distance::Near,
            (Self::Map, Distance::Middle) => Distance::Middle,
            (Self::Map | Self::Race, _) => Distance::Far,
            (Self::Chart | Self::Figure, _) => distance,
        }
    }
}

/// The picture that a beat names.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    pub picture: BeatPicture,
    /// The algorithm beside the scene's in a race; `None` is what that is best held against.
    pub beside: Option<String>,
    /// Of the value.
    pub line: usize,
    pub column: usize,
}

impl Show {
    /// `map`, `race`, `race flash1`.
    fn parse(field: &Field) -> Result<Self> {
        let (name, beside) = match field.value.split_once(' ') {
            Some((name, beside)) => (name, Some(beside.trim())),
            None => (field.value.as_str(), None),
        };
        let picture = BeatPicture::ALL.into_iter().find(|picture| picture.name() == name);
        let no_picture = || {
            let names = BeatPicture::ALL.map(BeatPicture::name).join(", ");
            field.fault(Sentence::new("`{0}` is no picture; there are {1}").with(name).with(names))
        };
        let picture = picture.ok_or_else(no_picture)?;
        match beside {
            Some(_) if picture != BeatPicture::Race => {
                return Err(field.fault("only a race names the algorithm beside the scene's"));
            }
            Some(name) if algorithm::by_name(name).is_none() => {
                return Err(field.fault(Sentence::new("there is no algorithm {0}").with(name)));
            }
            _ => {}
        }
        Ok(Self { picture, beside: beside.map(str::to_owned), line: field.line, column: field.column })
    }

    /// Takes the line `show` out of the fields of a scene, and sets them all. The main view stands where the picture is
    /// seen.
    pub(super) fn set(scene: &mut Scene, fields: &[Field]) -> Result<Option<Self>> {
        let (shows, others): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| field.key == "show");
        others.iter().try_for_each(|field| scene.set(field))?;
        let Some(field) = shows.last() else { return Ok(None) };
        let show = Self::parse(field)?;
        let distance = show.picture.distance(scene.view);
        if let Some(view) = others.iter().find(|field| field.key == "view" && distance != scene.view) {
            let what = "`show: {0}` is not seen at `view: {1}`: leave `view` out";
            return Err(view.fault(Sentence::new(what).with(show.picture.name()).with(&view.value)));
        }
        scene.view = distance;
        Ok(Some(show))
    }
}
