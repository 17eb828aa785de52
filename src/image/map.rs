//! The memory map, and what happens when the file under it fails.
//!
//! Mapped bytes cost no copy and no buffer, but a failed read has no return value: the system
//! sends the thread `SIGBUS` instead. `fault` turns that into zeros and a note in the
//! `Record`, so a scan outlives a bad sector or a truncated file and can say what it did not see.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

#[cfg(unix)]
mod fault;
#[cfg(unix)]
mod live;
#[cfg_attr(not(unix), allow(dead_code, reason = "no fault is ever recorded"))]
mod record;
#[cfg(not(unix))]
mod unguarded;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;

use memmap2::{Mmap, MmapOptions};

/// Fewest bytes that are worth a call to give them back.
const WORTH: usize = 256 << 10;

use super::source::end_of;
#[cfg(unix)]
use fault::Guard;
#[cfg(not(unix))]
use unguarded::Guard;

/// A file or block device, mapped for reading.
///
/// The bytes belong to whoever else may write the file: two looks at the same byte may differ, and
/// an unreadable byte looks like a zero. Copy a structure out before checking it, and never turn
/// an absence in the map into an answer without asking [`unreadable`](Self::unreadable).
///
/// Only plain reads are guarded. A system call handed these bytes fails with `EFAULT` instead of
/// seeing zeros, and where a platform has no `SIGBUS` (Windows) a failed read ends the process.
#[derive(Debug)]
pub struct Map {
    // Declared before the memory: a guard must not outlive the addresses it answers for.
    guarded: Option<Guarded>,
    file: File,
}

#[derive(Debug)]
struct Guarded {
    guard: Guard,
    memory: Mmap,
}

impl Map {
    /// Maps the first `len` bytes of a file that was opened for reading. No bytes need no map.
    ///
    /// # Errors
    /// If the length does not fit the address space or the file system cannot map its files.
    pub fn new(file: File, len: u64) -> io::Result<Self> {
        let Some(len) = usize::try_from(len).ok().filter(|len| *len > 0) else {
            return match len {
                0 => Ok(Self {
                    guarded: None,
                    file,
                }),
                _ => Err(ErrorKind::FileTooLarge.into()),
            };
        };
        #[allow(
            unsafe_code,
            reason = "a map of a file that others may write is unsafe to make"
        )]
        // SAFETY: the map is read-only and private to `Map`, which hands out nothing but bytes, for
        // which any value is valid. A write by another process can change them under a reader; no
        // code here relies on two reads being equal, and structures are copied before they are
        // checked. Loss of the file under the map is what `Guard` handles.
        let memory = unsafe { MmapOptions::new().len(len).map(&file)? };
        // No advice on how it will be read: with warm caches advice of sequential reading changed
        // nothing, with cold ones it gained a little for one thread and cost a little for two.
        let guard = Guard::new(&memory, &file)?;
        Ok(Self {
            guarded: Some(Guarded { guard, memory }),
            file,
        })
    }

    /// The bytes, as many as the file had when it was mapped.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.guarded {
            Some(guarded) => &guarded.memory,
            None => &[],
        }
    }

    /// Gives back the memory that bytes took which were searched; they can still be read. The system
    /// would take it when it is short of some, but not the page tables: two gigabytes of them for a
    /// terabyte.
    pub fn release(&self, range: Range<usize>) {
        let end = range.end.min(self.bytes().len());
        let len = end.saturating_sub(range.start);
        let Some(guarded) = self.guarded.as_ref().filter(|_| len >= WORTH) else {
            return;
        };
        #[cfg(unix)]
        #[allow(
            unsafe_code,
            reason = "of private memory this advice loses what was written"
        )]
        // SAFETY: the map is a shared one of a file and read-only, so its pages hold nothing that
        // the file does not, and those that `Guard` put in the place of lost ones are zeros that
        // become zeros again. Who reads meanwhile gets the file's bytes anew.
        let _advice = unsafe {
            guarded.memory.unchecked_advise_range(
                memmap2::UncheckedAdvice::DontNeed,
                range.start,
                len,
            )
        };
        #[cfg(not(unix))]
        let _ = guarded;
    }

    /// How many reads have failed so far. Cheap: asked after every chunk, a change says that some
    /// of the bytes just seen were not the disk's.
    #[inline]
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.guarded
            .as_ref()
            .map_or(0, |guarded| guarded.guard.record().faults())
    }

    /// Where the file ends now, in bytes: less than `bytes().len()` if it was truncated.
    ///
    /// # Errors
    /// If the system cannot tell, as of a device that was removed.
    pub fn current_len(&self) -> io::Result<u64> {
        end_of(&self.file)
    }

    /// The bytes that could not be read, as merged ranges in ascending order: pages whose read
    /// failed, and whatever lies beyond the present end of the file, whether it was touched before
    /// or not. A page stays listed once it failed, since its zeros stay in the map.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Range<u64>> {
        let Some(Guarded { guard, .. }) = &self.guarded else {
            return Vec::new();
        };
        if let Ok(end) = self.current_len() {
            guard.record().cut(end);
        }
        guard.record().unreadable()
    }

    /// The file under the map, for questions to the file system.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "tests write plain numbers and lists"
)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn mapped(len: u64) -> (File, Map) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len).unwrap();
        let map = Map::new(file.try_clone().unwrap(), len).unwrap();
        (file, map)
    }

    /// Touches every page and gives back the number of bytes that are not zero.
    fn read_all(map: &Map) -> usize {
        map.bytes().iter().filter(|byte| **byte != 0).count()
    }

    #[test]
    fn an_empty_file_is_a_map_without_bytes() {
        let (_, map) = mapped(0);
        assert!(map.bytes().is_empty());
        assert_eq!(map.unreadable(), []);
        assert_eq!(map.faults(), 0);
    }

    #[test]
    fn a_sound_file_has_nothing_unreadable() {
        let (file, map) = mapped(3 * MIB + 17);
        file.write_all_at(b"last", 3 * MIB + 13).unwrap();
        assert_eq!(read_all(&map), 4);
        assert_eq!(map.bytes().len() as u64, 3 * MIB + 17);
        assert_eq!(map.unreadable(), []);
        assert_eq!(map.faults(), 0);
    }

    #[test]
    fn a_file_truncated_under_the_scan_ends_in_a_listed_range() {
        let (file, map) = mapped(64 * MIB);
        file.write_all_at(&[1; 4096], 0).unwrap();
        file.write_all_at(&[1; 100], 32 * MIB).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..4 {
                        read_all(&map);
                    }
                });
            }
            start.wait();
            file.set_len(32 * MIB + 10).unwrap();
        });
        // What is left is still there, the cut page included.
        assert_eq!(read_all(&map), 4096 + 10);
        assert_eq!(map.unreadable(), [32 * MIB + 10..64 * MIB]);
        assert_eq!(map.current_len().unwrap(), 32 * MIB + 10);
        // One fault a thread at most, not one a page.
        assert!((1..=4).contains(&map.faults()), "{}", map.faults());
    }

    #[test]
    fn half_a_terabyte_gone_is_one_fault() {
        let len = 1 << 40;
        let (file, map) = mapped(len);
        file.set_len(len / 2).unwrap();
        let half = usize::try_from(len / 2).unwrap();
        for at in (half..2 * half).step_by(half / 1000) {
            assert_eq!(map.bytes()[at], 0);
        }
        assert_eq!(map.faults(), 1);
        assert_eq!(map.unreadable(), [len / 2..len]);
    }

    #[test]
    fn a_file_cut_twice_is_listed_from_the_lower_end() {
        let (file, map) = mapped(MIB);
        for end in [MIB / 2 + 1, 5000] {
            file.set_len(end).unwrap();
            read_all(&map);
        }
        assert_eq!(map.unreadable(), [5000..MIB]);
    }

    #[test]
    fn a_cut_that_nobody_touched_is_listed_too() {
        let (file, map) = mapped(MIB);
        file.set_len(MIB - 1).unwrap();
        assert_eq!(map.faults(), 0);
        assert_eq!(map.unreadable(), [MIB - 1..MIB]);
    }

    /// Bytes of this map that take memory.
    #[cfg(target_os = "linux")]
    fn resident(map: &Map) -> u64 {
        let start = format!("{:x}-", map.bytes().as_ptr().addr());
        let all = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let its = all.split(&format!("\n{start}")).nth(1).unwrap();
        let line = its.lines().find(|line| line.starts_with("Rss:")).unwrap();
        let number = line.split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap() << 10
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_given_back_takes_no_memory_and_is_still_there() {
        let (file, map) = mapped(4 * MIB);
        file.write_all_at(&[7; 4 << 20], 0).unwrap();
        assert_eq!(read_all(&map), 4 << 20);
        assert_eq!(resident(&map), 4 * MIB);
        map.release(MIB as usize..3 * MIB as usize);
        // The system may take more: it maps some pages together.
        assert!(resident(&map) <= 2 * MIB);
        assert_eq!(read_all(&map), 4 << 20);
        // Too few to be worth it, and beyond the end.
        map.release(0..4096);
        map.release(5 << 20..6 << 20);
        assert_eq!(resident(&map), 4 * MIB);
        // Lost bytes stay zeros.
        file.set_len(0).unwrap();
        map.release(0..usize::MAX);
        assert_eq!(read_all(&map), 0);
        map.release(0..4 << 20);
        assert_eq!(read_all(&map), 0);
        assert_eq!(map.unreadable(), [0..4 * MIB]);
    }

    #[test]
    fn bytes_that_came_back_after_a_fault_stay_listed() {
        let (file, map) = mapped(MIB);
        file.set_len(0).unwrap();
        read_all(&map);
        file.set_len(MIB).unwrap();
        file.write_all_at(&[1; 100], 1000).unwrap();
        assert_eq!(read_all(&map), 0, "the zeros stay in the map");
        assert_eq!(map.unreadable(), [0..MIB]);
    }

    #[test]
    fn maps_that_come_and_go_do_not_mix_up_their_faults() {
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    for turn in 0..200 {
                        let len = 65_536 * (1 + (turn + thread) % 5);
                        let (file, map) = mapped(len);
                        let (_, sound) = mapped(len);
                        let end = turn * 37 % len;
                        file.set_len(end).unwrap();
                        read_all(&map);
                        read_all(&sound);
                        assert_eq!(map.unreadable(), [end..len]);
                        assert_eq!(sound.unreadable(), []);
                    }
                });
            }
        });
    }
}
