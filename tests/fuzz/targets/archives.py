"""Archives with a graph in them: nothing comes out that is not beneath their root, and no more than is allowed."""

import io
import zipfile
from pathlib import Path

from ml_engines.errors import GraphRejected
from ml_engines.unpack import unpack_zip
from tests.fuzz.target import FuzzTarget

MOST_BYTES = 1 << 16


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parse(data: bytes) -> None:
    total = 0
    for path, content in unpack_zip(data, max_bytes=MOST_BYTES):
        assert not path.is_absolute()
        assert ".." not in path.parts
        total += len(content)
    assert total <= MOST_BYTES


def target(folder: Path) -> FuzzTarget:
    seeds = (
        zipped({"saved_model.pb": b"graph", "variables/variables.index": b"v" * 100}),
        zipped({"a": b"a"}, zipfile.ZIP_STORED),
        zipped({"bomb": bytes(1 << 22)}),
        zipped({"../a": b"a", "/b": b"b"}),
    )
    return FuzzTarget(parse, (GraphRejected,), seeds, (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"../"), 1 << 14)
