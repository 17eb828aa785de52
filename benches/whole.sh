#!/usr/bin/env bash
# Whole scans of one ext4 image, side by side: what a user waits for, start to end.
#
#     benches/whole.sh IMAGE [RUNS] > benches/record/DATE-MACHINE-whole.tsv
#     KEYDREDGE_BLESS=1 cargo test --release --test integration readme
#
# The second line turns the newest record into the table of the README. Programs take turns, and
# each row is the run that needed least CPU: everything else that runs only slows. A program that is
# not there is named and left out; KINGFISHER and BETTERLEAKS say where one is that is not in PATH.
# An image can be made of any folder: mke2fs -q -t ext4 -d FOLDER disk.img 2G
#
# Counts cannot agree, and BIAS.md (benches/peers) says why: cat and rg confirm nothing, and the
# others look for other types, in other encodings, and count a secret in another way.
set -Eeuo pipefail
# What is timed has its errors elsewhere.
exec 3>&2
trap 'echo "whole.sh: line $LINENO: $BASH_COMMAND" >&3' ERR
export LC_ALL=C
cd "$(dirname "$0")/.."

image=$(realpath "${1:?an image}")
runs=${2:-3}
program=${KEYDREDGE_BIN:-target/release/keydredge}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Sixty literals of the catalogue, from all of its types in turn, that need no case rule.
"$program" types --format json |
    jq -r '[.[].anchors | map(select(test("^\"[^\\\\\"]{4,}\"(\\[|$)")))]
           | [range(0; 60) as $turn | .[] | .[$turn] // empty] | .[]' |
    sed -E 's/^"([^"]*)".*/\1/' | awk '!seen[$0]++ && ++count <= 60' > "$work/literals"
[[ $(wc -l < "$work/literals") -eq 60 ]] || { echo "whole.sh: fewer than 60 literals" >&2; exit 1; }

# Each prints what it counts; a scanner that found something may end with a code of its own.
cat_image() { cat "$image" > /dev/null; }
rg_literals() { { rg -a -o -F -f "$work/literals" "$image" || (($? == 1)); } | wc -l; }
kingfisher_scan() {
    "$kingfisher" scan "$image" --no-validate --no-update-check --confidence low \
        --max-file-size 0 --format jsonl > "$work/kingfisher" 2> "$work/errors" || (($? >= 200))
    jq -s '[.[] | select(.rule)] | length' "$work/kingfisher"
}
betterleaks_scan() {
    "$betterleaks" "$image" --exit-code 0 --no-banner --output "$work/leaks.jsonl" \
        > /dev/null 2> "$work/errors"
    wc -l < "$work/leaks.jsonl"
}
keydredge_scan() {
    "$program" scan "$image" --as image --profile all --engine cpu --progress none --format jsonl \
        --key "$work/key" > "$work/findings"
    tail -n 1 "$work/findings" | jq .findings
}

names=(cat keydredge)
version=("$(cat --version | sed -n 1p)" "$("$program" --version)")
calls=(cat_image keydredge_scan)
found() { # name, command, call
    local path
    if path=$(command -v "$2"); then
        names+=("$1") version+=("$("$path" --version 2>&1 | sed -n 1p)") calls+=("$3")
    else
        echo "whole.sh: no $1 here; its row is left out" >&2
    fi
}
kingfisher=${KINGFISHER:-kingfisher}
betterleaks=${BETTERLEAKS:-betterleaks}
found "rg -F, 60 literals" rg rg_literals
found kingfisher "$kingfisher" kingfisher_scan
found betterleaks "$betterleaks" betterleaks_scan

cat "$image" > /dev/null
TIMEFORMAT='%R %U %S'
for ((run = 0; run < runs; run++)); do
    for index in "${!calls[@]}"; do
        { time "${calls[index]}" > "$work/count"; } 2> "$work/time"
        echo "$index $(tail -n 1 "$work/time") $(tail -n 1 "$work/count")" >> "$work/runs"
    done
done

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)
printf '# %s, %s cores, load %s, %s bytes, least CPU of %s runs\n' \
    "$model" "$(nproc)" "$(cut -d ' ' -f 1 /proc/loadavg)" "$(stat -c %s "$image")" "$runs"
printf 'program\tversion\twall_s\tuser_s\tsystem_s\tcount\n'
for index in "${!names[@]}"; do
    # Least user and system time together.
    read -r wall user system count < <(awk -v at="$index" \
        '$1 == at && (best == "" || $3 + $4 < best) { best = $3 + $4; row = $2 " " $3 " " $4 " " $5 }
         END { print row }' "$work/runs")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' \
        "${names[index]}" "${version[index]}" "$wall" "$user" "$system" "$count"
done
