//! Turns a failed read of a map into zeros and a note.
//!
//! When the system cannot deliver a mapped page (bad sector, removed disk, file truncated by
//! someone else) it sends `SIGBUS` to the thread that touched it. The handler here looks the
//! address up among the live maps, notes the page in that map's [`Record`], puts zeros in its place
//! and lets the thread go on. Faults at any other address go to whichever handler was there before,
//! or end the process as they would have.
//!
//! The handler may interrupt a thread anywhere, so it takes no lock, allocates nothing, calls only
//! `lseek`, `mmap`, `sigaction` and `raise`, and leaves `errno` as it was.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]
#![allow(
    unsafe_code,
    reason = "signal handlers and fixed mappings have no safe form"
)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use libc::{c_int, c_void, siginfo_t};

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
struct Watched {
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
        node.set(Some(&watched));
        Ok(Self { watched, node })
    }

    pub(super) fn record(&self) -> &Record {
        &self.watched.record
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.node.set(None);
        self.node.claimed.store(false, SeqCst);
        // The map goes away with its zeros.
        PATCHES.fetch_sub(self.watched.patches.load(SeqCst), SeqCst);
    }
}

/// A place in the list of live maps. The list only grows, to the largest number of maps that ever
/// lived at once, and nodes are used again, so walking it needs no lock.
#[derive(Debug)]
struct Node {
    claimed: AtomicBool,
    /// Counts changes: odd while one is under way.
    turn: AtomicUsize,
    start: AtomicUsize,
    /// In whole pages, in bytes; zero if no map is here.
    len: AtomicUsize,
    watched: AtomicPtr<Watched>,
    next: AtomicPtr<Node>,
}

static HEAD: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

/// Separate stretches of zeros in all maps together; each costs the process a mapping or two.
static PATCHES: AtomicUsize = AtomicUsize::new(0);

impl Node {
    /// A node for the caller alone.
    fn claim() -> &'static Self {
        let free = nodes().find(|node| {
            node.claimed
                .compare_exchange(false, true, SeqCst, SeqCst)
                .is_ok()
        });
        free.unwrap_or_else(|| {
            let node: &'static Self = Box::leak(Box::new(Self {
                claimed: AtomicBool::new(true),
                turn: AtomicUsize::new(0),
                start: AtomicUsize::new(0),
                len: AtomicUsize::new(0),
                watched: AtomicPtr::new(ptr::null_mut()),
                next: AtomicPtr::new(ptr::null_mut()),
            }));
            let mut head = HEAD.load(SeqCst);
            loop {
                node.next.store(head, SeqCst);
                let new = ptr::from_ref(node).cast_mut();
                match HEAD.compare_exchange(head, new, SeqCst, SeqCst) {
                    Ok(_) => return node,
                    Err(other) => head = other,
                }
            }
        })
    }

    /// Only for the one who claimed the node.
    fn set(&self, watched: Option<&Watched>) {
        self.turn.fetch_add(1, SeqCst);
        let (start, len, place) = match watched {
            Some(watched) => {
                let record = &watched.record;
                let len = record.pages().saturating_mul(record.page());
                (watched.start, len, ptr::from_ref(watched).cast_mut())
            }
            None => (0, 0, ptr::null_mut()),
        };
        self.start.store(start, SeqCst);
        self.len.store(len, SeqCst);
        self.watched.store(place, SeqCst);
        self.turn.fetch_add(1, SeqCst);
    }

    /// The map here, if it holds the address. A node that changes meanwhile cannot be the one: a
    /// thread that reads a map keeps it, and so its node, from changing.
    fn holding(&self, address: usize) -> Option<*const Watched> {
        let turn = self.turn.load(SeqCst);
        let start = self.start.load(SeqCst);
        let len = self.len.load(SeqCst);
        let watched = self.watched.load(SeqCst);
        let stable = turn & 1 == 0 && self.turn.load(SeqCst) == turn;
        (stable && address.wrapping_sub(start) < len).then_some(watched.cast_const())
    }
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    let mut next = HEAD.load(SeqCst);
    std::iter::from_fn(move || {
        // SAFETY: every pointer in the list comes from `Box::leak` in `Node::claim`, or is null.
        let node: &'static Node = unsafe { next.as_ref() }?;
        next = node.next.load(SeqCst);
        Some(node)
    })
}

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
        let failed = address.wrapping_sub(self.start) / page;
        self.record.count();
        // SAFETY: the descriptor stays open as long as the map.
        let end = unsafe { libc::lseek(self.file, 0, libc::SEEK_END) };
        // A device that cannot tell its length any more is treated page by page.
        if let Ok(end) = usize::try_from(end)
            && end.div_ceil(page) <= failed
        {
            // Half of a terabyte may be gone: all of it is replaced at the first touch.
            self.record.cut(end as u64);
            let rest = end.div_ceil(page)..self.record.pages();
            return self.zero(rest) || self.give_up();
        }
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
    let step = match patches {
        0..8_192 => return failed..failed.saturating_add(1),
        8_192..16_384 => 1 << 8,
        16_384..24_576 => 1 << 16,
        _ => return 0..pages,
    };
    let start = failed / step * step;
    start..start.saturating_add(step).min(pages)
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

/// Where the thread's `errno` lies.
#[cfg(target_os = "linux")]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: has no conditions.
    unsafe { libc::__errno_location() }
}

/// Where the thread's `errno` lies.
#[cfg(target_os = "android")]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: has no conditions.
    unsafe { libc::__errno() }
}

/// Where the thread's `errno` lies.
#[cfg(any(target_os = "freebsd", target_vendor = "apple"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: has no conditions.
    unsafe { libc::__error() }
}
