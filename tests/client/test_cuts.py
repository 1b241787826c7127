"""The connection breaks, the daemon restarts, sessions end: at every point. What was acknowledged is stored once, and
in the order in which it was added."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_lib import CollectionOptions, DaemonNotRunning, Learning, NotFound, Unavailable, aio, testing
from client_lib.connection import Connection
from client_lib.handshake import open_session
from client_lib.testing.daemon import MemoryDaemon
from client_lib.testing.transport import AsyncMemoryTransport, MemoryKeys, MemoryTransport
from client_lib.transport import Method, Request, Response
from tests.client.cutting import Cut, cutting
from tests.client.devices import Device, InMemory

PACKAGE = "com.example.keyboard"
ADDED = 12
SEEDS = 12
EVERYTHING = list(range(2 * ADDED))


def numbers(memory: testing.Device) -> list[int]:
    return [example.features["label"][0] for example in memory.stored(PACKAGE, "words")]


def add_all(learning: Learning) -> list[int]:
    """One by one and in a stream; returns what was acknowledged."""
    words = learning.get_collection_client(CollectionOptions("words"))
    tasks = [words.add({"label": i}) for i in range(ADDED)]
    tasks.append(words.add_many({"label": i} for i in range(ADDED, 2 * ADDED)))
    return acknowledged([task.exception() for task in tasks])


async def add_all_awaited(connecting: aio.Connecting) -> list[int]:
    async with connecting as learning:
        words = await learning.get_collection_client(CollectionOptions("words"))
        tasks = [words.add({"label": i}) for i in range(ADDED)]
        tasks.append(words.add_many({"label": i} for i in range(ADDED, 2 * ADDED)))
        await asyncio.wait(tasks)
        return acknowledged([task.exception() for task in tasks])


def acknowledged(failures: list[BaseException | None]) -> list[int]:
    """`failures` of the single examples and, last, of the stream."""
    singles = [i for i, failure in enumerate(failures[:-1]) if failure is None]
    return singles if failures[-1] else [*singles, *range(ADDED, 2 * ADDED)]


# At every byte


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """Bytes up and down of the whole exchange, uncut."""
    from tests.client.devices import in_memory

    with in_memory() as served:
        credentials = Device(served).approved_app(PACKAGE)
        way = served.home / "way.sock"
        with cutting(way, served.socket, []) as proxy:
            with Learning.connect(package=PACKAGE, credentials=credentials, socket=way) as learning:
                assert add_all(learning) == EVERYTHING
            return proxy.passed_up, proxy.passed_down


def offsets(total: int, count: int) -> list[int]:
    """Spread over the exchange, its first and last bytes included."""
    return sorted({*range(0, 12), *range(0, total, max(1, total // count)), total - 1})


@pytest.mark.faults
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_connection_cut_at_any_byte_loses_and_repeats_nothing(
    served: InMemory, traffic: tuple[int, int], direction: str, awaited: bool
) -> None:
    credentials = Device(served).approved_app(PACKAGE)
    way = served.home / "way.sock"
    with Learning.connect(package=PACKAGE, credentials=credentials, socket=served.socket) as warm:
        warm.get_collection_client(CollectionOptions("words"))
    for offset in offsets(traffic[direction == "down"], 40):
        cut = Cut(up=offset) if direction == "up" else Cut(down=offset)
        with cutting(way, served.socket, [cut]):
            if awaited:
                connecting = aio.Learning.connect(package=PACKAGE, credentials=credentials, socket=way)
                told = asyncio.run(add_all_awaited(connecting))
            else:
                with Learning.connect(package=PACKAGE, credentials=credentials, socket=way) as learning:
                    told = add_all(learning)
        assert (offset, told) == (offset, EVERYTHING)
        assert (offset, numbers(served.memory)) == (offset, EVERYTHING)
        served.memory.owner.clear_data(PACKAGE)


@pytest.mark.faults
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_streams_over_connections_cut_again_and_again(served: InMemory, seed: int, awaited: bool) -> None:
    chance = random.Random(seed)
    cuts = [
        Cut(up=chance.choice((900, 40_000, 120_000)) + chance.randrange(1000), down=300 + chance.randrange(3000))
        for _ in range(3)
    ]
    credentials = Device(served).approved_app(PACKAGE)
    way = served.home / "way.sock"
    many = [{"label": i, "text": "a word of the user's"} for i in range(3500)]

    async def awaiting() -> int:
        async with aio.Learning.connect(package=PACKAGE, credentials=credentials, socket=way) as learning:
            words = await learning.get_collection_client(CollectionOptions("words"))
            stored = 0
            for first in (0, 1601):
                tasks = [words.add(example) for example in many[first : first + 10]]
                stored += sum(await asyncio.gather(*tasks, words.add_many(many[first + 10 : first + 1600])))
                stored += await words.add(many[first + 1600])
            return stored

    def blocking() -> int:
        with Learning.connect(package=PACKAGE, credentials=credentials, socket=way) as learning:
            words = learning.get_collection_client(CollectionOptions("words"))
            tasks = []
            for first in (0, 1601):
                tasks += [words.add(example) for example in many[first : first + 10]]
                tasks += [words.add_many(many[first + 10 : first + 1600]), words.add(many[first + 1600])]
            return sum(task.result() for task in tasks)

    with cutting(way, served.socket, cuts):
        assert (asyncio.run(awaiting()) if awaited else blocking()) == 3202
    assert numbers(served.memory) == list(range(3202))


# At every call


class CuttingTransport(MemoryTransport):
    """Each call gets through, or is lost on its way there or back; the daemon may restart meanwhile."""

    def __init__(self, device: testing.Device, daemon: MemoryDaemon, fates: Iterator[str]) -> None:
        super().__init__(daemon)
        self._device = device
        self._fates = fates

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        fate = next(self._fates)
        if "restart" in fate:
            self._device.stop()
            self._device.start()
        if "there" in fate:
            raise Unavailable("the connection broke before the call was sent")
        response = super().call(method, request, session=session, timeout_s=timeout_s)
        if "back" in fate:
            raise Unavailable("the connection broke before the answer came")
        return response


class AsyncCuttingTransport(AsyncMemoryTransport):
    def __init__(self, device: testing.Device, daemon: MemoryDaemon, fates: Iterator[str]) -> None:
        super().__init__(daemon)
        self._transport = CuttingTransport(device, daemon, fates)


FATES = st.lists(
    st.sampled_from(["through", "through", "there", "back", "restart", "restart, there", "restart, back"]), max_size=60
)
"""Of the first calls; all others get through."""


@pytest.mark.parametrize("awaited", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fates=FATES)
def test_any_calls_may_be_lost(awaited: bool, fates: list[str]) -> None:
    with testing.Device() as device:
        device.connect(PACKAGE).close()
        keys = MemoryKeys(device._state, PACKAGE)
        every = chain(fates, iter(lambda: "through", None))
        if awaited:
            from client_lib.aio.connection import Connection as AsyncConnection

            async def sleep(seconds: float) -> None:
                await asyncio.sleep(0)

            connecting = aio.Connecting(
                lambda: AsyncConnection(
                    AsyncCuttingTransport(device, device._daemon, every), lambda: open_session(keys), sleep=sleep
                ),
                None,
            )
            told = outcome(lambda: asyncio.run(add_all_awaited(connecting)))
        else:
            transport = CuttingTransport(device, device._daemon, every)
            connection = Connection(transport, lambda: open_session(keys), sleep=lambda seconds: None)
            with Learning(connection) as learning:
                told = outcome(lambda: add_all(learning))
        found = outcome(lambda: numbers(device))
        assert found == sorted(set(found))
        assert set(told) <= set(found)


def outcome(act: Callable[[], list[int]]) -> list[int]:
    """Nothing, where all patience ended before the first example."""
    with suppress(Unavailable, NotFound):
        return act()
    return []


# A daemon that is gone


def test_a_daemon_that_was_there_is_waited_for_once_and_then_everything_fails_at_once(memory: testing.Device) -> None:
    learning = memory.connect(PACKAGE)
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.stop()
    before = memory.now
    with pytest.raises(DaemonNotRunning, match="start it with: insitu daemon run"):
        words.stats()
    waited = memory.now
    assert waited > before
    with pytest.raises(DaemonNotRunning):
        words.stats()
    assert memory.now == waited
    memory.start()
    assert words.stats().examples == 0


def test_examples_wait_for_a_daemon_and_the_first_alone_is_patient(memory: testing.Device) -> None:
    learning = memory.connect(PACKAGE)
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.stop()
    before = memory.now
    assert isinstance(words.add({"label": 1}).exception(), DaemonNotRunning)
    patience = memory.now - before
    assert isinstance(words.add({"label": 2}).exception(), DaemonNotRunning)
    assert memory.now - before == patience
    memory.start()
    assert words.add({"label": 3}).result() == 1
    assert numbers(memory) == [3]
