#!/bin/sh
# The compiler as tests/fuzz.sh calls it: counts coverage in our own crates, as `cargo fuzz
# --sanitizer none` does, with passes that every compiler has. What others wrote is compiled as it
# ships: counting there would make each input several times as slow and lead it into their code.
# Assertions are on; arithmetic that wraps ends the program in any build.
compiler=$1
shift
case " $* " in
    *" --crate-name keydredge "* | *" --crate-name keydredge_fuzz "*)
        set -- "$@" \
            -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares \
            -Cdebug-assertions
        ;;
esac
exec "$compiler" "$@"
