//! What the commands of a talk do, and how the stage is given back.

use eframe::egui::{self, Context};

use crate::app::message::talk::TalkMessage;
use crate::app::run::link::Landing;
use crate::app::run::selection::Selection;
use crate::app::shell::app::App;
use crate::app::state::lesson::Of;
use crate::app::state::talk::{Before, StageBefore, Talk};
use crate::playback::lesson::{At, Position};

impl App {
    pub(super) fn talk_message(&mut self, ctx: &Context, message: TalkMessage) {
        match (message, &mut self.talk) {
            (TalkMessage::FromStart | TalkMessage::Here, None) => {
                // What the tour did to the run is no part of the stage that is given back.
                self.end_tour(ctx);
                self.talk = Some(Talk {
                    began: ctx.input(|input| input.time),
                    before: Some(self.before(ctx)),
                    is_away: !self.document.is_of_lesson(),
                    ..Talk::default()
                });
                show_hover_texts(ctx, false);
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(true));
                if message == TalkMessage::FromStart
                    && let Some(lesson) = &mut self.lesson
                {
                    lesson.go(Position::default());
                    self.show_beat(ctx);
                }
            }
            (TalkMessage::Stop, Some(talk)) => {
                let before = talk.before.take();
                show_hover_texts(ctx, true);
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
                self.talk = None;
                before.into_iter().for_each(|before| self.stand_as_before(ctx, before));
            }
            (TalkMessage::Blank, Some(talk)) => talk.is_blank ^= true,
            (TalkMessage::Notes, Some(talk)) => talk.has_notes ^= true,
            (TalkMessage::Vote, Some(talk)) => match &self.lesson {
                Some(lesson) => talk.turn_vote(&lesson.key, lesson.position.beat, lesson.choices().len()),
                None => talk.put_vote_away(),
            },
            (TalkMessage::Spotlight, Some(talk)) => talk.has_spotlight ^= true,
            (TalkMessage::BothLanguages, Some(talk)) => talk.has_both_languages ^= true,
            (TalkMessage::Return, Some(_)) => self.show_beat(ctx),
            _ => {}
        }
    }

    fn before(&self, ctx: &Context) -> Before {
        let Selection { query, key } = self.selection;
        let stage = StageBefore {
            kept: (!self.document.is_opening()).then(|| self.document.kept()),
            landing: Landing { at: Some(At::Step(self.player.cursor())), row: Some(query), key },
            distance: self.view.distance,
            is_comparing: self.view.compare.is_open,
            compared: self.view.compare.choices(),
            mark: self.document.mark(),
            side: self.side,
            hides_figure: self.hides_figure,
            beat: self.lesson.as_ref().map(|lesson| (lesson.of.clone(), lesson.position)),
        };
        Before { zoom: ctx.zoom_factor(), stage: Some(stage) }
    }

    /// The beat and the stage are given back as they were, whatever was shown meanwhile.
    fn stand_as_before(&mut self, ctx: &Context, before: Before) {
        ctx.set_zoom_factor(before.zoom);
        let Some(stage) = before.stage else { return };
        self.go_back_to(ctx, stage.beat);
        match stage.kept {
            Some(kept) => {
                if let Some(landing) = self.document.put_back(ctx, kept, stage.landing) {
                    self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
                }
            }
            None => self.show_beat(ctx),
        }
        self.view.stand_at(stage.distance);
        if stage.is_comparing {
            self.view.compare.open(stage.compared);
        }
        self.document.set_mark(stage.mark);
        (self.side, self.hides_figure) = (stage.side, stage.hides_figure);
    }

    /// Opens the lesson again where another one is open by now.
    fn go_back_to(&mut self, ctx: &Context, beat: Option<(Of, Position)>) {
        let Some((of, position)) = beat else {
            self.remember();
            (self.lesson, self.store.kept.lesson) = (None, None);
            return;
        };
        match (&mut self.lesson, of) {
            // In another language it may be another file.
            (Some(lesson), of) if lesson.key == of.kept_as() => {
                if lesson.position != position {
                    lesson.go(position);
                }
                self.remember();
            }
            (_, Of::BuiltIn(entry)) => self.open_entry(ctx, entry, Some(position)),
            (_, Of::File(path)) => self.open_own_lesson(ctx, path, Some(position)),
        }
    }
}

/// Texts that come up under the pointer would lie over a picture that is projected or taken: while it is, none waits to
/// come.
pub(super) fn show_hover_texts(ctx: &Context, shows: bool) {
    let usual = egui::style::Interaction::default();
    let (delay, grace) = if shows { (usual.tooltip_delay, usual.tooltip_grace_time) } else { (f32::MAX, 0.0) };
    ctx.all_styles_mut(|style| {
        (style.interaction.tooltip_delay, style.interaction.tooltip_grace_time) = (delay, grace);
    });
}
