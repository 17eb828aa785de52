//! The maps that are alive, for a signal handler to look through.
//!
//! The handler may interrupt a thread that is just changing the list, so nothing here waits.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use super::fault::Watched;

/// A place in the list of live maps. The list only grows, to the largest number of maps that ever
/// lived at once, and nodes are used again, so walking it needs no lock.
#[derive(Debug)]
pub(super) struct Node {
    claimed: AtomicBool,
    /// Counts changes: odd while one is under way.
    turn: AtomicUsize,
    start: AtomicUsize,
    /// In whole pages, in bytes; zero if no map is here.
    len: AtomicUsize,
    watched: AtomicPtr<Watched>,
    next: OnceLock<Box<Node>>,
}

static FIRST: Node = Node::new();

impl Node {
    const fn new() -> Self {
        Self {
            claimed: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            watched: AtomicPtr::new(ptr::null_mut()),
            next: OnceLock::new(),
        }
    }

    /// A node for the caller alone.
    pub(super) fn claim() -> &'static Self {
        let mut node = &FIRST;
        while node
            .claimed
            .compare_exchange(false, true, SeqCst, SeqCst)
            .is_err()
        {
            node = node.next.get_or_init(|| Box::new(Self::new()));
        }
        node
    }

    /// Puts a map here. Only for the one who claimed the node.
    pub(super) fn set(&self, start: usize, len: usize, watched: *const Watched) {
        self.turn.fetch_add(1, SeqCst);
        self.start.store(start, SeqCst);
        self.len.store(len, SeqCst);
        self.watched.store(watched.cast_mut(), SeqCst);
        self.turn.fetch_add(1, SeqCst);
    }

    /// Gives the node back. Only for the one who claimed it.
    pub(super) fn release(&self) {
        self.set(0, 0, ptr::null());
        self.claimed.store(false, SeqCst);
    }

    /// The map here, if it holds the address. A node that changes meanwhile cannot be the one: a
    /// thread that reads a map keeps it, and so its node, from changing.
    pub(super) fn holding(&self, address: usize) -> Option<*const Watched> {
        let turn = self.turn.load(SeqCst);
        let start = self.start.load(SeqCst);
        let len = self.len.load(SeqCst);
        let watched = self.watched.load(SeqCst);
        let stable = turn & 1 == 0 && self.turn.load(SeqCst) == turn;
        (stable && address.wrapping_sub(start) < len).then_some(watched.cast_const())
    }
}

/// All nodes that were ever made. Waits for nothing: a node in the making is not yet there.
pub(super) fn nodes() -> impl Iterator<Item = &'static Node> {
    std::iter::successors(Some(&FIRST), |node| node.next.get().map(|next| &**next))
}
