#!/usr/bin/env bash
# Makes the images btrfs-*.img.zst beside this script: file systems that the kernel has compressed,
# fragmented, cloned in, taken snapshots of and deleted from, which mkfs.btrfs alone cannot make.
# Needs root, loop devices and a kernel with Btrfs; the tests need only what it left. An argument n
# makes everything n times as much, for a check by hand; such images are left uncompressed in the
# folder of the second.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scale=${1:-1}
out=${2:-$here}
work=$(mktemp -d)
mount=$work/mount
mounted=
trap '[[ -z $mounted ]] || umount "$mount"; rm -rf "$work"' EXIT
mkdir "$mount"

mounted() {
    mount -o "loop,$2" "$1" "$mount"
    mounted=1
}
unmounted() {
    umount "$mount"
    mounted=
}
fill() {
    python3 "$here/fill-btrfs.py" "$mount" "$@"
}
pack() {
    if ((scale == 1)); then
        zstd -q -19 --long=27 -f "$1" -o "$out/$(basename "$1").zst"
    else
        mv "$1" "$out/"
    fi
}

# Everything: three compressions, a subvolume in a subvolume, a snapshot, clones, deleted files and
# a deleted subvolume.
image=$work/btrfs-shared.img
truncate -s "$((128 * scale))M" "$image"
mkfs.btrfs -q -L shared "$image" >/dev/null
mounted "$image" noatime
btrfs -q subvolume create "$mount/@"
btrfs -q subvolume create "$mount/@/home"
unmounted
for codec in zlib lzo zstd; do
    mounted "$image" "noatime,subvol=@,compress-force=$codec"
    fill "$codec" "$scale"
    unmounted
done
mounted "$image" noatime,subvol=@
fill plain "$scale"
unmounted
mounted "$image" noatime,subvol=@/home
fill plain "$scale"
unmounted
mounted "$image" noatime
btrfs -q subvolume snapshot -r "$mount/@" "$mount/snapshot"
btrfs -q subvolume create "$mount/gone"
cp -r "$mount/@/zstd/tiny" "$mount/@/plain/deep" "$mount/gone"
sync
unmounted
for codec in zlib lzo zstd; do
    mounted "$image" "noatime,subvol=@,compress-force=$codec"
    fill gone "$scale" "$codec"
    unmounted
done
mounted "$image" noatime,subvol=@,compress-force=zstd
fill late "$scale"
unmounted
mounted "$image" noatime
btrfs -q subvolume delete -c "$mount/gone"
btrfs -q subvolume sync "$mount"
unmounted
btrfs check -q "$image" 2>/dev/null >&2
pack "$image"

# Nodes of 4 KiB among the data, and everything twice; stopped without being unmounted.
image=$work/btrfs-stopped.img
truncate -s "$((160 * scale))M" "$image"
mkfs.btrfs -q -L stopped -M -n 4096 -m dup -d dup "$image" >/dev/null
mounted "$image" noatime,commit=300
fill plain "$scale"
sync
fill log "$scale" "cp --sparse=always '$image' '$image.stopped'"
unmounted
mv "$image.stopped" "$image"
pack "$image"
ls -l "$out"
