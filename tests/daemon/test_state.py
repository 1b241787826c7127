"""The small state: transactions, options of collections, accounts."""

import resource
import sqlite3
from pathlib import Path

import pytest

from platform_daemon.errors import ResourceExhausted
from platform_daemon.state import Database, SchemaFromTheFuture
from platform_daemon.state.collections import (
    DEFAULT_TTL_MS,
    PRIMARY_ACCOUNT,
    SCHEMA,
    Bounds,
    CollectionRepository,
    Wish,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def opened(path: Path, bounds: Bounds | None = None) -> CollectionRepository:
    return CollectionRepository(Database(path, (SCHEMA,)), bounds)


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    database = Database(path, (SCHEMA,))
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:  # noqa: PT012 - the second fails
        connection.execute("INSERT INTO accounts (enclave, name) VALUES (1, 'work')")
        with database.transaction():
            raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)


def test_a_commit_that_the_disk_refuses_is_rolled_back(path: Path) -> None:
    collections = opened(path)
    collections.configure(1, "words", max_examples=1)
    written = (path.parent / "state.db-wal").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 100, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                collections.configure(1, "words", max_examples=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    collections.configure(1, "words", max_examples=3)
    found = opened(path).find(1, "words")
    assert found is not None
    assert found.max_examples == 3


def test_a_statement_that_the_disk_refuses_is_told_as_such(path: Path) -> None:
    database = Database(path, (SCHEMA,))
    with database.transaction() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    with database.read() as connection:
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.OperationalError) as caught, database.transaction() as connection:  # noqa: PT012
        for number in range(1000):
            connection.execute("INSERT INTO accounts (enclave, name) VALUES (1, ?)", (f"{number:0500}",))
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_FULL
    with database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)


def test_a_later_releases_file_is_refused(path: Path) -> None:
    Database(path, (SCHEMA,)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=999")
    with pytest.raises(SchemaFromTheFuture, match="install the newer release"):
        Database(path, (SCHEMA,))


def test_the_file_is_private(path: Path) -> None:
    Database(path, (SCHEMA,))
    assert path.stat().st_mode & 0o077 == 0


def test_options_are_kept_and_only_given_ones_change(path: Path) -> None:
    first = opened(path).configure(1, "words", wishes=(Wish("power", 5000),))
    assert (first.ttl_ms, first.max_examples) == (DEFAULT_TTL_MS, 0)
    again = opened(path)
    assert again.find(1, "words") == first
    changed = again.configure(1, "words", max_examples=7, durable=True)
    assert changed.wishes == first.wishes
    assert changed.place == first.place
    assert opened(path).find(1, "words") == changed
    assert opened(path).configure(1, "words", max_examples=8).durable


def test_numbers_are_never_used_again(path: Path) -> None:
    collections = opened(path)
    numbers = {collections.configure(1, "words").place.collection}
    for _ in range(3):
        collections.remove_enclave(1)
        assert collections.find(1, "words") is None
        numbers.add(collections.configure(1, "words").place.collection)
    assert len(numbers) == 4


def test_enclaves_do_not_share(path: Path) -> None:
    collections = opened(path)
    one, two = collections.configure(1, "words"), collections.configure(2, "words")
    assert one.place != two.place
    assert [found.place for found in collections.all(1)] == [one.place]
    assert collections.account(1, "work", create=True) != collections.account(2, "work", create=True)


def test_accounts(path: Path) -> None:
    collections = opened(path)
    assert collections.account(1, "", create=False) == PRIMARY_ACCOUNT
    assert collections.account(1, "work", create=False) is None
    number = collections.account(1, "work", create=True)
    assert number not in {None, PRIMARY_ACCOUNT}
    assert opened(path).account(1, "work", create=False) == number


def test_a_removed_name_is_nowhere_on_disk(path: Path) -> None:
    collections = opened(path)
    collections.configure(1, "words")
    number = collections.account(1, "alice-account-canary", create=True)
    collections.remove_account(1, "alice-account-canary")
    assert collections.account(1, "alice-account-canary", create=False) is None
    assert not [file for file in path.parent.iterdir() if b"alice-account-canary" in file.read_bytes()]
    assert collections.account(1, "bob", create=True) != number


def test_a_removed_enclave_is_nowhere_on_disk(path: Path) -> None:
    collections = opened(path)
    collections.configure(7, "collection-canary")
    collections.account(7, "account-canary", create=True)
    collections.remove_enclave(7)
    assert not [file for file in path.parent.iterdir() if b"canary" in file.read_bytes()]


def test_an_enclave_has_only_so_many_accounts(path: Path) -> None:
    collections = opened(path, Bounds(accounts=2))
    numbers = [collections.account(1, name, create=True) for name in ("", "work", "home")]
    for _ in range(2):
        with pytest.raises(ResourceExhausted, match=r"the 2 accounts.*limits\.quota_accounts") as caught:
            collections.account(1, "one more", create=True)
        assert (caught.value.reason, caught.value.detail) == ("QUOTA_ACCOUNTS", "2")
    assert collections.account(1, "one more", create=False) is None
    assert [collections.account(1, name, create=True) for name in ("", "work", "home")] == numbers
    assert collections.account(2, "one more", create=True) is not None
    collections.remove_account(1, "work")
    assert collections.account(1, "one more", create=True) is not None


def test_an_enclave_has_only_so_many_collections(path: Path) -> None:
    collections = opened(path, Bounds(collections=2))
    collections.configure(1, "words")
    collections.configure(1, "taps")
    for _ in range(2):
        with pytest.raises(ResourceExhausted, match=r"the 2 collections.*limits\.quota_collections") as caught:
            collections.configure(1, "one-more")
        assert (caught.value.reason, caught.value.detail) == ("QUOTA_COLLECTIONS", "2")
    assert collections.find(1, "one-more") is None
    assert collections.configure(1, "words", max_examples=5).max_examples == 5
    assert collections.configure(2, "one-more").place.enclave == 2


def test_what_is_there_stays_where_a_limit_is_lowered(path: Path) -> None:
    before = opened(path)
    work, words = before.account(1, "work", create=True), before.configure(1, "words")
    before.account(1, "home", create=True)
    before.configure(1, "taps")
    after = opened(path, Bounds(accounts=1, collections=1))
    assert after.account(1, "work", create=True) == work
    assert after.configure(1, "words", max_examples=5).place == words.place
