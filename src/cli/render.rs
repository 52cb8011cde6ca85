//! `tilescope render`: the window's picture at a step, without a window; and the options that name a place to open.

use std::path::PathBuf;

use clap::Args;

use crate::app::{self, AppOptions, Overlay, Place, Settings, Size, Theme};
use crate::attention::{Align, Input, Precision};
use crate::gpu::Probe;
use crate::playback::lesson::{Language, Position};

use super::{Failure, files};

/// Where to look: what a link says.
#[derive(Args, Clone, Debug, Default)]
pub struct PlaceOptions {
    /// row, toy, real, count, `capture NAME` or `preset NAME N_Q,N_K,D`, in place of a file
    #[arg(long, value_name = "NAME")]
    scene: Option<String>,
    #[command(flatten)]
    reading: super::options::ReadingOptions,
    /// standard, flash1 or flash2
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
    /// Rows of a query block
    #[arg(long, value_name = "N")]
    br: Option<usize>,
    /// Keys of a key block
    #[arg(long, value_name = "N")]
    bc: Option<usize>,
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    #[arg(long, value_name = "N")]
    head: Option<usize>,
    /// f64, f32, f16 or bf16
    #[arg(long, value_name = "FORMAT", value_parser = super::options::precision)]
    precision: Option<Precision>,
    /// Let no query see a later key
    #[arg(long, overrides_with = "no_causal")]
    causal: bool,
    /// Let every query see every key
    #[arg(long, overrides_with = "causal")]
    no_causal: bool,
    /// bottom-right or top-left
    #[arg(long, value_name = "WHERE")]
    align: Option<String>,
    /// Keys left and right of the diagonal that stay visible, as L,R; -1 is unbounded
    #[arg(long, value_name = "L,R", allow_hyphen_values = true)]
    window: Option<String>,
    /// Keys that exist, one length for each batch entry
    #[arg(long, value_name = "A,B,..")]
    kv_lengths: Option<String>,
    /// Seed of a random: input
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only the first N tokens of a causal input; 0 is all
    #[arg(long, value_name = "N")]
    prefix: Option<usize>,
    /// The GPU whose budget is drawn
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
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
    #[arg(long, value_name = "DISTANCE", value_parser = ["memory", "far", "middle", "near"])]
    view: Option<String>,
    /// light, dark or projector
    #[arg(long, value_name = "NAME", value_parser = theme)]
    theme: Option<Theme>,
    /// en or zh
    #[arg(long, value_name = "CODE", value_parser = language)]
    lang: Option<Language>,
    /// A lesson from 1 to 8, and a beat of it from 1; `r` after it reveals the answer: 4, 4.2, 4.2r
    #[arg(long, value_name = "N[.BEAT]", value_parser = lesson)]
    lesson: Option<(usize, Position)>,
    /// The layout for a projector
    #[arg(long)]
    present: bool,
    /// The first two minutes
    #[arg(long)]
    tour: bool,
    /// What lies over the window: keys, commands or open
    #[arg(long, value_name = "WHAT", value_parser = ["keys", "commands", "open"], hide = true)]
    overlay: Option<String>,
}

fn theme(text: &str) -> Result<Theme, String> {
    Theme::parse(text).ok_or_else(|| "it is light, dark or projector".into())
}

fn language(text: &str) -> Result<Language, String> {
    Language::parse(text).ok_or_else(|| "it is en or zh".into())
}

fn lesson(text: &str) -> Result<(usize, Position), String> {
    let fault = || "it is a lesson and a beat, such as 4.2".to_owned();
    let (place, is_revealed) = text.strip_suffix('r').map_or((text, false), |place| (place, true));
    let (number, beat) = place.split_once('.').unwrap_or((place, "1"));
    let index = |text: &str| text.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(fault);
    let (number, beat) = (index(number)?, index(beat)?);
    if number >= 8 {
        return Err("there are eight lessons".into());
    }
    Ok((number, Position { beat, is_revealed }))
}

impl PlaceOptions {
    /// The place that the options name, on this input.
    pub fn place(&self, input: Option<String>) -> Place {
        let align = self.align.clone().filter(|align| align != Align::BottomRight.name());
        Place {
            input,
            reading: self.reading.reading(),
            scene: self.scene.clone(),
            algorithm: self.algorithm.clone(),
            br: self.br,
            bc: self.bc,
            batch: self.batch,
            head: self.head,
            precision: self.precision.map(|precision| precision.name().into()),
            causal: (self.causal || self.no_causal).then_some(self.causal),
            align,
            seed: self.seed,
            window: self.window.clone(),
            kv_lengths: self.kv_lengths.clone(),
            prefix: self.prefix,
            hardware: self.hardware.clone(),
            bug: self.bug.clone(),
            at: self.at,
            row: self.row,
            key: self.key,
            view: self.view.clone(),
        }
    }

    /// The input of `file`. Of a trace there is none: it is opened by its place, with the run that it describes.
    pub fn read(&self, file: Option<&str>) -> Result<Option<Input>, Failure> {
        match file {
            Some(file) if file.to_ascii_lowercase().ends_with(".json") => {
                let opened = self.place(Some(file.to_owned())).open();
                opened.map(|_| None).map_err(|fault| Failure::Bad(fault.to_string()))
            }
            Some(file) => files::open(&[file.into()], self.seed.unwrap_or(0), &self.reading.reading()).map(Some),
            None => Ok(None),
        }
    }

    /// How the window opens on `place`.
    pub fn apply(&self, options: &mut AppOptions, place: Place) -> Result<(), Failure> {
        options.place = place;
        (options.language, options.theme, options.lesson) = (self.lang, self.theme, self.lesson);
        (options.is_presenting, options.tour) = (self.present, self.tour);
        options.overlay = match self.overlay.as_deref() {
            Some("keys") => Some(Overlay::Keys),
            Some("open") => Some(Overlay::Open),
            Some(_) => Some(Overlay::Palette),
            None => None,
        };
        Ok(())
    }
}

#[derive(Args)]
pub struct Arguments {
    /// A capture (.safetensors), an .npz with Q, K and V, or random:N_Q,N_K,D[,HEADS[,KV_HEADS]]
    input: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = size)]
    size: (u32, u32),
    /// Pixels of a point
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    scale: f32,
    /// Where the .png goes
    #[arg(long, short, value_name = "X.png")]
    output: PathBuf,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let pair = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    pair.filter(|(width, height)| (1..=8192).contains(width) && (1..=8192).contains(height))
        .ok_or_else(|| "it is a width and a height of at most 8192, such as 1280x800".into())
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    if !(0.25..=8.0).contains(&arguments.scale) {
        return Err(Failure::Bad(format!("--scale {}: it is from 0.25 to 8", arguments.scale)));
    }
    let place = arguments.place.place(arguments.input.clone());
    let input = arguments.place.read(arguments.input.as_deref())?;
    match &input {
        // Names that are not known are told before anything is drawn.
        Some(input) => place
            .settings(Settings::for_input(input), input)
            .map(drop)
            .map_err(|fault| Failure::bad(&input.name, fault))?,
        None if arguments.place.tour || arguments.place.lesson.is_some() => {}
        None => place.open().map(drop).map_err(|fault| Failure::Bad(fault.to_string()))?,
    }
    let find_gpu = || Probe::Unavailable("a picture needs none".into());
    let mut options = AppOptions { find_gpu, ..AppOptions::default() };
    arguments.place.apply(&mut options, place)?;
    let (width, height) = arguments.size;
    let picture = app::picture(input, &options, Size { width, height, scale: arguments.scale });
    let bytes = picture.map_err(|why| Failure::Missing(format!("render: {why}")))?;
    files::write_file(&arguments.output, |out| {
        out.write_all(&bytes).map_err(|error| files::write_failed(&arguments.output, &error))
    })
}
