//! How the window begins: what it opens, and the language, colours and lesson of the last time.

use eframe::egui::Context;

use crate::app::ink::texture::Textures;
use crate::app::ink::theme;
use crate::app::message::Message;
use crate::app::message::talk::TalkMessage;
use crate::app::message::window::Side;
use crate::app::panels::gpu::GpuPanel;
use crate::app::panels::list::{self, COMMANDS, PANELS};
use crate::app::panels::open::OpenPanel;
use crate::app::panels::panel::Owned;
use crate::app::panels::strip::Strip;
use crate::app::panels::{bytes, tour};
use crate::app::run::document::Document;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::lesson_folder::LessonFolder;
use crate::app::run::link::{self, Landing, Link, Opened};
use crate::app::run::selection::Selection;
use crate::app::run::settings::Settings;
use crate::app::run::watched::Watched;
use crate::app::shell::app::App;
use crate::app::shell::open::AppOptions;
use crate::app::shell::palette::CommandPalette;
use crate::app::state::folds::Folds;
use crate::app::state::history::History;
use crate::app::state::store::Store;
use crate::app::state::text_editor::TextEditor;
use crate::app::state::view::MainView;
use crate::app::tongue::words;
use crate::attention::Input;
use crate::playback::Player;
use crate::playback::lesson::{Distance, Language, Position};
use crate::sentence::Sentence;

impl App {
    /// Opens on `input`, or where the options, the last session or the first start say.
    pub fn new(ctx: &Context, input: Option<Input>, options: &AppOptions) -> Self {
        theme::install(ctx);
        list::install(ctx, &PANELS, &COMMANDS);
        // Its keys are commands of the table.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let mut store = Store::open(options.folder.as_deref());
        let (mut player, mut selection) = (Player::default(), Selection::default());
        let has_wish = input.is_some()
            || options.place.says_anything()
            || options.lesson.is_some()
            || options.own_lesson.is_some()
            || options.lesson_folder.is_some();
        let is_first = options.tour || (!has_wish && store.is_first_start());
        let kept = store.kept.session.as_ref().filter(|_| !has_wish && !is_first).and_then(Link::distance);
        let distance = options.place.distance().or(kept);
        let distance = distance.unwrap_or(if is_first { tour::start().view } else { Distance::default() });
        let opened = opening(input, options, &mut store, is_first);
        let (opened, fault) = match opened {
            Ok(opened) => (opened, None),
            Err(fault) => (link::default_opening(), Some(fault)),
        };
        let document = Document::new(ctx, opened, &mut player, &mut selection);
        let mut owned = Owned::default();
        owned.put(TextEditor::new(options.folder.as_deref()));
        owned.put(GpuPanel::new(options.list_gpus, options.open_gpu));
        let mut app = Self {
            document,
            player,
            selection,
            tab: bytes::PANEL.id,
            side: Side::default(),
            gpu: Gpu::new(ctx, options.find_gpu),
            textures: Textures::default(),
            view: MainView::at(distance),
            strip: Strip::default(),
            owned,
            own_text: Watched::default(),
            own_lesson: Watched::default(),
            lesson_folder: None,
            overlay: options.overlay,
            palette: CommandPalette::default(),
            history: History::default(),
            lesson: None,
            tour: None,
            hides_figure: false,
            talk: None,
            saving: None,
            done: None,
            sitting: None,
            open_panel: OpenPanel::default(),
            pick_file: options.pick_file,
            pick_folder: options.pick_folder,
            last_command: "".into(),
            last_time: None,
            folds: Folds::default(),
            to_remember: None,
            focused_at_beat: None,
            wanted_setting: None,
            store: {
                store.kept.has_started = true;
                store
            },
        };
        app.start(ctx, options, fault, has_wish);
        options.panel.into_iter().for_each(|id| app.show_panel(ctx, id));
        if is_first && app.lesson.is_none() && app.talk.is_none() {
            app.begin_tour();
        }
        app
    }

    /// Language, colours and lesson as they were, or as the options say.
    fn start(&mut self, ctx: &Context, options: &AppOptions, fault: Option<Sentence>, has_wish: bool) {
        let kept = &self.store.kept;
        let language = options.language.or_else(|| Language::parse(&kept.language));
        let language = language.or(options.system_language).unwrap_or_default();
        words::set_language(ctx, language);
        if let Some(theme) = options.theme.or(kept.theme) {
            theme.apply(ctx);
        }
        if kept.zoom.is_finite() && (0.5..=4.0).contains(&kept.zoom) && kept.zoom != 1.0 {
            ctx.set_zoom_factor(kept.zoom);
        }
        if kept.reduce_motion {
            ctx.all_styles_mut(|style| style.animation_time = 0.0);
        }
        match (fault, self.store.notice.take()) {
            (Some(fault), _) => self.document.tell_refusal(fault),
            (None, Some(notice)) => self.document.set_notice(Some(notice)),
            (None, None) => {}
        }
        if let Some((path, position)) = &options.own_lesson {
            self.open_own_lesson(ctx, path.clone(), Some(*position).filter(|at| *at != Position::default()));
        }
        // The list stands where it stood; one that is gone is no fault of the person.
        let folder = self.store.kept.lesson_folder.as_ref().map(std::path::PathBuf::from).filter(|path| path.is_dir());
        self.lesson_folder = folder.map(LessonFolder::open);
        if let Some(path) = &options.lesson_folder {
            self.open_lesson_folder(ctx, path.clone());
        }
        match (options.lesson, self.store.kept.lesson) {
            (Some((index, position)), _) => self.open_lesson(ctx, index, Some(position)),
            (None, Some(index)) if !has_wish => {
                let position = self.store.kept.position(index);
                self.open_lesson(ctx, index, Some(position));
            }
            _ => {}
        }
        if options.is_solved {
            self.solve(ctx);
        }
        if options.is_presenting {
            self.carry_out(ctx, Message::Talk(TalkMessage::Here));
            // Nothing was on screen before it.
            self.talk.iter_mut().flat_map(|talk| &mut talk.before).for_each(|before| before.stage = None);
        }
    }
}

/// What the window opens with.
fn opening(input: Option<Input>, options: &AppOptions, store: &mut Store, is_first: bool) -> Result<Opened, Sentence> {
    let wanted = &options.place;
    if let Some(input) = input {
        let settings = wanted.settings(Settings::for_input(&input), &input)?;
        let landing = Some(wanted.landing()).filter(|landing| *landing != Landing::default());
        return Ok(Opened { input, settings: Some(settings), landing, origin: wanted.origin() });
    }
    if wanted.says_anything() {
        return wanted.open();
    }
    if is_first {
        let mut opened = link::of_scene(&tour::start())?;
        opened.origin = Link::of_scene("count");
        return Ok(opened);
    }
    // A file may be gone, which is no fault of the person.
    store.resume().map_or_else(|| Ok(link::default_opening()), |session| session.open())
}
