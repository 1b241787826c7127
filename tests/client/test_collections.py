"""Adding examples: tasks, batches, repetition."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from client_lib import (
    Cancelled,
    CollectionOptions,
    ContextType,
    ContextWish,
    DaemonNotRunning,
    InvalidArgument,
    Learning,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    testing,
)
from client_lib.collection import options_to_wire
from tests.client.devices import Device

PACKAGE = "com.example.keyboard"


@pytest.fixture
def learning(memory: testing.Device) -> Learning:
    return memory.connect(PACKAGE)


def stored(memory: testing.Device, collection: str = "words") -> list[dict[str, list[object]]]:
    return [dict(example.features) for example in memory.stored(PACKAGE, collection)]


def test_examples_go_in_and_are_counted(device: Device) -> None:
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=28)))
        words.add({"x": [0.5, 1.5], "label": 3})
        assert words.add_many({"x": [float(i)], "label": i} for i in range(2500)).result() == 2500
        stats = words.stats()
        assert (stats.collection, stats.examples) == ("words", 2501)
        assert stats.size_bytes > 2501
        again = learning.get_collection_client("words")
        assert again.add({"x": [1.0], "label": 1}, account="work").result() == 1
        assert again.clear(account="work") == 1
        assert again.clear() == 2501
        assert again.stats().examples == 0


def test_collection_that_was_never_configured(device: Device) -> None:
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        unknown = learning.get_collection_client("unknown")
        with pytest.raises(NotFound, match="unknown"):
            unknown.stats()
        task = unknown.add({"x": 1.0})
        assert isinstance(task.exception(), NotFound)


def test_without_consent_the_task_says_how_to_get_it(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    with device.connect(device.approved_app(PACKAGE, consent=False), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        with caplog.at_level(logging.WARNING, "client_lib"):
            words.add({"x": 1.0})
            with pytest.raises(PermissionDenied, match=f"insitu consent give {PACKAGE}") as caught:
                words.add({"x": 1.0}).result()
        assert caught.value.reason == "NO_CONSENT"
        assert len([record for record in caplog.records if "not stored" in record.message]) == 1


def test_options_out_of_range_are_named(device: Device) -> None:
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        with pytest.raises(InvalidArgument) as caught:
            learning.get_collection_client(CollectionOptions("words", ttl=timedelta(0)))
        assert caught.value.field == "options.time_to_live"


def test_only_options_that_are_given_are_sent() -> None:
    bare = options_to_wire(CollectionOptions("words"))
    assert not bare.ListFields()
    none = options_to_wire(CollectionOptions("words", context=[]))
    assert none.HasField("context")
    full = options_to_wire(
        CollectionOptions(
            "words",
            ttl=timedelta(hours=1),
            context=[ContextType.POWER, "weather", ContextWish("day", ttl=timedelta(minutes=5))],
            max_examples=0,
            durable=False,
        )
    )
    assert full.HasField("durable")
    assert full.time_to_live.seconds == 3600
    assert full.HasField("max_examples")
    assert [(wish.type, wish.time_to_live.seconds) for wish in full.context.wishes] == [
        ("power", 0),
        ("weather", 0),
        ("day", 300),
    ]


def test_batches_stay_below_both_limits(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    words.add_many({"label": i} for i in range(2001)).result()
    assert memory.count("Collections/Add") == 3
    words.add_many([{"blob": b"x" * 400_000}] * 5).result()
    assert memory.count("Collections/Add") == 3 + 3
    assert [row["label"] for row in stored(memory)[:2001]] == [[i] for i in range(2001)]
    assert words.add_many([]).result() == 0


def test_order_is_kept(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    for i in range(50):
        words.add({"label": i})
    words.stats()
    assert [row["label"] for row in stored(memory)] == [[i] for i in range(50)]


def test_lost_answer_stores_nothing_twice(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.fail("Collections/Add", Unavailable("the answer is lost"), times=3, takes_effect=True)
    assert words.add_many([{"label": 1}, {"label": 2}]).result() == 2
    assert memory.count("Collections/Add") == 4
    assert len(stored(memory)) == 2


def test_refusals_are_not_repeated(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.fail("Collections/Add", ResourceExhausted("enough", reason="QUOTA"))
    error = words.add({"label": 1}).exception()
    assert error is not None
    assert (error.reason, error.status) == ("QUOTA", "RESOURCE_EXHAUSTED")  # type: ignore[attr-defined]
    assert memory.count("Collections/Add") == 1


def test_task_tells_what_was_stored_before_a_failure(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))

    def examples() -> Iterator[dict[str, int]]:
        yield from ({"label": i} for i in range(1000))
        words.stats()
        memory.fail("Collections/Add", ResourceExhausted("enough"))
        yield from ({"label": i} for i in range(1000))

    task = words.add_many(examples())
    assert task.exception() is not None
    assert task.stored in (0, 1000)
    assert task.stored == len(stored(memory))


def test_callbacks_see_the_outcome(learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    seen: list[int] = []
    task = words.add({"label": 1})
    task.result()
    task.add_done_callback(lambda done: seen.append(done.result()))
    assert seen == [1]


def test_malformed_example_is_refused_before_it_is_sent(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    with pytest.raises(InvalidArgument, match="'label'") as caught:
        words.add({"label": None})
    assert caught.value.field == "label"
    with pytest.raises(InvalidArgument):
        words.add_many([{"label": 1}, {"label": object()}])
    assert words.stats().examples == 1


def test_examples_on_their_way_are_sent_before_closing(memory: testing.Device) -> None:
    with memory.connect(PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        for i in range(20):
            words.add({"label": i})
    assert len(stored(memory)) == 20
    with pytest.raises(Cancelled):
        words.add({"label": 1})
    with pytest.raises((Cancelled, Unavailable)):
        words.stats()


def test_tasks_ride_out_a_restart(device: Device) -> None:
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        device.daemon.stop()
        task = words.add({"label": 1})
        device.daemon.start()
        assert task.result() == 1
        assert words.stats().examples == 1


def test_calls_that_somebody_waits_for_do_not(memory: testing.Device, learning: Learning) -> None:
    memory.stop()
    with pytest.raises(DaemonNotRunning):
        learning.get_collection_client(CollectionOptions("words"))
