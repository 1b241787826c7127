"""Whatever authentic pieces say: they become a folder, or are refused, and nothing is written beside it."""

import json
import struct
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from platform_daemon.backup import contents
from platform_daemon.backup.contents import RecordReader, in_pieces, record_bytes
from platform_daemon.errors import DataLoss, FailedPrecondition, InvalidArgument
from platform_daemon.state import SchemaFromTheFuture
from tests.backup.samples import restored, sealed

REFUSALS = (DataLoss, FailedPrecondition, InvalidArgument, SchemaFromTheFuture)

numbers = st.integers(-1, 3)
names = st.one_of(
    st.sampled_from(["state.db", "examples/format", "examples/keyring", "a", "a/b", "examples/examples/CURRENT"]),
    st.lists(st.sampled_from(["..", ".", "", "a", "b", "\0", "é"]), max_size=4).map("/".join),
)
values = st.recursive(st.one_of(st.none(), numbers, names), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
formats = st.fixed_dictionaries(
    {"store": st.one_of(numbers, st.just("/../../outside")), "state": numbers, "artifacts": numbers}
)
sound = st.fixed_dictionaries(
    {
        "release": st.just("0.1.0"),
        "made_ms": numbers,
        "formats": formats,
        "size_bytes": numbers,
        "packages": st.lists(names, max_size=1),
        "uid": numbers,
    }
)
manifests = st.one_of(sound, st.dictionaries(st.sampled_from(["formats", "uid", "more"]), values, max_size=3), values)
totals = st.fixed_dictionaries({"files": numbers, "file_bytes": numbers, "records": numbers})
pieces = st.one_of(
    names.map(lambda name: contents.FILE + name.encode()),
    st.binary(max_size=5).map(lambda data: contents.DATA + data),
    st.binary(max_size=5).map(lambda data: contents.FILE + data),
    st.tuples(numbers, numbers).map(lambda sizes: contents.RECORDS + struct.pack(">ii", *sizes) + b"ab"),
    st.one_of(totals, values).map(lambda fields: contents.END + json.dumps(fields).encode()),
    st.binary(max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(manifests, st.lists(pieces, max_size=6))
def test_whatever_they_say_nothing_is_written_elsewhere(manifest: object, following: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as base:
        state = Path(base) / "home" / "state"
        file = sealed([contents.MANIFEST + json.dumps(manifest).encode(), *following])
        try:
            restored(file, state)
        except REFUSALS:
            assert {path.name for path in state.rglob("*")} <= {"examples", "lock"}
        assert {path.name for path in Path(base).iterdir()} <= {"home"}
        assert {path.name for path in state.parent.glob("*")} <= {"state"}


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)), max_size=20), st.integers(1, 300))
def test_records_survive_any_cut_of_their_stream(records: list[tuple[bytes, bytes]], size: int) -> None:
    stream = b"".join(record_bytes(key, value) for key, value in records)
    reader = RecordReader()
    found = [record for at in range(0, len(stream), size) for record in reader.feed(b"R" + stream[at : at + size])]
    assert found == records
    assert reader.finished
    whole = RecordReader()
    assert [record for piece in in_pieces([stream]) for record in whole.feed(piece)] == records
