#!/usr/bin/env bash
# Installs what the tests need (a software Vulkan adapter, file-system and key tools; for
# tests/fuzz.sh a C++ compiler) and runs all of them, GPU tests included. A test whose tool is
# missing fails; none is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

# command it brings : Debian package
needed=(
    mke2fs:e2fsprogs
    mkfs.btrfs:btrfs-progs
    mkfs.fat:dosfstools
    mcopy:mtools
    parted:parted
    sgdisk:gdisk
    mkntfs:ntfs-3g
    mkfs.exfat:exfatprogs
    mkfs.xfs:xfsprogs
    fiwalk:sleuthkit
    ssh-keygen:openssh-client
    openssl:openssl
    puttygen:putty-tools
    gpg:gnupg
    jq:jq
    qemu-img:qemu-utils
    ewfacquire:ewf-tools
    sfdisk:fdisk
    losetup:mount
    prlimit:util-linux
    python3:python3
    gcc:gcc
    pip3:python3-pip
    g++:g++
    gzip:gzip
    zip:zip
    zstd:zstd
    xz:xz-utils
    bzip2:bzip2
    lz4:lz4
    tar:tar
    chromium:chromium
    chromedriver:chromium-driver
    pdftotext:poppler-utils
    xxd:xxd
    strings:binutils
)
packages=()
for pair in "${needed[@]}"; do
    # The file-system tools live in /sbin, which is not in every user's path.
    PATH="$PATH:/sbin:/usr/sbin" command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
# lavapipe has no command: its Vulkan manifest says that it is there.
compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null || packages+=(mesa-vulkan-drivers)
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || packages+=(libvulkan1)
[[ -e /usr/include/vulkan/vulkan.h ]] || packages+=(libvulkan-dev)

if ((${#packages[@]})); then
    echo "installing: ${packages[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "tests/run.sh: no apt-get here; install the equivalents of ${packages[*]} and run again" >&2
        exit 1
    fi
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
        "${packages[@]}"
fi

# A reader of Parquet that is not the one that wrote it; Debian has none. Into a folder of its own:
# a system's Python often takes no packages but the system's.
python="${CARGO_TARGET_DIR:-$PWD/target}/python"
export PYTHONPATH="$python${PYTHONPATH:+:$PYTHONPATH}"
python3 -c 'import pyarrow' 2>/dev/null ||
    python3 -m pip install --quiet --disable-pip-version-check --target "$python" pyarrow==26.0.1

export PATH="$PATH:/sbin:/usr/sbin"
# The loader complains about a missing run-time folder on every start.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
# Without the examples and benches, which the lints compile.
cargo test --release --features parquet --lib --bins --tests "$@"
(($#)) || cargo test --release --features parquet --doc
