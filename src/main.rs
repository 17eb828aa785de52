//! The program: a panic policy and an exit code around [`keydredge::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if is_caught() {
            return;
        }
        default_hook(info);
        // A dead thread must not leave a half-finished scan that looks complete.
        std::process::exit(keydredge::cli::exit::PANIC);
    }));
    keydredge::cli::run()
}

/// Whether the panicking thread is inside a call whose panics mean a lost device.
fn is_caught() -> bool {
    #[cfg(feature = "gpu")]
    return keydredge::anchor::gpu::guard::is_guarded();
    #[cfg(not(feature = "gpu"))]
    false
}
