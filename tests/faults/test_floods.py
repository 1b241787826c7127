"""K8: the limit on connections."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from client_lib import CollectionOptions, ResourceExhausted
from tests.daemon.harness import running

pytestmark = pytest.mark.faults


def test_too_many_connections_are_refused_and_those_that_stand_go_on(tmp_path: Path) -> None:
    limits = "[limits]\nconnections_per_uid = 8\n"
    with running(tmp_path, limits) as daemon, ExitStack() as stack:
        keys = daemon.new_app("com.example.many")
        held = [stack.enter_context(daemon.connect(keys)) for _ in range(8)]
        with pytest.raises(ResourceExhausted, match="close some and repeat"):
            daemon.connect(keys)
        for learning in held:
            learning.get_collection_client(CollectionOptions("words")).add({"x": 1}).result()
        held[0].close()
        with daemon.connect(keys) as learning:
            assert learning.get_collection_client("words").stats().examples == 8
        with socket.socket(socket.AF_UNIX) as silent, daemon.control() as control:
            silent.connect(str(daemon.socket))
            assert control.status().apps == 1
