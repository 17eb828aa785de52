"""What no program makes without mounting an image or owning a disk, for corpus.sh."""

import struct
import sys
import uuid
import zlib


def number(data, at, kind="<I"):
    return struct.unpack_from(kind, data, at)[0]


class ExFat:
    """Puts files into an image that mkfs.exfat made."""

    def __init__(self, data):
        self.data = data
        sector = 1 << data[108]
        self.table = number(data, 80) * sector
        self.heap = number(data, 88) * sector
        self.cluster = sector << data[109]
        self.root = number(data, 96)
        entries = range(self.place(self.root), len(data), 32)
        bitmap = next(at for at in entries if data[at] == 0x81)
        self.bitmap = self.place(number(data, bitmap + 20))
        self.next = self.root + 1

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def link(self, clusters):
        for cluster, after in zip(clusters, clusters[1:] + [0xFFFFFFFF]):
            struct.pack_into("<I", self.data, self.table + cluster * 4, after)

    def store(self, content, scattered=False, deleted=False):
        count = -(-len(content) // self.cluster)
        step = 2 if scattered else 1
        clusters = [self.next + n * step for n in range(count)]
        self.next += count * step
        if scattered:
            clusters.reverse()
            self.link(clusters)
        for n, cluster in enumerate(clusters):
            part = content[n * self.cluster : (n + 1) * self.cluster]
            at = self.place(cluster)
            self.data[at : at + len(part)] = part
            if not deleted:
                self.data[self.bitmap + (cluster - 2) // 8] |= 1 << (cluster - 2) % 8
        return clusters, len(content), scattered, deleted

    def entry(self, name, stored, folder=False):
        clusters, length, scattered, deleted = stored
        units = name.encode("utf-16-le")
        names = [units[at : at + 30].ljust(30, b"\0") for at in range(0, len(units), 30)]
        hashed = 0
        for byte in name.upper().encode("utf-16-le"):
            hashed = ((hashed >> 1 | hashed << 15) + byte) & 0xFFFF
        moment = 46 << 25 | 11 << 21 | 24 << 16 | 10 << 11
        kind = 0x10 if folder else 0x20
        entry = bytearray(struct.pack("<BBHHHIII", 0x85, 1 + len(names), 0, kind, 0, *[moment] * 3))
        entry += bytes([0, 0, 0x80, 0x80, 0x80]).ljust(12, b"\0")
        flags = 1 if scattered or not clusters else 3
        first = clusters[0] if clusters else 0
        entry += struct.pack("<BBBBHHQII", 0xC0, flags, 0, len(name), hashed, 0, length, 0, first)
        entry += struct.pack("<Q", length)
        for part in names:
            entry += b"\xc1\0" + part
        total = 0
        for at, byte in enumerate(entry):
            if at not in (2, 3):
                total = ((total >> 1 | total << 15) + byte) & 0xFFFF
        struct.pack_into("<H", entry, 2, total)
        if deleted:
            for at in range(0, len(entry), 32):
                entry[at] &= 0x7F
        return bytes(entry)

    def folder(self, entries, **how):
        content = b"".join(entries) + b"\0"
        return self.store(content.ljust(-(-len(content) // self.cluster) * self.cluster, b"\0"), **how)


def exfat(path):
    with open(path, "rb") as file:
        fs = ExFat(bytearray(file.read()))
    text = b"line of a file\n" * 200
    many = [fs.entry(f"a name of more than one entry {n}", fs.store(text[: n * 9])) for n in range(9)]
    many.append(fs.entry("gone", fs.store(text[:900], deleted=True)))
    inner = fs.folder([fs.entry("deep", fs.store(text, scattered=True))])
    lost = fs.entry("key", fs.store(text[:1500], scattered=True, deleted=True))
    entries = [
        fs.entry("many", fs.folder(many, scattered=True), folder=True),
        fs.entry("folder", inner, folder=True),
        fs.entry("lost", fs.folder([lost], deleted=True), folder=True),
    ]
    root = fs.place(fs.root)
    used = next(at for at in range(root, len(fs.data), 32) if fs.data[at] == 0)
    content = bytes(fs.data[root:used]) + b"".join(entries)
    clusters = [fs.root]
    at, room = used, fs.cluster - (used - root)
    rest = b"".join(entries)
    fs.data[at : at + min(room, len(rest))] = rest[:room]
    if len(rest) > room:
        clusters += fs.folder([rest[room:]])[0]
    fs.link(clusters)
    with open(path, "wb") as file:
        file.write(fs.data)


DESCRIPTION = """vg0 {
id = "UrVe0W-2Q0l-odQM-QzgM-BKtW-0gqM-8NKzPY"
seqno = 2
extent_size = 128
physical_volumes {
pv0 {
id = "D9fCJy-mFwt-gnpy-cAoZ-V9as-Or3d-pUd989"
dev_size = 2048
pe_start = 136
pe_count = 14
}
}
logical_volumes {
root {
segment_count = 2
segment1 {
start_extent = 0
extent_count = 1
type = "striped"
stripe_count = 1	# linear
stripes = [
"pv0", 0
]
}
segment2 {
start_extent = 1
extent_count = 2
type = "striped"
stripe_count = 1
stripes = [ "pv0", 4 ]
}
}
pool {
segment1 {
start_extent = 0
extent_count = 2
type = "thin-pool"
}
}
}
}
"""


def lvm(path):
    """A physical volume, its description as LVM2 2.03 writes it."""
    text = DESCRIPTION.encode() + b"\0"
    ring = 60 << 10
    with open(path, "r+b") as file:
        file.seek(512)
        file.write(b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001")
        file.write(b"D9fCJymFwtgnpycAoZV9asOr3dpUd989")
        file.write(struct.pack("<9Q", 1 << 20, 68 << 10, 0, 0, 0, 4096, ring, 0, 0))
        file.seek(4096 + 4)
        file.write(b" LVM2 x[5A%r0N*>")
        # The ring's end is in the middle of the description.
        start = ring - 100
        file.seek(4096 + 40)
        # The sum begins with other bits than usual.
        total = zlib.crc32(text, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        file.write(struct.pack("<3Q", start, len(text), total))
        file.seek(4096 + start)
        file.write(text[:100])
        file.seek(4096 + 512)
        file.write(text[100:])


def differencing(parent, path):
    """A VHD over another one, with a block of which it holds every second sector."""

    def seal(data, at):
        struct.pack_into(">I", data, at, 0)
        struct.pack_into(">I", data, at, ~sum(data) & 0xFFFFFFFF)

    with open(parent, "rb") as file:
        whole = bytearray(file.read())
    footer, header = whole[:512], whole[512 : 512 + 1024]
    identity = bytes(footer[68:84])
    struct.pack_into(">I", footer, 60, 4)
    footer[68:84] = uuid.UUID(int=7).bytes
    seal(footer, 64)
    name = "dynamic.vhd"
    locator = f".\\{name}".encode("utf-16-le")
    table, locator_at, block = 1536, 2048, 2560
    struct.pack_into(">Q", header, 16, table)
    header[40:56] = identity
    header[64 : 64 + 2 * len(name)] = name.encode("utf-16-be")
    struct.pack_into(">4sIIIQ", header, 576, b"W2ru", 512, len(locator), 0, locator_at)
    struct.pack_into(">I", header, 32, 64 << 10)
    entries = number(header, 28, ">I")
    seal(header, 36)
    bat = struct.pack(">I", block // 512).ljust(4 * entries, b"\xff")
    assert len(bat) <= 512
    with open(path, "wb") as file:
        file.write(footer + header + bat.ljust(512, b"\xff") + locator.ljust(512, b"\0"))
        file.write((b"\xaa" * 16).ljust(512, b"\0"))
        file.write(b"a sector of its own\n" * (64 << 10 // 20))
        file.truncate(block + 512 + (64 << 10))
        file.seek(0, 2)
        file.write(footer)


def ntfs(path):
    """Empties the table of upper-case letters, the only thing in the image that is large."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    at = data.index(struct.pack("<96H", *range(96)))
    data[at : at + (128 << 10)] = bytes(128 << 10)
    with open(path, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    {"exfat": exfat, "lvm": lvm, "ntfs": ntfs, "differencing": differencing}[sys.argv[1]](*sys.argv[2:])
