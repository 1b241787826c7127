"""Unpacks an archive that nobody vouches for."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from ml_engines.errors import GraphRejected

MAX_UNPACKED_BYTES = 1 << 30
MAX_ENTRIES = 4096


def unpack_zip(archive: bytes, *, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[tuple[PurePosixPath, bytes]]:
    """A zip's files, one after the other: the path beneath the archive's root, and the content. Touches no disk.

    Raises:
        GraphRejected: no zip; an entry that is absolute, climbs out, is a link or a device, is encrypted, or comes
            twice; more than MAX_ENTRIES entries, or more than `max_bytes` in all, whatever the headers say. Files that
            came before are not vouched for either.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            entries = source.infolist()
            if len(entries) > MAX_ENTRIES:
                raise GraphRejected(f"the archive has {len(entries)} entries; {MAX_ENTRIES} are allowed")
            yield from _files(source, entries, max_bytes)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise GraphRejected(f"the graph is no zip that can be unpacked: {error}") from error


def _files(source: zipfile.ZipFile, entries: list[zipfile.ZipInfo], left: int) -> Iterator[tuple[PurePosixPath, bytes]]:
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for entry in entries:
        path = _safe_name(entry)
        folders.update(path.parents)
        if entry.is_dir():
            folders.add(path)
        elif path in files:
            raise GraphRejected(f"archive entry {entry.filename!r} comes twice")
        else:
            files.add(path)
        if files & folders:
            raise GraphRejected(f"archive entry {entry.filename!r} is a file and a folder")
        if not entry.is_dir():
            content = _content(source, entry, left)
            left -= len(content)
            yield path, content


def _content(source: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    with source.open(entry) as file:
        # One more than allowed: the headers' sizes are anybody's.
        content = file.read(left + 1)
    if len(content) > left:
        raise GraphRejected("the archive unpacks to more than is allowed; make the model smaller")
    return content


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename)
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    unsafe = (
        name.is_absolute()
        or not name.parts
        or ".." in name.parts
        or "\\" in entry.filename
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    )
    if unsafe:
        raise GraphRejected(f"archive entry {entry.filename!r} is no plain, deflated file beneath the archive's root")
    return name
