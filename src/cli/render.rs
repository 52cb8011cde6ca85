//! `tilescope render`: the window's picture at a step, without a window; and the options that name a place to open.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::app::{self, AppOptions, Link, NoPicture, Overlay, Settings, Size, Theme};
use crate::attention::Input;
use crate::attention::input::random;
use crate::files::shown;
use crate::gpu::Probe;
use crate::playback::lesson::library::{LESSONS, numbered};
use crate::playback::lesson::{Distance, Language, Lesson, Position};
use crate::schedule::spec::{Choice, RunSpec};
use crate::sentence::Sentence;

use super::failure::{note, warn};
use super::main_job::Renderer;
use super::options::{RunOptions, Takes};
use super::{Failure, files};

/// What a link says of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfPlace;

impl Takes for OfPlace {
    fn takes(name: &str) -> bool {
        Link::has(name)
    }

    /// The window opens an input as suits it, and a scene as its lesson does.
    fn default(_: &Choice) -> Option<&'static str> {
        None
    }
}

/// Where to look: what a link says.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct PlaceOptions {
    #[command(flatten)]
    pub(super) run: RunOptions<OfPlace>,
    /// A bug to show: forget-alpha, no-max, no-guard, minus-1000, zero or stuck-max
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Steps done
    #[arg(long, visible_alias = "step", value_name = "N")]
    at: Option<u64>,
    /// The query to look at
    #[arg(long, value_name = "N")]
    row: Option<usize>,
    /// The key to look at
    #[arg(long, value_name = "N")]
    key: Option<usize>,
    /// memory, far, middle or near
    #[arg(long, value_name = "DISTANCE", value_parser = PossibleValuesParser::new(Distance::ALL.map(Distance::name)))]
    view: Option<String>,
    /// light, dark or projector
    #[arg(long, value_name = "NAME", value_parser = theme)]
    theme: Option<Theme>,
    /// en or zh
    #[arg(long, value_name = "CODE", value_parser = language)]
    lang: Option<Language>,
    /// A lesson by its number, and a beat of it from 1; `r` after it reveals the answer, `s` shows its change or build done:
    /// 4, 4.2, 4.2r, 4.4s; or one of your own: mine.md, mine.md:2, mine.md:2r
    #[arg(long, value_name = "N[.BEAT]", value_parser = lesson)]
    pub(super) lesson: Option<LessonAt>,
    /// The layout for a projector
    #[arg(long)]
    present: bool,
    /// The first two minutes
    #[arg(long)]
    tour: bool,
    /// What lies over the window: keys, commands, open or odd-rows
    #[arg(long, value_name = "WHAT", value_parser = ["keys", "commands", "open", "odd-rows"], hide = true)]
    overlay: Option<String>,
    /// A panel that stands open: text, kernel, gpu, breakpoints, block sizes, code, plot, traffic or what if
    #[arg(long, value_name = "PANEL", value_parser = panel, hide = true)]
    panel: Option<&'static str>,
}

fn panel(text: &str) -> Result<&'static str, Sentence> {
    let ids = ["text", "kernel", "gpu", "breakpoints", "block sizes", "code", "plot", "traffic", "what if"];
    ids.into_iter().find(|id| *id == text).ok_or_else(|| "no panel is called so".into())
}

fn theme(text: &str) -> Result<Theme, Sentence> {
    Theme::parse(text).ok_or_else(|| "it is light, dark or projector".into())
}

fn language(text: &str) -> Result<Language, Sentence> {
    Language::parse(text).ok_or_else(|| "it is en or zh".into())
}

/// What is presented, and how.
#[derive(Args)]
pub struct PresentArguments {
    /// A running order (.md) that lists beats with their minutes, a lesson from 1 on with a beat of it, or a lesson (.md)
    #[arg(value_name = "PLAN.md", value_parser = lesson)]
    what: LessonAt,
    /// The language of the window
    #[arg(long, value_name = "LANG", value_parser = language)]
    lang: Option<Language>,
    /// light, dark or projector
    #[arg(long, value_name = "THEME", value_parser = theme)]
    theme: Option<Theme>,
    /// What draws the window
    #[arg(long, value_enum, default_value_t)]
    pub renderer: Renderer,
}

impl PresentArguments {
    pub fn place(&self) -> PlaceOptions {
        let lesson = match &self.what {
            LessonAt::File(path, at) => LessonAt::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()), *at),
            built_in => built_in.clone(),
        };
        PlaceOptions {
            lesson: Some(lesson),
            present: true,
            lang: self.lang,
            theme: self.theme,
            ..PlaceOptions::default()
        }
    }
}

/// A lesson and a place in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LessonAt {
    /// From 0.
    BuiltIn(usize, BeatAt),
    File(PathBuf, BeatAt),
    /// A folder of lessons, as its list.
    Folder(PathBuf),
}

/// A beat, and what of it is done: the answer shown, the change or the build made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct BeatAt {
    position: Position,
    is_solved: bool,
}

/// `4`, `4.2`, `4.2r`, `4.4s`, a file: `mine.md`, `mine.md:2`, `mine.md:2r`, `mine.md:4s`, or a folder of lessons.
fn lesson(text: &str) -> Result<LessonAt, Sentence> {
    let fault = || Sentence::new("it is a lesson and a beat, such as 4.2");
    let (place, is_revealed) = text.strip_suffix('r').map_or((text, false), |place| (place, true));
    let (place, is_solved) = place.strip_suffix('s').map_or((place, false), |place| (place, true));
    let index = |text: &str| text.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(fault);
    let (path, beat) = place.rsplit_once(':').unwrap_or((text, "1"));
    if app::is_lesson(Path::new(path)) {
        let lesson = app::read_lesson(Path::new(path))?;
        let at = Position { beat: index(beat)?, is_revealed: is_revealed && path != text };
        let at = BeatAt { position: at, is_solved: is_solved && path != text };
        return within(&lesson, path, at).map(|at| LessonAt::File(path.into(), at));
    }
    if crate::files::has_lessons(Path::new(text)) {
        return Ok(LessonAt::Folder(std::path::absolute(text).unwrap_or_else(|_| text.into())));
    }
    let (number, beat) = place.split_once('.').unwrap_or((place, "1"));
    let (number, beat) = (index(number)? + 1, index(beat)?);
    let (at, entry) =
        numbered(number).ok_or_else(|| Sentence::new("there {0|is|are} {0} {0|lesson|lessons}").with(LESSONS.len()))?;
    let lesson = entry.lesson(Language::English).map_err(Sentence::verbatim)?;
    let name = format!("lesson {number}");
    let wanted = BeatAt { position: Position { beat, is_revealed }, is_solved };
    within(&lesson, &name, wanted).map(|wanted| LessonAt::BuiltIn(at, wanted))
}

/// A place that the lesson has.
fn within(lesson: &Lesson, name: &str, at: BeatAt) -> Result<BeatAt, Sentence> {
    let BeatAt { position: Position { beat, is_revealed }, is_solved } = at;
    match lesson.beats.get(beat) {
        None => Err(Sentence::new("{0} has {1} {1|beat|beats}").with(name).with(lesson.beats.len())),
        Some(shown) if is_revealed && shown.predict.is_none() => {
            let fault = "beat {0} of {1} asks nothing whose answer could be revealed";
            Err(Sentence::new(fault).with(beat + 1).with(name))
        }
        Some(shown) if is_solved && shown.change.is_none() && shown.build.is_none() => {
            let fault = "beat {0} of {1} has no change and no build that could be done";
            Err(Sentence::new(fault).with(beat + 1).with(name))
        }
        Some(_) => Ok(at),
    }
}

impl PlaceOptions {
    /// The place that the options name, on this input.
    pub fn place(&self, input: Option<String>) -> Link {
        Link {
            run: RunSpec { input: input.into_iter().map(PathBuf::from).collect(), ..self.run.spec.clone() },
            bug: self.bug.clone(),
            at: self.at,
            row: self.row,
            key: self.key,
            view: self.view.clone(),
        }
    }

    /// Refuses options that name two things to open: one of them would be dropped.
    fn refuse_two_wishes(&self, paths: &[PathBuf]) -> Result<(), Failure> {
        let place = self.place(None);
        if !paths.is_empty() && place.run.scene.is_some() {
            return Err(Failure::Bad("a file and --scene name two inputs: leave one of them out".into()));
        }
        let is_random = matches!(paths, [spec] if spec.to_str().is_some_and(|name| name.starts_with(random::PREFIX)));
        if self.run.spec.seed.is_some() && !is_random {
            return Err(Failure::Bad("--seed is that of a random: input, and none is opened".into()));
        }
        if self.tour && (self.lesson.is_some() || self.present) {
            return Err(Failure::Bad("--tour is in place of a lesson: leave out --lesson and --present".into()));
        }
        let brought = [("--lesson", self.lesson.is_some()), ("--tour", self.tour), ("--present", self.present)];
        match brought.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((name, _)) if !paths.is_empty() || place != Link::default() => Err(Failure::Bad(format!(
                "{name} brings a lesson with its own input and view: leave out the file and the options of a run"
            ))),
            _ => Ok(()),
        }
    }

    /// The input of `paths`, in which everything that the options name is there. Of a trace there is none: it is opened
    /// by its place, with the run that it describes.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Option<Input>, Failure> {
        self.refuse_two_wishes(paths)?;
        let opens = |place: &Link| place.open().map(|_| None).map_err(|fault| Failure::Bad(fault.to_string()));
        match paths {
            [file] if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) => {
                // Its place is kept by its name, and it is read again by it.
                let what = "a trace to open is a regular file, its name UTF-8 text";
                let name = file.to_str().filter(|_| file.is_file() || !file.exists());
                let name = name.ok_or_else(|| Failure::bad(shown(file), what))?;
                opens(&self.place(Some(name.to_owned())))
            }
            [] if self.place(None).says_anything() => opens(&self.place(None)),
            [] => Ok(None),
            _ => {
                let input = files::open_to_look(paths, self.run.spec.seed(), &self.run.spec.reading)?;
                self.settings(&input).map_err(|fault| Failure::bad(files::all_shown(paths), fault))?;
                Ok(Some(input))
            }
        }
    }

    /// How `input` is run. Errors on what it does not have.
    fn settings(&self, input: &Input) -> Result<Settings, Sentence> {
        self.place(None).settings(Settings::for_input(input), input)
    }

    /// How the window opens on `place`.
    pub fn apply(&self, options: &mut AppOptions, place: Link) -> Result<(), Failure> {
        options.place = place;
        (options.language, options.theme) = (self.lang, self.theme);
        match &self.lesson {
            Some(LessonAt::BuiltIn(index, at)) => {
                (options.lesson, options.is_solved) = (Some((*index, at.position)), at.is_solved);
            }
            Some(LessonAt::File(path, at)) => {
                (options.own_lesson, options.is_solved) = (Some((path.clone(), at.position)), at.is_solved);
            }
            Some(LessonAt::Folder(path)) => options.lesson_folder = Some(path.clone()),
            None => {}
        }
        (options.is_presenting, options.tour) = (self.present, self.tour);
        options.panel = self.panel;
        options.overlay = match self.overlay.as_deref() {
            Some("keys") => Some(Overlay::Keys),
            Some("odd-rows") => Some(Overlay::OddRows),
            Some("open") => Some(Overlay::Open),
            Some(_) => Some(Overlay::Palette),
            None => None,
        };
        Ok(())
    }
}

#[derive(Args)]
pub struct Arguments {
    /// A .safetensors file (a capture or any other), an .npz, several .npy or a folder of them, a trace (.json), - for
    /// standard input, or random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]
    input: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = size)]
    size: (u32, u32),
    /// Pixels of a point
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    scale: f32,
    /// Without a word or a number: what the picture tells by itself
    #[arg(long)]
    without_text: bool,
    /// Where the .png goes; - is standard output
    #[arg(long, short, value_name = "X.png")]
    output: PathBuf,
}

fn size(text: &str) -> Result<(u32, u32), Sentence> {
    let pair = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    pair.filter(|(width, height)| (1..=8192).contains(width) && (1..=8192).contains(height))
        .ok_or_else(|| "it is a width and a height of at most 8192, such as 1280x800".into())
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    if !(0.25..=8.0).contains(&arguments.scale) {
        return Err(Failure::Bad(format!("--scale {}: it is from 0.25 to 8", arguments.scale)));
    }
    let inputs = &arguments.input;
    files::check_output(&arguments.output, "png", inputs)?;
    let name = if let [input] = &inputs[..] { input.to_str().map(str::to_owned) } else { None };
    let place = arguments.place.place(name);
    let input = arguments.place.read(inputs)?;
    let told = input.as_ref().map(|input| arguments.place.settings(input).map(|run| app::understood(input, &run)));
    let find_gpu = || Probe::Unavailable("a picture needs none".into());
    let mut options = AppOptions { find_gpu, ..AppOptions::default() };
    arguments.place.apply(&mut options, place)?;
    let (width, height) = arguments.size;
    let size = Size { width, height, scale: arguments.scale, has_text: !arguments.without_text };
    let picture = app::picture(input, &options, size);
    let bytes = picture.map_err(|why| match why {
        NoPicture::Refused(fault) => Failure::Bad(fault.to_string()),
        NoPicture::Renderer(why) => Failure::Missing(format!("render: {why}")),
    })?;
    files::write_bytes(&arguments.output, &bytes)?;
    // That there are settings was asked as it was read.
    if let Some(Ok((line, differs))) = told {
        if let Some(warning) = differs {
            warn(&format!("{}: {warning}", files::all_shown(inputs)));
        }
        note(&line.to_string());
    }
    Ok(())
}
