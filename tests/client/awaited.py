"""The library for event loops behind the surface of the one that blocks, so that one suite runs against both."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from client_lib import CollectionOptions, PredictorOptions, TrainerOptions, aio
from client_lib.encoding import Features
from client_lib.transport import Method, Request, Response

T = TypeVar("T")


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class BlockingTask:
    def __init__(self, loop: Loop, task: aio.Task) -> None:
        self._loop = loop
        self._task = task

    def result(self) -> int:
        async def wait() -> int:
            return await self._task

        return self._loop.run(wait())

    def exception(self) -> BaseException | None:
        try:
            self.result()
        except Exception as error:  # noqa: BLE001 - it is the result
            return error
        return None

    @property
    def stored(self) -> int:
        return self._task.stored


class BlockingCollection:
    def __init__(self, loop: Loop, client: aio.CollectionClient) -> None:
        self._loop = loop
        self._client = client

    def add(self, example: Features, account: str | None = None) -> BlockingTask:
        async def add() -> aio.Task:
            return self._client.add(example, account)

        return BlockingTask(self._loop, self._loop.run(add()))

    def add_many(self, examples: Iterable[Features], account: str | None = None) -> BlockingTask:
        async def add_many() -> aio.Task:
            return self._client.add_many(examples, account)

        return BlockingTask(self._loop, self._loop.run(add_many()))

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: self._loop.run(getattr(self._client, name)(*arguments, **options))


class BlockingClient:
    """Of a predictor or a trainer, whose methods are all awaited."""

    def __init__(self, loop: Loop, client: aio.PredictorClient | aio.TrainerClient) -> None:
        self._loop = loop
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: self._loop.run(getattr(self._client, name)(*arguments, **options))


class BlockingLearning:
    def __init__(self, loop: Loop, connecting: aio.Connecting) -> None:
        async def connect() -> aio.Learning:
            return await connecting

        self._loop = loop
        self._learning = loop.run(connect())

    def get_collection_client(self, options: CollectionOptions | str) -> BlockingCollection:
        return BlockingCollection(self._loop, self._loop.run(self._learning.get_collection_client(options)))

    def get_predictor_client(self, options: PredictorOptions) -> BlockingClient:
        return BlockingClient(self._loop, self._learning.get_predictor_client(options))

    def get_trainer_client(self, options: TrainerOptions) -> BlockingClient:
        return BlockingClient(self._loop, self._learning.get_trainer_client(options))

    def call(self, method: Method[Request, Response], request: Request) -> Response:
        connection = self._learning._connection
        return self._loop.run(connection.run(connection.calls.call(method, request)))

    def close(self) -> None:
        self._loop.run(self._learning.close())

    def __enter__(self) -> "BlockingLearning":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
