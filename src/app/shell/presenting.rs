//! What the commands of a talk do, and how the stage is given back.

use eframe::egui::{self, Context};

use crate::app::message::talk::TalkMessage;
use crate::app::run::link::Landing;
use crate::app::run::selection::Selection;
use crate::app::shell::app::App;
use crate::app::state::talk::{Before, Talk, Vote};
use crate::playback::lesson::{At, Position};

impl App {
    pub(super) fn talk_message(&mut self, ctx: &Context, message: TalkMessage) {
        match (message, &mut self.talk) {
            (TalkMessage::FromStart | TalkMessage::Here, None) => {
                self.talk = Some(Talk {
                    began: ctx.input(|input| input.time),
                    before: Some(self.before(ctx)),
                    scale: 1.0,
                    is_away: !self.document.is_of_lesson(),
                    ..Talk::default()
                });
                self.end_tour();
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
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
                self.talk = None;
                before.into_iter().for_each(|before| self.stand_as_before(ctx, before));
            }
            (TalkMessage::Blank, Some(talk)) => talk.is_blank ^= true,
            (TalkMessage::Notes, Some(talk)) => talk.has_notes ^= true,
            (TalkMessage::Vote, Some(talk)) if talk.vote.is_some() => talk.vote = None,
            (TalkMessage::Vote, Some(talk)) => {
                let choices = self.lesson.as_ref().map_or(0, |lesson| lesson.choices().len());
                talk.vote = (choices > 0).then(|| Vote::new(choices));
            }
            (TalkMessage::Return, Some(_)) => self.show_beat(ctx),
            _ => {}
        }
    }

    fn before(&self, ctx: &Context) -> Before {
        let Selection { query, key } = self.selection;
        Before {
            kept: self.document.kept(),
            landing: Landing { at: Some(At::Step(self.player.cursor())), row: Some(query), key },
            distance: self.view.distance,
            is_comparing: self.view.compare.is_open,
            zoom: ctx.zoom_factor(),
            beat: self.lesson.as_ref().map(|lesson| (lesson.of.clone(), lesson.position)),
        }
    }

    /// The stage is given back as it was; a lesson that went on stays where it came to, with its own stage.
    fn stand_as_before(&mut self, ctx: &Context, before: Before) {
        ctx.set_zoom_factor(before.zoom);
        if self.lesson.as_ref().map(|lesson| (lesson.of.clone(), lesson.position)) != before.beat {
            return;
        }
        self.view.stand_at(before.distance);
        self.view.compare.is_open = before.is_comparing;
        if let Some(landing) = self.document.put_back(ctx, before.kept, before.landing) {
            self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
        }
    }
}
