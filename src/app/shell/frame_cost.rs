//! What one frame costs the processor while a long schedule plays: update and tessellation, without a GPU or a display.

use std::time::Duration;

use cpu_time::ThreadTime;
use eframe::egui::{Context, RawInput, Rect, pos2};

use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::message::talk::TalkMessage;
use crate::app::message::window::Arrangement;
use crate::app::panels::list::PANELS;
use crate::app::panels::panel::Home;
use crate::app::run::lock::Lock;
use crate::app::run::settings::Settings;
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
use crate::attention::input::random;
use crate::gpu::Probe;
use crate::playback::Command;
use crate::playback::lesson::Distance;
use crate::schedule::Tiling;

/// The main views, each measured in the window and presented.
const MAIN: [(&str, Message); 6] = [
    ("far", Message::Distance(Distance::Far)),
    ("middle", Message::Distance(Distance::Middle)),
    ("near", Message::Distance(Distance::Near)),
    ("memories", Message::Distance(Distance::Memory)),
    ("compare", Message::Compare(CompareMessage::Open)),
    ("compare by bytes", Message::Compare(CompareMessage::Lock(Lock::Bytes))),
];
const ARRANGEMENTS: [(&str, Arrangement); 3] =
    [("study", Arrangement::Study), ("learn", Arrangement::Learn), ("engineer", Arrangement::Engineer)];
/// Frames that are measured of each.
const FRAMES: usize = 300;
const FRAME_S: f64 = 1.0 / 60.0;

/// What was measured of one view.
pub struct FrameTimes {
    pub view: String,
    /// Steps of the schedule that played.
    pub steps: u64,
    /// Processor time of the window's thread for each frame, shortest first: what else the machine did meanwhile is no cost
    /// of the frame.
    pub times: Vec<Duration>,
}

/// The frames while flash2 plays at 16x over `n` tokens in blocks of 64 x 32: of each main view, presented and not, of
/// each arrangement, of each panel beside the map, under a causal mask, and beside a lesson. `None` where the run cannot be
/// made.
pub fn frame_times(n: usize) -> Option<Vec<FrameTimes>> {
    let mut window = Measured::new(n)?;
    for (name, message) in MAIN {
        window.carry_out(message);
        window.play(name.to_owned());
        window.carry_out(Message::Talk(TalkMessage::Here));
        window.play(format!("{name}, presented"));
        window.carry_out(Message::Talk(TalkMessage::Stop));
    }
    for (name, arrangement) in ARRANGEMENTS {
        window.carry_out(Message::Arrange(arrangement));
        window.play(name.to_owned());
    }
    let beside = |home| matches!(home, Home::Right | Home::OnDemand | Home::Workbench);
    for panel in PANELS.into_iter().filter(|panel| beside(panel.home)) {
        window.carry_out(Message::Arrange(Arrangement::Study));
        window.carry_out(Message::Show(panel.id));
        window.play(format!("far and {}", panel.id));
    }
    // Hidden scores make numbers that are not finite, which the row and the needle explain.
    window.open(n, true)?;
    for (name, message) in MAIN {
        window.carry_out(Message::Arrange(Arrangement::Study));
        window.carry_out(message);
        window.play(format!("{name}, causal"));
    }
    window.carry_out(Message::OpenLesson(0));
    window.open(n, false)?;
    window.carry_out(Message::Arrange(Arrangement::Learn));
    window.play("learn with a lesson".into());
    Some(window.measured)
}

/// A window without a display.
struct Measured {
    ctx: Context,
    app: App,
    clock: f64,
    measured: Vec<FrameTimes>,
}

impl Measured {
    fn new(n: usize) -> Option<Self> {
        let ctx = Context::default();
        let options = AppOptions { find_gpu: || Probe::Unavailable("not asked for".into()), ..AppOptions::default() };
        let app = App::new(&ctx, Some(random::read("random:8,8,4", 0).ok()?), &options);
        let mut window = Self { ctx, app, clock: 0.0, measured: Vec::new() };
        window.open(n, false)?;
        Some(window)
    }

    /// Opens the run that plays.
    fn open(&mut self, n: usize, is_causal: bool) -> Option<()> {
        let input = random::read(&format!("random:{n},{n},64"), 0).ok()?;
        let mut settings = Settings::for_input(&input).with_blocks(Tiling { br: 64, bc: 32 });
        settings.run.causal = Some(is_causal);
        self.app.open_input(&self.ctx, input, settings);
        self.settle();
        self.app.apply(Command::SetSpeed(16.0));
        Some(())
    }

    fn carry_out(&mut self, message: Message) {
        self.app.carry_out(&self.ctx, message);
        self.settle();
    }

    /// Measures the frames while it plays from the middle.
    fn play(&mut self, view: String) {
        self.app.apply(Command::SeekFraction(0.5));
        self.settle();
        self.app.apply(Command::Play);
        let mut times: Vec<Duration> = (0..FRAMES).map(|_| self.frame()).collect();
        self.app.apply(Command::Pause);
        times.sort_unstable();
        let steps = self.app.document().scene().map_or(0, |scene| scene.schedule().len());
        self.measured.push(FrameTimes { view, steps, times });
    }

    /// Frames until nothing is under way, at least one: what is asked for is asked for in a frame.
    fn settle(&mut self) {
        self.frame();
        while self.app.is_busy() {
            self.frame();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn frame(&mut self) -> Duration {
        self.clock += FRAME_S;
        let screen = Rect::from_min_max(pos2(0.0, 0.0), pos2(1280.0, 800.0));
        let input = RawInput { screen_rect: Some(screen), time: Some(self.clock), ..RawInput::default() };
        let start = ThreadTime::now();
        let output = self.ctx.run_ui(input, |ui| self.app.frame(ui));
        std::hint::black_box(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        start.elapsed()
    }
}
