//! The files of a lesson: an input, texts of one's own and pictures that lie beside it. This room opens none of them; whoever may
//! hands it the means.

use std::path::{Component, Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::Reading;
use crate::schedule::Algorithm;
use crate::sentence::Sentence;

use super::markdown::{LessonPicture, MOST_BYTES};
use super::scene::Scene;

/// How files are read.
#[derive(Clone, Copy)]
pub struct Files {
    /// The input of these paths.
    pub input: fn(&[PathBuf], &Reading) -> Result<Input, Sentence>,
    /// The algorithm of a text, by its path.
    pub algorithm: fn(&str) -> Result<Algorithm, Sentence>,
    /// The bytes of a picture, so many at most.
    pub picture: fn(&Path, u64) -> Result<Vec<u8>, Sentence>,
}

const NOT_READ: &str = "files are not read here";

impl Files {
    /// Where no file is read.
    pub const NONE: Self = Self {
        input: |_, _| Err(NOT_READ.into()),
        algorithm: |_| Err(NOT_READ.into()),
        picture: |_, _| Err(NOT_READ.into()),
    };
}

impl Default for Files {
    fn default() -> Self {
        Self::NONE
    }
}

/// The name is that of a text of the tile language.
pub(super) fn is_text(name: &str) -> bool {
    name.ends_with(".tile")
}

/// The name is that of a picture.
fn is_picture(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"))
}

/// The picture `name` of a lesson in `folder`.
pub(super) fn picture(folder: Option<&Path>, name: &str, files: Files) -> Result<LessonPicture, Sentence> {
    if !is_picture(name) {
        return Err(Sentence::new("{0} is no .png file, and pictures are").with(name));
    }
    let bytes = (files.picture)(&beside(folder, name)?, MOST_BYTES as u64)?;
    LessonPicture::of_png(&bytes).map_err(|fault| Sentence::new("{0}: {1}").with(name).and(fault))
}

/// The name of an input's file, where `value` is one: an array file by its ending.
pub(super) fn own_input(value: &str) -> Option<&str> {
    let ending = Path::new(value).extension()?.to_str()?;
    let is_one = ["npz", "safetensors"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    (is_one && !value.starts_with("random:")).then_some(value)
}

/// The file `name` in `folder` or below it: a lesson that is passed on finds its files, and reads no others.
pub(super) fn beside(folder: Option<&Path>, name: &str) -> Result<PathBuf, Sentence> {
    let folder = folder.ok_or("only a lesson in a file has files beside it")?;
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if Path::new(name).components().all(is_plain) {
        return Ok(folder.join(name));
    }
    Err(Sentence::new("{0} is elsewhere: a lesson's files lie in its folder, or below it").with(name))
}

/// The name of the file at `path` as a lesson in `folder` has it.
pub(super) fn named(folder: Option<&Path>, path: &Path) -> String {
    let own = folder.and_then(|folder| path.strip_prefix(folder).ok());
    own.unwrap_or(path).to_string_lossy().into_owned()
}

/// The scene that a file of one's own starts with: as it says, on the chip of the program, in blocks that can be read.
pub(super) fn of_file(path: PathBuf) -> Scene {
    let scene = Scene::default();
    let mut run = scene.run.clone();
    (run.input, run.scene, run.hardware) = (vec![path], None, Some(crate::schedule::Hardware::default()));
    Scene { run, ..scene }
}
