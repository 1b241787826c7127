"""Unpacks an archive that nobody vouches for."""

import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ml_engines.errors import GraphRejected

MAX_UNPACKED_BYTES = 1 << 30
MAX_ENTRIES = 4096
_BLOCK_BYTES = 1 << 20


def unpack_zip(archive: bytes, folder: Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Unpack a zip into `folder`, which must not exist yet. Only plain files and folders beneath it are made.

    Raises:
        GraphRejected: no zip; an entry that is absolute, climbs out, is a link or a device, is encrypted, or comes
            twice; more than MAX_ENTRIES entries, or more than `max_bytes` in all, whatever the headers say.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            entries = source.infolist()
            if len(entries) > MAX_ENTRIES:
                raise GraphRejected(f"the archive has {len(entries)} entries; {MAX_ENTRIES} are allowed")
            left = max_bytes
            for entry in entries:
                left -= _unpack_entry(source, entry, folder, left)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise GraphRejected(f"the graph is no zip that can be unpacked: {error}") from error


def _unpack_entry(source: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Returns the bytes written."""
    path = folder / _safe_name(entry)
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    # "x": a second entry of the same name fails.
    with source.open(entry) as content, path.open("xb") as file:
        while block := content.read(min(_BLOCK_BYTES, left - written + 1)):
            written += len(block)
            if written > left:
                raise GraphRejected("the archive unpacks to more than is allowed; make the model smaller")
            file.write(block)
    return written


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
