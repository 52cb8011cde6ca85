//! The program without a command: the window, or, where there is no display, the same capture without one.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::attention::error_rule::{self, Errors};
use crate::attention::input::bundled;
use crate::attention::oracle::Output;
use crate::attention::{Input, Precision};
use crate::files::shown;
use crate::gpu::{self, Backend, DeviceKind, Probe};
use crate::number::{self, grouped, short};
use crate::schedule::{Plan, Schedule, Tiling, algorithm};

use super::failure::print;
use super::report::{bytes_column, table};
use super::{Failure, files, run, trace};

/// The head whose steps are worth a look: it looks back at an earlier comma.
const HEAD: usize = 8;

/// Small tiles, so that the trace has several in each direction.
const TILING: Tiling = Tiling { br: 16, bc: 16 };

/// Where the headless job leaves its trace: under the first of these names that nothing has.
fn names() -> impl Iterator<Item = String> {
    let numbered = (2..10_000).map(|n| format!("-{n}"));
    std::iter::once(String::new()).chain(numbered).map(|number| format!("tilescope-smollm2-flash2{number}.json"))
}

/// What draws the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::ValueEnum)]
pub enum Renderer {
    /// wgpu, and OpenGL where that fails
    #[default]
    Auto,
    Wgpu,
    /// OpenGL
    Glow,
}

/// Opens the window on the input of `paths`, or on the first bundled capture. Where there is no display and nothing was
/// asked for, does the headless job.
#[cfg(feature = "app")]
pub fn main(paths: &[PathBuf], renderer: Renderer, place: &super::render::PlaceOptions) -> Result<(), Failure> {
    use crate::app::{self, AppOptions};
    let (paths, place) = with_lesson(paths, place)?;
    let (paths, place) = &with_text(&paths, &place)?;
    let input = place.read(paths)?;
    let is_asked_for =
        !paths.is_empty() || renderer != Renderer::Auto || *place != super::render::PlaceOptions::default();
    let renderer = match renderer {
        Renderer::Auto => app::Renderer::Auto,
        Renderer::Wgpu => app::Renderer::Wgpu,
        Renderer::Glow => app::Renderer::Glow,
    };
    // A set of files has no name that a later start would find it by.
    let named = place.place(if let [file] = &paths[..] { to_keep(file) } else { None });
    let mut options = AppOptions { renderer, folder: app::platform_folder(), ..AppOptions::default() };
    options.system_language = system_language(|name| std::env::var(name).ok());
    place.apply(&mut options, named)?;
    let input = input.map(|input| {
        let name = input.name.clone();
        (input, name)
    });
    match app::open(input, options) {
        Ok(()) => Ok(()),
        Err(why) if !is_asked_for => headless(&format!("{why}: this is the main job without a window.")),
        Err(why) if paths.is_empty() => Err(Failure::Missing(why.to_string())),
        Err(why) => Err(Failure::Missing(format!("{}: {why}", files::all_shown(paths)))),
    }
}

/// What the system speaks, by the first of the variables of POSIX that says so. `C` and other languages say nothing.
#[cfg(feature = "app")]
fn system_language(variable: impl Fn(&str) -> Option<String>) -> Option<crate::playback::lesson::Language> {
    let said = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    said.and_then(|locale| crate::playback::lesson::Language::of_locale(&locale))
}

/// A lesson of one's own among the files is opened, as `--lesson` opens it.
#[cfg(feature = "app")]
fn with_lesson(
    paths: &[PathBuf],
    place: &super::render::PlaceOptions,
) -> Result<(Vec<PathBuf>, super::render::PlaceOptions), Failure> {
    use super::render::LessonAt;
    use crate::app::{is_lesson, read_lesson};
    use crate::files::has_lessons;
    let is_one = |path: &PathBuf| is_lesson(path) || has_lessons(path);
    let (lessons, others): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(is_one);
    let mut place = place.clone();
    match (&lessons[..], &place.lesson) {
        ([], _) => {}
        ([path], None) => {
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            place.lesson = Some(if path.is_dir() {
                LessonAt::Folder(whole)
            } else {
                read_lesson(path).map_err(|fault| Failure::Bad(fault.to_string()))?;
                LessonAt::File(whole, super::render::BeatAt::default())
            });
        }
        _ => return Err(Failure::Bad(format!("{}: one lesson at a time", files::all_shown(&lessons)))),
    }
    Ok((others, place))
}

/// A text of one's own among the files is the algorithm.
#[cfg(feature = "app")]
fn with_text(
    paths: &[PathBuf],
    place: &super::render::PlaceOptions,
) -> Result<(Vec<PathBuf>, super::render::PlaceOptions), Failure> {
    let is_text = |path: &PathBuf| path.to_str().is_some_and(crate::files::is_text);
    let (texts, others): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(is_text);
    let mut place = place.clone();
    match (&texts[..], &place.run.spec.algorithm) {
        ([], _) => {}
        ([text], None) => {
            let path = std::path::absolute(text).unwrap_or_else(|_| text.clone());
            place.run.spec.algorithm = path.into_os_string().into_string().ok();
        }
        _ => return Err(Failure::Bad(format!("{}: one algorithm at a time", files::all_shown(&texts)))),
    }
    if let Some(name) = &place.run.spec.algorithm {
        super::options::algorithm(name)?;
    }
    Ok((others, place))
}

/// What a later start finds the input by, from whatever folder it is started; none of what is read only once, as standard
/// input is.
#[cfg(feature = "app")]
fn to_keep(file: &std::path::Path) -> Option<String> {
    let is_spec = file.to_str().is_some_and(|name| name.starts_with(crate::attention::input::random::PREFIX));
    let path = if is_spec { file.to_owned() } else { std::path::absolute(file).ok().filter(|path| path.is_file())? };
    path.into_os_string().into_string().ok()
}

/// Without the window: the headless job.
#[cfg(not(feature = "app"))]
pub fn main(paths: &[PathBuf], _: Renderer) -> Result<(), Failure> {
    let why = "this build has no window (feature `app`)";
    if paths.is_empty() {
        return headless(&format!("{why}: this is the main job without a window."));
    }
    files::open(paths, 0, &crate::attention::input::Reading::default())?;
    Err(Failure::Missing(format!("{}: {why}", files::all_shown(paths))))
}

/// Steps the first bundled capture, holds it against the oracle and a GPU, and writes its trace.
pub fn headless(why: &str) -> Result<(), Failure> {
    let input = bundled::CAPTURES[0].input();
    print(&format!("{why}\n{}\n\n", describe(&input)))?;
    step(&input)?;
    gpu(&input)?;
    print(&format!("\n{}\n", traffic(&input)))?;
    let flash2 = algorithm::by_name("flash2").expect("flash2 is an algorithm");
    let (steps, path) = files::write_new(names(), |out| trace::write_head(out, &input, flash2, TILING, HEAD))?;
    let place = std::path::absolute(&path).unwrap_or(path);
    print(&format!("Trace: {} steps of head {HEAD} in {}\n", grouped(steps), shown(&place)))
}

fn describe(input: &Input) -> String {
    let (shape, about) = (input.problem.shape, &input.about);
    let model = about.model.as_deref().unwrap_or("a model");
    let layer = about.layer.map_or(String::new(), |layer| format!(", layer {layer}"));
    let text = about.text.first().map_or("", String::as_str);
    let start: String = text.chars().take(60).collect();
    format!(
        "{model}{layer}: {} tokens, {} query heads over {} key/value heads, d {}, causal.\n\"{start}...\"",
        shape.n_q, shape.heads, shape.kv_heads, shape.d
    )
}

/// Every algorithm through the stepper, against the oracle.
fn step(input: &Input) -> Result<(), Failure> {
    for algorithm in *algorithm::ALL {
        let plan = |(batch, _)| Plan::of_problem(&input.problem, batch, TILING, Precision::F32);
        let steps = Schedule::new(algorithm, plan((0, 0))).len() * input.problem.shape.heads as u64;
        let outputs = run::on_cpu(&input.problem, algorithm, plan)?;
        let (errors, within) = against_oracle(input, &outputs);
        let steps = grouped(steps);
        print(&format!("stepper {:8}  {steps:>7} steps, max error of O {}\n", algorithm.name(), short(errors.o)))?;
        if !within {
            return Err(Failure::Check(format!("{} is not within the error rule: {errors:?}", algorithm.name())));
        }
    }
    Ok(())
}

/// The largest errors over all heads, and whether each is within the error rule.
fn against_oracle(input: &Input, outputs: &[Output]) -> (Errors, bool) {
    let heads = input.problem.shape.heads;
    let (mut worst, mut within) = (Errors::ZERO, true);
    for (at, output) in outputs.iter().enumerate() {
        let reference = error_rule::reference(&input.problem, at / heads, at % heads, Precision::F32);
        let errors = Errors::between(output, &reference.exact);
        within &= errors.within(&reference.bound);
        worst = worst.max(errors);
    }
    (worst, within)
}

/// Every kernel in f32 of each GPU backend that is there.
fn gpu(input: &Input) -> Result<(), Failure> {
    for name in gpu::BACKENDS {
        let mut device = match gpu::probe(name) {
            Probe::Ready(device) => device,
            Probe::Unavailable(reason) => {
                print(&format!("{name}: none: {reason}\n"))?;
                continue;
            }
        };
        let software = device.info().kind == DeviceKind::Software;
        let note = if software { " (software: right results, no speed to quote)" } else { "" };
        print(&format!("{name}: {}{note}\n", device.info().name))?;
        for algorithm in gpu::kernels::algorithms(name) {
            on_gpu(input, device.as_mut(), algorithm)?;
        }
    }
    Ok(())
}

/// One algorithm on a GPU, against the oracle. What the device refuses is said and not a failure.
fn on_gpu(input: &Input, device: &mut dyn Backend, algorithm: &str) -> Result<(), Failure> {
    let name = device.info().backend;
    let run = match device.run(&input.problem, algorithm, Precision::F32, &AtomicBool::new(false)) {
        Ok(run) => run,
        Err(error) => return print(&format!("{name:7} {algorithm:8}  {error}\n")),
    };
    let (errors, within) = against_oracle(input, &run.outputs);
    let time = run.kernel_time.map_or(String::new(), |time| format!("kernel {}, ", number::time(time.as_secs_f64())));
    print(&format!("{name:7} {algorithm:8}  {time}max error of O {}\n", short(errors.o)))?;
    if !within {
        let what = format!("{algorithm} of {name} on {} is not within the error rule: {errors:?}", device.info().name);
        return Err(Failure::Check(what));
    }
    Ok(())
}

/// What each algorithm moves for one head, a column in one unit.
fn traffic(input: &Input) -> String {
    let (mut names, mut tiles, mut bytes) =
        (vec!["one head, f16".to_owned()], vec!["tiles computed".to_owned()], [const { Vec::new() }; 3]);
    for algorithm in *algorithm::ALL {
        let plan = Plan::of_problem(&input.problem, 0, TILING, Precision::F16);
        let meters = crate::machine::MeterIndex::new(&Schedule::new(algorithm, plan.clone()));
        let totals = meters.total();
        let computed = totals.tiles.full + totals.tiles.partial + totals.tiles.skipped;
        names.push(algorithm.name().to_owned());
        tiles.push(format!("{computed} of {}", plan.t_r() * plan.t_c()));
        let traffic = [totals.traffic.read.bytes(), totals.traffic.write.bytes(), totals.peak.total()];
        bytes.iter_mut().zip(traffic).for_each(|(column, bytes)| column.push(bytes));
    }
    let [read, written, on_chip] = bytes;
    let columns = [
        names,
        bytes_column("read", &read),
        bytes_column("written", &written),
        tiles,
        bytes_column("on chip", &on_chip),
    ];
    let row = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
    let rows: Vec<Vec<String>> = (0..columns[0].len()).map(row).collect();
    table(&rows)
}
