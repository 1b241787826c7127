"""What has to vanish together when the user takes something back.

Examples go first, by their keys; then all that was derived from them: runs under way, checkpoints, parameters that
were trained with it (earlier versions too), and models in a worker's memory. When a call returns, nothing that is left
yields the value. Sessions then train again from the base, on what remains.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from platform_daemon.prediction.service import PredictionService
from platform_daemon.state.collections import Collection, CollectionRepository
from platform_daemon.store.store import Store
from platform_daemon.training.records import Session
from platform_daemon.training.service import TrainingService
from platform_daemon.transport.calls import Enclave


class DerivedParameters(Protocol):
    """Mutable artifacts, as far as forgetting concerns them. Methods block."""

    def forget_context(self, enclave: int, context_type: str) -> int:
        """Delete every version trained with a context type; returns how many."""
        ...

    def forget_collections(self, enclave: int, collections: frozenset[str]) -> int:
        """Delete every version trained on one of these collections; returns how many."""
        ...

    def forget_enclave(self, enclave: int) -> None: ...


class Plans(Protocol):
    def forget(self, enclave: int) -> None:
        """Remove all that an enclave handed over. Blocks."""
        ...


class Forgetting:
    def __init__(
        self,
        store: Store,
        collections: CollectionRepository,
        training: TrainingService,
        prediction: PredictionService,
        parameters: DerivedParameters,
        plans: Plans,
        collection_of: Callable[[Session], str],
        gate: Callable[[int], threading.Lock],
    ) -> None:
        """`collection_of` names the collection that a session trains on; "" where its plan is not usable. `gate` is
        held by whoever stores examples, from the check of what is allowed to the end of the write."""
        self._store = store
        self._collections = collections
        self._training = training
        self._prediction = prediction
        self._parameters = parameters
        self._plans = plans
        self._collection_of = collection_of
        self._gate = gate

    async def settle(self, enclave: Enclave) -> None:
        """Wait for the examples that were let in before a decision. Those that come later see it."""
        await asyncio.to_thread(self._pass_gate, enclave)

    def _pass_gate(self, enclave: Enclave) -> None:
        with self._gate(enclave.number):
            pass

    async def revoke(self, enclave: Enclave, context_type: str, keep: frozenset[str]) -> int:
        """A grant was narrowed to the features in `keep`. Returns the parameter versions that are gone."""
        await asyncio.to_thread(self._revoke_stored, enclave, context_type, keep)
        await self._training.forget(enclave.number, lambda session: True)
        deleted = await asyncio.to_thread(self._parameters.forget_context, enclave.number, context_type)
        await self._prediction.forget(enclave.number)
        return deleted

    def _revoke_stored(self, enclave: Enclave, context_type: str, keep: frozenset[str]) -> None:
        with self._gate(enclave.number):
            self._store.revoke(enclave.number, context_type, keep)

    async def clear(self, enclave: Enclave, collections: list[Collection], account: str = "") -> int:
        """Examples of these collections (of one account, where named) go. Returns how many. Interrupted anywhere, it
        does the same again."""
        count = await asyncio.to_thread(self._clear_stored, enclave, collections, account)
        if count is None:
            return 0
        names = frozenset(collection.name for collection in collections)
        await self._training.forget(enclave.number, lambda session: self._collection_of(session) in names)
        await asyncio.to_thread(self._parameters.forget_collections, enclave.number, names)
        await self._prediction.forget(enclave.number)
        if account and len(collections) == len(self._collections.all(enclave.number)):
            await asyncio.to_thread(self._clear_stored, enclave, collections, account, forget_name=True)
        return count

    def _clear_stored(
        self, enclave: Enclave, collections: list[Collection], account: str, *, forget_name: bool = False
    ) -> int | None:
        """None where there is no such account. Its name goes last, with what has come in meanwhile: by it a clearing
        that was interrupted finds what is left to be done."""
        with self._gate(enclave.number):
            number = self._collections.account(enclave.number, account, create=False) if account else None
            if account and number is None:
                return None
            count = sum(self._store.clear(collection.place, number) for collection in collections)
            if forget_name:
                self._collections.remove_account(enclave.number, account)
            return count

    async def remove(self, enclave: Enclave) -> None:
        """An app is removed: all of its enclave goes."""
        await asyncio.to_thread(self._remove_stored, enclave)
        await self._training.stop_all(enclave.number)
        await asyncio.to_thread(self._parameters.forget_enclave, enclave.number)
        await self._prediction.forget(enclave.number)
        await asyncio.to_thread(self._plans.forget, enclave.number)

    def _remove_stored(self, enclave: Enclave) -> None:
        with self._gate(enclave.number):
            # First: what is on its way finds no collection to go into.
            self._collections.remove_enclave(enclave.number)
            self._store.remove_enclave(enclave.number)
