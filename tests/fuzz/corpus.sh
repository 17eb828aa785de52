#!/usr/bin/env bash
# Makes what fuzzing begins with: small sound images and streams of every kind, by the tools that
# users make them with (base/TARGET/NAME.zst). What they grow into is kept by `tests/fuzz.sh --keep`;
# since inputs name images by their order, that begins anew after this.
# The images of NTFS need /dev/fuse and the right to mount with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$PATH:/sbin:/usr/sbin"
work=$(mktemp -d)
trap 'fusermount -u -q "$work/mount" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
rm -rf "$here/base"

base() { # TARGET FILE..: keeps images
    local target=$1 file
    shift
    mkdir -p "$here/base/$target"
    for file; do
        zstd -q -19 --rm "$file" -o "$here/base/$target/${file##*/}.zst"
    done
}

fill() { # BYTES NUMBER: text that compresses
    yes "line of file $2" | head -c "$1" || true
}

# A small tree with what file systems keep in different ways.
mkdir -p tree/folder/below tree/many
for number in 1 2 3; do
    fill $((number * 700)) "$number" >"tree/folder/f$number"
done
fill 30000 4 >tree/long
fill 40 5 >tree/tiny
fill 1000 6 >tree/folder/below/deep
fill 900 7 >tree/gone
fill 900 8 >tree/folder/gone
for number in {10..49}; do
    : >"tree/many/a name that takes some room in its directory $number"
done
ln -s "a target that is longer than what fits into any inode, $(fill 100 9 | tr -d '\n')" tree/link
ln tree/tiny tree/hard

# ext
ext() { # NAME SIZE OPTION..
    truncate -s "$2" "$1"
    mke2fs -q -F -U 12345678-1234-5678-1234-567812345678 -E hash_seed=12345678-1234-5678-1234-567812345678 \
        -L label -N 96 -d tree "${@:3}" "$1"
    debugfs -w -R "rm gone" "$1" 2>/dev/null
    debugfs -w -R "rm folder/gone" "$1" 2>/dev/null
    debugfs -w -R "ea_set tiny user.note value" "$1" 2>/dev/null
    e2fsck -fyD "$1" >/dev/null || true
}
ext ext4-journal 4M -t ext4 -b 1024 -J size=1
ext ext4-inline 1M -t ext4 -b 1024 -O inline_data,^has_journal
ext ext4-old 1M -t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit,^has_journal,meta_bg,^resize_inode
ext ext2 1M -t ext2 -b 1024
base ext ext4-journal ext4-inline ext4-old ext2

# FAT
for width in 12 16 32; do
    case $width in
        12) size=256K ;;
        16) size=5M ;;
        32) size=34M ;;
    esac
    image=fat$width
    truncate -s "$size" "$image"
    mkfs.fat -F "$width" -s 1 -i 12345678 -n LABEL "$image" >/dev/null
    mcopy -sQ -i "$image" tree/folder tree/many tree/tiny tree/long ::
    mcopy -Q -i "$image" tree/gone ::
    mdel -i "$image" ::gone ::folder/gone
    base fat "$image"
done

# exFAT
truncate -s 1M exfat
mkfs.exfat -b 4K -c 512 -L LABEL exfat >/dev/null
python3 "$here/fill.py" exfat exfat
fsck.exfat -n exfat >/dev/null
base exfat exfat

# XFS; mkfs.xfs makes file systems below 300 MB only for its own tests.
proto() { # FOLDER: describes it in the language of mkfs.xfs
    local entry
    for entry in "$1"/*; do
        if [[ -L $entry ]]; then
            echo "${entry##*/} l--777 5 6 $(readlink "$entry" | tr ' ' _)"
        elif [[ -d $entry ]]; then
            echo "${entry##*/} d--750 7 8"
            proto "$entry"
        else
            echo "${entry##*/} ---640 5 6 $entry"
        fi
    done
    echo '$'
}
rename() { find "$1" -depth -name '* *' -execdir bash -c 'mv "$1" "${1// /_}"' - {} \;; }
cp -a tree plain
rename plain
{ printf '/\n1 1\nd--755 0 0\n'; proto plain; } >proto
for kind in v5 v4; do
    options=(-b size=1024 -m "uuid=12345678-1234-5678-1234-567812345678")
    [[ $kind == v5 ]] || options=(-m crc=0)
    truncate -s 34M "xfs-$kind"
    TEST_DIR=. TEST_DEV=. QA_CHECK_FS=1 \
        mkfs.xfs -q -f -d agcount=2 -L label -p proto "${options[@]}" "xfs-$kind"
    base xfs "xfs-$kind"
done

# Btrfs
truncate -s 110M btrfs
mkfs.btrfs -q -f -L label -m single -d single --rootdir tree --shrink btrfs
base btrfs btrfs

# NTFS
truncate -s 1200K ntfs
mkntfs -q -F -Q -c 512 -L label ntfs 2>/dev/null
mkdir mount
ntfs-3g -o compression,streams_interface=windows ntfs mount
cp -r tree/folder tree/many tree/long tree/tiny mount
mkdir mount/packed
python3 -c 'import os; os.setxattr("mount/packed", "system.ntfs_attrib", (0x800).to_bytes(4, "little"))'
fill 9000 11 >mount/packed/text
fill 70 12 >mount/tiny:stream
rm mount/folder/gone
fusermount -u mount
python3 "$here/fill.py" ntfs ntfs
base ntfs ntfs

# Partition tables
part() { # IMAGE SECTOR: puts a small file system there
    dd if=small of="$1" bs=512 seek="$2" conv=notrunc,sparse status=none
}
truncate -s 64K small
mkfs.fat -F 12 -s 1 -i 12345678 small >/dev/null
truncate -s 1M mbr gpt lvm
printf 'label: dos\n64,256,c\n512,1400,5\n576,128,83\n832,128,83,*\n1100,128,82\n' |
    sfdisk -q --force --no-reread mbr
part mbr 64
part mbr 576
sgdisk -a 1 -n 1:64:319 -n 2:512:767 -n 7:1024:1279 -t 1:ef00 -t 7:8e00 -c 2:data gpt >/dev/null
part gpt 64
python3 "$here/fill.py" lvm lvm
part lvm 136
base partitions mbr gpt lvm

# Containers, all of one disk
truncate -s 512K disk
printf 'label: dos\n64,256,c\n' | sfdisk -q --force --no-reread disk
part disk 64
fill 3000 13 | dd of=disk bs=512 seek=400 conv=notrunc status=none
head -c 3000 /dev/zero | tr '\0' x | dd of=disk bs=512 seek=900 conv=notrunc status=none
convert() { # NAME FORMAT OPTION..
    qemu-img convert -f raw -O "$2" "${@:3}" disk "$1"
}
convert plain.qcow2 qcow2 -o cluster_size=4096
convert packed.qcow2 qcow2 -c -o cluster_size=4096
convert small.qcow2 qcow2 -o cluster_size=512,refcount_bits=1,compat=0.10 2>/dev/null ||
    convert small.qcow2 qcow2 -o cluster_size=512
convert extended.qcow2 qcow2 -o extended_l2=on,cluster_size=16384
convert zstd.qcow2 qcow2 -c -o compression_type=zstd,cluster_size=4096
qemu-img snapshot -c one plain.qcow2
qemu-img create -q -f qcow2 -b plain.qcow2 -F qcow2 -o cluster_size=4096 overlay.qcow2
qemu-io -c 'write -P 7 8192 5000' overlay.qcow2 >/dev/null
base qcow2 {plain,packed,small,extended,zstd,overlay}.qcow2
convert fixed.vhd vpc -o subformat=fixed,force_size
convert dynamic.vhd vpc -o subformat=dynamic,force_size
python3 "$here/fill.py" differencing dynamic.vhd differencing.vhd
base vhd {fixed,dynamic,differencing}.vhd
convert dynamic.vhdx vhdx -o subformat=dynamic,block_size=1M
convert fixed.vhdx vhdx -o subformat=fixed,block_size=1M
base vhdx {dynamic,fixed}.vhdx
for kind in monolithicSparse streamOptimized monolithicFlat twoGbMaxExtentSparse; do
    convert "$kind.vmdk" vmdk -o "subformat=$kind"
done
base vmdk *.vmdk
convert dynamic.vdi vdi
convert static.vdi vdi -o static=on
# The pieces of a split image have no format of their own.
split -b 200K -d -a 3 --numeric-suffixes=1 disk split.
base vdi {dynamic,static}.vdi split.*
ewf() { # NAME OPTION..
    ewfacquire -q -u -S 1M -t "$@" "$PWD/disk" >/dev/null
}
ewf encase6 -f encase6 -c best
ewf encase2 -f encase2 -c none
ewf ftk -f ftk -c fast -b 16
base ewf *.E01

# Streams, named after their kind
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(600))' >noise
cat tree/long noise tree/folder/f3 >mixed
gzip -9c mixed >gzip-file
gzip -1c <tree/tiny >gzip-tiny
zip -q -9 zip-file mixed tree/tiny && mv zip-file.zip zip-file
zip -q -0 zip-stored mixed && mv zip-stored.zip zip-stored
zip -q - - <mixed >zip-piped
zstd -q -c -1 mixed >zstd-fast
zstd -q -c -19 mixed >zstd-best
zstd -q -c --no-check <mixed >zstd-piped
xz -c mixed >xz-file
xz -c --check=crc64 --block-size=9000 --delta=dist=2 --lzma2=preset=0 mixed >xz-blocks
bzip2 -1c mixed >bzip2-file
lz4 -q -c mixed >lz4-file
lz4 -q -c -B4 -BD -BX --no-frame-crc -9 mixed >lz4-blocks
base streams gzip-* zip-* zstd-* xz-* bzip2-* lz4-*
du -sh "$here/base"
