"""The file: passphrases, chunks at their place, limits of what a foreign header may ask for."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_daemon.backup.container import PIECE_BYTES, Header, Sealer, Stretching
from platform_daemon.errors import DaemonError, InvalidArgument, Unauthenticated
from tests.backup.samples import PASSPHRASE, QUICK, sealed

KEY = QUICK.recovery_key(PASSPHRASE)


def read(file: bytes, key: bytes = KEY) -> list[bytes]:
    stream = io.BytesIO(file)
    return list(Header.read(stream).pieces(stream, key))


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=8))
def test_what_was_sealed_is_read(pieces: list[bytes]) -> None:
    assert read(sealed(pieces)) == pieces


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4), st.data())
def test_any_other_file_is_refused(pieces: list[bytes], data: st.DataObject) -> None:
    file = sealed(pieces)
    changed = data.draw(
        st.one_of(
            st.integers(0, len(file) - 1).map(lambda end: file[:end]),
            st.tuples(st.integers(0, len(file) - 1), st.integers(1, 255)).map(
                lambda change: file[: change[0]] + bytes([file[change[0]] ^ change[1]]) + file[change[0] + 1 :]
            ),
            st.binary(min_size=1, max_size=60).map(lambda more: file + more),
        )
    )
    with pytest.raises(DaemonError):
        read_with_passphrase(changed)


def read_with_passphrase(file: bytes) -> None:
    stream = io.BytesIO(file)
    header = Header.read(stream)
    # A header that asks for more work is another header, so no key fits.
    slow = header.stretching.log2_n > QUICK.log2_n
    list(header.pieces(stream, bytes(32) if slow else header.stretching.recovery_key(PASSPHRASE)))


@given(st.binary(max_size=300))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DaemonError):
        read(data)


def test_chunks_of_another_file_do_not_fit() -> None:
    pieces = [b"one", b"two"]
    first, second = sealed(pieces), sealed(pieces)
    header_bytes = len(Sealer(KEY, QUICK, os.urandom).header)
    with pytest.raises(DaemonError, match="damaged"):
        read(first[:header_bytes] + second[header_bytes:])


def test_a_piece_has_a_largest_size() -> None:
    assert read(sealed([bytes(PIECE_BYTES), b"end"]))[0] == bytes(PIECE_BYTES)
    with pytest.raises(DaemonError, match="damaged"):
        read(sealed([bytes(PIECE_BYTES + 1), b"end"]))


def test_passphrases() -> None:
    composed, decomposed = "caf\u00e9 au lait, deux", "cafe\u0301 au lait, deux"
    assert QUICK.recovery_key(composed) == QUICK.recovery_key(decomposed)
    assert QUICK.recovery_key(composed) != Stretching(b"another 16 bytes", log2_n=10).recovery_key(composed)
    with pytest.raises(InvalidArgument, match="passphrase"):
        QUICK.recovery_key("eleven char")
    with pytest.raises(Unauthenticated):
        read(sealed([b"x"]), bytes(32))


@pytest.mark.parametrize("numbers", [(9, 8, 1), (21, 8, 1), (17, 9, 1), (17, 0, 1), (17, 8, 5), (17, 8, 0)])
def test_a_forged_header_takes_no_memory(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidArgument):
        Stretching(bytes(16), *numbers)
    file = bytearray(sealed([b"x"]))
    file[10:13] = bytes(numbers)
    with pytest.raises(DaemonError, match="damaged"):
        Header.read(io.BytesIO(bytes(file)))


def test_the_usual_stretching_is_slow_on_purpose() -> None:
    assert Stretching(bytes(16)) == Stretching(bytes(16), 17, 8, 1)
