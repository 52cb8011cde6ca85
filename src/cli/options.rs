//! Options that commands share: a description of a run filled from arguments, and the input that it leads to.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::attention::Input;
use crate::attention::input::Understood;
use crate::schedule::Algorithm;
use crate::schedule::spec::{CHOICES, Choice, RunSpec};
use crate::sentence::Sentence;

use super::failure::{note, print_json, warn};
use super::{Failure, files};

/// A command, as far as the options go that make its run.
pub trait Takes {
    /// A choice of this name is an option of it.
    fn takes(name: &str) -> bool;
    /// What holds where another default holds than that of [`RunSpec`]; `None` where nothing is chosen by default.
    fn default(choice: &Choice) -> Option<&'static str> {
        choice.default
    }
}

/// A run as the options of a command say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOptions<T> {
    pub spec: RunSpec,
    of: PhantomData<T>,
}

/// Choices whose values may begin with a minus.
const MAY_BE_NEGATIVE: [&str; 6] = ["window", "scale", "softcap", "alibi", "sinks", "dropout"];

/// Takes back `--causal`.
const NO_CAUSAL: &str = "no-causal";

impl<T: Takes> RunOptions<T> {
    fn choices() -> impl Iterator<Item = &'static Choice> {
        CHOICES.iter().filter(|choice| T::takes(choice.name))
    }

    fn argument(choice: &'static Choice) -> Arg {
        let argument = Arg::new(choice.name).long(choice.name);
        if choice.value.is_empty() {
            return argument.help(choice.help).action(ArgAction::SetTrue);
        }
        let read = |text: &str| choice.set(&mut RunSpec::default(), text).map(|()| text.to_owned());
        let default = T::default(choice).map_or_else(String::new, |default| format!(" [default: {default}]"));
        argument
            .value_name(choice.value)
            .help(format!("{}{default}", choice.help))
            .allow_hyphen_values(MAY_BE_NEGATIVE.contains(&choice.name))
            .value_parser(move |text: &str| -> Result<String, Sentence> { read(text) })
    }
}

impl<T: Takes> Args for RunOptions<T> {
    fn augment_args(command: Command) -> Command {
        Self::choices().fold(command, |command, choice| {
            let argument = Self::argument(choice);
            if choice.name != "causal" {
                return command.arg(argument);
            }
            let off = Arg::new(NO_CAUSAL).long(NO_CAUSAL).action(ArgAction::SetTrue).overrides_with(choice.name);
            let off = off.help("Let every query see every key, also where the input says causal");
            command.arg(argument.overrides_with(NO_CAUSAL)).arg(off)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Takes> FromArgMatches for RunOptions<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut spec = RunSpec::default();
        for choice in Self::choices() {
            let text = match choice.name {
                name if !choice.value.is_empty() => matches.get_one::<String>(name).map(String::as_str),
                "causal" if matches.get_flag(NO_CAUSAL) => Some("false"),
                name => matches.get_flag(name).then_some("true"),
            };
            if let Some(text) = text {
                let refuse = |fault: Sentence| clap::Error::raw(clap::error::ErrorKind::InvalidValue, fault);
                choice.set(&mut spec, text).map_err(refuse)?;
            }
        }
        Ok(Self { spec, of: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The algorithm of this name; notes on its text are said.
pub fn algorithm(name: &str) -> Result<Algorithm, Failure> {
    let algorithm = crate::files::algorithm(name).map_err(|fault| {
        let what = if crate::files::is_text(name) { fault.to_string() } else { format!("--algorithm {name}: {fault}") };
        Failure::Bad(what)
    })?;
    for note in &algorithm.text().notes {
        warn(&format!("{name}:{note}"));
    }
    Ok(algorithm)
}

/// What `run` and `trace` choose of a run: of an input of its own, every choice but a head, which is the affair of each.
#[derive(Clone, Debug)]
pub struct OfInput;

impl Takes for OfInput {
    fn takes(name: &str) -> bool {
        !["scene", "batch", "head"].contains(&name)
    }
}

/// What `run` and `trace` share.
#[derive(Args, Clone, Debug)]
pub struct InputOptions {
    /// A .safetensors file (a capture or any other), an .npz, several .npy or a folder of them, - for
    /// standard input, or random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]
    ///
    /// Arrays are found by their names: q, k and v (or Q, query, xq, .., or arr_0, arr_1, arr_2), and optionally mask
    /// (attn_mask, attention_mask: of booleans, true attends; else added), bias (added; any shape that broadcasts to
    /// [batch, heads, n_q, n_k]), alibi_slopes ([heads] or [batch, heads]), sinks ([heads]), keep (a dropout mask, with dropout_p), dO,
    /// and O, which is compared with. past_K and past_V come before K and V, K_new and V_new after them (where each past has
    /// a length, at that length). Numbers beside them, as arrays or as safetensors metadata: scale, causal, align, window
    /// (left, right) or sliding_window, kv_lengths, softcap, layout, heads, cu_seqlens (of packed sequences). What is not
    /// known is named in a warning.
    #[arg(required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    #[command(flatten)]
    run: RunOptions<OfInput>,
}

impl InputOptions {
    /// The run that is asked for.
    pub fn spec(&self) -> RunSpec {
        RunSpec { input: self.input.clone(), ..self.run.spec.clone() }
    }
}

/// The algorithm of `spec`, which has a loop over splits where splits are asked for.
pub fn algorithm_of(spec: &RunSpec) -> Result<Algorithm, Failure> {
    let algorithm = algorithm(spec.algorithm())?;
    spec.check_text(&algorithm).map_err(|fault| Failure::Bad(fault.to_string()))?;
    Ok(algorithm)
}

/// What messages call the input of `spec`.
pub fn name_of(spec: &RunSpec) -> String {
    files::all_shown(&spec.input)
}

/// The input of `spec` with all that was chosen made of it.
pub fn open(spec: &RunSpec) -> Result<Input, Failure> {
    let input = files::open(&spec.input, spec.seed(), &spec.reading)?;
    if spec.dropout.is_none() && input.keep.is_some() && input.problem.dropout.is_none() {
        let what = "it has a `keep` mask; give the probability it was made with as --dropout P";
        return Err(Failure::bad(name_of(spec), what));
    }
    spec.apply(Cow::Owned(input)).map_err(|error| Failure::bad(name_of(spec), error))
}

/// Says what was understood of `input`, which `algorithm` is run on, in one line on stderr or as JSON on stdout, and what does
/// not agree.
pub fn tell(spec: &RunSpec, algorithm: &Algorithm, input: &Input, json: bool) -> Result<(), Failure> {
    let understood = Understood::for_text(input, algorithm.takes_gradient());
    if let Some(warning) = understood.warning() {
        warn(&format!("{}: {warning}", name_of(spec)));
    }
    if json {
        return print_json(&understood);
    }
    note(&understood.sentence);
    Ok(())
}
