"""K8: the limits on connections, by user and by app, and who yields."""

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from client_lib import CollectionOptions, InsituError, ResourceExhausted
from client_lib.collection import STATS
from client_lib.handshake import REGISTER
from client_lib.lane_framing import MAGIC
from client_lib.lane_transport import LaneTransport
from insitu.v1.access_pb2 import RegisterRequest
from insitu.v1.collection_pb2 import CollectionStatsRequest
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


def test_an_app_leaves_connections_to_the_other_apps_of_its_user(tmp_path: Path) -> None:
    with running(tmp_path) as daemon, ExitStack() as stack:
        keys = daemon.new_app("com.example.many")
        held = [stack.enter_context(daemon.connect(keys)) for _ in range(32)]
        with pytest.raises(ResourceExhausted, match="this app has 32 connections open") as refused:
            daemon.connect(keys)
        held[0].get_collection_client(CollectionOptions("words")).add({"x": 1}).result()
        assert refused.value.reason == "TOO_MANY_CONNECTIONS"
        with daemon.connect(daemon.new_app("com.example.other")) as learning:
            learning.get_collection_client(CollectionOptions("words")).add({"x": 1}).result()


@pytest.mark.parametrize("greeting", [MAGIC, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_who_says_hello_and_nothing_more_makes_room(tmp_path: Path, greeting: bytes) -> None:
    with running(tmp_path) as daemon, ExitStack() as stack:
        keys = daemon.new_app("com.example.normal")
        with daemon.connect(keys) as before:
            words = before.get_collection_client(CollectionOptions("words"))
            for _ in range(200):
                connection = stack.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(daemon.socket))
                connection.sendall(greeting)
            with daemon.connect(keys) as after:
                after.get_collection_client("words").add({"x": 1}).result()
            words.add({"x": 1}).result()
            assert words.stats().examples == 2


def test_strangers_that_ask_all_the_time_are_refused_and_delay_no_session(tmp_path: Path) -> None:
    """Registrations and sessions that are made up, by another process than the app's."""
    with running(tmp_path) as daemon, daemon.connect(daemon.new_app("com.example.normal")) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        stop = threading.Event()

        def ask() -> Counter[str]:
            told, transport = Counter[str](), LaneTransport(daemon.socket)
            request = RegisterRequest(package="com.example.normal", api_key="x")
            while not stop.is_set():
                for method, message in ((REGISTER, request), (STATS, CollectionStatsRequest(collection="words"))):
                    try:
                        transport.call(method, message, session="made up", timeout_s=10)
                        told["OK"] += 1
                    except InsituError as error:
                        told[error.status] += 1
            transport.close()
            return told

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask) for _ in range(8)]
            try:
                for _ in range(50):
                    words.add({"x": 1}).result(30)
            finally:
                stop.set()
            told = sum((one.result(30) for one in asking), Counter[str]())
        assert set(told) == {"INVALID_ARGUMENT", "UNAUTHENTICATED"}
        assert words.stats().examples == 50
