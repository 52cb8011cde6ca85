//! In Chinese nothing on screen is English: the accessible names and values of every view, and every painted word.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::gpu_panel_support::{LOSES, Mode, StandIn, TYPO, info};
use crate::stage_support::{
    choose, click, command, drop_files, let_go, open_as, options, press, seek, settle, type_text, value,
};
use eframe::egui::epaint::{ClippedShape, Shape};
use eframe::egui::{self, Event, FontFamily, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, FindGpu, Link, Overlay, Picked};
use tilescope::gpu::{DeviceInfo, DeviceKind, Probe};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};
use tilescope::schedule::spec::KeyLengths;

const NONE: Modifiers = Modifiers::NONE;

/// What is the same in both languages: symbols of the code, names of algorithms, arrays, formats, models, keys; in lower
/// case.
const SAME: &str = "
    alpha exp scale rowmax rowsum finite inf max br bc tr tc block cdiv softmax logsumexp dropout nan bias
    standard flash flashattention backward lazy lanes top split kernel two flops flop mflop gflop tflop kernels wgsl attention random heads kv toy row file path to
    hbm sram gpu sm kb mb gb tb kib mib gib ms ns npz npy safetensors json csv numpy perfetto png bf
    tilescope smollm instruct tiled capture minilm english
    nvidia rtx geforce turing ampere ada hopper blackwell sxm
    ctrl alt shift esc home end page pageup pagedown enter backspace tab
    query xq arr alibi logit
    datasheet whitepaper cuda programming guide compute capability
";

/// English words of `text` that are not allowed.
fn english(text: &str, also: &BTreeSet<String>) -> Vec<String> {
    // A link is a link in every language.
    let text: Vec<&str> = text.split_whitespace().filter(|part| !part.starts_with("http")).collect();
    let text = text.join(" ");
    // A name with an index, such as `m_tile`, is a symbol of the algorithm's text.
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|name| !name.contains('_'));
    let words = names.flat_map(|name| name.split(|c: char| !c.is_ascii_alphabetic())).filter(|word| word.len() > 1);
    words
        .filter(|word| {
            let lower = word.to_lowercase();
            !SAME.split_whitespace().any(|same| same == lower) && !also.contains(&lower)
        })
        .map(str::to_owned)
        .collect()
}

/// A window in Chinese, with what it has been seen to say.
struct Reader {
    harness: Harness<'static, App>,
    /// Words that are data here: tokens of the input, names of devices, the text of a lesson.
    also: BTreeSet<String>,
    /// Texts with English in them, and where they were seen first.
    faults: BTreeMap<String, String>,
}

impl Reader {
    fn new(place: Link, change: impl FnOnce(&mut AppOptions)) -> Self {
        let mut options = AppOptions {
            language: Some(Language::Chinese),
            place,
            find_gpu: || Probe::Unavailable("没有".into()),
            ..options()
        };
        change(&mut options);
        let mut harness = open_as(None, &options, Vec2::new(1280.0, 800.0), 1.0);
        harness.ctx.all_styles_mut(|style| style.interaction.tooltip_delay = 0.0);
        settle(&mut harness);
        let mut reader = Self { harness, also: BTreeSet::new(), faults: BTreeMap::new() };
        reader.allow_input();
        reader
    }

    /// The words of the input that is open are in its own language, and a model has one name.
    fn allow_input(&mut self) {
        let about = &self.harness.state().document().source().about;
        let words = format!("{} {}", about.tokens.concat().join(" "), about.model.as_deref().unwrap_or_default());
        self.allow(&words);
    }

    fn scene(name: &str) -> Self {
        Self::new(Link::of_scene(name), |_| {})
    }

    fn allow(&mut self, text: &str) {
        // A link is a link in every language.
        let text: Vec<&str> = text.split_whitespace().filter(|part| !part.starts_with("http")).collect();
        let text = text.join(" ");
        let words = text.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_lowercase);
        self.also.extend(words);
    }

    /// Reads everything that is on screen now.
    fn read(&mut self, place: &str) {
        let mut texts = Vec::new();
        named(&self.harness.root().accesskit_node(), &mut texts);
        self.harness.output().shapes.iter().for_each(|shape| painted(shape, &mut texts));
        for text in texts {
            let words = english(&text, &self.also);
            if !words.is_empty() {
                self.faults.entry(text).or_insert_with(|| format!("{words:?}, {place}"));
            }
        }
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) {
        press(&mut self.harness, modifiers, key);
    }

    /// Closes a panel whose title is the name of its button.
    fn switch(&mut self, name: &str) {
        self.harness.get_all_by_label(name).next().expect("it is open").click();
        settle(&mut self.harness);
    }

    /// Points at many places, and reads what is said of them.
    fn hover(&mut self, place: &str) {
        let size = self.harness.ctx.content_rect().size();
        for y in (12..size.y as usize).step_by(28) {
            for x in (12..size.x as usize).step_by(52) {
                self.harness.event(Event::PointerMoved(egui::pos2(x as f32, y as f32)));
                self.harness.run_steps(2);
                self.read(&format!("{place}, at {x} {y}"));
            }
        }
        self.harness.event(Event::PointerGone);
        self.harness.run_steps(2);
    }

    #[track_caller]
    fn finish(self) {
        let count = self.faults.len();
        let shown: Vec<String> = self.faults.iter().take(40).map(|(text, seen)| format!("{text:?}: {seen}")).collect();
        assert!(shown.is_empty(), "{count} texts are English:\n{}", shown.join("\n"));
    }
}

/// Names and values of all parts; lines of code are code.
fn named(node: &egui_kittest::kittest::AccessKitNode<'_>, texts: &mut Vec<String>) {
    let (label, value) = (node.label(), node.value());
    let is_source = label.as_ref().is_some_and(|label| label == "核函数的源码") && value.is_some();
    let is_code = label.as_ref().is_some_and(|label| label.starts_with("代码第") || label == "核函数的行");
    texts.extend(label);
    texts.extend(value.filter(|_| !is_code && !is_source));
    // The lines of a source are its children.
    if !is_source {
        node.children().for_each(|child| named(&child, texts));
    }
}

/// Words in the face for text; code and numbers have another.
fn painted(shape: &ClippedShape, texts: &mut Vec<String>) {
    fn walk(shape: &Shape, texts: &mut Vec<String>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| walk(shape, texts)),
            Shape::Text(text) => {
                let sections = &text.galley.job.sections;
                if sections.iter().any(|section| section.format.font_id.family == FontFamily::Proportional) {
                    texts.push(text.galley.text().to_owned());
                }
            }
            _ => {}
        }
    }
    walk(&shape.shape, texts);
}

const DISTANCES: [Key; 4] = [Key::Num1, Key::Num2, Key::Num3, Key::Num0];
const TABS: [Key; 3] = [Key::Num1, Key::Num2, Key::Num3];

#[test]
fn every_distance_and_tab_is_chinese_at_every_step() {
    for name in ["toy", "row", "capture smollm2-zh-layer10", "preset dead-rows 16,8,8"] {
        let mut reader = Reader::scene(name);
        for algorithm in ["flash2", "flash1", "standard"] {
            if reader.harness.state().document().wanted().algorithm.name() != algorithm {
                choose(&mut reader.harness, "算法：", algorithm);
            }
            let len = reader.harness.state().document().scene().expect("it runs").schedule().len();
            for tab in TABS {
                reader.press(Modifiers::ALT, tab);
                for distance in DISTANCES {
                    reader.press(NONE, distance);
                    for at in [0, 1, 2, 3, len / 2, len - 1, len] {
                        seek(&mut reader.harness, at);
                        reader.read(&format!("{name}, {algorithm}, {tab:?}, {distance:?}, step {at}"));
                    }
                }
            }
            // Every step's sentence, up to the first two tiles' and a block's end.
            reader.press(NONE, Key::Home);
            for n in 0..len.min(60) {
                reader.press(NONE, Key::ArrowRight);
                reader.read(&format!("{name}, {algorithm}, step {n}"));
            }
        }
        reader.finish();
    }
}

#[test]
fn what_is_said_of_things_pointed_at_is_chinese() {
    for (name, at) in [("toy", 41), ("capture smollm2-zh-layer10", 30)] {
        for distance in DISTANCES {
            let mut reader = Reader::scene(name);
            reader.press(NONE, distance);
            seek(&mut reader.harness, at);
            reader.hover(&format!("{name}, {distance:?}"));
            reader.finish();
        }
    }
}

#[test]
fn overlays_menus_and_panels_on_demand_are_chinese() {
    let mut reader = Reader::new(Link::of_scene("toy"), |options| {
        options.pick_file = || Picked::Unavailable;
    });
    for (modifiers, key) in [(NONE, Key::F1), (Modifiers::COMMAND, Key::P), (Modifiers::COMMAND, Key::O)] {
        reader.press(modifiers, key);
        reader.read(&format!("{key:?}"));
        reader.hover(&format!("{key:?}"));
        if key == Key::O {
            click(&mut reader.harness, "选择文件……");
            assert!(value(&reader.harness, "文件对话框").starts_with("这个系统没有文件对话框"));
            reader.read("the dialog that is missing");
        }
        reader.press(NONE, Key::Escape);
    }
    for section in ["精度", "芯片"] {
        click(&mut reader.harness, section);
    }
    for menu in ["输入：", "算法：", "精度：", "芯片：", "更多"] {
        reader.harness.get_by_label_contains(menu).click();
        reader.harness.run_steps(4);
        reader.read(menu);
        reader.press(NONE, Key::Escape);
    }
    reader.press(NONE, Key::Num2);
    click(&mut reader.harness, "断点");
    for name in ["alpha 低于", "操作是", "分块是"] {
        click(&mut reader.harness, name);
    }
    reader.read("breakpoints");
    reader.press(NONE, Key::F10);
    reader.read("a hit");
    reader.press(NONE, Key::F11);
    reader.press(NONE, Key::F11);
    reader.read("no hit");
    reader.switch("断点");
    click(&mut reader.harness, "块大小");
    reader.read("block sizes");
    click(&mut reader.harness, "用论文自己的块，flash2 的访存量比 flash1 还多");
    reader.read("a surprise");
    reader.switch("块大小");
    reader.press(NONE, Key::End);
    reader.press(NONE, Key::ArrowLeft);
    reader.press(NONE, Key::ArrowLeft);
    click(&mut reader.harness, "本行的 l");
    reader.read("a trail");
    reader.finish();
}

#[test]
fn the_rule_for_odd_rows_is_chinese() {
    for kv_lengths in [None, Some(KeyLengths::Each(vec![0]))] {
        let mut place = Link::of_scene("toy");
        place.run.kv_lengths = kv_lengths;
        let mut reader = Reader::new(place, |options| options.overlay = Some(Overlay::OddRows));
        assert!(reader.harness.query_by_label("标出的原因").is_some());
        reader.read("the sheet");
        reader.press(NONE, Key::Escape);
        reader.press(NONE, Key::End);
        reader.read("the row");
        reader.finish();
    }
}

#[test]
fn two_runs_compared_are_chinese() {
    let mut reader = Reader::scene("toy");
    press(&mut reader.harness, Modifiers::COMMAND, Key::P);
    type_text(&mut reader.harness, "Compare");
    press(&mut reader.harness, NONE, Key::Enter);
    assert!(reader.harness.query_by_label("哪个访存量大").is_some(), "the panel of both runs is open");
    for at in [0, 5, 40, 148] {
        seek(&mut reader.harness, at);
        reader.read(&format!("compare, step {at}"));
    }
    reader.hover("compare");
    reader.finish();
}

#[test]
fn the_gpu_panel_is_chinese_with_a_gpu_and_without() {
    for (find_gpu, has_gpu) in [((|| Probe::Unavailable("没有".into())) as FindGpu, false), (stand_in, true)] {
        let mut reader = Reader::new(Link::default(), |options| {
            (options.find_gpu, options.panel) = (find_gpu, Some("gpu"));
            options.list_gpus =
                || vec![("wgpu", Ok(info("没有名字", DeviceKind::Discrete))), ("cuda", Err("没有".into()))];
        });
        reader.allow("wgpu cuda");
        // What the stand-in's driver says of itself.
        reader.allow("driver none A note of the device. stand_in");
        reader.read("GPU panel");
        for tab in ["误差", "m 和 l", "SM", "扫描", "设备", "速度"] {
            click(&mut reader.harness, tab);
            reader.read(tab);
            if has_gpu {
                for name in ["Run on the GPU", "Record m and l on the GPU", "Measure the roofs of the GPU"] {
                    command(&mut reader.harness, name);
                    reader.read(&format!("{tab}, {name}"));
                }
            }
        }
        reader.hover("GPU panel");
        reader.finish();
    }
}

/// The editor of a kernel: as it opens, with a result, with messages, with a device of another language, and with none.
#[test]
fn the_editor_of_a_kernel_is_chinese() {
    let cuda: FindGpu = || {
        StandIn {
            info: DeviceInfo { backend: "cuda", ..info("没有名字", DeviceKind::Discrete) },
            ..StandIn::new(Mode::Right)
        }
        .probe()
    };
    let none: FindGpu = || Probe::Unavailable("没有".into());
    for (find_gpu, typed) in [(stand_in as FindGpu, TYPO), (stand_in, ""), (stand_in, LOSES), (cuda, "//"), (none, "")]
    {
        let mut reader = Reader::new(Link::default(), |options| {
            (options.find_gpu, options.panel) = (find_gpu, None);
        });
        reader.allow("wgpu cuda error no such word warning unused the kernel broke it cu");
        reader.press(Modifiers::ALT, Key::Num3);
        command(&mut reader.harness, "Edit the kernel");
        reader.read("as it opens");
        for name in ["Compile and run the kernel", "Put the source of the kernel back"] {
            reader.harness.event(Event::Text(typed.into()));
            reader.harness.run_steps(2);
            reader.read("typed");
            reader.press(NONE, Key::F8);
            reader.read("compiled");
            reader.hover("the editor");
            command(&mut reader.harness, name);
            reader.read(name);
        }
        if reader.harness.query_by_label("设置块大小").is_some() {
            click(&mut reader.harness, "设置块大小");
        }
        reader.hover("the editor");
        reader.finish();
    }
}

fn stand_in() -> Probe {
    StandIn { info: info("没有名字", DeviceKind::Discrete), ..StandIn::new(Mode::Right) }.probe()
}

#[test]
fn masks_of_the_setup_are_chinese() {
    let mut reader = Reader::scene("preset dead-rows 16,8,8");
    for name in ["滑动窗口", "填充掩码"] {
        click(&mut reader.harness, name);
        reader.read(name);
    }
    reader.hover("setup");
    reader.finish();
}

#[test]
fn tour_lessons_and_talk_are_chinese() {
    let mut reader = Reader::new(Link::default(), |options| options.tour = true);
    // A line of a text is called by its label.
    reader.allow("rescale accumulate");
    for button in ["看看里面", "看最大值升高", "继续看", "揭晓", "如果忘了 alpha 呢？", "看全局", "省了多少"]
    {
        reader.read(button);
        click(&mut reader.harness, button);
        reader.allow_input();
    }
    reader.read("the end of the tour");
    reader.finish();
    for (index, entry) in LESSONS.iter().enumerate() {
        let mut reader = Reader::new(Link::default(), |options| options.lesson = Some((index, Position::default())));
        reader.allow(entry.text(Language::Chinese));
        for beat in 0..30 {
            reader.allow_input();
            reader.read(&format!("lesson {}, place {beat}", index + 1));
            reader.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Enter);
            reader.read(&format!("lesson {}, place {beat}, shown", index + 1));
            // At the end the next lesson would begin.
            let lesson = reader.harness.state().lesson().expect("a lesson is open");
            if lesson.is_at_end() {
                break;
            }
            reader.press(NONE, Key::PageDown);
        }
        reader.press(Modifiers::SHIFT, Key::F5);
        reader.press(NONE, Key::N);
        reader.press(NONE, Key::V);
        reader.read(&format!("lesson {}, presented", index + 1));
        reader.finish();
    }
}

#[test]
fn faults_are_told_in_chinese_and_follow_the_language() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let header = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let cases: Vec<Vec<PathBuf>> = vec![
        vec![folder.path().to_owned()],
        vec![folder.path().join("a.npz")],
        vec![write("b.npz", b"")],
        vec![write("c.npz", b"\x01\x02")],
        vec![write("q.npy", b"\x93NUMPY\x01\x00")],
        vec![write("d.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\xff{")],
        vec![write("e.safetensors", &header(r#"{"__metadata__": {"format": "x"}}"#))],
        vec![write("f.safetensors", &header("{}"))],
        vec![write("g.json", b"{}")],
        vec![write("h.json", br#"{"format": "tilescope-trace", "version": 99}"#)],
        vec![write("i.json", br#"{"format": "tilescope-trace", "version": 1, "generator""#)],
        vec![write("q.npy", b"no"), write("k.npy", b"no"), write("v.npy", b"no")],
        vec![write("j.txt", b"hello")],
    ];
    let mut reader = Reader::scene("toy");
    reader.allow("a b c d e f g h i j q k v txt x capture format causal kv lengths trace");
    reader.allow(&folder.path().to_string_lossy());
    // In the words of the library that reads archives.
    reader.allow("invalid Zip archive: Could not find EOCD");
    for paths in cases {
        drop_files(&mut reader.harness, &paths);
        let message = value(&reader.harness, "消息");
        assert!(!message.contains('\n'), "{message}");
        reader.read(&format!("{paths:?}"));
    }
    // A text of one's own; the words of its language stay as they are.
    let text = "language 1\ntitle x\nin Q\nout D\nkernel k\nshared Q\nparallel for i in query blocks\n  load Q[i]\n";
    let text = [text, "  sum: alpha = rowsum(Q); D = alfa\n  store D[i]\n"].concat();
    reader.allow("wrong tile alfa");
    drop_files(&mut reader.harness, &[write("wrong.tile", text.as_bytes())]);
    let message = value(&reader.harness, "消息");
    assert!(message.ends_with("wrong.tile:9:31：alfa 在这里没有值；是不是 alpha？"), "{message}");
    reader.read("a wrong text");
    // The same fault, in the other language, at once.
    let missing = [folder.path().join("gone.npz")];
    let_go(&mut reader.harness, &missing);
    settle(&mut reader.harness);
    assert_eq!(value(&reader.harness, "消息"), "gone.npz：没有这个文件");
    command(&mut reader.harness, "English");
    assert_eq!(value(&reader.harness, "message"), "gone.npz: there is no such file");
    command(&mut reader.harness, "Chinese (中文)");
    // What is typed wrong, and what is too large.
    reader.allow("gone");
    reader.press(Modifiers::COMMAND, Key::O);
    reader.harness.get_by_label("文件路径").focus();
    reader.harness.run_steps(2);
    type_text(&mut reader.harness, "random:0,2,3");
    reader.press(NONE, Key::Enter);
    assert_eq!(value(&reader.harness, "消息"), "n_q 是 0：没有可算的；每个大小至少为 1");
    reader.read("a random input of nothing");
    reader.finish();
}

#[test]
fn labels_are_as_large_as_their_script_needs() {
    let mut reader = Reader::scene("toy");
    reader.press(NONE, Key::Num1);
    let mut small = Vec::new();
    fn walk(shape: &Shape, small: &mut Vec<String>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| walk(shape, small)),
            Shape::Text(text) => {
                let galley = &text.galley;
                let is_chinese = galley.text().chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                let size = galley.job.sections.iter().map(|section| section.format.font_id.size).fold(99.0, f32::min);
                if is_chinese && size < 14.0 {
                    small.push(format!("{} at {size}", galley.text()));
                }
            }
            _ => {}
        }
    }
    for distance in DISTANCES {
        reader.press(NONE, distance);
        for tab in TABS {
            reader.press(Modifiers::ALT, tab);
            reader.harness.output().shapes.iter().for_each(|shape| walk(&shape.shape, &mut small));
        }
    }
    assert!(small.is_empty(), "{small:?}");
}
