//! What one frame costs the processor while a long schedule plays: update and tessellation, without a GPU or a display.

use std::time::Duration;

use cpu_time::ThreadTime;
use eframe::egui::{Context, RawInput, Rect, pos2};

use crate::app::run::settings::Settings;
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
use crate::attention::input::random;
use crate::gpu::Probe;
use crate::playback::Command;
use crate::playback::lesson::Distance;
use crate::schedule::Tiling;

/// How close the view stands while it is measured.
const DISTANCES: [Distance; 3] = [Distance::Far, Distance::Middle, Distance::Near];
/// Frames that are measured at each distance.
const FRAMES: usize = 600;
const FRAME_S: f64 = 1.0 / 60.0;

/// What was measured.
pub struct FrameTimes {
    /// Steps of the schedule that played.
    pub steps: u64,
    /// Processor time of the window's thread for each frame, shortest first: what else the machine did meanwhile is no
    /// cost of the frame.
    pub times: Vec<Duration>,
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
    while app.is_busy() {
        frame(&ctx, &mut app, &mut clock);
        std::thread::sleep(Duration::from_millis(5));
    }
    let steps = app.document().scene().map(|scene| scene.schedule().len())?;
    app.apply(Command::SeekFraction(0.5));
    app.apply(Command::SetSpeed(16.0));
    app.apply(Command::Play);
    let mut times = Vec::with_capacity(FRAMES * DISTANCES.len());
    for distance in DISTANCES {
        app.look_from(distance);
        times.extend((0..FRAMES).map(|_| frame(&ctx, &mut app, &mut clock)));
    }
    times.sort_unstable();
    Some(FrameTimes { steps, times })
}

fn frame(ctx: &Context, app: &mut App, clock: &mut f64) -> Duration {
    *clock += FRAME_S;
    let screen = Rect::from_min_max(pos2(0.0, 0.0), pos2(1280.0, 800.0));
    let input = RawInput { screen_rect: Some(screen), time: Some(*clock), ..RawInput::default() };
    let start = ThreadTime::now();
    let output = ctx.run_ui(input, |ui| app.frame(ui));
    std::hint::black_box(ctx.tessellate(output.shapes, output.pixels_per_point));
    start.elapsed()
}
