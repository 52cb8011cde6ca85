//! Reads what the user opens, on a worker thread: bundled captures, presets, files, traces. Every fault is one sentence.

use std::path::{Path, PathBuf};

use crate::app::run::link::{self, Landing, Link, Opened};
use crate::app::run::open_trace;
use crate::app::run::refusal::not_there;
use crate::app::run::settings::Settings;
use crate::app::run::source::Source;
use crate::attention::input::{BUDGET, Layout, Reading, Understood, bundled, preset, random};
use crate::attention::{Input, Shape};
use crate::files;
use crate::playback::lesson::{At, BUGS};
use crate::schedule::spec::RunSpec;
use crate::sentence::Sentence;

/// Sizes of a preset that is opened from the menu.
const PRESET_SIZE: (usize, usize, usize) = (16, 16, 8);

/// Reads `source` with what it is opened with.
pub fn read(source: &Source) -> Result<Opened, Sentence> {
    read_as(source, &Reading::default())
}

/// Reads `source`; a file of it in the way that is said.
pub fn read_as(source: &Source, how: &Reading) -> Result<Opened, Sentence> {
    match source {
        Source::Scene(scene) => link::of_scene(scene),
        Source::Link(place) => place.open(),
        Source::Paths(paths) if is_trace(paths) => Ok(Opened { origin: source.place(), ..read_trace(&paths[0])? }),
        Source::Paths(paths) => {
            let mut origin = source.place();
            origin.run.reading = how.clone();
            Ok(Opened { input: read_paths(paths, how)?, settings: None, landing: None, origin })
        }
        _ => Ok(Opened { input: input(source)?, settings: None, landing: None, origin: source.place() }),
    }
}

/// The input of `source`.
pub fn input(source: &Source) -> Result<Input, Sentence> {
    match source {
        Source::Scene(scene) => link::of_scene(scene).map(|opened| opened.input),
        Source::Link(place) => place.open().map(|opened| opened.input),
        Source::Bundled(index) => {
            bundled::CAPTURES.get(*index).map(bundled::Capture::input).ok_or_else(|| "there is no such capture".into())
        }
        Source::Preset(preset) => {
            let (n_q, n_k, d) = PRESET_SIZE;
            let n_k = if *preset == preset::Preset::DeadRows { n_k / 2 } else { n_k };
            preset.input(n_q, n_k, d, 0).map_err(|error| error.sentence())
        }
        Source::Toy => Ok(preset::toy()),
        Source::Row => Ok(preset::row()),
        Source::Random(spec, seed) => random::read_or_count(spec, *seed).map_err(|error| error.sentence()),
        Source::Paths(paths) => read_paths(paths, &Reading::default()),
    }
}

impl Link {
    /// Reads the input. Errors in a sentence.
    pub fn open(&self) -> Result<Opened, Sentence> {
        let mut opened = match (&self.run.input[..], &self.run.scene) {
            ([], scene) => link::of_scene(&link::named(scene.as_deref().unwrap_or("real"))?)?,
            _ => read_as(&self.source(), &self.run.reading)?,
        };
        let base = opened.settings.take().unwrap_or_else(|| Settings::for_input(&opened.input));
        opened.settings = Some(self.settings(base, &opened.input)?);
        let landing = opened.landing.take().unwrap_or_default();
        let at = self.at.map(At::Step).or(landing.at.filter(|_| !self.run.input.is_empty()));
        opened.landing = Some(Landing { at, row: self.row.or(landing.row), key: self.key });
        opened.origin = self.origin();
        Ok(opened)
    }

    /// `base` with what this place says. Errors on a name that is not known, on what `input` does not have, and where
    /// the run would be too large.
    pub fn settings(&self, base: Settings, input: &Input) -> Result<Settings, Sentence> {
        self.run.check()?;
        let mut settings = base.with(&self.run, input);
        if let Some(name) = &self.run.algorithm {
            settings.algorithm = files::algorithm(name)?;
        }
        self.run.check_text(&settings.algorithm)?;
        if let Some(name) = &self.bug {
            settings.bug = BUGS.into_iter().find(|bug| bug == name).ok_or_else(|| unknown("bug", name))?;
        }
        if self.run.prefix().is_some() && !settings.run.has_exact_prefix(&input.problem) {
            return Err("only a causal input with as many queries as keys has an exact prefix".into());
        }
        not_there(self, &settings, input)?;
        // Blocks longer than the input are as long as it; the choices that it opens with may be those of a longer one.
        settings.clamp(&input.problem.shape);
        Ok(settings)
    }

    fn source(&self) -> Source {
        match self.path().map(Source::from) {
            Some(Source::Random(spec, _)) => Source::Random(spec, self.run.seed()),
            Some(source) => source,
            None => Source::Paths(self.run.input.clone()),
        }
    }
}

fn unknown(what: &'static str, name: &str) -> Sentence {
    Sentence::new("there is no {0} {1}").and(what).with(name)
}

/// One file that is JSON by its name.
fn is_trace(paths: &[PathBuf]) -> bool {
    matches!(paths, [path] if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")))
}

fn read_trace(path: &Path) -> Result<Opened, Sentence> {
    let beside = |name: &str, how: &Reading| {
        // A name of the trace's own choosing never leads out of its folder.
        let name = Path::new(name).file_name()?;
        read_paths(&[path.with_file_name(name)], how).ok()
    };
    let fault = |fault: Sentence| Sentence::new("{0}: {1}").with(name_of(path)).and(fault);
    open_trace::read(&files::read(path, BUDGET).map_err(fault)?, &beside).map_err(fault)
}

/// On one line.
fn name_of(path: &Path) -> String {
    files::shown(Path::new(path.file_name().unwrap_or(path.as_os_str())))
}

fn read_paths(paths: &[PathBuf], how: &Reading) -> Result<Input, Sentence> {
    files::read_input(paths, how, &name_of)
}

/// What is said of an input as it opens.
pub struct InputTold {
    /// What a person should know before trusting the run.
    pub warning: Option<Sentence>,
    /// What was understood of a file, as it is run. Nothing of what came with the program.
    pub understood: Option<Sentence>,
}

/// What is said of `input` as it opens under `settings`.
pub fn told(input: &Input, settings: &Settings) -> InputTold {
    if input.told.arrays.is_empty() || input.told.is_bundled {
        return InputTold { warning: input.warnings.first().cloned(), understood: None };
    }
    let (line, differs) = understood(input, settings);
    let warnings = input.warnings.iter().cloned().chain(differs);
    let warning = warnings.reduce(|all, next| Sentence::new("{0}; {1}").and(all).and(next));
    InputTold { warning, understood: Some(line) }
}

/// The file of `run`, read as `[batch, N, heads, d]`: where nobody said how its axes stand, and it has more heads than tokens.
pub fn read_as_flash_attn(input: &Input, run: &RunSpec) -> Option<Link> {
    let Shape { heads, kv_heads, n_q, n_k, .. } = input.problem.shape;
    let is_file = run.reading == Reading::default() && !run.input.is_empty() && input.rank >= 3;
    let reading = Reading { layout: Some(Layout::Bnhd), ..Reading::default() };
    (is_file && heads > n_q && kv_heads > n_k)
        .then(|| Link { run: RunSpec { reading, input: run.input.clone(), ..RunSpec::default() }, ..Link::default() })
}

/// What is understood of `input` as `settings` run it, in one line; and where its own output differs from that.
pub fn understood(input: &Input, settings: &Settings) -> (Sentence, Option<Sentence>) {
    let run = settings.run.on_whole(input);
    let understood = Understood::for_text(&run, settings.algorithm.takes_gradient());
    let line = understood.line(&run);
    let line = match settings.run.prefix().filter(|&prefix| prefix < input.problem.shape.n_q) {
        Some(1) => Sentence::new("{0}; the first token of it is run").and(line),
        Some(prefix) => Sentence::new("{0}; the first {1} {1|token|tokens} of it are run").and(line).with(prefix),
        None => line,
    };
    (line.on_one_line(), understood.warning())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::Fact;
    use crate::attention::input::bundled::CAPTURES;
    use crate::attention::input::preset::Preset;
    use crate::attention::{Align, Window};
    use crate::schedule::spec::KeyLengths;
    use std::fs;

    #[test]
    fn everything_of_the_menu_opens() {
        for index in 0..CAPTURES.len() {
            assert!(read(&Source::Bundled(index)).is_ok());
        }
        for preset in Preset::ALL {
            assert!(read(&Source::Preset(preset)).is_ok(), "{preset:?}");
        }
        assert!(read(&Source::Toy).is_ok() && read(&Source::Row).is_ok());
    }

    #[test]
    fn what_is_no_input_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken.npz");
        fs::write(&broken, b"not a zip").unwrap();
        let cases = [
            (vec![folder.path().to_owned()], "folder"),
            (vec![folder.path().join("missing.npz")], "missing.npz"),
            (vec![broken.clone()], "broken.npz"),
            (vec![broken.clone(), broken.clone()], "one file at a time"),
            (vec![broken.clone(); 65], "65 files"),
            (vec![], "no file"),
            (vec![PathBuf::from("/dev/null")], "not a regular file"),
        ];
        for (paths, expected) in cases {
            let error = read(&Source::Paths(paths)).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let trace = folder.path().join("trace.json");
        fs::write(&trace, b"{}").unwrap();
        let error = read(&Source::Paths(vec![trace])).unwrap_err().to_string();
        assert!(error.starts_with("trace.json: ") && error.contains("not a trace"), "{error}");
    }

    #[test]
    fn a_set_of_arrays_opens_from_its_folder_and_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 1), }";
        let npy = [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), &[1, 0]]
            .concat();
        let paths: Vec<PathBuf> = ["q.npy", "k.npy", "v.npy"].map(|name| folder.path().join(name)).to_vec();
        paths.iter().for_each(|path| fs::write(path, &npy).unwrap());
        for paths in [paths, vec![folder.path().to_owned()]] {
            let input = read(&Source::Paths(paths)).unwrap().input;
            let InputTold { warning, understood } = told(&input, &Settings::for_input(&input));
            let line = understood.unwrap().to_string();
            assert!(line.starts_with("understood: batch 1, 1 head over 1, 2 queries, 2 keys, d 1"), "{line}");
            assert!(warning.unwrap().to_string().contains("q is bool"));
        }
        let bundled = CAPTURES[0].input();
        let InputTold { warning, understood } = told(&bundled, &Settings::for_input(&bundled));
        assert!(warning.is_none() && understood.is_none());
    }

    /// An option holds against the file, and the line says what is run.
    #[test]
    fn what_is_understood_is_what_is_run() {
        let mut input = preset::toy();
        input.told.arrays = ["q", "k", "v"].map(|name| (name.to_owned(), "f32")).to_vec();
        input.told.by_file(Fact::Causal);
        let shape = input.problem.shape;
        let all = RunSpec { prefix: Some(0), ..RunSpec::default() };
        let base = Settings::for_input(&input).with(&all, &input);
        let line = |settings: &Settings| told(&input, settings).understood.unwrap().to_string();
        let is_causal = input.problem.mask.causal;
        let of_file = if is_causal { "causal from the file" } else { "not causal from the file" };
        assert!(line(&base).contains(of_file), "{}", line(&base));
        let changed = RunSpec {
            causal: Some(!is_causal),
            window: Some(Window { left: Some(2), right: Some(1) }),
            align: Some(Align::TopLeft),
            kv_lengths: Some(KeyLengths::Each(vec![shape.n_k - 1; shape.batch])),
            ..RunSpec::default()
        };
        let said = line(&base.clone().with(&changed, &input));
        let by_option = if is_causal { "not causal from the option" } else { "causal from the option" };
        let lengths = format!("key lengths {} from the option", shape.n_k - 1);
        for part in [by_option, "window 2,1 from the option", "diagonal top-left from the option", &lengths] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let prefix = RunSpec { prefix: Some(3), ..RunSpec::default() };
        let prefix = line(&base.with(&prefix, &input));
        assert!(prefix.ends_with("; the first 3 tokens of it are run"), "{prefix}");
    }
}
