"""Reference programs and servers, as processes."""

import pytest

from benchmarks.program import Program, ProgramFailed
from benchmarks.samples import samples, save_serialized, vectors
from benchmarks.servers import ECHO, Caller, echo_server
from benchmarks.sockets import NotServing, await_listener
from client_lib.serializing import serialize


def test_a_program_answers_each_time_it_is_asked(tmp_path):
    serialized = save_serialized(vectors(20), tmp_path / "examples.pb")
    with Program("plyvel_puts", tmp_path / "db", serialized, 50) as puts:
        assert puts.measure()["reference"] > 0
        assert puts.measure()["reference"] > 0


def test_a_program_that_ends_shows_its_last_words(tmp_path):
    with (
        Program("plyvel_puts", tmp_path / "db", tmp_path / "none", 50) as puts,
        pytest.raises(ProgramFailed, match="No such file"),
    ):
        puts.measure()


def test_the_bare_server_returns_what_it_is_sent(tmp_path):
    with echo_server(tmp_path) as socket, Caller(socket, ECHO) as echo:
        assert echo(b"\x00\xff" * 1000) == b"\x00\xff" * 1000
        assert echo.p50_us([b"x"] * 3) > 0


def test_a_server_that_does_not_come_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.sockets.START_TIMEOUT_S", 0.01)
    with pytest.raises(NotServing):
        await_listener(tmp_path / "none.sock")


def test_vectors_have_512_bytes():
    assert {len(serialize(example)) for example in vectors(20)} == {512}


def test_samples_are_digits_and_no_two_alike():
    digits = samples(2000)
    assert digits.pixels.shape == (2000, 64)
    assert digits.pixels.min() >= 0
    assert digits.pixels.max() <= 16
    assert len({pixels.tobytes() for pixels in digits.pixels}) == 2000
    assert set(digits.labels.tolist()) == set(range(10))
