"""Fills a mounted file system for make-xfs.sh.

Every 512 bytes of a file begin with `@file:offset@`; the file's number is the end of its name.
"""

import errno
import fcntl
import os
import subprocess
import sys

root, scale = sys.argv[1], int(sys.argv[2])
number = 0


def path(folder):
    """A new file's number and path."""
    global number
    number += 1
    os.makedirs(f"{root}/{folder}", exist_ok=True)
    return number, f"{root}/{folder}/f{number:06}"


def content(file, offset, length):
    """Length bytes from an offset on, which is a multiple of 512."""
    units = (b"@%06d:%010d@" % (file, at) for at in range(offset, offset + length, 512))
    return b"".join(unit.ljust(512, b".") for unit in units)[:length]


def settle():
    """Has everything written home, so that what comes next cannot cancel it."""
    os.sync()
    folder = os.open(root, os.O_RDONLY)
    try:
        # FIFREEZE and FITHAW empty the journal too.
        fcntl.ioctl(folder, 0xC0045877, 0)
        fcntl.ioctl(folder, 0xC0045878, 0)
    finally:
        os.close(folder)


def write(folder, length):
    file, name = path(folder)
    with open(name, "wb") as out:
        out.write(content(file, 0, length))
    return file, name


def interleaved(folder, count, pieces, piece):
    """Files that grow in turns, so that none is in one piece."""
    files = [path(folder) for _ in range(count)]
    for turn in range(pieces):
        for file, name in files:
            with open(name, "ab") as out:
                out.write(content(file, turn * piece, piece))
                out.flush()
                os.fsync(out.fileno())
    return files


def shared(name, folder, offset):
    """A file whose blocks are another's: FICLONE. The second then writes one block of its own."""
    target = f"{root}/{folder}"
    os.makedirs(target, exist_ok=True)
    with open(name, "rb") as source, open(f"{target}/{os.path.basename(name)}", "wb") as out:
        try:
            fcntl.ioctl(out, 0x40049409, source.fileno())
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY):
                raise
            out.write(source.read())
        out.flush()
        os.fsync(out.fileno())
        os.pwrite(out.fileno(), b"another's own bytes".ljust(4096, b"-"), offset)


block = os.statvfs(root).f_bsize


def freed():
    """Deletes so many files that the space of their inodes is given back, and then writes a few
    more."""
    stay = [write("stay", 3000 + n) for n in range(12)]
    gone = [write("gone", 5000 + 100 * n) for n in range(200)]
    settle()
    for _, name in gone:
        os.remove(name)
    os.rmdir(f"{root}/gone")
    settle()
    os.remove(stay[3][1])


def crumbled():
    """Leaves free space in pieces of seven blocks, which hold half a chunk of inodes and never a
    whole one, and writes and deletes files there."""
    whole = [write("whole", 600 + n) for n in range(20)]
    _, name = write("fill", block)
    settle()
    free = os.statvfs(root).f_bavail - 8
    while True:
        try:
            subprocess.run(["fallocate", "-l", str(free * block), name], check=True, stderr=subprocess.DEVNULL)
            break
        except subprocess.CalledProcessError:
            free -= 8
    settle()
    for at in range(8, free - 8, 8):
        subprocess.run(["fallocate", "-p", "-o", str(at * block), "-l", str(7 * block), name], check=True)
    settle()
    # What the file system kept for itself lies in one piece; the largest there is goes first.
    for number, count in enumerate((400, 128, 64, 64, 32, 32, 16, 16, 8, 8, 8, 8)):
        subprocess.run(["fallocate", "-l", str(count * block), f"{root}/rest{number}"], check=True)
    settle()
    stay = [write(f"stay/{n % 5}", 700 + 8 * n) for n in range(500)]
    gone = [write("gone", 800 + 7 * n) for n in range(400)]
    settle()
    for _, name in gone + stay[::9]:
        os.remove(name)
    os.rmdir(f"{root}/gone")
    settle()
    os.remove(whole[3][1])


if len(sys.argv) > 3:
    {"freed": freed, "crumbled": crumbled}[sys.argv[3]]()
    sys.exit()

small = [write("small", block * (n % 3) + 100 + n) for n in range(40 * scale)]
few = interleaved("few", 2, 12, block)
many = interleaved("many", 3, 60 * scale, block)
going = interleaved("going", 2, 12, block)
whole = [write("going", 9000 + 512 * n) for n in range(10 * scale)]
lost = [write("lost/folder", 5000 + 512 * n) for n in range(10 * scale)]
settle()

file, name = write("reserved", 2 * block)
subprocess.run(["fallocate", "-n", "-o", str(2 * block), "-l", str(6 * block), name], check=True)
subprocess.run(["fallocate", "-o", str(8 * block), "-l", str(4 * block), name], check=True)
file, name = path("sparse")
with open(name, "wb") as out:
    for at in (0, 1 << 20, 5 << 30):
        out.seek(at)
        out.write(content(file, at, 3 * block))

shared(few[0][1], "shared", 4 * block)
shared(whole[0][1], "shared", 4096)

# Short ones lie in the inode, the others in blocks.
for length in (20, 200, 700, 1000):
    file, name = path("links")
    os.symlink((b"@%06d:%010d@" % (file, 0)).ljust(length, b"x"), name)
for length in (40, 2000, 20000):
    file, name = write("attributes", 600)
    value = content(file, 0, length).replace(b"@", b"#")
    os.setxattr(name, "user.note", value)

# Directories of every shape: names are cheap where they are links.
target = write("names", 600)[1]
for folder, count in (("short", 3), ("block", 30), ("leaf", 400 * scale), ("node", 2500 * scale)):
    os.makedirs(f"{root}/names/{folder}")
    for n in range(count):
        os.link(target, f"{root}/names/{folder}/link-{n:05}-{'n' * (n % 29)}")
if scale > 1:
    for n in range(5000 * scale):
        write(f"crowd/{n % 3}", 100 + n % 5000)

settle()
for _, name in going + whole[1:] + lost + small[::5]:
    os.remove(name)
os.rmdir(f"{root}/lost/folder")
