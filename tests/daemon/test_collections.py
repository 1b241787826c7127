"""Collecting, as an app and its user see it."""

from datetime import timedelta

import pytest

from client_lib import CollectionOptions, ContextType, InvalidArgument, NotFound, PermissionDenied
from client_lib.collection import ADD
from insitu.v1.collection_pb2 import SerializedAddRequest
from platform_daemon.handlers.collections import MOST_EXAMPLES
from tests.daemon.harness import Daemon, eventually

PACKAGE = "com.example.collecting"


def test_nothing_is_collected_without_consent(daemon: Daemon) -> None:
    credentials = daemon.new_app("com.example.unasked", consent=False)
    with daemon.connect(credentials) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        with pytest.raises(PermissionDenied, match=r"insitu consent give com\.example\.unasked") as caught:
            words.add({"x": 1.0}).result()
        assert caught.value.reason == "NO_CONSENT"
        with daemon.control() as control:
            control.set_consent("com.example.unasked", given=True)
        words.add({"x": 1.0}).result()
        with daemon.control() as control:
            control.set_consent("com.example.unasked", given=False)
        with pytest.raises(PermissionDenied):
            words.add({"x": 1.0}).result()
        assert words.stats().examples == 1


def test_options_are_set_once_and_changed_later(daemon: Daemon) -> None:
    with daemon.connect(daemon.new_app(PACKAGE)) as learning:
        words = learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=2), max_examples=10))
        words.add_many({"x": float(i)} for i in range(25)).result()
        assert words.stats().examples == 10
        again = learning.get_collection_client("words")
        again.add({"x": 1.0}).result()
        assert again.stats().examples == 10
        learning.get_collection_client(CollectionOptions("words", max_examples=0))
        again.add_many({"x": float(i)} for i in range(5)).result()
        assert again.stats().examples == 15
        assert again.clear() == 15
        assert again.stats().examples == 0


def test_an_expired_example_is_gone(daemon: Daemon) -> None:
    with daemon.connect(daemon.new_app("com.example.expiring")) as learning:
        brief = learning.get_collection_client(CollectionOptions("brief", ttl=timedelta(seconds=1)))
        brief.add_many({"x": float(i)} for i in range(50)).result()
        eventually(lambda: brief.stats().examples == 0)


def test_accounts_are_cleared_apart(daemon: Daemon) -> None:
    with daemon.connect(daemon.new_app("com.example.accounts")) as learning:
        mail = learning.get_collection_client(CollectionOptions("mail"))
        mail.add({"x": 1.0}, account="work").result()
        mail.add({"x": 2.0}, account="home").result()
        mail.add({"x": 3.0}).result()
        assert mail.clear(account="work") == 1
        assert mail.stats().examples == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (CollectionOptions("Words"), "collection"),
        (CollectionOptions("../words"), "collection"),
        (CollectionOptions("words", ttl=timedelta(milliseconds=1)), "options.time_to_live"),
        (CollectionOptions("words", ttl=timedelta(days=40000)), "options.time_to_live"),
        (CollectionOptions("words", context=["nonsense"]), "options.context.wishes.type"),
        (CollectionOptions("words", max_examples=-1), "options.max_examples"),
    ],
)
def test_a_bad_option_is_named(daemon: Daemon, options: CollectionOptions, field: str) -> None:
    credentials = daemon.app("com.example.clumsy")
    with daemon.connect(credentials) as learning, pytest.raises(InvalidArgument, match=field.replace(".", r"\.")):
        learning.get_collection_client(options)


def test_apps_do_not_see_each_other(daemon: Daemon) -> None:
    with daemon.connect(daemon.new_app("com.example.mine")) as mine:
        secret = mine.get_collection_client(CollectionOptions("secret"))
        secret.add({"x": 1.0}).result()
        with daemon.connect(daemon.new_app("com.example.theirs")) as theirs:
            foreign = theirs.get_collection_client("secret")
            for attempt in (foreign.stats, foreign.clear, lambda: foreign.add({"x": 1.0}).result()):
                with pytest.raises(NotFound):
                    attempt()
        assert secret.stats().examples == 1


def test_a_removed_app_leaves_nothing(daemon: Daemon) -> None:
    credentials = daemon.new_app("com.example.leaving")
    with daemon.connect(credentials) as learning:
        learning.get_collection_client(CollectionOptions("words")).add({"x": 1.0}).result()
    with daemon.control() as control:
        control.remove_app("com.example.leaving")
        assert "com.example.leaving" not in {app.package for app in control.apps().apps}
        with pytest.raises(NotFound):
            control.data("com.example.leaving")


def test_context_is_stored_as_far_as_granted_and_revoked(daemon: Daemon) -> None:
    credentials = daemon.new_app("com.example.context", context=("power", "day.hour"))
    daemon.set_context("power", charging=1, on_battery=0)
    with daemon.connect(credentials) as learning:
        types = [ContextType.POWER, ContextType.DAY, ContextType.DEVICE]
        words = learning.get_collection_client(CollectionOptions("words", context=types))
        words.add({"x": 1.0}).result()
    stored = daemon.stored_context("com.example.context", "words")
    assert stored == {"power": {"charging", "on_battery"}, "day": {"hour"}}
    with daemon.control() as control:
        control.set_permission("com.example.context", "power.charging", granted=False)
    assert daemon.stored_context("com.example.context", "words") == {"power": {"on_battery"}, "day": {"hour"}}
    with daemon.control() as control:
        control.set_permission("com.example.context", "power", granted=False)
    assert daemon.stored_context("com.example.context", "words") == {"day": {"hour"}}


def test_examples_by_the_million_are_refused_before_they_are_looked_at(daemon: Daemon) -> None:
    with daemon.connect(daemon.app("com.example.million")) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        request = SerializedAddRequest(collection="words", examples=[b""] * (MOST_EXAMPLES + 1))
        with pytest.raises(InvalidArgument, match="at most 100000 at a time"):
            learning._connection.call(ADD, request)
        assert words.stats().examples == 0


def test_an_example_without_features_is_refused(daemon: Daemon) -> None:
    with daemon.connect(daemon.app("com.example.empty")) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        with pytest.raises(InvalidArgument, match="number 0 has no feature"):
            words.add({}).result()
        with pytest.raises(InvalidArgument, match="number 1 has no feature"):
            words.add_many([{"x": 1.0}, {}]).result()
        assert words.stats().examples == 0


def test_time_is_confirmed_unless_the_clock_has_jumped(daemon: Daemon) -> None:
    with daemon.control() as control:
        assert not control.status().clock.unconfirmed_since_ms
        assert control.unhide_data() == 0
