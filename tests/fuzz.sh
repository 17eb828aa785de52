#!/usr/bin/env bash
# Fuzzes everything that reads a stranger's bytes, each target for so many seconds:
#
#     tests/fuzz.sh [SECONDS] [TARGET..]      60 seconds, all targets, as many at a time as there are
#                                             processors
#     FUZZ_SEED=1 tests/fuzz.sh ..            goes the same ways as the last time, as far as time lets it
#     tests/fuzz.sh --keep [TARGET..]         keeps what was found worth keeping in tests/fuzz/corpus
#
# Needs a C++ compiler for libFuzzer, and no nightly toolchain: the compiler's own passes count
# coverage. Everything it makes but the program lies in target/fuzz; CARGO_TARGET_DIR may name another
# place than target.
set -euo pipefail
cd "$(dirname "$0")/.."

action=one
seconds=60
if [[ ${1-} == --keep ]]; then
    action=keep
    shift
elif [[ ${1-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
if (($#)); then
    targets=("$@")
else
    # The slowest to grow first, so that none of them is left alone at the end.
    targets=(btrfs ntfs xfs ext exfat fat partitions qcow2 vhdx vmdk vhd ewf vdi keys texts streams
        rules inventories)
fi

target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/fuzz
# The same versions of everything as in the program, and in the same place: what others wrote is
# built once for both.
cp Cargo.lock tests/fuzz/Cargo.lock
RUSTC_WRAPPER=$PWD/tests/fuzz/rustc.sh cargo build --quiet --release \
    --manifest-path tests/fuzz/Cargo.toml --target-dir "$target"
export program=$target/release/keydredge-fuzz
export work seconds

# What an input names must be found again by another run: bases are ordered by name.
for target in "${targets[@]}"; do
    base=$work/base/$target
    rm -rf "$base" "$work"/{kept,seed}/"$target"
    mkdir -p "$base" "$work"/{corpus,kept,seed,crash,log}/"$target"
    images=(tests/fuzz/base/"$target"/*.zst)
    # Filled by the kernel, so with everything that mkfs.xfs alone does not make. Those of Btrfs are
    # too large to be read many times a second.
    [[ $target != xfs ]] || images+=(tests/data/volumes/xfs-*.img.zst)
    for packed in "${images[@]}"; do
        [[ -e $packed ]] || continue
        name=${packed##*/}
        zstd -q -d -f --sparse "$packed" -o "$base/${name%.zst}"
    done
    case $target in
        rules) cp src/rules/*.toml tests/data/rules/*.toml "$base" ;;
        keys) tests/fuzz/keys.sh "$work/seed/keys" ;;
    esac
    if [[ -e tests/fuzz/corpus/$target.tar.zst ]]; then
        zstd -q -d -c "tests/fuzz/corpus/$target.tar.zst" | tar -x -C "$work/kept/$target"
    fi
done

# Inputs that become files are written to memory.
temporary=$(mktemp -d -p /dev/shm keydredge-fuzz.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# An input may take 20 seconds: tables that a small file can hold take one at most, but the machine
# may have other things to do.
fuzz() {
    local target=$1 log=$work/log/$1/log
    shift
    FUZZ_TARGET=$target FUZZ_DATA=$work/base FUZZ_SEEDS=$work/seed/$target \
        "$program" -timeout=20 -rss_limit_mb=1024 -artifact_prefix="$work/crash/$target/" \
        -print_final_stats=1 -seed="${FUZZ_SEED:-0}" "$@" >"$log" 2>&1
}

one() {
    local target=$1 most=8192 statistics
    # Of files, not of edits.
    case $target in
        inventories) most=65536 ;;
        rules) most=16384 ;;
    esac
    statistics() {
        sed -n "s/^stat::$1: *//p" "$work/log/$target/log"
    }
    if fuzz "$target" -max_len=$most -max_total_time="$seconds" \
        "$work"/{corpus,kept,seed}/"$target"; then
        printf '%-12s %9d runs, %5d a second, %5d inputs worth keeping\n' "$target" \
            "$(statistics number_of_executed_units)" "$(statistics average_exec_per_sec)" \
            "$(statistics new_units_added)"
        return
    fi
    tail -n 40 "$work/log/$target/log"
    printf '%s: FAILED. Once more: FUZZ_TARGET=%s FUZZ_DATA=%s %s %s\n' "$target" "$target" \
        "$work/base" "$program" "$(sed -n 's/.*Test unit written to //p' "$work/log/$target/log" | tail -n 1)"
    return 1
}

keep() {
    local target=$1 least=$temporary/keep/$1
    # No secret lies in the repository, not even one that opens nothing.
    [[ $target != keys && $target != texts ]] || return 0
    mkdir -p "$least" tests/fuzz/corpus
    fuzz "$target" -merge=1 "$least" "$work"/{kept,corpus,seed}/"$target"
    # Seeds are made anew each time.
    local seed
    for seed in "$work/seed/$target"/*; do
        rm -f "$least/$(sha1sum <"$seed" | cut -d' ' -f1)"
    done
    tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$least" . |
        zstd -q -19 -f -o "tests/fuzz/corpus/$target.tar.zst"
    printf '%-12s %5d inputs, %d bytes\n' "$target" "$(find "$least" -type f | wc -l)" \
        "$(stat -c %s "tests/fuzz/corpus/$target.tar.zst")"
}

export TMPDIR=$temporary temporary
export -f fuzz one keep
printf '%s\n' "${targets[@]}" |
    xargs -P "$(nproc)" -I {} bash -euo pipefail -c "$action {}"
