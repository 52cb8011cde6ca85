//! What is open: the input, the run that is shown, and the work under way towards the next. The old picture stays until
//! the new one is ready.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::Context;

use crate::app::run::job::{self, Job};
use crate::app::run::latest::Latest;
use crate::app::run::link::{self, Landing, Link, Opened};
use crate::app::run::open_file;
use crate::app::run::own_verdict::OwnVerdict;
use crate::app::run::scene::{Check, FinishedRun};
use crate::app::run::selection::{RowMark, Selection};
use crate::app::run::settings::Settings;
use crate::app::run::snapshot::Snapshot;
use crate::app::run::source::Source;
use crate::attention::Input;
use crate::playback::lesson::{self, At};
use crate::playback::{Command, Player};
use crate::schedule::{Beat, Schedule, Step};
use crate::sentence::Sentence;

/// How long the first frame waits for the first picture.
const FIRST_PICTURE: Duration = Duration::from_millis(500);

/// The open input with its run.
pub struct Document {
    source: Arc<Input>,
    /// What was asked for last; the scene may still be behind.
    wanted: Settings,
    scene: Option<Arc<FinishedRun>>,
    /// By the cursor.
    snapshot: Latest<u64, Arc<Snapshot>>,
    check: Option<Arc<Check>>,
    opening: Option<Job<Result<Opened, Sentence>>>,
    building: Option<Job<Result<FinishedRun, Sentence>>>,
    /// With the generation of the scene it is of: the rest of its first pass, and the comparison. That cannot be stopped
    /// everywhere, so that only one runs at a time.
    checking: Option<Job<(u64, Check)>>,
    /// The generation of which that was begun last.
    verified: u64,
    /// Where the next scene is looked at.
    landing: Option<Landing>,
    /// Which row a picture marks, as the last scene has it.
    mark: RowMark,
    /// What a link to the input begins with.
    origin: Link,
    /// The lesson's scene that is open, or on its way.
    lesson_scene: Option<lesson::Scene>,
    /// The lesson's scene whose input is open, whatever was chosen since.
    lesson_input: Option<lesson::Scene>,
    /// The last fault, in a sentence; and whether it is what was told of the input as it opened.
    notice: Option<Sentence>,
    is_of_input: bool,
    /// What was understood of the file, and under which choices; nothing once others are made.
    understood: Option<(Sentence, Settings)>,
    /// Why something that was asked for is not what is shown.
    refused: Option<Sentence>,
    /// Counts scenes, so that what was computed for one is not shown with another.
    generation: u64,
}

/// An input with the choices of its run.
#[derive(Clone, Debug)]
pub struct OpenInput {
    source: Arc<Input>,
    settings: Settings,
    origin: Link,
    lesson_scene: Option<lesson::Scene>,
    lesson_input: Option<lesson::Scene>,
}

impl Document {
    /// Opens `input` and waits a moment for its first picture.
    pub fn new(ctx: &Context, opened: Opened, player: &mut Player, selection: &mut Selection) -> Self {
        let Opened { input, settings, landing, origin } = opened;
        let wanted = settings.unwrap_or_else(|| Settings::for_input(&input));
        let told = open_file::told(&input, &wanted);
        let mut document = Self {
            source: Arc::new(input),
            wanted: wanted.clone(),
            scene: None,
            snapshot: Latest::default(),
            check: None,
            opening: None,
            building: None,
            checking: None,
            verified: 0,
            landing,
            mark: RowMark::default(),
            origin,
            lesson_scene: None,
            lesson_input: None,
            notice: told.warning,
            is_of_input: true,
            understood: told.understood.map(|line| (line, wanted.clone())),
            refused: None,
            generation: 0,
        };
        document.change(ctx, wanted);
        if let Some(result) = document.building.as_ref().and_then(|job| job.wait(FIRST_PICTURE)) {
            document.building = None;
            document.finish(ctx, result, player, selection);
        }
        document
    }

    /// Reads another input; the old one stays until that has succeeded.
    pub fn open(&mut self, ctx: &Context, source: Source) {
        self.lesson_scene = if let Source::Scene(scene) = &source { Some((**scene).clone()) } else { None };
        self.opening = Some(Job::start(ctx, move |_| open_file::read(&source)));
    }

    /// Runs the input again under other choices.
    pub fn change(&mut self, ctx: &Context, settings: Settings) {
        self.lesson_scene = None;
        self.rebuild(ctx, settings);
    }

    fn rebuild(&mut self, ctx: &Context, settings: Settings) {
        self.wanted = settings.clone();
        self.understood.take_if(|(_, of)| !of.is_same_problem(&settings));
        let source = self.source.clone();
        self.building = Some(Job::start(ctx, move |signals| FinishedRun::build(source, settings, signals)));
    }

    /// Takes in what the workers have finished, and looks at the cursor.
    pub fn update(&mut self, ctx: &Context, player: &mut Player, selection: &mut Selection) {
        match job::take(&mut self.opening) {
            Some(Ok(Ok(opened))) => self.replace(ctx, opened),
            Some(Ok(Err(fault))) => self.tell_refusal(fault),
            Some(Err(fault)) => self.tell_refusal(fault.into()),
            None => {}
        }
        match job::take(&mut self.building) {
            Some(Ok(result)) => self.finish(ctx, result, player, selection),
            Some(Err(fault)) => self.refuse(ctx, fault.into()),
            None => {}
        }
        self.verify(ctx);
        self.look(ctx, player.cursor());
    }

    fn finish(
        &mut self,
        ctx: &Context,
        result: Result<FinishedRun, Sentence>,
        player: &mut Player,
        selection: &mut Selection,
    ) {
        match result {
            Ok(scene) => self.show(ctx, scene, player, selection),
            Err(fault) => self.refuse(ctx, fault),
        }
    }

    /// Has the scene compared with the oracle, once nothing else is being made.
    fn verify(&mut self, ctx: &Context) {
        match job::take(&mut self.checking) {
            Some(Ok((generation, check))) if generation == self.generation => self.check = Some(Arc::new(check)),
            _ => {}
        }
        if self.verified != self.generation
            && self.checking.is_none()
            && self.building.is_none()
            && let Some(scene) = self.scene.clone()
        {
            let generation = self.generation;
            self.verified = generation;
            self.checking = Some(Job::start(ctx, move |signals| {
                scene.own.get_or_init(|| {
                    let (run, source) = (&scene.settings.run, &scene.source);
                    run.keeps_to(source).then(|| OwnVerdict::known_of_run(run, source))?
                });
                if let Err(fault) = scene.carry_out(signals) {
                    return (generation, Check::NotComputed(fault.sentence()));
                }
                (generation, Check::of(&scene))
            }));
        }
    }

    fn replace(&mut self, ctx: &Context, opened: Opened) {
        let Opened { input, settings, landing, origin } = opened;
        // The algorithm stays as it was chosen; a precision may be that of a scene, and nobody's choice.
        let settings = settings.unwrap_or_else(|| {
            let algorithm = self.wanted.algorithm.clone();
            Settings { algorithm, ..Settings::for_input(&input) }
        });
        (self.landing, self.origin) = (landing, origin);
        self.lesson_input.clone_from(&self.lesson_scene);
        let told = open_file::told(&input, &settings);
        (self.notice, self.is_of_input) = (told.warning, true);
        self.understood = told.understood.map(|line| (line, settings.clone()));
        self.source = Arc::new(input);
        self.rebuild(ctx, settings);
    }

    /// All that makes the picture, to be put back later.
    pub fn kept(&self) -> OpenInput {
        let (source, settings) = (self.source.clone(), self.wanted.clone());
        OpenInput {
            source,
            settings,
            origin: self.origin.clone(),
            lesson_scene: self.lesson_scene.clone(),
            lesson_input: self.lesson_input.clone(),
        }
    }

    /// The picture as it was kept; `landing` is where it was looked at. Gives whether that has to be done now.
    pub fn put_back(&mut self, ctx: &Context, kept: OpenInput, landing: Landing) -> Option<Landing> {
        let is_here = Arc::ptr_eq(&self.source, &kept.source) && self.wanted == kept.settings;
        self.origin = kept.origin;
        (self.lesson_scene, self.lesson_input) = (kept.lesson_scene, kept.lesson_input);
        if is_here && self.waiting().is_none() {
            return Some(landing);
        }
        self.show_other(kept.source);
        self.opening = None;
        self.landing = Some(landing);
        self.rebuild(ctx, kept.settings);
        None
    }

    /// Replaces the input, under choices that its kind would not open with.
    pub fn open_with(&mut self, ctx: &Context, input: Input, settings: Settings) {
        self.show_other(Arc::new(input));
        self.understood = None;
        self.lesson_input = None;
        self.change(ctx, settings);
    }

    /// What was told of the input before goes with it.
    fn show_other(&mut self, source: Arc<Input>) {
        if self.is_of_input && !Arc::ptr_eq(&self.source, &source) {
            self.set_notice(None);
        }
        self.source = source;
    }

    /// The choices go back to those of the picture; where there is none yet, what always opens is opened.
    fn refuse(&mut self, ctx: &Context, fault: Sentence) {
        match &self.scene {
            Some(scene) => {
                self.wanted = scene.settings.clone();
                self.source = scene.source.clone();
            }
            None => self.replace(ctx, link::default_opening()),
        }
        self.tell_refusal(fault);
    }

    /// Says why the picture is not the one that was asked for.
    pub fn tell_refusal(&mut self, fault: Sentence) {
        self.refused = Some(fault.clone());
        self.set_notice(Some(fault));
    }

    /// Why something that was asked for is not what is shown: who wants that picture and no other gets none.
    pub fn refused(&self) -> Option<&Sentence> {
        self.refused.as_ref()
    }

    /// Puts a finished scene in place of the old one.
    fn show(&mut self, ctx: &Context, scene: FinishedRun, player: &mut Player, selection: &mut Selection) {
        let (schedule, scene) = (scene.schedule().clone(), Arc::new(scene));
        let old = self.scene.replace(scene.clone());
        let same_input = old.as_ref().filter(|old| Arc::ptr_eq(&old.source, &scene.source));
        let cursor = match same_input {
            Some(old) if player.cursor() != rich_place(old.schedule()) => {
                same_moment(old.schedule(), &schedule, player.cursor()).unwrap_or_else(|| {
                    let fraction = player.cursor() as f64 / old.schedule().len().max(1) as f64;
                    (fraction * schedule.len() as f64).round() as u64
                })
            }
            _ => rich_place(&schedule),
        };
        // Other steps: what was looped of the old ones means nothing.
        let is_same =
            |old: &FinishedRun| old.plan() == schedule.plan() && old.settings.algorithm == scene.settings.algorithm;
        if !old.as_deref().is_some_and(is_same) {
            player.apply(&schedule, Command::NoLoop);
        }
        player.apply(&schedule, Command::SeekTo(cursor));
        if same_input.is_none() {
            player.apply(&schedule, Command::Pause);
        }
        self.generation += 1;
        // Of the scene before.
        self.checking.iter().for_each(Job::cancel);
        self.wanted = scene.settings.clone();
        self.snapshot = Latest::default();
        // Why there is nothing to compare is known at once.
        self.check = (!scene.is_compared()).then(|| Arc::new(Check::of(&scene)));
        self.look(ctx, player.cursor());
        if same_input.is_none() {
            let snapshot = self.snapshot().map(AsRef::as_ref);
            *selection = Selection { query: snapshot.map_or(0, most_rescaled_row), key: None };
        }
        if let Some(landing) = self.landing.take() {
            self.land(ctx, &landing, player, selection);
        }
        let plan = scene.plan();
        selection.query = selection.query.min(plan.n_q - 1);
        selection.key = selection.key.filter(|key| *key < plan.n_k);
    }

    /// This scene is on screen but for its step, selection and view.
    pub fn shows(&self, scene: &lesson::Scene) -> bool {
        let numbers = |scene: &lesson::Scene| lesson::Scene {
            line: 0,
            step: At::Step(0),
            selection: lesson::Selection::default(),
            view: lesson::Distance::default(),
            ..scene.clone()
        };
        let is_same = self.lesson_scene.as_ref().is_some_and(|known| numbers(known) == numbers(scene));
        is_same && self.waiting().is_none()
    }

    /// The lesson's scene on screen as the choices since have made it; `None` where another input is open, or work is
    /// under way.
    pub fn lesson_scene(&self, cursor: u64) -> Option<lesson::Scene> {
        let settings = &self.scene.as_ref().filter(|_| self.waiting().is_none())?.settings;
        link::scene_under(self.lesson_input.as_ref()?, settings, cursor)
    }

    /// Changes the choices to those of `scene`, and goes to its step where it names an operation; false where it is of
    /// another input than the one that is open.
    pub fn try_scene(&mut self, ctx: &Context, scene: &lesson::Scene) -> bool {
        let of = |scene: &lesson::Scene| (scene.run.input.clone(), scene.run.scene.clone(), scene.run.seed);
        let is_open = self.opening.is_none() && self.lesson_input.as_ref().is_some_and(|open| of(open) == of(scene));
        let Some(settings) = link::changed(scene, &self.source).filter(|_| is_open) else { return false };
        self.change(ctx, settings);
        let is_named = matches!(scene.step, At::Operation { .. } | At::End);
        self.landing = is_named.then(|| Landing { at: Some(scene.step.clone()), ..Landing::default() });
        true
    }

    /// Puts the cursor and the selection where a link or a lesson wants them.
    pub fn land(&mut self, ctx: &Context, landing: &Landing, player: &mut Player, selection: &mut Selection) {
        let Some(scene) = self.scene.clone() else { return };
        let of_row = |row: usize| At::Step(last_product_of(scene.schedule(), scene.plan().query_block(row)));
        if let Some(at) = landing.at.clone().or(landing.row.map(of_row)) {
            match at.cursor(scene.schedule()) {
                Ok(cursor) => player.apply(scene.schedule(), Command::SeekTo(cursor)),
                Err(fault) => self.tell_refusal(fault),
            }
            player.apply(scene.schedule(), Command::Pause);
        }
        let last = scene.plan().n_q - 1;
        selection.query = landing.row.unwrap_or(selection.query).min(last);
        selection.key = landing.key.filter(|key| *key < scene.plan().n_k);
        self.look(ctx, player.cursor());
    }

    /// Makes the snapshot of `cursor`: at once where that is cheap, else by a worker while the last one stays.
    fn look(&mut self, ctx: &Context, cursor: u64) {
        let Some(scene) = &self.scene else { return };
        let (scene, last) = (scene.clone(), self.snapshot.last().cloned());
        let is_cheap = scene.is_cheap();
        let look = move || {
            let known = last.and_then(|last| last.history.clone());
            Arc::new(Snapshot::new(&scene, cursor, known))
        };
        if is_cheap {
            self.snapshot.at_once(cursor, look);
        } else {
            self.snapshot.follow(ctx, cursor, move |_| Ok(look()));
        }
    }

    pub fn scene(&self) -> Option<&Arc<FinishedRun>> {
        self.scene.as_ref()
    }

    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.last()
    }

    pub fn check(&self) -> Option<&Arc<Check>> {
        self.check.as_ref()
    }

    /// The input that is open, which the scene may not show yet.
    pub fn source(&self) -> &Input {
        &self.source
    }

    /// What a link to the input begins with.
    pub fn origin(&self) -> &Link {
        &self.origin
    }

    pub fn source_arc(&self) -> &Arc<Input> {
        &self.source
    }

    pub fn wanted(&self) -> &Settings {
        &self.wanted
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn notice(&self) -> Option<&Sentence> {
        self.notice.as_ref()
    }

    /// Which row a picture of all rows marks.
    pub fn mark(&self) -> RowMark {
        self.mark
    }

    /// A scene of a lesson comes, which names a row or none; or a person picked one.
    pub fn set_mark(&mut self, mark: RowMark) {
        self.mark = mark;
    }

    /// What mends what the message says of the input; nothing beside any other message.
    pub fn read_as_flash_attn(&self) -> Option<Link> {
        self.is_of_input.then(|| open_file::read_as_flash_attn(self.source(), &self.origin.run))?
    }

    /// What was understood of the file that is open, as it is run.
    pub fn understood(&self) -> Option<&Sentence> {
        self.understood.as_ref().map(|(line, _)| line)
    }

    /// It was read.
    pub fn close_understood(&mut self) {
        self.understood = None;
    }

    pub fn set_notice(&mut self, notice: Option<Sentence>) {
        (self.notice, self.is_of_input) = (notice, false);
    }

    /// Work that changes the picture is under way; how long, and how much of it is done.
    pub fn waiting(&self) -> Option<(Duration, f32)> {
        let building = self.building.as_ref().map(|job| (job.age(), job.progress()));
        building.or(self.opening.as_ref().map(|job| (job.age(), job.progress())))
    }

    /// What is open, or on its way, is the scene of a lesson.
    pub fn is_of_lesson(&self) -> bool {
        self.lesson_scene.is_some() || (self.opening.is_none() && self.lesson_input.is_some())
    }

    pub fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Anything is under way that changes what is seen: of a run too long to be compared, the first pass does not.
    pub fn is_busy(&self) -> bool {
        let is_compared = self.scene.as_ref().is_none_or(|scene| scene.is_compared());
        self.waiting().is_some() || self.snapshot.is_busy() || (self.checking.is_some() && is_compared)
    }
}

/// Where a run is worth opening: half done, after a block's last product, with S, P and O on chip and the row statistics
/// fresh.
pub fn rich_place(schedule: &Schedule) -> u64 {
    let middle = schedule.section_of(schedule.len() / 2);
    let mut steps = Vec::new();
    for index in middle..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        if let Some(last) = steps.iter().rposition(|step| schedule.facts(step).beat == Beat::Accumulate) {
            return schedule.section_steps(index).start + last as u64 + 1;
        }
    }
    schedule.len()
}

/// The same for query block `i`: after its last product; where it has none, the run's own [`rich_place`].
fn last_product_of(schedule: &Schedule, i: usize) -> u64 {
    let mut steps = Vec::new();
    for index in (0..schedule.section_count()).rev() {
        schedule.write_section(index, &mut steps);
        let is_it = |step: &Step| schedule.facts(step).beat == Beat::Accumulate && step.place.i() == Some(i);
        if let Some(last) = steps.iter().rposition(is_it) {
            return schedule.section_steps(index).start + last as u64 + 1;
        }
    }
    rich_place(schedule)
}

/// Where `cursor` stands in a schedule over the same blocks whose text has other lines, as that of a bug: after the last of
/// the steps before it that is there too. `None` where there is none, or where the texts have nothing in common.
fn same_moment(old: &Schedule, new: &Schedule, cursor: u64) -> Option<u64> {
    let base = |of: &Schedule| of.algorithm.base().unwrap_or(&of.algorithm).name().to_owned();
    let is_alike = base(old) == base(new) && old.plan() == new.plan() && old.section_count() == new.section_count();
    if !is_alike || cursor == 0 {
        return None;
    }
    let section = old.section_of(cursor - 1);
    let [mut before, mut after] = [Vec::new(), Vec::new()];
    old.write_section(section, &mut before);
    new.write_section(section, &mut after);
    before.truncate((cursor - old.section_steps(section).start) as usize);
    let is_same = |old_step: &Step, new_step: &Step| {
        old_step.place == new_step.place
            && old.line(old_step).label == new.line(new_step).label
            && old.facts(old_step).tensor == new.facts(new_step).tensor
    };
    let last = before.iter().rev().find_map(|step| after.iter().rposition(|other| is_same(step, other)))?;
    Some(new.section_steps(section).start + last as u64 + 1)
}

/// The row on chip whose sum shrank the most: where there is most to see.
fn most_rescaled_row(snapshot: &Snapshot) -> usize {
    let alpha = |query: &usize| snapshot.row_state(*query).alpha.filter(|alpha| *alpha > 0.0).unwrap_or(1.0);
    let rows = snapshot.view.rows.clone();
    rows.clone().min_by(|a, b| alpha(a).total_cmp(&alpha(b))).unwrap_or(rows.start)
}
