"""Fills a mounted file system for make-btrfs.sh.

Every 512 bytes of a file begin with `@file:offset@`; the file's number is the end of its name. What
follows is dots, or for files of noise hexadecimal digits that do not compress well.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import sys

root, step, scale = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Each step is a run of its own, because compression changes between them.
number = {"zlib": 1000, "lzo": 2000, "zstd": 3000, "plain": 4000, "gone": 5000, "late": 8000, "log": 9000}[step]
number *= 10
if step == "gone":
    number += {"zlib": 0, "lzo": 10, "zstd": 20}[sys.argv[4]]


def path(folder):
    """A new file's number and path."""
    global number
    number += 1
    os.makedirs(f"{root}/{folder}", exist_ok=True)
    return number, f"{root}/{folder}/f{number:06}"


def content(file, offset, length, noise=False):
    """Length bytes from an offset on, which is a multiple of 512."""
    units = []
    for at in range(offset, offset + length, 512):
        unit = b"@%06d:%010d@" % (file, at)
        if noise:
            unit += b"".join(
                hashlib.sha256(b"%d %d %d" % (file, at, part)).hexdigest().encode()
                for part in range(8)
            )
        units.append(unit.ljust(512, b".")[:512])
    return b"".join(units)[:length]


def write(folder, length, noise=False):
    file, name = path(folder)
    with open(name, "wb") as out:
        out.write(content(file, 0, length, noise))
    return file, name


def overwrite(file, name, offset, length, noise=False):
    with open(name, "r+b") as out:
        out.seek(offset)
        out.write(content(file, offset, length, noise))
    os.sync()


def clone(source, target, from_=0, length=0, to=0):
    """Shares blocks: FICLONERANGE; no length is all."""
    with open(source, "rb") as a, open(target, "r+b" if os.path.exists(target) else "wb") as b:
        fcntl.ioctl(b, 0x4020940D, struct.pack("=qQQQ", a.fileno(), from_, length, to))


def compressed():
    """Content of every length, in one extent and in several, inline, and in part replaced."""
    for length in (40, 300, 2000):
        write(f"{step}/tiny", length)
    for length in (3000, 5000, 130_000, 300_000, 1_000_000):
        write(f"{step}/text", length * (scale if length > 100_000 else 1))
    for _ in range(scale):
        write(f"{step}/noise", 60_000, noise=True)
    file, name = write(f"{step}/replaced", 500_000)
    os.sync()
    # The extents around the hole that this makes are used in part only.
    overwrite(file, name, 40960, 8192)
    overwrite(file, name, 131072 - 4096, 8192)


def gone():
    """To be deleted last of all, so that nothing is put in their place."""
    write(sys.argv[4] + "/gone", 200_000)
    write(sys.argv[4] + "/gone", 1000)


def plain():
    for length in (0, 20, 700, 1900, 4096, 10_000, 65_000, 400_000):
        write("plain/deep/er", length)
    # Files that grow in turns, so that none is in one piece.
    files = [path("plain/pieces") for _ in range(4 * scale)]
    for turn in range(24):
        for file, name in files:
            with open(name, "ab") as out:
                out.write(content(file, turn * 4096, 4096))
                out.flush()
                os.fsync(out.fileno())
    file, name = path("plain/sparse")
    with open(name, "wb") as out:
        for at in (0, 1 << 20, (2 << 20) - 4096):
            out.seek(at)
            out.write(content(file, at, 4096))
    file, name = write("plain/reserved", 8192)
    with open(name, "r+b") as out:
        os.posix_fallocate(out.fileno(), 0, 40960)
    file, name = write("plain/owned", 6000)
    os.chown(name, 1234567, 70000)
    os.chmod(name, 0o2640)
    os.utime(name, ns=(0, 1_700_000_000_123_456_789))
    os.link(name, f"{root}/plain/second-{os.path.basename(name)}")
    os.symlink("owned/" + os.path.basename(name), f"{root}/plain/link")
    os.makedirs(f"{root}/plain/p\u00e4ss w\u00f6rd", exist_ok=True)
    file, name = write("plain/p\u00e4ss w\u00f6rd", 5000)
    # Clones of all of a file, and of a part at another place.
    file, name = write("plain/cloned", 200_000)
    os.sync()
    clone(name, f"{root}/plain/cloned/all-{os.path.basename(name)}")
    part = f"{root}/plain/cloned/part-{os.path.basename(name)}"
    with open(part, "wb") as out:
        out.write(b"-" * 8192)
    os.sync()
    clone(name, part, 40960, 81920, 8192)
    os.sync()
    for length in (60, 900, 9000, 70_000):
        write("plain/gone", length)
    os.sync()


def late():
    """After the snapshot."""
    for folder in ("zlib", "lzo", "zstd"):
        for name in sorted(os.listdir(f"{root}/{folder}/text"))[-2:]:
            file = int(name[1:])
            overwrite(file, f"{root}/{folder}/text/{name}", 131072, 4096, noise=True)
    write("late", 3000)
    write("late", 90_000)
    os.sync()
    for folder in ("plain", "zlib", "lzo", "zstd"):
        shutil.rmtree(f"{root}/{folder}/gone")
    os.sync()


def log():
    """What was made safe but not committed when the machine stopped, and a file that was deleted
    while it was open."""
    _, name = write("orphan", 20_000)
    os.sync()
    orphan = open(name, "rb")
    os.remove(name)
    os.sync()
    for length in (500, 30_000):
        file, name = path("log")
        with open(name, "wb") as out:
            out.write(content(file, 0, length))
            out.flush()
            os.fsync(out.fileno())
    # The image is taken now: what is mounted counts, not what an unmount would leave.
    os.system(sys.argv[4])
    orphan.close()


{"zlib": compressed, "lzo": compressed, "zstd": compressed}.get(step, globals().get(step))()
