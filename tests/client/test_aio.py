"""The library for event loops, where it differs from the one that blocks: tasks, streams, cancellation, closing."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from client_lib import (
    Cancelled,
    CollectionOptions,
    DaemonNotRunning,
    InvalidArgument,
    PermissionDenied,
    PredictorOptions,
    ResourceExhausted,
    Unavailable,
    aio,
    testing,
)
from client_lib.aio.connection import Connection
from client_lib.aio.lane_transport import LaneTransport
from client_lib.aio.tasks import MOST_WAITING
from client_lib.batching import BATCH_EXAMPLES, BATCHES_AHEAD
from client_lib.learning import TransportName
from client_lib.steps import Steps
from insitu.v1.collection_pb2 import AddRequest, AddResponse
from tests.client.devices import Device, short_home
from tests.client.frame_server import FrameServer, serving
from tests.daemon.harness import Daemon, running

PACKAGE = "com.example.keyboard"
Scene = Callable[[aio.CollectionClient], Coroutine[Any, Any, None]]


def play(memory: testing.Device, scene: Scene, consent: bool = True) -> None:
    """A scene on a collection of a device in memory; nothing may be left that nobody has looked at."""
    unseen: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(str(context["message"])))
        async with memory.connect_async(PACKAGE, consent=consent) as learning:
            await scene(await learning.get_collection_client(CollectionOptions("words")))
        gc.collect()

    asyncio.run(main())
    assert unseen == []


def labels(memory: testing.Device) -> list[int]:
    return [example.features["label"][0] for example in memory.stored(PACKAGE, "words")]


def test_tasks_may_be_ignored_also_when_they_fail(memory: testing.Device, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        for i in range(5):
            words.add({"label": i})
        await words.stats()

    with caplog.at_level(logging.WARNING, "client_lib"):
        play(memory, scene, consent=False)
    assert len([record for record in caplog.records if "not stored" in record.message]) == 1


def test_a_task_can_be_awaited_again(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        task = words.add({"label": 1})
        assert (await task, await task, task.stored) == (1, 1, 1)
        memory.consent(PACKAGE, False)
        refused = words.add({"label": 2})
        for _ in range(2):
            with pytest.raises(PermissionDenied):
                await refused

    play(memory, scene)


def test_what_is_no_example_is_refused_at_once(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        with pytest.raises(InvalidArgument, match="'label'"):
            words.add({"label": object()})

    play(memory, scene)


def test_streams_of_both_kinds(memory: testing.Device) -> None:
    async def stream() -> AsyncIterator[dict[str, int]]:
        for i in range(1500):
            await asyncio.sleep(0)
            yield {"label": i}

    async def scene(words: aio.CollectionClient) -> None:
        assert await words.add_many(stream()) == 1500
        assert await words.add_many({"label": i} for i in range(1500, 3000)) == 1500
        assert await words.add_many([]) == 0

    play(memory, scene)
    assert labels(memory) == list(range(3000))
    assert memory.count("Collections/Add") == 4


def test_what_reading_raises_the_task_raises(memory: testing.Device) -> None:
    async def stream() -> AsyncIterator[dict[str, int]]:
        for i in range(1200):
            yield {"label": i}
        raise OSError("the microphone is gone")

    async def scene(words: aio.CollectionClient) -> None:
        task = words.add_many(stream())
        with pytest.raises(OSError, match="microphone"):
            await task
        assert task.stored == 1200
        malformed = words.add_many([{"label": 1200}, {"label": object()}])
        with pytest.raises(InvalidArgument):
            await malformed
        assert malformed.stored == 1

    play(memory, scene)
    assert labels(memory) == list(range(1201))


def test_cancelling_a_stream_stops_its_reading(memory: testing.Device) -> None:
    read = 0
    enough = asyncio.Event()

    async def endless() -> AsyncIterator[dict[str, int]]:
        nonlocal read
        while True:
            await asyncio.sleep(0)
            read += 1
            if read == 10:
                enough.set()
            yield {"label": read}

    async def scene(words: aio.CollectionClient) -> None:
        task = words.add_many(endless())
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = read
        for _ in range(10):
            await asyncio.sleep(0)
        assert read <= before + 1

    play(memory, scene)


def test_who_never_waits_is_stopped(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        for i in range(MOST_WAITING):
            words.add({"label": i})
        with pytest.raises(ResourceExhausted, match="await the tasks") as caught:
            words.add({"label": -1})
        assert caught.value.reason == "BACKLOG"
        await words.stats()

    play(memory, scene)
    assert labels(memory) == list(range(MOST_WAITING))


def test_examples_on_their_way_are_sent_before_closing(memory: testing.Device) -> None:
    async def main() -> None:
        async with memory.connect_async(PACKAGE) as learning:
            words = await learning.get_collection_client(CollectionOptions("words"))
            for i in range(20):
                words.add({"label": i})
        with pytest.raises(Cancelled):
            words.add({"label": 20})
        with pytest.raises(Cancelled):
            await words.add_many([{"label": 21}])
        with pytest.raises(Cancelled):
            await words.stats()
        await learning.close()

    asyncio.run(main())
    assert labels(memory) == list(range(20))
    assert memory.owner.status().open_sessions == 0


def test_one_task_opens_the_session_for_all(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        memory.end_sessions()
        await asyncio.gather(*[words.stats() for _ in range(20)])

    play(memory, scene)
    assert memory.count("Access/Open") == 2


def test_a_plan_is_handed_over_once_for_all_tasks(memory: testing.Device) -> None:
    plan = testing.inference_plan("sum")
    memory.predicts(plan, lambda features, version: {"sum": sum(features["x"])})

    async def main() -> None:
        async with memory.connect_async(PACKAGE) as learning:
            predictor = learning.get_predictor_client(PredictorOptions(plan))
            predictions = await asyncio.gather(*[predictor.predict({"x": [i, 1]}) for i in range(10)])
            assert [prediction["sum"].tolist() for prediction in predictions] == list(range(1, 11))

    asyncio.run(main())
    assert memory.count("Artifacts/Put") == 1


def test_a_connection_may_be_kept_without_a_block(device: Device) -> None:
    credentials = device.approved_app(PACKAGE)

    async def main() -> None:
        learning = await aio.Learning.connect(package=PACKAGE, credentials=credentials, socket=device.daemon.socket)
        words = await learning.get_collection_client(CollectionOptions("words"))
        assert await words.add({"label": 1}) == 1
        device.daemon.stop()
        with pytest.raises(DaemonNotRunning, match="start it with: insitu daemon run"):
            await learning.get_collection_client(CollectionOptions("words"))
        waiting = words.add({"label": 2})
        await asyncio.sleep(0)
        device.daemon.start()
        assert await waiting == 1
        assert (await words.stats()).examples == 2
        await learning.close()

    asyncio.run(main())


@pytest.mark.parametrize("transport", ["lane", "grpc"])
def test_a_daemon_that_is_killed_amid_loses_nothing_that_was_acknowledged(
    transport: TransportName,
) -> None:
    async def main(daemon: Daemon, credentials: Path) -> None:
        connecting = aio.Learning.connect(
            package=PACKAGE, credentials=credentials, socket=daemon.socket, transport=transport
        )
        async with connecting as learning:
            words = await learning.get_collection_client(CollectionOptions("words"))
            tasks = []
            for i in range(300):
                tasks.append(words.add({"label": i, "text": "a word of the user's " * 20}))
                if i == 150:
                    await tasks[75]
                    await asyncio.to_thread(daemon.kill)
                    restarting = asyncio.create_task(asyncio.to_thread(daemon.start))
            assert sum(await asyncio.gather(*tasks)) == 300
            await restarting
            assert (await words.stats()).examples == 300

    with short_home() as home, running(home) as daemon:
        asyncio.run(main(daemon, daemon.new_app(PACKAGE)))


def test_without_a_daemon_connecting_fails_at_once(device: Device) -> None:
    credentials = device.approved_app(PACKAGE)
    device.daemon.stop()

    async def main() -> None:
        with pytest.raises(DaemonNotRunning):
            await aio.Learning.connect(package=PACKAGE, credentials=credentials, socket=device.daemon.socket)
        device.daemon.start()

    asyncio.run(main())


# Ahead, on the lane


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_home() as home:
        yield home


def play_on_lane(folder: Path, scene: Callable[[FrameServer, aio.CollectionClient], Coroutine[Any, Any, None]]) -> None:
    def opened() -> Steps[str]:
        yield from ()
        return "session"

    async def pause(seconds: float) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        async with serving(folder) as server:
            connection = Connection(LaneTransport(server.path), opened, sleep=pause)
            await connection.run(connection.calls.connect())
            learning = aio.Learning(connection)
            await scene(server, await learning.get_collection_client("words"))
            await connection.transport.close()

    asyncio.run(main())


def added(frame: Any) -> int:
    """The label of the example in a call of Add."""
    request = AddRequest.FromString(frame.body[frame.session_size :])
    return int(request.examples[0].features.feature["label"].int64_list.value[0])


async def warmed(server: FrameServer, words: aio.CollectionClient) -> None:
    """The first batch goes alone: it makes the connection."""
    first = words.add({"label": -1})
    server.answer(await server.call(), AddResponse(count=1))
    await first


def test_batches_are_sent_before_those_before_are_answered(folder: Path) -> None:
    async def scene(server: FrameServer, words: aio.CollectionClient) -> None:
        await warmed(server, words)
        tasks = [words.add({"label": i}) for i in range(10)]
        frames = [await server.call() for _ in tasks]
        assert [added(frame) for frame in frames] == list(range(10))
        for frame in frames:
            server.answer(frame, AddResponse(count=1))
        assert await asyncio.gather(*tasks) == [1] * 10

    play_on_lane(folder, scene)


def test_a_batch_that_is_repeated_is_overtaken_by_none(folder: Path) -> None:
    async def scene(server: FrameServer, words: aio.CollectionClient) -> None:
        await warmed(server, words)
        tasks = [words.add({"label": i}) for i in range(3)]
        for frame in [await server.call() for _ in tasks]:
            server.refuse(frame, "UNAVAILABLE")
        again = await server.call()
        late = words.add({"label": 3})
        for expected in range(4):
            assert added(again) == expected
            assert server.frames.empty() or expected
            server.answer(again, AddResponse(count=1))
            again = await server.call() if expected < 3 else again
        assert await asyncio.gather(*tasks, late) == [1] * 4

    play_on_lane(folder, scene)


def test_a_refused_batch_does_not_hold_up_the_others(folder: Path) -> None:
    async def scene(server: FrameServer, words: aio.CollectionClient) -> None:
        await warmed(server, words)
        tasks = [words.add({"label": i}) for i in range(3)]
        frames = [await server.call() for _ in tasks]
        server.refuse(frames[0], "INVALID_ARGUMENT", "MALFORMED")
        for frame in frames[1:]:
            server.answer(frame, AddResponse(count=1))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes[0], InvalidArgument)
        assert outcomes[1:] == [1, 1]

    play_on_lane(folder, scene)


def test_who_is_over_the_rate_waits_as_long_as_told(folder: Path) -> None:
    async def scene(server: FrameServer, words: aio.CollectionClient) -> None:
        await warmed(server, words)
        task = words.add({"label": 0})
        for _ in range(2):
            server.refuse(await server.call(), "RESOURCE_EXHAUSTED", "QUOTA_RATE", "0.25")
        server.answer(await server.call(), AddResponse(count=1))
        assert await task == 1

    play_on_lane(folder, scene)


def test_a_stream_is_read_no_faster_than_it_is_sent(folder: Path) -> None:
    read = 0

    async def endless() -> AsyncIterator[dict[str, int]]:
        nonlocal read
        while True:
            read += 1
            yield {"label": read}

    async def scene(server: FrameServer, words: aio.CollectionClient) -> None:
        await warmed(server, words)
        task = words.add_many(endless())
        frames = [await server.call() for _ in range(BATCHES_AHEAD)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert read <= (BATCHES_AHEAD + 1) * BATCH_EXAMPLES
        assert server.frames.empty()
        server.answer(frames[0], AddResponse(count=BATCH_EXAMPLES))
        await server.call()
        assert read <= (BATCHES_AHEAD + 2) * BATCH_EXAMPLES
        task.cancel()

    play_on_lane(folder, scene)


def test_a_session_that_ends_amid_is_renewed_in_order(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        tasks = []
        for i in range(30):
            tasks.append(words.add({"label": i}))
            if i % 7 == 0:
                memory.end_sessions()
                await asyncio.sleep(0)
        assert sum(await asyncio.gather(*tasks)) == 30

    play(memory, scene)
    assert labels(memory) == list(range(30))


def test_a_lost_answer_stores_nothing_twice(memory: testing.Device) -> None:
    async def scene(words: aio.CollectionClient) -> None:
        memory.fail("Collections/Add", Unavailable("the answer is lost"), times=3, takes_effect=True)
        assert await words.add_many([{"label": 0}, {"label": 1}]) == 2

    play(memory, scene)
    assert labels(memory) == [0, 1]
