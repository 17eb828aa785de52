//! Turns a failed read of a map into zeros and a note.
//!
//! When the system cannot deliver a mapped page (bad sector, removed disk, file truncated by
//! someone else) it sends `SIGBUS` to the thread that touched it. The handler here looks the
//! address up among the live maps, notes the page in that map's [`Record`], puts zeros in its place
//! and lets the thread go on. Faults at any other address go to whichever handler was there before,
//! or end the process as they would have.
//!
//! The handler may interrupt a thread anywhere, so it takes no lock, allocates nothing, makes only
//! plain system calls, and leaves `errno` as it was.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]
#![allow(
    unsafe_code,
    clippy::as_conversions,
    reason = "signal handlers and fixed mappings have no safe form, and handlers go by number"
)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use libc::{c_int, c_void, siginfo_t};

use super::live::{Node, nodes};
use super::record::Record;

/// Keeps one map registered for as long as it lives.
#[derive(Debug)]
pub(super) struct Guard {
    /// Boxed, since the handler knows it by address.
    watched: Box<Watched>,
    node: &'static Node,
}

/// What the handler needs to know of a map.
#[derive(Debug)]
pub(super) struct Watched {
    /// Address of the first byte.
    start: usize,
    /// The file, for its present length.
    file: RawFd,
    record: Record,
    /// Separate stretches of zeros put into this map.
    patches: AtomicUsize,
}

impl Guard {
    /// Watches over `memory`, a map of `file`. Both must stay as they are until the guard is
    /// dropped.
    pub(super) fn new(memory: &[u8], file: &File) -> io::Result<Self> {
        install()?;
        // SAFETY: no memory is involved.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(io::Error::other)?;
        let watched = Box::new(Watched {
            start: memory.as_ptr().addr(),
            file: file.as_raw_fd(),
            record: Record::new(memory.len(), page),
            patches: AtomicUsize::new(0),
        });
        let node = Node::claim();
        let record = &watched.record;
        let len = record.pages().saturating_mul(record.page());
        node.set(watched.start, len, &raw const *watched);
        Ok(Self { watched, node })
    }

    pub(super) fn record(&self) -> &Record {
        &self.watched.record
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.node.release();
        // The map goes away with its zeros.
        PATCHES.fetch_sub(self.watched.patches.load(SeqCst), SeqCst);
    }
}

/// Separate stretches of zeros in all maps together; each costs the process a mapping or two.
static PATCHES: AtomicUsize = AtomicUsize::new(0);

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// Puts the handler in place, the first time it is called.
fn install() -> io::Result<()> {
    static FAILED: OnceLock<Option<i32>> = OnceLock::new();
    let failed = FAILED.get_or_init(|| match replace_handler() {
        Ok(()) => None,
        Err(error) => Some(error.raw_os_error().unwrap_or(0)),
    });
    match failed {
        None => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(*code)),
    }
}

fn replace_handler() -> io::Result<()> {
    // SAFETY: an all-zero `sigaction` is valid (default action, empty mask, no flags); the pointers
    // are to live values of the right type. The handler keeps to what a handler may do.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut previous) != 0 {
            return Err(io::Error::last_os_error());
        }
        // Known before the handler can run.
        PREVIOUS.get_or_init(|| previous);
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_fault;
        action.sa_sigaction = handler as libc::sighandler_t;
        // A thread whose stack overflowed has no other place to run a handler.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        if libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes a valid `info` to a handler installed with SA_SIGINFO; `errno` is
    // the thread's own.
    unsafe {
        let errno = errno_location();
        let kept = *errno;
        // Codes of zero and below say that a process sent the signal: it has no address.
        let ours = (*info).si_code > 0
            && nodes()
                .find_map(|node| node.holding((*info).si_addr().addr()))
                // SAFETY: the reading thread keeps the map that holds the address, and with it
                // its guard, alive until this handler returns.
                .is_some_and(|watched| (*watched).repair((*info).si_addr().addr()));
        if !ours {
            pass_on(signal, info, context);
        }
        *errno = kept;
    }
}

impl Watched {
    /// Puts zeros where the read failed. `false` if even that is impossible.
    fn repair(&self, address: usize) -> bool {
        let page = self.record.page();
        let failed = address
            .wrapping_sub(self.start)
            .checked_div(page)
            .unwrap_or(0);
        // SAFETY: the descriptor stays open as long as the map.
        let end = unsafe { libc::lseek(self.file, 0, libc::SEEK_END) };
        // A device that cannot tell its length any more is treated page by page.
        if let Ok(end) = usize::try_from(end)
            && end.div_ceil(page) <= failed
        {
            // Half of a terabyte may be gone: all of it is replaced at the first touch.
            self.record.count();
            self.record.cut(u64::try_from(end).unwrap_or(u64::MAX));
            let rest = end.div_ceil(page)..self.record.pages();
            return self.zero(rest) || self.give_up();
        }
        if self.record.try_again(failed) && self.read_alone(failed.wrapping_mul(page)) {
            return true;
        }
        self.record.count();
        let apart = !(self.record.has(failed.wrapping_sub(1))
            || self.record.has(failed.wrapping_add(1))
            || self.record.has(failed));
        let patches = if apart {
            self.patches.fetch_add(1, SeqCst);
            PATCHES.fetch_add(1, SeqCst)
        } else {
            0
        };
        let area = area(failed, patches, self.record.pages());
        // Noted first: no other thread may see the zeros before they are on record.
        self.record.mark(area.clone());
        self.zero(area) || self.give_up()
    }

    /// Reads the page that holds byte `at` by itself, for the thread to look again.
    ///
    /// Systems read ahead in units of up to 2 MiB and fail the whole unit for one bad sector in it,
    /// so most pages that fault beside bad sectors are sound.
    fn read_alone(&self, at: usize) -> bool {
        let Ok(at) = libc::off_t::try_from(at) else {
            return false;
        };
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        {
            const UNIT: libc::off_t = 1 << 21;
            let unit = at & !(UNIT - 1);
            // SAFETY: no memory is involved. The unit must go, or its failure is given as the
            // answer again; the advice stays, since a damaged disk is better read without haste.
            unsafe {
                libc::posix_fadvise(self.file, unit, UNIT, libc::POSIX_FADV_DONTNEED);
                libc::posix_fadvise(self.file, 0, 0, libc::POSIX_FADV_RANDOM);
            }
        }
        let mut byte = 0_u8;
        // SAFETY: one byte is read into one byte.
        unsafe { libc::pread(self.file, (&raw mut byte).cast(), 1, at) == 1 }
    }

    /// Replaces the whole map, where the process has no mapping to spare for a part of it.
    fn give_up(&self) -> bool {
        let all = 0..self.record.pages();
        self.record.mark(all.clone());
        self.zero(all)
    }

    /// Replaces pages of the map by zeros.
    fn zero(&self, pages: Range<usize>) -> bool {
        let page = self.record.page();
        let start = self.start.wrapping_add(pages.start.wrapping_mul(page));
        let len = pages.end.wrapping_sub(pages.start).wrapping_mul(page);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
        // SAFETY: the range lies inside a map that is alive (see `on_fault`), consists of whole
        // pages, and stays readable; its owner unmaps it together with the rest.
        let place = unsafe {
            libc::mmap(
                ptr::with_exposed_provenance_mut(start),
                len,
                libc::PROT_READ,
                flags,
                -1,
                0,
            )
        };
        place != libc::MAP_FAILED
    }
}

/// The pages to give up for one failed page. One, as long as separate bad pages are few. A process
/// may hold only so many mappings (65,530 by default on Linux) and every separate patch costs two,
/// so on a disk with tens of thousands of them the patches grow.
fn area(failed: usize, patches: usize, pages: usize) -> Range<usize> {
    let within = match patches {
        0..8_192 => 0,
        8_192..16_384 => 0xff,
        16_384..24_576 => 0xffff,
        _ => return 0..pages,
    };
    failed & !within..(failed | within).saturating_add(1).min(pages)
}

/// Does with a signal that is not ours what would have been done without us.
///
/// # Safety
/// Only from the handler, with what it was given.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: as the caller promises; a previous handler was installed under the flags that say
    // how it wants to be called.
    unsafe {
        let sent = (*info).si_code <= 0;
        let previous = PREVIOUS.get();
        let action = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
        if action == libc::SIG_IGN && sent {
            return;
        }
        if action == libc::SIG_DFL || action == libc::SIG_IGN {
            // A fault that is ignored would come back for ever, so it ends the process, as the
            // system itself has it. On return the read is tried again and fails for good.
            let mut default: libc::sigaction = std::mem::zeroed();
            default.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &raw const default, ptr::null_mut());
            if sent {
                libc::raise(signal);
            }
            return;
        }
        if previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) {
            type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            let handler = std::mem::transmute::<libc::sighandler_t, Handler>(action);
            handler(signal, info, context);
        } else {
            let handler = std::mem::transmute::<libc::sighandler_t, extern "C" fn(c_int)>(action);
            handler(signal);
        }
    }
}

/// Where the thread's `errno` lies: every system has its own name for it.
unsafe fn errno_location() -> *mut c_int {
    #[cfg(any(target_os = "illumos", target_os = "solaris"))]
    use libc::___errno as location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(any(target_os = "linux", target_os = "dragonfly"))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as location;

    // SAFETY: has no conditions.
    unsafe { location() }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "tests write plain numbers and lists"
)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use memmap2::{Mmap, MmapOptions};

    use super::*;

    const PAGE: usize = 1 << 16;

    /// A map of `pages` pages, none of which can be read.
    fn lost(pages: usize) -> Mmap {
        let file = tempfile::tempfile().unwrap();
        file.set_len((pages * PAGE) as u64).unwrap();
        // SAFETY: nothing reads the map as anything but bytes.
        let map = unsafe { MmapOptions::new().map(&file).unwrap() };
        file.set_len(0).unwrap();
        map
    }

    /// A map whose pages cannot be read although the file that is asked for its length goes on: so
    /// looks a disk with bad sectors.
    fn bad_sectors(pages: usize) -> (Mmap, Guard, File) {
        let map = lost(pages);
        let file = tempfile::tempfile().unwrap();
        file.set_len((pages * PAGE) as u64).unwrap();
        let guard = Guard::new(&map, &file).unwrap();
        (map, guard, file)
    }

    /// Runs one test of this file in a process of its own. `None` inside that process.
    fn apart(test: &str) -> Option<ExitStatus> {
        const MARK: &str = "KEYDREDGE_TEST_APART";
        if std::env::var_os(MARK).is_some() {
            // SAFETY: the limit is a live value. No memory of the process is to be left behind.
            unsafe {
                let none = libc::rlimit {
                    rlim_cur: 0,
                    rlim_max: 0,
                };
                libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            }
            return None;
        }
        let name = format!("{}::{test}", module_path!());
        let (_, name) = name.split_once("::").unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(MARK, "1")
            // A sanitizer's own handler would end the process in its own way.
            .env("ASAN_OPTIONS", "handle_sigbus=0")
            .output()
            .unwrap();
        println!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("running 1 test"),
            "{name} is not the name of a test"
        );
        Some(output.status)
    }

    #[test]
    fn separate_bad_sectors_are_listed_exactly() {
        let (map, guard, _file) = bad_sectors(64);
        for page in [3, 4, 5, 17, 63] {
            assert_eq!(map[page * PAGE + 5], 0);
        }
        let system_page = guard.record().page();
        let listed = guard.record().unreadable();
        let expected: Vec<Range<u64>> = [3, 4, 5, 17, 63]
            .map(|page: usize| {
                let start = (page * PAGE) as u64;
                start..start + system_page as u64
            })
            .to_vec();
        assert_eq!(listed, expected);
        assert_eq!(guard.record().faults(), 5);
    }

    #[test]
    fn a_fault_leaves_errno_as_it_was() {
        let (map, guard, file) = bad_sectors(1);
        // Makes the handler's own question for the length fail and set it.
        // SAFETY: `file` is not used after its descriptor is replaced by a pipe's.
        unsafe {
            let mut pipe = [0; 2];
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            assert!(libc::dup2(pipe[0], file.as_raw_fd()) >= 0);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            *errno_location() = 4321;
            let byte = ptr::read_volatile(&raw const map[0]);
            assert_eq!((byte, *errno_location()), (0, 4321));
        }
        assert_eq!(guard.record().faults(), 1);
    }

    #[test]
    fn tens_of_thousands_of_bad_sectors_do_not_use_up_the_mappings() {
        if let Some(status) = apart("tens_of_thousands_of_bad_sectors_do_not_use_up_the_mappings") {
            assert!(status.success(), "{status}");
            return;
        }
        let (map, guard, _file) = bad_sectors(40_000);
        let touched: Vec<u64> = (0..40_000).map(|page| (page * PAGE) as u64).collect();
        for at in &touched {
            assert_eq!(map[usize::try_from(*at).unwrap()], 0);
        }
        let listed = guard.record().unreadable();
        let mut ranges = listed.iter();
        let mut range = ranges.next().unwrap();
        for at in touched {
            while range.end <= at {
                range = ranges.next().unwrap();
            }
            assert!(range.contains(&at), "{at:#x} is not listed");
        }
        #[cfg(target_os = "linux")]
        {
            let mappings = std::fs::read_to_string("/proc/self/maps").unwrap();
            assert!(mappings.lines().count() < 60_000);
        }
        drop(guard);
        assert_eq!(PATCHES.load(SeqCst), 0);
    }

    #[test]
    fn a_fault_in_a_foreign_map_still_kills_the_process() {
        if let Some(status) = apart("a_fault_in_a_foreign_map_still_kills_the_process") {
            assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
            return;
        }
        let (ours, _guard, _file) = bad_sectors(1);
        assert_eq!(ours[0], 0);
        println!("{}", lost(1)[0]);
    }

    #[test]
    fn a_fault_in_a_map_that_was_closed_still_kills_the_process() {
        if let Some(status) = apart("a_fault_in_a_map_that_was_closed_still_kills_the_process") {
            assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
            return;
        }
        let (map, guard, _file) = bad_sectors(2);
        assert_eq!(map[0], 0);
        drop(guard);
        println!("{}", map[PAGE]);
    }

    #[test]
    fn a_signal_sent_by_a_process_still_kills_the_process() {
        if let Some(status) = apart("a_signal_sent_by_a_process_still_kills_the_process") {
            assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
            return;
        }
        // The standard library's own handler would swallow the first one.
        // SAFETY: the default action needs no handler.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        let (ours, _guard, _file) = bad_sectors(1);
        assert_eq!(ours[0], 0);
        // SAFETY: no memory is involved.
        unsafe { libc::kill(libc::getpid(), libc::SIGBUS) };
    }

    #[test]
    fn a_foreign_fault_reaches_the_handler_that_was_there_before() {
        if let Some(status) = apart("a_foreign_fault_reaches_the_handler_that_was_there_before") {
            assert_eq!(status.code(), Some(42), "{status}");
            return;
        }
        extern "C" fn earlier(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
            // SAFETY: the system passes a valid `info`.
            unsafe {
                let code = if signal == libc::SIGBUS && (*info).si_code > 0 {
                    42
                } else {
                    1
                };
                libc::_exit(code);
            }
        }
        // SAFETY: the action is a live, initialised value.
        unsafe {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = earlier;
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
        }
        let (ours, _guard, _file) = bad_sectors(1);
        assert_eq!(ours[0], 0);
        println!("{}", lost(1)[0]);
    }

    #[test]
    fn nodes_are_used_again() {
        let (_map, guard, _file) = bad_sectors(1);
        let before = nodes().count();
        for _ in 0..1000 {
            bad_sectors(1);
        }
        // Other tests open maps meanwhile, but not a thousand.
        assert!(nodes().count() < before + 500);
        drop(guard);
    }
}
