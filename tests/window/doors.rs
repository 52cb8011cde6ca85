//! One description of a run and its doors: the command line, a link, a scene of a lesson, the window and a trace make the
//! same run of it, which is the one that is written out here by hand.

use crate::stage_support;
use std::path::Path;

use crate::common::program::ok;
use ndarray::{Array4, s};
use tilescope::app::{AppOptions, Link, Settings};
use tilescope::attention::input::{Input, random};
use tilescope::attention::{Align, Diagonal, Mask, Precision, Sequence, Shape};
use tilescope::playback::lesson;
use tilescope::schedule::spec::{Choice, RunSpec, Sinks};
use tilescope::schedule::{Arrival, Plan, Schedule, Setting, Tiling, algorithm};

/// What is chosen, by the names of the options; what a scene says instead of the mask's; and what must come of it.
struct Case {
    random: &'static str,
    seed: u64,
    chosen: &'static [(&'static str, &'static str)],
    scene_mask: &'static str,
    /// Of the input that is run.
    n: (usize, usize),
    mask: Mask,
    tiling: Tiling,
    precision: Precision,
    splits: usize,
}

fn cases() -> Vec<Case> {
    let tiling = |br, bc| Tiling { br, bc };
    vec![
        Case {
            random: "random:13,11,4,4,2",
            seed: 3,
            chosen: &[("algorithm", "flash1"), ("br", "5"), ("bc", "3"), ("head", "3"), ("precision", "f16")],
            scene_mask: "none",
            n: (13, 11),
            mask: Mask::default(),
            tiling: tiling(5, 3),
            precision: Precision::F16,
            splits: 1,
        },
        Case {
            random: "random:7,12,3",
            seed: 0,
            chosen: &[
                ("br", "2"),
                ("bc", "5"),
                ("causal", "true"),
                ("align", "top-left"),
                ("window", "6,-1"),
                ("kv-lengths", "9"),
            ],
            scene_mask: "causal top-left window 6,-1 lengths 9",
            n: (7, 12),
            mask: Mask {
                causal: true,
                align: Align::TopLeft,
                window_left: Some(6),
                window_right: None,
                key_lengths: Some(vec![9]),
                ..Mask::default()
            },
            tiling: tiling(2, 5),
            precision: Precision::F32,
            splits: 1,
        },
        // Blocks that are longer than the prefix, lengths that are, and splits that are not given.
        Case {
            random: "random:12,12,4",
            seed: 1,
            chosen: &[
                ("algorithm", "split-kv"),
                ("br", "64"),
                ("bc", "2"),
                ("prefix", "7"),
                ("causal", "true"),
                ("kv-lengths", "11"),
                ("precision", "f64"),
            ],
            scene_mask: "causal lengths 11",
            n: (7, 7),
            mask: Mask { causal: true, key_lengths: Some(vec![7]), ..Mask::default() },
            tiling: tiling(7, 2),
            precision: Precision::F64,
            splits: 2,
        },
        // Every other mask; documents of the whole input, of which the prefix has two and a part.
        Case {
            random: "random:16,16,4",
            seed: 5,
            chosen: &[
                ("br", "3"),
                ("bc", "4"),
                ("prefix", "13"),
                ("causal", "true"),
                ("window", "3,-1"),
                ("left-padding", "1"),
                ("prefix-keys", "2"),
                ("sink-keys", "7"),
                ("documents", "5,7,4"),
            ],
            scene_mask: "causal window 3,-1 left-padding 1 prefix 2 sink 7 documents 5,7,4",
            n: (13, 13),
            mask: Mask {
                causal: true,
                window_left: Some(3),
                left_padding: Some(vec![1]),
                prefix_keys: 2,
                sink_keys: 7,
                documents: Some(vec![5, 7, 1]),
                ..Mask::default()
            },
            tiling: tiling(3, 4),
            precision: Precision::F32,
            splits: 1,
        },
        Case {
            random: "random:6,11,4",
            seed: 2,
            chosen: &[("br", "2"), ("bc", "4"), ("causal", "true"), ("kv-lengths", "9"), ("diagonal", "lengths")],
            scene_mask: "causal lengths 9 diagonal lengths",
            n: (6, 11),
            mask: Mask { causal: true, key_lengths: Some(vec![9]), diagonal: Diagonal::Lengths, ..Mask::default() },
            tiling: tiling(2, 4),
            precision: Precision::F32,
            splits: 1,
        },
        Case {
            random: "random:6,11,4",
            seed: 4,
            chosen: &[("br", "2"), ("bc", "4"), ("sinks", "random:3")],
            scene_mask: "none",
            n: (6, 11),
            mask: Mask::default(),
            tiling: tiling(2, 4),
            precision: Precision::F32,
            splits: 1,
        },
        // Four query heads as the rows of two, of which the second is shown.
        Case {
            random: "random:1,9,4,4,2",
            seed: 4,
            chosen: &[("br", "2"), ("bc", "4"), ("head", "1"), ("kv-lengths", "7"), ("pack-heads", "true")],
            scene_mask: "lengths 7",
            n: (2, 9),
            mask: Mask { key_lengths: Some(vec![7]), heads_as_rows: Some(2), ..Mask::default() },
            tiling: tiling(2, 4),
            precision: Precision::F32,
            splits: 1,
        },
        // A batch of one in one schedule: of the keys that exist alone.
        Case {
            random: "random:6,11,4",
            seed: 2,
            chosen: &[("br", "2"), ("bc", "4"), ("causal", "true"), ("kv-lengths", "9"), ("varlen", "true")],
            scene_mask: "causal lengths 9",
            n: (6, 9),
            mask: Mask {
                causal: true,
                varlen: Some([Sequence { queries: 6, keys: 9, ahead: 5 }].into()),
                ..Mask::default()
            },
            tiling: tiling(2, 4),
            precision: Precision::F32,
            splits: 1,
        },
        // A gradient of the output by a seed of its own, and additions that arrive out of order.
        Case {
            random: "random:6,11,4",
            seed: 4,
            chosen: &[
                ("algorithm", "flash2-backward"),
                ("br", "2"),
                ("bc", "4"),
                ("grad", "random:3"),
                ("arrival", "shuffled:2"),
            ],
            scene_mask: "none",
            n: (6, 11),
            mask: Mask::default(),
            tiling: tiling(2, 4),
            precision: Precision::F32,
            splits: 1,
        },
        // Sizes from a chip, and a part of the keys that is empty.
        Case {
            random: "random:40,9,8",
            seed: 0,
            chosen: &[("algorithm", "split-kv"), ("splits", "7"), ("hardware", "toy"), ("br", "16"), ("bc", "4")],
            scene_mask: "none",
            n: (40, 9),
            mask: Mask::default(),
            tiling: tiling(16, 4),
            precision: Precision::F32,
            splits: 7,
        },
    ]
}

impl Case {
    fn spec(&self) -> RunSpec {
        let mut spec = RunSpec { input: vec![self.random.into()], seed: Some(self.seed), ..RunSpec::default() };
        for (name, text) in self.chosen {
            Choice::by_name(name).expect("a choice").set(&mut spec, text).expect("it is within its limits");
        }
        spec
    }

    fn chosen(&self, name: &str) -> Option<&'static str> {
        self.chosen.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// By hand, from the problem alone.
    fn expected(&self) -> Setting {
        let mut problem = random::read(self.random, self.seed).expect("an input").problem;
        if self.n.0 < problem.shape.n_q {
            problem.mask.causal = true;
            problem = problem.prefix(self.n.0).expect("it is causal");
        }
        if self.chosen("pack-heads").is_some() {
            problem.q = problem.q.to_shape((1, 2, 2, 4)).expect("as many elements").into_owned();
            problem.shape = Shape { heads: 2, n_q: 2, ..problem.shape };
        }
        if self.chosen("varlen").is_some() {
            let keys = |tensor: &Array4<f64>| tensor.slice(s![.., .., ..self.n.1, ..]).to_owned();
            (problem.k, problem.v) = (keys(&problem.k), keys(&problem.v));
            problem.shape.n_k = self.n.1;
        }
        problem.sinks = self.chosen("sinks").and_then(|said| said.parse::<Sinks>().expect("sinks").array(1));
        problem.mask = self.mask.clone();
        assert_eq!((problem.shape.n_q, problem.shape.n_k), self.n);
        let plan = Plan::of_problem(&problem, 0, self.tiling, self.precision);
        let arrival = self.chosen("arrival").map_or(Arrival::InOrder, |said| said.parse().expect("an order"));
        Setting { splits: self.splits, arrival, ..Setting::new(plan) }
    }

    fn algorithm(&self) -> &'static algorithm::Algorithm {
        algorithm::by_name(self.chosen("algorithm").unwrap_or("flash2")).expect("it is known")
    }

    /// The trace that the command line makes, as what it says of its run.
    fn trace(&self, folder: &Path) -> (tilescope::trace::Trace, RunSpec) {
        let mut arguments = vec!["trace".to_owned(), self.random.into(), format!("--seed={}", self.seed)];
        for (name, text) in self.chosen {
            match *name {
                "head" => arguments.push(format!("--head=0,{text}")),
                "causal" | "pack-heads" | "varlen" => arguments.push(format!("--{name}")),
                name => arguments.push(format!("--{name}={text}")),
            }
        }
        arguments.extend(["--output", "t.json"].map(String::from));
        ok(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let trace = tilescope::trace::read(&std::fs::read(folder.join("t.json")).expect("a file")).expect("a trace");
        let run = trace.run();
        (trace, run)
    }

    /// What a lesson says of the same run.
    fn scene(&self) -> lesson::Scene {
        let seed = format!("{} seed {}", self.random, self.seed);
        let mut text = format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\ninput: {seed}\n");
        for (name, value) in self.chosen {
            match *name {
                "causal" | "align" | "window" | "kv-lengths" | "diagonal" => {}
                "left-padding" | "prefix-keys" | "sink-keys" | "documents" => {}
                name => text += &format!("{name}: {value}\n"),
            }
        }
        text += &format!("mask: {}\n```\n", self.scene_mask);
        lesson::parse(&text).expect("a lesson").beats[0].scene.clone()
    }
}

fn of_place(place: &Link) -> (Input, Settings) {
    let opened = place.open().expect("it opens");
    (opened.input, opened.settings.expect("a link says how it is run"))
}

#[test]
fn every_door_leads_to_the_same_run() {
    for case in cases() {
        let (name, expected, spec) = (case.random, case.expected(), case.spec());
        let input = random::read(case.random, case.seed).expect("an input");
        assert_eq!(spec.setting(case.algorithm(), &input, 0), expected, "{name}: the description itself");
        let steps = Schedule::of(case.algorithm(), expected.clone()).len();

        let folder = tempfile::tempdir().expect("a folder for the test");
        let (trace, said) = case.trace(folder.path());
        assert_eq!(said.setting(case.algorithm(), &input, 0), expected, "{name}: what its trace says");
        assert_eq!((trace.totals.steps, trace.tiling.br), (steps, expected.plan.br), "{name}: the command line");
        assert_eq!((said.head(), said.algorithm()), (spec.head(), case.algorithm().name()), "{name}");

        // A link leaves to the window what it does not say: the prefix.
        let run = RunSpec { prefix: Some(spec.prefix.unwrap_or(0)), ..spec.clone() };
        let place = Link { run, ..Link::default() };
        let json = serde_json::to_string(&place).expect("JSON");
        for place in [&place, &serde_json::from_str::<Link>(&json).expect("a place")] {
            let (input, settings) = of_place(place);
            assert_eq!(settings.setting(&input), expected, "{name}: a link");
            let (input, again) = of_place(&place.with(&settings));
            assert_eq!(
                (again.setting(&input), &again),
                (expected.clone(), &settings),
                "{name}: a link to what it opened"
            );
        }

        let window = stage_support::open_with(&AppOptions { place, ..stage_support::options() });
        let shown = window.state().document().scene().expect("it is shown").clone();
        assert_eq!(shown.schedule().setting, expected, "{name}: the window");
        assert_eq!(shown.schedule().algorithm, *case.algorithm(), "{name}");
        assert_eq!((&shown.input.problem.mask, shown.settings.run.head()), (&case.mask, spec.head()), "{name}");

        let scene = case.scene();
        let stage = scene.stage(lesson::Files::NONE).expect("it can be shown");
        let schedule = stage.schedule(&stage.algorithm).expect("it is short");
        assert_eq!((&stage.plan, &schedule.setting), (&expected.plan, &expected), "{name}: a scene");
        assert_eq!(scene.run.head(), spec.head(), "{name}");
        let window = tilescope::app::of_scene(&scene).expect("it opens");
        let settings = window.settings.expect("a scene says how it is run");
        assert_eq!(settings.setting(&window.input), expected, "{name}: a scene in the window");
    }
}
