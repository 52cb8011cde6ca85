//! A folder of lessons of one's own: read on a thread, and read again when something in it is saved.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use eframe::egui::Context;

use crate::app::run::job::{self, Job};
use crate::app::run::lesson_file::read;
use crate::files::{self, lesson_in, lessons_in};
use crate::playback::lesson::library::{HouseLesson, LESSONS};
use crate::playback::lesson::{Language, Lesson};
use crate::sentence::Sentence;

/// Between two looks at the folder, in seconds.
const PAUSE: f64 = 0.5;

/// What the list shows of a lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedLesson {
    pub path: PathBuf,
    /// Or what is wrong with it: file, line, column.
    pub head: Result<LessonHead, Sentence>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LessonHead {
    pub title: String,
    pub minutes: usize,
    pub goal: String,
    /// What there is to answer, to change and to build.
    pub tasks: usize,
}

impl LessonHead {
    /// Those of the program's lessons, in their order, each in English where it is not written in `language` yet: read once.
    pub fn of_program(language: Language) -> &'static [(&'static HouseLesson, LessonHead)] {
        static READ: [OnceLock<Vec<(&HouseLesson, LessonHead)>>; 2] = [const { OnceLock::new() }; 2];
        let [english, chinese] = &READ;
        let read = match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        read.get_or_init(|| {
            let lesson = |house: &HouseLesson| house.lesson(language).or_else(|_| house.lesson(Language::English)).ok();
            LESSONS.iter().filter_map(|house| Some((house, Self::new(lesson(house)?)))).collect()
        })
    }

    fn new(lesson: Lesson) -> Self {
        let tasks = lesson.beats.iter().map(|beat| {
            usize::from(beat.predict.is_some()) + usize::from(beat.change.is_some()) + usize::from(beat.build.is_some())
        });
        Self { tasks: tasks.sum(), title: lesson.title, minutes: lesson.minutes, goal: lesson.goal }
    }
}

/// A lesson, in the languages in which it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderLesson {
    english: Option<ListedLesson>,
    chinese: Option<ListedLesson>,
}

impl FolderLesson {
    /// In `language`, or in the one in which it is there.
    pub fn in_language(&self, language: Language) -> Option<&ListedLesson> {
        let (first, second) = match language {
            Language::English => (&self.english, &self.chinese),
            Language::Chinese => (&self.chinese, &self.english),
        };
        first.as_ref().or(second.as_ref())
    }
}

/// Which files there are, and when each was saved.
type Seen = Result<Vec<(PathBuf, Option<SystemTime>)>, Sentence>;

/// The folder that is open.
pub struct LessonFolder {
    pub path: PathBuf,
    /// What was read of it last; `None` before the first time.
    pub lessons: Option<Result<Vec<FolderLesson>, Sentence>>,
    seen: Option<Seen>,
    reading: Option<Job<Result<Vec<FolderLesson>, Sentence>>>,
    /// The frame's clock at the last look.
    at: f64,
}

impl LessonFolder {
    pub fn open(path: PathBuf) -> Self {
        Self { path, lessons: None, seen: None, reading: None, at: f64::NEG_INFINITY }
    }

    pub fn name(&self) -> String {
        files::shown(Path::new(self.path.file_name().unwrap_or(self.path.as_os_str())))
    }

    /// Lessons are being read for the first time.
    pub fn is_busy(&self) -> bool {
        self.lessons.is_none()
    }

    /// Reads it again where something in it changed. Asks for a frame to look again in.
    pub fn follow(&mut self, ctx: &Context) {
        if let Some(read) = job::take(&mut self.reading) {
            self.lessons = Some(read.unwrap_or_else(|fault| Err(fault.into())));
        }
        ctx.request_repaint_after_secs(PAUSE as f32);
        let now = ctx.input(|input| input.time);
        if self.reading.is_some() || now - self.at < PAUSE {
            return;
        }
        self.at = now;
        let seen = look(&self.path);
        if self.seen.as_ref() != Some(&seen) {
            let path = self.path.clone();
            self.seen = Some(seen);
            self.reading = Some(Job::start(ctx, move |_| read_all(&path)));
        }
    }
}

fn look(path: &Path) -> Seen {
    let saved = |path: PathBuf| {
        let modified = std::fs::metadata(&path).and_then(|meta| meta.modified()).ok();
        (path, modified)
    };
    Ok(lessons_in(path)?.into_iter().map(saved).collect())
}

/// The lessons of a folder, those in two languages as one.
fn read_all(path: &Path) -> Result<Vec<FolderLesson>, Sentence> {
    let listed = |path: PathBuf| ListedLesson { head: read(&path).map(LessonHead::new), path };
    let mut lessons = Vec::new();
    for path in lessons_in(path)? {
        let [english, chinese] =
            [Language::English, Language::Chinese].map(|language| lesson_in(&path, language.code()));
        // Where both are there, the English one stands for both.
        if chinese.as_ref() == Some(&path) && english.is_some() {
            continue;
        }
        lessons.push(FolderLesson { english: english.map(listed), chinese: chinese.map(listed) });
    }
    Ok(lessons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lessons_are_listed_in_the_language_on_screen() {
        let folder = tempfile::tempdir().unwrap();
        let lesson = |title: &str| format!("---\ntitle: {title}\nminutes: 5\ngoal: g\n---\n## b\n");
        for (name, text) in [
            ("a.md", lesson("one")),
            ("a.zh.md", lesson("一")),
            ("b.zh.md", lesson("二")),
            ("c.md", "---\ntitle: x\n".into()),
            ("README.md", "no lesson".into()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let lessons = read_all(folder.path()).unwrap();
        let titles = |language| {
            let title = |lesson: &FolderLesson| match &lesson.in_language(language).unwrap().head {
                Ok(head) => head.title.clone(),
                Err(fault) => fault.to_string().rsplit('/').next().unwrap().to_owned(),
            };
            lessons.iter().map(title).collect::<Vec<_>>()
        };
        let fault = "c.md:1: a lesson begins with a header between two lines of ---";
        assert_eq!(titles(Language::English), ["one", "二", fault]);
        assert_eq!(titles(Language::Chinese), ["一", "二", fault]);
        assert!(read_all(&folder.path().join("gone")).is_err());
    }
}
