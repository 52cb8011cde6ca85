//! The L2 cache as a list of blocks, the least recently used one leaving first: how often a block that a program loads is
//! still there.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A cache of whole blocks.
#[derive(Clone, Debug)]
pub(super) struct Lru<K> {
    capacity: u64,
    used: u64,
    clock: u64,
    blocks: HashMap<K, (u64, u64)>,
    by_age: BTreeMap<u64, K>,
}

impl<K: Copy + Eq + Hash> Lru<K> {
    pub fn new(capacity: u64) -> Self {
        Self { capacity, used: 0, clock: 0, blocks: HashMap::new(), by_age: BTreeMap::new() }
    }

    /// Uses a block of so many bytes: whether it was there. What is larger than the cache is never kept.
    pub fn touch(&mut self, block: K, bytes: u64) -> bool {
        self.clock += 1;
        let was_there = match self.blocks.remove(&block) {
            Some((age, bytes)) => {
                self.by_age.remove(&age);
                self.used -= bytes;
                true
            }
            None => false,
        };
        if bytes <= self.capacity {
            while self.used + bytes > self.capacity {
                let Some((_, oldest)) = self.by_age.pop_first() else { break };
                self.used -= self.blocks.remove(&oldest).map_or(0, |(_, bytes)| bytes);
            }
            self.used += bytes;
            self.blocks.insert(block, (self.clock, bytes));
            self.by_age.insert(self.clock, block);
        }
        was_there
    }
}

/// What a cache gave back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cache {
    /// Bytes that programs loaded, of which `found` were in the cache.
    pub loaded: u64,
    pub found: u64,
    /// All that the grid loads was followed; else its beginning.
    pub is_whole: bool,
}

impl Cache {
    /// The share that came from the cache; `None` where nothing was loaded.
    pub fn hit_rate(&self) -> Option<f64> {
        (self.loaded > 0).then(|| self.found as f64 / self.loaded as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_leaves_first() {
        let mut cache = Lru::new(3);
        let found: Vec<bool> = [1, 2, 3, 1, 4, 2, 1].map(|block| cache.touch(block, 1)).into();
        // 4 drives out 2, which drives out 3; 1 was used in between.
        assert_eq!(found, [false, false, false, true, false, false, true]);
        assert!(!cache.touch(9, 4) && !cache.touch(9, 4), "too large to be kept");
    }

    proptest! {
        /// Against a list that is searched.
        #[test]
        fn it_is_a_list_by_age(blocks in prop::collection::vec(0u8..12, 1..200), capacity in 1u64..9) {
            let (mut cache, mut list) = (Lru::new(capacity), Vec::new());
            for block in blocks {
                let expected = list.iter().position(|other| *other == block);
                expected.map(|at| list.remove(at));
                list.push(block);
                if list.len() as u64 > capacity {
                    list.remove(0);
                }
                prop_assert_eq!(cache.touch(block, 1), expected.is_some());
            }
        }
    }
}
