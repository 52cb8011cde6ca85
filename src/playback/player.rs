//! The cursor and what a command does to it.

use crate::schedule::Schedule;

use super::boundary;
use super::command::Command;
use super::loop_range::LoopRange;

/// Operations a second at speed 1.
pub const STEPS_PER_S: f64 = 4.0;
pub const MIN_SPEED: f64 = 0.25;
pub const MAX_SPEED: f64 = 16.0;
/// Seconds that a picture takes to follow the cursor by one step at speed 1; below the time of a step, so that each
/// picture comes to rest before the next begins.
pub const GLIDE_S: f64 = 0.24;

/// A cursor: the number of steps done, from 0 to the length of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player {
    cursor: u64,
    is_playing: bool,
    speed: f64,
    /// Part of the next step that has passed while playing, in [0, 1).
    part: f64,
    /// How far the picture of the step done last has come: 0 when it was just done, 1 at rest.
    phase: f64,
    /// What is played over and over.
    looped: Option<LoopRange>,
}

impl Default for Player {
    fn default() -> Self {
        Self { cursor: 0, is_playing: false, speed: 1.0, part: 0.0, phase: 1.0, looped: None }
    }
}

impl Player {
    /// Steps done.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    pub fn is_playing(&self) -> bool {
        self.is_playing
    }

    /// A factor on [`STEPS_PER_S`].
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// How far the picture of the step done last has come, in [0, 1]. Moves pictures, never numbers.
    pub fn phase(&self) -> f64 {
        self.phase
    }

    /// The picture is still following the cursor.
    pub fn is_gliding(&self) -> bool {
        self.phase < 1.0
    }

    /// Seconds until the cursor moves by itself; `None` when it will not.
    pub fn due_in(&self) -> Option<f64> {
        self.is_playing.then(|| (1.0 - self.part) / (STEPS_PER_S * self.speed))
    }

    /// What is played over and over, if anything is.
    pub fn looped(&self) -> Option<LoopRange> {
        self.looped
    }

    /// Carries out `command` on a cursor over `schedule`.
    pub fn apply(&mut self, schedule: &Schedule, command: Command) {
        let len = schedule.len();
        // A loop of a longer schedule means nothing in this one.
        self.looped = self.looped.filter(|looped| looped.to() <= len);
        match command {
            Command::Play => self.play(len),
            Command::Pause => self.pause(),
            Command::Toggle if self.is_playing => self.pause(),
            Command::Toggle => self.play(len),
            Command::StepForward(unit) => self.step(len, |cursor| boundary::next(schedule, cursor, unit)),
            Command::StepBack(unit) => self.step(len, |cursor| boundary::previous(schedule, cursor, unit)),
            Command::SeekTo(cursor) => self.seek(cursor, len),
            Command::SeekFraction(fraction) if fraction.is_nan() => {}
            Command::SeekFraction(fraction) => self.seek((fraction.clamp(0.0, 1.0) * len as f64).round() as u64, len),
            Command::Home => self.seek(0, len),
            Command::End => self.seek(len, len),
            Command::SetSpeed(speed) if speed.is_nan() => {}
            Command::SetSpeed(speed) => self.speed = speed.clamp(MIN_SPEED, MAX_SPEED),
            Command::Tick(seconds) => self.tick(seconds, len),
            Command::Loop(a, b) => self.looped = LoopRange::between(a, b, len).or(self.looped),
            Command::LoopFromHere => self.looped = LoopRange::starting_at(self.looped, self.cursor, len),
            Command::LoopToHere => self.looped = LoopRange::ending_at(self.looped, self.cursor, len),
            Command::LoopUnit(unit) => {
                let start = boundary::previous(schedule, self.cursor, unit);
                self.looped = LoopRange::between(start, boundary::next(schedule, start, unit), len);
            }
            Command::NoLoop => self.looped = None,
        }
    }

    fn play(&mut self, len: u64) {
        match self.looped {
            Some(looped) if self.cursor > looped.to() => self.cursor = looped.from(),
            None if self.cursor >= len => self.cursor = 0,
            _ => {}
        }
        self.is_playing = len > 0;
        self.part = 0.0;
    }

    fn pause(&mut self) {
        self.is_playing = false;
        self.part = 0.0;
    }

    /// A step by hand ends playing.
    fn step(&mut self, len: u64, to: impl FnOnce(u64) -> u64) {
        self.pause();
        let from = self.cursor;
        self.cursor = to(self.cursor.min(len)).min(len);
        // Back in time nothing moves: the picture is there at once.
        self.phase = if self.cursor > from { 0.0 } else { 1.0 };
    }

    /// A seek goes on playing from there.
    fn seek(&mut self, cursor: u64, len: u64) {
        self.cursor = cursor.min(len);
        (self.part, self.phase) = (0.0, 1.0);
    }

    fn tick(&mut self, seconds: f64, len: u64) {
        if seconds.is_nan() || seconds <= 0.0 {
            return;
        }
        self.phase = (self.phase + seconds / GLIDE_S * self.speed.max(1.0)).min(1.0);
        if !self.is_playing {
            return;
        }
        self.part += seconds * STEPS_PER_S * self.speed;
        let steps = self.part.floor();
        self.part -= steps;
        if steps > 0.0 {
            self.phase = (self.part / (GLIDE_S * STEPS_PER_S * (self.speed / self.speed.max(1.0)))).min(1.0);
        }
        self.run_on(steps as u64, len);
    }
}

impl Player {
    /// Plays `steps` more, which a cast of a long pause of the clock has saturated.
    fn run_on(&mut self, steps: u64, len: u64) {
        let from = self.cursor;
        match self.looped {
            Some(looped) if steps > 0 => {
                self.cursor = looped.after(from, steps);
                // Back in time nothing moves.
                if self.cursor <= from {
                    self.phase = 1.0;
                }
            }
            Some(_) => {}
            None => {
                self.cursor = from.saturating_add(steps).min(len);
                if self.cursor == len {
                    self.pause();
                }
            }
        }
    }
}

impl Command {
    /// `count` operations forwards, or backwards if negative.
    pub fn by_operations(cursor: u64, count: i64) -> Self {
        Command::SeekTo(cursor.saturating_add_signed(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::playback::Unit;
    use crate::schedule::{Plan, Tiling, algorithm};

    fn schedule() -> Schedule {
        let plan = Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        Schedule::new(algorithm::by_name("flash2").unwrap(), plan)
    }

    fn after(schedule: &Schedule, commands: &[Command]) -> Player {
        let mut player = Player::default();
        commands.iter().for_each(|&command| player.apply(schedule, command));
        player
    }

    #[test]
    fn steps_and_seeks_stay_within_the_schedule() {
        let schedule = schedule();
        let len = schedule.len();
        let cursor = |commands: &[Command]| after(&schedule, commands).cursor();
        let (forward, back) = (Command::StepForward(Unit::Operation), Command::StepBack(Unit::Operation));
        assert_eq!(cursor(&[back]), 0);
        assert_eq!(cursor(&[forward, forward, back]), 1);
        assert_eq!(cursor(&[Command::End, forward]), len);
        assert_eq!(cursor(&[Command::End, back]), len - 1);
        assert_eq!(cursor(&[Command::SeekTo(u64::MAX)]), len);
        assert_eq!(cursor(&[Command::End, Command::Home]), 0);
        assert_eq!(cursor(&[Command::by_operations(3, -10)]), 0);
        for (fraction, expected) in [(-1.0, 0), (0.0, 0), (0.5, len.div_ceil(2)), (1.0, len), (f64::INFINITY, len)] {
            assert_eq!(cursor(&[Command::SeekFraction(fraction)]), expected);
        }
        for n in 0..len {
            let part = |part: f64| cursor(&[Command::SeekFraction((n as f64 + part) / len as f64)]);
            assert_eq!([0.0, 0.4, 0.6].map(part), [n, n, n + 1], "the nearest step");
        }
        assert_eq!(cursor(&[Command::SeekTo(5), Command::SeekFraction(f64::NAN)]), 5);
    }

    #[test]
    fn playing_moves_with_time_and_stops_at_the_end() {
        let schedule = schedule();
        let mut player = after(&schedule, &[Command::Play, Command::Tick(0.9 / STEPS_PER_S)]);
        assert_eq!(player.cursor(), 0);
        assert!(player.due_in().is_some_and(|seconds| (seconds - 0.1 / STEPS_PER_S).abs() < 1e-12));
        player.apply(&schedule, Command::Tick(0.2 / STEPS_PER_S));
        assert_eq!(player.cursor(), 1);
        player.apply(&schedule, Command::SetSpeed(4.0));
        player.apply(&schedule, Command::Tick(1.0 / STEPS_PER_S));
        assert_eq!(player.cursor(), 5);
        player.apply(&schedule, Command::Tick(1e300));
        assert_eq!((player.cursor(), player.is_playing(), player.due_in()), (schedule.len(), false, None));
        player.apply(&schedule, Command::Toggle);
        assert_eq!((player.cursor(), player.is_playing()), (0, true));
    }

    #[test]
    fn time_only_counts_while_playing() {
        let schedule = schedule();
        for seconds in [1.0, -1.0, f64::NAN, 0.0] {
            assert_eq!(after(&schedule, &[Command::Tick(seconds)]).cursor(), 0);
        }
        let paused = after(&schedule, &[Command::Play, Command::Toggle, Command::Tick(9.0)]);
        assert_eq!(paused, Player::default());
        assert!(!after(&schedule, &[Command::Play, Command::StepForward(Unit::Beat)]).is_playing());
        assert!(after(&schedule, &[Command::Play, Command::SeekTo(3)]).is_playing());
        let bad_clock = after(&schedule, &[Command::Play, Command::Tick(f64::NAN), Command::Tick(-5.0)]);
        assert_eq!(bad_clock.cursor(), 0);
    }

    #[test]
    fn the_same_commands_lead_to_the_same_place() {
        let schedule = schedule();
        // Many small ticks go as far as one large one, up to one step.
        let small = vec![Command::Tick(0.01); 100];
        let one = after(&schedule, &[Command::Play, Command::Tick(1.0)]);
        let many = after(&schedule, &[vec![Command::Play], small].concat());
        assert!(one.cursor().abs_diff(many.cursor()) <= 1);
    }

    #[test]
    fn pictures_follow_a_step_and_are_at_rest_after_a_seek() {
        let schedule = schedule();
        let phase = |commands: &[Command]| after(&schedule, commands).phase();
        let forward = Command::StepForward(Unit::Operation);
        assert_eq!(phase(&[]), 1.0);
        assert_eq!(phase(&[forward]), 0.0);
        assert!((phase(&[forward, Command::Tick(GLIDE_S / 2.0)]) - 0.5).abs() < 1e-12);
        assert_eq!(phase(&[forward, Command::Tick(9.0)]), 1.0);
        assert_eq!(phase(&[forward, Command::StepBack(Unit::Operation)]), 1.0);
        assert_eq!(phase(&[forward, Command::SeekTo(3)]), 1.0);
        assert_eq!(phase(&[Command::End, forward]), 1.0, "nothing moved");
        let playing = [Command::Play, Command::Tick(1.1 / STEPS_PER_S)];
        let expected = 0.1 / STEPS_PER_S / GLIDE_S;
        assert!((phase(&playing) - expected).abs() < 1e-9, "{} {expected}", phase(&playing));
    }

    #[test]
    fn a_loop_is_played_over_and_over() {
        let schedule = schedule();
        let second = Command::Tick(1.0 / STEPS_PER_S);
        let looped = [Command::Loop(9, 5), Command::SeekTo(3), Command::Play];
        let mut player = after(&schedule, &looped);
        let mut seen = Vec::new();
        for _ in 0..12 {
            player.apply(&schedule, second);
            seen.push(player.cursor());
        }
        assert_eq!(seen, [4, 5, 6, 7, 8, 9, 5, 6, 7, 8, 9, 5]);
        assert_eq!((player.is_playing(), player.phase()), (true, 1.0), "back in time nothing moves");
        // A loop to the end does not stop there; past it, it begins again.
        let to_end = [Command::SeekTo(4), Command::LoopFromHere, Command::End, Command::Play, second, second];
        let player = after(&schedule, &to_end);
        assert_eq!((player.cursor(), player.is_playing()), (5, true));
        let past = after(&schedule, &[Command::Loop(2, 4), Command::SeekTo(7), Command::Play]);
        assert_eq!(past.cursor(), 2);
        // Steps by hand are not held by it.
        let by_hand =
            after(&schedule, &[Command::Loop(2, 4), Command::SeekTo(4), Command::StepForward(Unit::Operation)]);
        assert_eq!(by_hand.cursor(), 5);
    }

    #[test]
    fn a_unit_is_looped_from_within_and_forgotten_with_its_schedule() {
        let schedule = schedule();
        let start = boundary::next(&schedule, 0, Unit::Tile);
        let end = boundary::next(&schedule, start, Unit::Tile);
        for cursor in start + 1..=end {
            let player = after(&schedule, &[Command::SeekTo(cursor), Command::LoopUnit(Unit::Tile)]);
            assert_eq!(player.looped(), LoopRange::between(start, end, schedule.len()), "from {cursor}");
        }
        assert_eq!(after(&schedule, &[Command::Loop(1, 2), Command::NoLoop]).looped(), None);
        let mut player = after(&schedule, &[Command::Loop(1, schedule.len())]);
        let plan = Plan::new(4, 4, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        player.apply(&Schedule::new(algorithm::by_name("flash2").unwrap(), plan), Command::Pause);
        assert_eq!(player.looped(), None);
    }

    #[test]
    fn speed_is_clamped() {
        let schedule = schedule();
        for (asked, got) in [(0.0, MIN_SPEED), (99.0, MAX_SPEED), (2.0, 2.0), (f64::NAN, 1.0)] {
            assert_eq!(after(&schedule, &[Command::SetSpeed(asked)]).speed(), got);
        }
    }
}
