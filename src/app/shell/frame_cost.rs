//! What one frame costs the processor while a long schedule plays: update and tessellation, without a GPU or a display.

use std::time::Duration;

use cpu_time::ThreadTime;
use eframe::egui::{Context, Event, Key, Modifiers, RawInput, Rect, pos2};

use crate::app::run::settings::Settings;
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
use crate::attention::input::random;
use crate::gpu::Probe;
use crate::playback::Command;
use crate::schedule::Tiling;

/// The views, each by the key that leads there.
const VIEWS: [(&str, Key); 6] = [
    ("far", Key::Num1),
    ("middle", Key::Num2),
    ("near", Key::Num3),
    ("memories", Key::Num0),
    ("compare", Key::Num4),
    ("presented", Key::F5),
];
/// Frames that are measured of each.
const FRAMES: usize = 600;
const FRAME_S: f64 = 1.0 / 60.0;

/// What was measured.
pub struct FrameTimes {
    /// Steps of the schedule that played.
    pub steps: u64,
    /// Of each view, processor time of the window's thread for each frame, shortest first: what else the machine did
    /// meanwhile is no cost of the frame.
    pub views: Vec<(&'static str, Vec<Duration>)>,
}

/// The frames while flash2 plays at 16x over `n` tokens in blocks of 64 x 32. `None` where the run cannot be made.
pub fn frame_times(n: usize) -> Option<FrameTimes> {
    let ctx = Context::default();
    let options = AppOptions { find_gpu: || Probe::Unavailable("not asked for".into()), ..AppOptions::default() };
    let small = random::read("random:8,8,4", 0).ok()?;
    let input = random::read(&format!("random:{n},{n},64"), 0).ok()?;
    let mut app = App::new(&ctx, Some(small), &options);
    let settings = Settings::for_input(&input).with_blocks(Tiling { br: 64, bc: 32 });
    app.open_input(&ctx, input, settings);
    let mut clock = 0.0;
    settle(&ctx, &mut app, &mut clock);
    let steps = app.document().scene().map(|scene| scene.schedule().len())?;
    app.apply(Command::SetSpeed(16.0));
    let of_view = |(name, key): (&'static str, Key)| {
        app.apply(Command::SeekFraction(0.5));
        frame(&ctx, &mut app, &mut clock, Some(key));
        settle(&ctx, &mut app, &mut clock);
        app.apply(Command::Play);
        let mut times: Vec<Duration> = (0..FRAMES).map(|_| frame(&ctx, &mut app, &mut clock, None)).collect();
        app.apply(Command::Pause);
        times.sort_unstable();
        (name, times)
    };
    Some(FrameTimes { steps, views: VIEWS.map(of_view).into() })
}

fn settle(ctx: &Context, app: &mut App, clock: &mut f64) {
    while app.is_busy() {
        frame(ctx, app, clock, None);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One frame, in which a key may be pressed.
fn frame(ctx: &Context, app: &mut App, clock: &mut f64, key: Option<Key>) -> Duration {
    *clock += FRAME_S;
    let screen = Rect::from_min_max(pos2(0.0, 0.0), pos2(1280.0, 800.0));
    let press = |key| Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE };
    let events = key.map(press).into_iter().collect();
    let input = RawInput { screen_rect: Some(screen), time: Some(*clock), events, ..RawInput::default() };
    let start = ThreadTime::now();
    let output = ctx.run_ui(input, |ui| app.frame(ui));
    std::hint::black_box(ctx.tessellate(output.shapes, output.pixels_per_point));
    start.elapsed()
}
