"""Collections of each enclave: their numbers in the store, and their options."""

import json
from dataclasses import dataclass, field, replace

from platform_daemon.errors import ResourceExhausted
from platform_daemon.state.database import Database
from platform_daemon.store.store import Place, Retention

SCHEMA = """
CREATE TABLE IF NOT EXISTS collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    enclave INTEGER NOT NULL,
    name TEXT NOT NULL,
    ttl_ms INTEGER NOT NULL,
    max_examples INTEGER NOT NULL,
    wishes TEXT NOT NULL,
    durable INTEGER NOT NULL DEFAULT 0,
    UNIQUE (enclave, name)
);
CREATE TABLE IF NOT EXISTS accounts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    enclave INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (enclave, name)
)
"""

DEFAULT_TTL_MS = 30 * 24 * 3600 * 1000
PRIMARY_ACCOUNT = 0
"""Number of the profile's primary account: the one meant where an app names none."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A context type to inject into each example, as far as granted."""

    type: str
    ttl_ms: int | None = None
    """Where shorter than the example's."""


@dataclass(frozen=True, slots=True)
class Collection:
    place: Place
    name: str
    ttl_ms: int = DEFAULT_TTL_MS
    max_examples: int = 0
    wishes: tuple[Wish, ...] = field(default_factory=tuple)
    durable: bool = False
    """What is acknowledged survives a power cut."""

    @property
    def retention(self) -> Retention:
        return Retention(self.ttl_ms, self.max_examples)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an enclave may have of what stays in memory and has keys of its own."""

    accounts: int = 1000
    """Beside the primary one."""
    collections: int = 1000


class CollectionRepository:
    """Options by enclave and name, cached: an `add` reads them without touching the disk."""

    def __init__(self, database: Database, bounds: Bounds | None = None) -> None:
        self._database = database
        self._bounds = bounds or Bounds()
        self._cache: dict[tuple[int, str], Collection] = {}
        self._accounts: dict[tuple[int, str], int] = {}
        with database.read() as connection:
            query = "SELECT number, enclave, name, ttl_ms, max_examples, wishes, durable FROM collections"
            for number, enclave, name, ttl_ms, max_examples, wishes, durable in connection.execute(query):
                self._cache[enclave, name] = Collection(
                    Place(enclave, number),
                    name,
                    ttl_ms,
                    max_examples,
                    tuple(Wish(*wish) for wish in json.loads(wishes)),
                    bool(durable),
                )
            for number, enclave, name in connection.execute("SELECT * FROM accounts"):
                self._accounts[enclave, name] = number

    def find(self, enclave: int, name: str) -> Collection | None:
        return self._cache.get((enclave, name))

    def all(self, enclave: int) -> list[Collection]:
        return [collection for (owner, _), collection in sorted(self._cache.items()) if owner == enclave]

    def configure(
        self,
        enclave: int,
        name: str,
        *,
        ttl_ms: int | None = None,
        max_examples: int | None = None,
        wishes: tuple[Wish, ...] | None = None,
        durable: bool | None = None,
    ) -> Collection:
        """Create the collection or change what is given; returns the options now in force.

        Raises ResourceExhausted where it would be one more than the enclave may have."""
        found = self._cache.get((enclave, name)) or Collection(Place(enclave, 0), name)
        changed = replace(
            found,
            ttl_ms=found.ttl_ms if ttl_ms is None else ttl_ms,
            max_examples=found.max_examples if max_examples is None else max_examples,
            wishes=found.wishes if wishes is None else wishes,
            durable=found.durable if durable is None else durable,
        )
        if changed != found or not found.place.collection:
            changed = self._save(changed)
            self._cache[enclave, name] = changed
        return changed

    def account(self, enclave: int, name: str, *, create: bool) -> int | None:
        """Number of an account of an enclave; None where it is unknown and not to be created.

        Raises ResourceExhausted where it would be one more than the enclave may have."""
        if not name:
            return PRIMARY_ACCOUNT
        number = self._accounts.get((enclave, name))
        if number is None and create:
            number = self._accounts[enclave, name] = self._create_account(enclave, name)
        return number

    def remove_account(self, enclave: int, name: str) -> None:
        """Forget an account's name. Its examples must be gone: another account never gets its number."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM accounts WHERE enclave=? AND name=?", (enclave, name))
        self._accounts.pop((enclave, name), None)
        self._database.scrub()

    def remove_enclave(self, enclave: int) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM collections WHERE enclave=?", (enclave,))
            connection.execute("DELETE FROM accounts WHERE enclave=?", (enclave,))
        self._database.scrub()
        self._cache = {key: value for key, value in self._cache.items() if key[0] != enclave}
        self._accounts = {key: value for key, value in self._accounts.items() if key[0] != enclave}

    def _create_account(self, enclave: int, name: str) -> int:
        with self._database.transaction() as connection:
            query = "SELECT number FROM accounts WHERE enclave=? AND name=?"
            # Another thread may have been first.
            found = connection.execute(query, (enclave, name)).fetchone()
            if found is None:
                (count,) = connection.execute("SELECT count(*) FROM accounts WHERE enclave=?", (enclave,)).fetchone()
                if count >= self._bounds.accounts:
                    raise _refused(
                        "QUOTA_ACCOUNTS",
                        "accounts",
                        self._bounds.accounts,
                        "clear one (insitu data clear PACKAGE --account NAME)",
                    )
                connection.execute("INSERT INTO accounts (enclave, name) VALUES (?,?)", (enclave, name))
                found = connection.execute(query, (enclave, name)).fetchone()
        return int(found[0])

    def _save(self, collection: Collection) -> Collection:
        enclave = collection.place.enclave
        wishes = json.dumps([[wish.type, wish.ttl_ms] for wish in collection.wishes])
        with self._database.transaction() as connection:
            if not collection.place.collection:
                query = "SELECT count(*) FROM collections WHERE enclave=? AND name<>?"
                (count,) = connection.execute(query, (enclave, collection.name)).fetchone()
                if count >= self._bounds.collections:
                    raise _refused(
                        "QUOTA_COLLECTIONS", "collections", self._bounds.collections, "remove the app and its data"
                    )
            connection.execute(
                "INSERT INTO collections (enclave, name, ttl_ms, max_examples, wishes, durable) VALUES (?,?,?,?,?,?)"
                " ON CONFLICT (enclave, name) DO UPDATE SET ttl_ms=excluded.ttl_ms,"
                " max_examples=excluded.max_examples, wishes=excluded.wishes, durable=excluded.durable",
                (
                    enclave,
                    collection.name,
                    collection.ttl_ms,
                    collection.max_examples,
                    wishes,
                    collection.durable,
                ),
            )
            (number,) = connection.execute(
                "SELECT number FROM collections WHERE enclave=? AND name=?", (enclave, collection.name)
            ).fetchone()
        return replace(collection, place=Place(enclave, number))


def _refused(reason: str, what: str, limit: int, remedy: str) -> ResourceExhausted:
    return ResourceExhausted(
        f"this app has the {limit} {what} that it may have: use those, or have the device's owner {remedy} or raise "
        f"limits.quota_{what}",
        reason=reason,
        detail=str(limit),
    )
