"""What has to vanish together, when something interrupts it."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.forgetting import Forgetting
from platform_daemon.state import Database
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.store.memory import MemoryStore
from platform_daemon.store.store import Batch, Retention
from platform_daemon.training.records import Session
from platform_daemon.transport.calls import Enclave

APP = Enclave(1, "com.example.app", 1000)
ACCOUNT = "alice"


class Interrupted(Exception):
    """Stands for the kill of the daemon."""


class Derived:
    """Runs, parameters and models in memory, as far as forgetting concerns them."""

    def __init__(self) -> None:
        self.interrupts = True
        self.parameters = {"words"}

    async def forget(self, enclave: int, chosen: Callable[[Session], bool] | None = None) -> None:
        if self.interrupts:
            raise Interrupted

    def forget_collections(self, enclave: int, collections: frozenset[str]) -> int:
        self.parameters -= collections
        return 1


def test_a_cleared_account_is_known_until_all_that_was_learnt_from_it_is_gone(tmp_path: Path) -> None:
    collections = CollectionRepository(Database(tmp_path / "state.db", (SCHEMA,)))
    store, derived = MemoryStore(ManualClock()), Derived()
    words = collections.configure(APP.number, "words")
    number = collections.account(APP.number, ACCOUNT, create=True)
    assert number is not None
    store.add(Batch(words.place, number, [b"example"], Retention(1000)))
    gate = threading.Lock()
    forgetting = Forgetting(
        store,
        collections,
        derived,  # type: ignore[arg-type]
        derived,  # type: ignore[arg-type]
        derived,  # type: ignore[arg-type]
        derived,  # type: ignore[arg-type]
        lambda session: "words",
        lambda enclave: gate,
    )
    with pytest.raises(Interrupted):
        asyncio.run(forgetting.clear(APP, [words], ACCOUNT))
    assert derived.parameters == {"words"}
    derived.interrupts = False
    assert asyncio.run(forgetting.clear(APP, [words], ACCOUNT)) == 0
    assert derived.parameters == set()
    assert collections.account(APP.number, ACCOUNT, create=False) is None
