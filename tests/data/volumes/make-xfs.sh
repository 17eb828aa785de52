#!/usr/bin/env bash
# Makes the images xfs-*.img.zst beside this script: file systems that the kernel has fragmented,
# deleted from and shared blocks in, which mkfs.xfs alone cannot make. Needs root, loop devices and
# a kernel with XFS; the tests need only what it left. An argument n makes everything n times as
# much, for a check by hand; such images are left uncompressed in the folder of the second.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scale=${1:-1}
out=${2:-$here}
work=$(mktemp -d)
mounted=
trap '[[ -z $mounted ]] || umount "$work/mount"; rm -rf "$work"' EXIT
mkdir "$work/mount"

# mkfs.xfs makes file systems below 300 MB only for those who test.
export TEST_DIR=. TEST_DEV=. QA_CHECK_FS=1

make() {
    local name=$1 size=$2 fill=$3
    shift 3
    local image=$work/$name.img
    truncate -s "$((size * scale))M" "$image"
    mkfs.xfs -q -f -L fragments "$@" "$image"
    # Without it a file that grows is given more room than it needs.
    mount -o loop,allocsize=4k "$image" "$work/mount"
    mounted=1
    python3 "$here/fill-xfs.py" "$work/mount" "$scale" $fill
    sync
    umount "$work/mount"
    mounted=
    xfs_repair -n "$image" >/dev/null 2>&1
    if ((scale == 1)); then
        zstd -q -19 -f "$image" -o "$out/$name.img.zst"
    else
        mv "$image" "$out/$name.img"
    fi
}

# Three groups whose length is no power of two.
make xfs-v5 60 "" -d agcount=3 -i nrext64=1,size=512 -m rmapbt=1
# Small blocks, directory blocks of several of them, times of 32 bits.
make xfs-1k 52 "" -d agcount=3 -b size=1024 -n size=8192 -i size=512 -m bigtime=0,finobt=0,rmapbt=0
# Chunks of inodes that were given back.
make xfs-freed 40 freed -d agcount=2
# Chunks of inodes of which half is there.
make xfs-sparse 40 crumbled -d agcount=2
ls -l "$out"
