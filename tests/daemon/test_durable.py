"""Collections whose acknowledged examples survive a power cut."""

import asyncio
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest

from client_lib import CollectionOptions
from context import ContextRegistry, ContextSettings, Injector, ManualClock, assemble
from insitu.v1 import collection_pb2 as pb
from insitu.v1.example_pb2 import Example
from platform_daemon.access import SCHEMA as ACCESS_SCHEMA
from platform_daemon.access import Apps, Permissions
from platform_daemon.errors import Unavailable
from platform_daemon.fair_threads import FairThreads
from platform_daemon.handlers.collections import CollectionServicer
from platform_daemon.injection import Injection
from platform_daemon.state import Database
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.store.memory import MemoryStore
from platform_daemon.transport.calls import CallContext, Enclave, Peer
from platform_daemon.write_rate import WriteRate, WriteRates
from tests.daemon.harness import Daemon

CONTEXT = CallContext(Peer(1000, 1, "test"), caller=Enclave(1, "com.example.app", 1000))
WORDS = CollectionOptions("words", durable=True)


class WaitingStore(MemoryStore):
    """Its syncs end when the test ends them."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.syncs: asyncio.Queue[Future[None]] = asyncio.Queue()

    def sync(self) -> Future[None]:
        sync: Future[None] = Future()
        self.syncs.put_nowait(sync)
        return sync


class Consenting(Permissions):
    def consented(self, package: str) -> bool:
        return True


@pytest.fixture
def store() -> WaitingStore:
    return WaitingStore(ManualClock())


@pytest.fixture
def servicer(store: WaitingStore, tmp_path: Path) -> CollectionServicer:
    clock = ManualClock()
    database = Database(tmp_path / "state.db", (ACCESS_SCHEMA, SCHEMA))
    permissions = Consenting(database, Apps(database, clock), clock)
    injection = Injection(Injector(assemble(clock, ContextSettings(scripted=True), {})), permissions)
    threads = FairThreads(2, "store", per_tenant=2)
    rate = WriteRate(clock, WriteRates(calls=100, examples=100))
    return CollectionServicer(
        store, CollectionRepository(database), threads, permissions, injection, ContextRegistry(), rate
    )


def an_example() -> Example:
    example = Example()
    example.features.feature["x"].int64_list.value.append(1)
    return example


def configured(name: str, *, durable: bool) -> pb.ConfigureCollectionRequest:
    return pb.ConfigureCollectionRequest(collection=name, options=pb.CollectionOptions(durable=durable))


def added(name: str) -> pb.SerializedAddRequest:
    return pb.SerializedAddRequest(collection=name, examples=[an_example().SerializeToString()])


async def configure_durable(store: WaitingStore, servicer: CollectionServicer) -> None:
    configuring = asyncio.ensure_future(servicer.configure(configured("words", durable=True), CONTEXT))
    sync = await store.syncs.get()
    assert not configuring.done()
    sync.set_result(None)
    assert (await configuring).options.durable


def test_an_add_is_acknowledged_once_it_is_durable(store: WaitingStore, servicer: CollectionServicer) -> None:
    async def story() -> None:
        await configure_durable(store, servicer)
        await servicer.configure(configured("brief", durable=False), CONTEXT)
        durable = [asyncio.ensure_future(servicer.add(added("words"), CONTEXT)) for _ in range(8)]
        syncs = [await store.syncs.get() for _ in durable]
        assert (await servicer.add(added("brief"), CONTEXT)).count == 1
        assert not any(one.done() for one in durable)
        for sync in syncs:
            sync.set_result(None)
        assert [one.count for one in await asyncio.gather(*durable)] == [1] * 8
        assert store.syncs.empty()

    asyncio.run(story())


def test_an_add_that_could_not_be_made_durable_is_not_acknowledged(
    store: WaitingStore, servicer: CollectionServicer
) -> None:
    async def story() -> None:
        await configure_durable(store, servicer)
        adding = asyncio.ensure_future(servicer.add(added("words"), CONTEXT))
        (await store.syncs.get()).set_exception(Unavailable("the disk of examples fails", reason="DISK_FAILED"))
        with pytest.raises(Unavailable, match="fails"):
            await adding

    asyncio.run(story())


def test_the_option_is_kept_shown_and_taken_back(daemon: Daemon) -> None:
    with daemon.connect(daemon.app("com.example.durable")) as learning:
        words = learning.get_collection_client(WORDS)
        words.add_many({"x": float(number)} for number in range(2500)).result()
        words.add({"x": 1.0}).result()
        learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=1)))
        assert (words.stats().examples, words.stats().durable) == (2501, True)
        with daemon.control() as control:
            (app,) = control.data("com.example.durable").apps
        assert app.collections[0].durable
        learning.get_collection_client(CollectionOptions("words", durable=False))
        assert not words.stats().durable
