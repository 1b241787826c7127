"""Configuring a collection: what is stored follows the options, also when the daemon dies in between."""

import asyncio
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from context import ContextRegistry, ContextSettings, Injector, ManualClock, assemble
from insitu.v1 import collection_pb2 as pb
from platform_daemon.access import SCHEMA as ACCESS_SCHEMA
from platform_daemon.access import Apps, Permissions
from platform_daemon.fair_threads import FairThreads
from platform_daemon.handlers.collections import CollectionServicer
from platform_daemon.injection import Injection
from platform_daemon.state import Database
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.store.memory import MemoryStore
from platform_daemon.store.store import Batch, Place
from platform_daemon.transport.calls import CallContext, Enclave, Peer
from platform_daemon.write_rate import WriteRate, WriteRates

DAY_S = 86_400
CONTEXT = CallContext(Peer(1000, 1, "test"), caller=Enclave(1, "com.example.app", 1000))


class Killed(Exception):
    """Stands for SIGKILL: nothing after it happens."""


class DyingStore(MemoryStore):
    """Dies at `shorten`, before or after it has its effect."""

    dies: str = ""

    def shorten(self, place: Place, ttl_ms: int) -> None:
        if self.dies == "before":
            raise Killed
        super().shorten(place, ttl_ms)
        if self.dies == "after":
            raise Killed


def servicer(store: MemoryStore, clock: ManualClock, folder: Path) -> CollectionServicer:
    database = Database(folder / "state.db", (ACCESS_SCHEMA, SCHEMA))
    permissions = Permissions(database, Apps(database, clock), clock)
    manager = assemble(clock, ContextSettings(scripted=True), {})
    injection = Injection(Injector(manager), permissions)
    threads = FairThreads(1, "store", per_tenant=1)
    rate = WriteRate(clock, WriteRates(calls=100, examples=100))
    return CollectionServicer(
        store, CollectionRepository(database), threads, permissions, injection, ContextRegistry(), rate
    )


def configure(target: CollectionServicer, ttl_s: int) -> pb.ConfigureCollectionResponse:
    options = pb.CollectionOptions(time_to_live=Duration(seconds=ttl_s))
    request = pb.ConfigureCollectionRequest(collection="words", options=options)
    return asyncio.run(target.configure(request, CONTEXT))


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_shortened_time_to_live_survives_a_kill(tmp_path: Path, dies: str) -> None:
    clock = ManualClock()
    store = DyingStore(clock)
    first = servicer(store, clock, tmp_path)
    configure(first, 30 * DAY_S)
    collection = first._collections.find(1, "words")
    assert collection is not None
    store.add(Batch(collection.place, 0, [b"\x0a\x00"] * 5, collection.retention))
    store.dies = dies
    with pytest.raises(Killed):
        configure(first, 5)
    store.dies = ""
    assert configure(servicer(store, clock, tmp_path), 5).options.time_to_live.seconds == 5
    clock.advance(6)
    assert store.stats(collection.place).examples == 0
