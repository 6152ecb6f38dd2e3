"""The disks that a power cut may leave, made from a journal of record.c.

    records = read_journal(path)
    disk = Disk()
    for record in records[:cut]:
        disk.apply(record)
    files = disk.cut(chance)        # {"state/moonbeat.db": b"...", "state": None, ...}

The model is the worst that POSIX allows on a disk that writes a sector of 512 bytes wholly or not at all:
what an fsync of the file has covered is there; of what was written since then each sector is, by itself, in
any of the states that it went through; the size is any that the file had meanwhile, and what was never
written in between is zeros or whatever lay there before. Names are made, removed and changed for certain only
by an fsync of their folder, whatever happened to the files. A shared mapping does not survive: a WAL's index
(-shm) is missing or garbage."""
import os
import struct

SECTOR = 512
HEADER = struct.Struct("<IIqQq")


class Record:
    __slots__ = ("at_us", "body", "inode", "kind", "offset")

    def __init__(self, kind, at_us, inode, offset, body):
        self.kind, self.at_us, self.inode, self.offset, self.body = kind, at_us, inode, offset, body

    def pack(self):
        return HEADER.pack(ord(self.kind), len(self.body), self.at_us, self.inode, self.offset) + self.body


def read_journal(path):
    """Its records in order. A last one that is cut off is left out."""
    data = path.read_bytes()
    records, at = [], 0
    while at + HEADER.size <= len(data):
        kind, size, at_us, inode, offset = HEADER.unpack_from(data, at)
        at += HEADER.size
        if at + size > len(data):
            break
        records.append(Record(chr(kind), at_us, inode, offset, data[at:at + size]))
        at += size
    return records


class File:
    """What is on the disk for certain, and what has been asked for since."""

    def __init__(self, content=b""):
        self.durable = bytearray(content)
        self.pending = []  # (offset, bytes) or (size, None) of a truncation

    def write(self, offset, data):
        self.pending.append((offset, data))

    def truncate(self, size):
        self.pending.append((size, None))

    def sync(self):
        for offset, data in self.pending:
            put(self.durable, offset, data)
        self.pending.clear()

    def now(self):
        content = bytearray(self.durable)
        for offset, data in self.pending:
            put(content, offset, data)
        return bytes(content)

    def cut(self, chance):
        how = chance.choices(("lost", "kept", "prefix", "sectors"), (2, 1, 2, 5))[0] if self.pending else "lost"
        if how == "kept":
            return self.now()
        content = bytearray(self.durable)
        if how == "prefix":
            self._keep_prefix(chance, content)
        elif how == "sectors":
            self._keep_sectors(chance, content)
        return bytes(content)

    def _keep_prefix(self, chance, content):
        """In order, the last one torn."""
        count = chance.randrange(len(self.pending))
        for offset, data in self.pending[:count]:
            put(content, offset, data)
        offset, data = self.pending[count]
        if data:
            end = (offset + chance.randrange(len(data) + 1)) // SECTOR * SECTOR
            if end > offset:
                put(content, offset, data[:end - offset])

    def _keep_sectors(self, chance, content):
        """Each sector in one of its states, the size one of those that there were."""
        keep = chance.choice((0.1, 0.5, 0.9))
        sizes = [len(content)]
        states = {}  # of a sector: what was done to it, as (offset, bytes), in order
        for offset, data in self.pending:
            if data is None:
                first = offset // SECTOR
                for sector in [one for one in states if one >= first]:
                    states[sector].append((max(offset, sector * SECTOR), b"\0" * SECTOR))
                for sector in range(first, -(-len(content) // SECTOR)):
                    states.setdefault(sector, [(max(offset, sector * SECTOR), b"\0" * SECTOR)])
                sizes.append(offset)
                continue
            for sector, at, piece in pieces(offset, data):
                states.setdefault(sector, []).append((at, piece))
            sizes.append(max(sizes[-1], offset + len(data)))
        size = chance.choice((sizes[-1], max(sizes), chance.choice(sizes)))
        if size > len(content):
            rest = size - len(content)
            content += chance.randbytes(rest) if chance.random() < 0.3 else bytes(rest)
        for sector, done in states.items():
            if chance.random() < keep:
                for at, piece in done[:chance.randrange(len(done)) + 1]:
                    room = min(at - at % SECTOR + SECTOR, len(content)) - at
                    if room > 0:
                        put(content, at, piece[:room])
        del content[size:]


def put(content, offset, data):
    """A write, or a truncation to `offset`."""
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content += bytes(offset - len(content))
        return
    if offset > len(content):
        content += bytes(offset - len(content))
    content[offset:offset + len(data)] = data


def pieces(offset, data):
    """The parts of a write that lie in one sector each: sector, offset, bytes."""
    at = 0
    while at < len(data):
        sector = (offset + at) // SECTOR
        size = min((sector + 1) * SECTOR - offset - at, len(data) - at)
        yield sector, offset + at, data[at:at + size]
        at += size


class Folder:
    """Its names for certain, and what was done to them since: (name, what it names or None)."""

    def __init__(self):
        self.durable = {}
        self.pending = []

    def set(self, name, what):
        self.pending.append((name, what))

    def now(self):
        return {**self.durable, **dict(self.pending)}

    def sync(self):
        self.durable = self.now()
        self.pending.clear()

    def cut(self, chance):
        """As journalling file systems do, all up to some moment; or, as POSIX allows, each by itself."""
        if chance.random() < 0.5:
            kept = self.pending[:chance.randrange(len(self.pending) + 1)]
        else:
            keep = chance.choice((0.0, 0.5, 1.0))
            kept = [one for one in self.pending if chance.random() < keep]
        return {**self.durable, **dict(kept)}


class Disk:
    """All below one folder, `root`. `files` is what is there at first, for certain, as cut() gives it."""

    def __init__(self, root, files=None):
        self.root = str(root).rstrip("/")
        self.top = Folder()
        self.by_inode = {}
        for path, content in sorted((files or {}).items()):
            folder, name = self._place(path)
            folder.durable[name] = Folder() if content is None else File(content)

    def _place(self, path):
        """The folder that a path relative to the root lies in, and its last name."""
        folder = self.top
        *folders, name = path.split("/")
        for one in folders:
            folder = folder.now()[one]
        return folder, name

    def _relative(self, path):
        relative = os.path.relpath(path.decode(), self.root)
        return "" if relative == "." else relative

    def apply(self, record):
        act = {"O": self._open, "W": self._write, "T": self._truncate, "S": self._sync, "U": self._unlink,
               "R": self._rename, "F": self._make_folder}.get(record.kind)
        if act:
            act(record)

    def _open(self, record):
        path = self._relative(record.body)
        if not path:
            self.by_inode[record.inode] = self.top
            return
        folder, name = self._place(path)
        if record.offset:
            folder.set(name, File())
        self.by_inode[record.inode] = folder.now().get(name)

    def _write(self, record):
        self.by_inode[record.inode].write(record.offset, record.body)

    def _truncate(self, record):
        self.by_inode[record.inode].truncate(record.offset)

    def _sync(self, record):
        self.by_inode[record.inode].sync()

    def _unlink(self, record):
        folder, name = self._place(self._relative(record.body))
        folder.set(name, None)

    def _rename(self, record):
        source, target = record.body.split(b"\0")
        folder, name = self._place(self._relative(source))
        what = folder.now().get(name)
        folder.set(name, None)
        folder, name = self._place(self._relative(target))
        folder.set(name, what)

    def _make_folder(self, record):
        folder, name = self._place(self._relative(record.body))
        folder.set(name, Folder())

    def content(self):
        """What is there now: the bytes of each file by its path, None for a folder."""
        return self._find(Folder.now, lambda name, file: file.now())

    def cut(self, chance):
        """What is found after a power cut now, told like content()."""
        def cut_file(name, file):
            if name.endswith("-shm"):
                return chance.choice((None, b"", chance.randbytes(32768)))
            return file.cut(chance)

        return self._find(lambda folder: folder.cut(chance), cut_file)

    def _find(self, names_of, content_of):
        found = {}

        def visit(folder, prefix):
            for name, what in names_of(folder).items():
                if isinstance(what, Folder):
                    found[prefix + name] = None
                    visit(what, prefix + name + "/")
                elif what is not None:
                    content = content_of(name, what)
                    if content is not None:
                        found[prefix + name] = content

        visit(self.top, "")
        return found


def read_out(folder):
    """What lies there, told like Disk.content()."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
            for path in folder.rglob("*") if path.is_dir() or path.is_file()}


def lay_out(files, folder):
    """Makes them."""
    for path, content in sorted(files.items()):
        if content is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(content)
