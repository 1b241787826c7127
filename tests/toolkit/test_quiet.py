"""Standard error is turned away and back, one thread at a time."""

import os
import threading

import pytest

from plan_toolkit.quiet import quiet


def test_what_is_written_meanwhile_is_not_seen(capfd):
    with quiet(), quiet():
        os.write(2, b"noise")
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"


def test_an_error_turns_it_back(capfd):
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"


def test_a_second_thread_waits_for_the_first(capfd):
    inside = threading.Event()

    def author():
        with quiet():
            inside.set()

    second = threading.Thread(target=author)
    with quiet():
        second.start()
        assert not inside.wait(0.2)
    second.join(10)
    assert inside.is_set()
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"
