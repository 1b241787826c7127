"""The owner's connection to a daemon that hangs."""

import socket as sockets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client_lib import errors
from client_lib.control import ControlClient
from tests.client.devices import short_home

READS: dict[str, Callable[[ControlClient], object]] = {
    "status": ControlClient.status,
    "metrics": ControlClient.metrics,
    "apps": ControlClient.apps,
    "permissions": ControlClient.permissions,
    "data": ControlClient.data,
    "context": ControlClient.context,
    "sessions": ControlClient.sessions,
    "explain": lambda control: control.explain_session("words"),
    "models": ControlClient.models,
}


@pytest.fixture
def hanging() -> Iterator[Path]:
    """Where a daemon listens that answers nothing."""
    with short_home() as home, sockets.socket(sockets.AF_UNIX) as listener:
        path = home / "control.sock"
        listener.bind(str(path))
        listener.listen()
        yield path


@pytest.mark.parametrize("read", READS)
def test_who_only_asks_does_not_wait_for_long(hanging: Path, read: str) -> None:
    with (
        ControlClient.connect(hanging, timeout_s=600.0, read_timeout_s=0.05) as control,
        pytest.raises(errors.DeadlineExceeded, match=r"in 0.05 s; look with: insitu doctor"),
    ):
        READS[read](control)


def test_no_call_takes_longer_than_all_may(hanging: Path) -> None:
    with ControlClient.connect(hanging, timeout_s=0.05) as control:
        with pytest.raises(errors.DeadlineExceeded, match="insitu doctor"):
            control.status()
        with pytest.raises(errors.DeadlineExceeded):
            control.unhide_data()
