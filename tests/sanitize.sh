#!/bin/sh
# Runs the tests of the anchor engines under AddressSanitizer: their vector code reads through
# pointers, and a read past the end of a window would go unseen without it.
# The sanitizer is only in nightly compilers. CARGO_TARGET_DIR may name another place to build in.
set -eu
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "sanitize: no nightly toolchain found; install it with: rustup toolchain install nightly" >&2
    exit 1
fi

# A target of its own keeps the flag away from build scripts and procedural macros.
export RUSTFLAGS="-Zsanitizer=address"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/sanitize}"
exec cargo +nightly test --release --target x86_64-unknown-linux-gnu --no-default-features \
    --lib --test integration -- anchor engines
