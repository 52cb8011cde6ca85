//! Undo and redo of settings and selection. The cursor is not part of it: stepping back is its undo.

use std::sync::Arc;

use crate::app::run::selection::Selection;
use crate::app::run::settings::Settings;
use crate::attention::Input;

const MOST: usize = 200;

/// What is put back.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub settings: Settings,
    pub selection: Selection,
}

/// The moments of one input.
#[derive(Default)]
pub struct History {
    of: Option<Arc<Input>>,
    past: Vec<Moment>,
    future: Vec<Moment>,
    now: Option<Moment>,
}

impl History {
    /// Looks at what is on screen; a change makes a moment. Another input starts anew.
    pub fn see(&mut self, input: &Arc<Input>, moment: Moment) {
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, input)) {
            *self = Self { of: Some(input.clone()), now: Some(moment), ..Self::default() };
            return;
        }
        if self.now.as_ref() == Some(&moment) {
            return;
        }
        self.past.extend(self.now.replace(moment));
        if self.past.len() > MOST {
            self.past.remove(0);
        }
        self.future.clear();
    }

    pub fn undo(&mut self) -> Option<Moment> {
        let moment = self.past.pop()?;
        self.future.extend(self.now.replace(moment.clone()));
        Some(moment)
    }

    pub fn redo(&mut self) -> Option<Moment> {
        let moment = self.future.pop()?;
        self.past.extend(self.now.replace(moment.clone()));
        Some(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::preset;
    use proptest::prelude::*;

    #[test]
    fn back_and_forth() {
        let input = Arc::new(preset::toy());
        let moment = |query| Moment {
            settings: Settings::for_input(&input),
            selection: Selection { query, ..Selection::default() },
        };
        let mut history = History::default();
        (0..3).for_each(|query| history.see(&input, moment(query)));
        assert_eq!(history.undo(), Some(moment(1)));
        // What undo put back is seen too, and is no new moment.
        history.see(&input, moment(1));
        assert_eq!(history.redo(), Some(moment(2)));
        assert_eq!((history.redo(), history.undo(), history.undo()), (None, Some(moment(1)), Some(moment(0))));
        assert_eq!(history.undo(), None);
        history.see(&input, moment(7));
        assert_eq!(history.redo(), None);
        history.see(&Arc::new(preset::row()), moment(0));
        assert_eq!(history.undo(), None);
    }

    proptest! {
        /// Against a list of moments and a place in it: what is undone and then changed is gone, the oldest give way.
        #[test]
        fn it_is_a_list_and_a_place(all in prop::collection::vec(0usize..8, 1..60)) {
            let input = Arc::new(preset::toy());
            let moment = |query| Moment {
                settings: Settings::for_input(&input),
                selection: Selection { query, ..Selection::default() },
            };
            let mut history = History::default();
            history.see(&input, moment(100));
            let (mut list, mut at) = (vec![100], 0_usize);
            for one in all {
                let expected = match one {
                    0 | 1 => at.checked_sub(1),
                    2 => Some(at + 1).filter(|next| *next < list.len()),
                    query => {
                        history.see(&input, moment(query));
                        if list[at] != query {
                            list.truncate(at + 1);
                            list.push(query);
                            at += 1;
                        }
                        continue;
                    }
                };
                let moved = if one < 2 { history.undo() } else { history.redo() };
                prop_assert_eq!(moved, expected.map(|to| moment(list[to])));
                at = expected.unwrap_or(at);
            }
        }
    }

    #[test]
    fn the_oldest_of_very_many_give_way() {
        let input = Arc::new(preset::toy());
        let settings = Settings::for_input(&input);
        let mut history = History::default();
        for query in 0..MOST + 50 {
            let selection = Selection { query, ..Selection::default() };
            history.see(&input, Moment { settings: settings.clone(), selection });
        }
        let undone: Vec<usize> = std::iter::from_fn(|| history.undo()).map(|moment| moment.selection.query).collect();
        assert_eq!((undone.len(), undone.first(), undone.last()), (MOST, Some(&(MOST + 48)), Some(&49)));
    }
}
