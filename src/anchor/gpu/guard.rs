//! Panics that are no bugs of ours.
//!
//! wgpu reports some losses of a device by a panic. The engine turns them into an error, so that
//! the chunks in flight are searched by the CPU. The program's panic hook, which ends the process
//! on any other panic, must know that this one is being caught.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would be caught and turned into an engine error. For a panic
/// hook.
#[must_use]
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs a call into wgpu; `None` if it panicked. The caller must not use what the call may have
/// left half done: the engine counts the device as lost and never touches it again.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(false);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_the_guard_ends_with_the_call() {
        assert_eq!(guarded(is_guarded), Some(true));
        assert_eq!(guarded(|| panic!("the driver gave up")), None::<()>);
        assert!(!is_guarded());
    }
}
