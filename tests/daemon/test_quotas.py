"""An app's limits, as it and the device's owner meet them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib import CollectionOptions, ResourceExhausted
from tests.daemon.harness import SCRIPTED, Daemon, running

LIMITS = "[limits]\nquota_examples = 20\nquota_bytes = 2000\nquota_examples_per_s = 10\n"
PACKAGE = "com.example.hoarding"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("q"), SCRIPTED + LIMITS) as started:
        yield started


def test_an_app_is_told_its_limits_and_goes_on_below_them(daemon: Daemon, tmp_path: Path) -> None:
    with daemon.connect(daemon.new_app(PACKAGE)) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        taps = learning.get_collection_client(CollectionOptions("taps"))
        words.add_many({"x": float(i)} for i in range(15)).result()
        with pytest.raises(ResourceExhausted, match="may store 20: clear some") as caught:
            taps.add_many({"x": float(i)} for i in range(6)).result()
        assert (caught.value.reason, caught.value.detail) == ("QUOTA_EXAMPLES", "20")
        with pytest.raises(ResourceExhausted) as caught:
            taps.add({"x": b"." * 2000}).result()
        assert caught.value.reason == "QUOTA_BYTES"
        taps.add({"x": 1.0}).result()
        with daemon.control() as control:
            (app,) = control.data(PACKAGE).apps
        usage = app.usage
        told = words.stats().usage
        assert told is not None
        assert (told.examples, told.max_examples, told.size_bytes, told.max_bytes) == (16, 20, usage.size_bytes, 2000)
        assert (usage.examples, usage.max_examples, usage.max_bytes) == (16, 20, 2000)
        assert usage.size_bytes == sum(one.size_bytes for one in app.collections)
        words.clear()
        taps.add_many({"x": float(i)} for i in range(19)).result()


def test_who_writes_too_fast_is_told_for_how_long_to_wait(daemon: Daemon) -> None:
    with daemon.connect(daemon.new_app("com.example.hasty")) as learning:
        words = learning.get_collection_client(CollectionOptions("words", max_examples=5))
        words.add_many({"x": float(i)} for i in range(300)).result()
        with pytest.raises(ResourceExhausted, match="writes faster than") as caught:
            words.add({"x": 1.0}).result()
        assert caught.value.reason == "QUOTA_RATE"
        assert caught.value.retry_after_s is not None
        assert 20 < caught.value.retry_after_s <= 25
