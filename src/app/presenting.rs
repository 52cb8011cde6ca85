//! What the commands of a talk do, and how the stage is given back.

use eframe::egui::{self, Context};

use crate::playback::lesson::{At, Position};

use super::action::{Present, Selection};
use super::place::Landing;
use super::present::{Before, Talk, Vote};
use super::window::App;

impl App {
    pub(super) fn present_wish(&mut self, ctx: &Context, wish: Present) {
        match (wish, &mut self.talk) {
            (Present::FromStart | Present::Here, None) => {
                self.talk = Some(Talk {
                    began: ctx.input(|input| input.time),
                    before: Some(self.before(ctx)),
                    scale: 1.0,
                    is_away: !self.document.is_of_lesson(),
                    ..Talk::default()
                });
                self.end_tour();
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(true));
                if wish == Present::FromStart
                    && let Some(lesson) = &mut self.lesson
                {
                    lesson.go(Position::default());
                    self.show_beat(ctx);
                }
            }
            (Present::Stop, Some(talk)) => {
                let before = talk.before.take();
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
                self.talk = None;
                before.into_iter().for_each(|before| self.stand_as_before(ctx, before));
            }
            (Present::Blank, Some(talk)) => talk.is_blank ^= true,
            (Present::Notes, Some(talk)) => talk.has_notes ^= true,
            (Present::Vote, Some(talk)) if talk.vote.is_some() => talk.vote = None,
            (Present::Vote, Some(talk)) => {
                let choices = self.lesson.as_ref().map_or(0, |lesson| lesson.choices().len());
                talk.vote = (choices > 0).then(|| Vote::new(choices));
            }
            (Present::Return, Some(_)) => self.show_beat(ctx),
            _ => {}
        }
    }

    fn before(&self, ctx: &Context) -> Before {
        let Selection { query, key } = self.selection;
        Before {
            kept: self.document.kept(),
            landing: Landing { at: Some(At::Step(self.player.cursor())), row: Some(query), key },
            distance: self.stage.distance,
            is_comparing: self.stage.compare.is_open,
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
        self.stage.stand_at(before.distance);
        self.stage.compare.is_open = before.is_comparing;
        if let Some(landing) = self.document.put_back(ctx, before.kept, before.landing) {
            self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
        }
    }
}
