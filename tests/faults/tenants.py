"""K7: several apps and the device's owner do anything in any order; the daemon and a model in memory always agree."""

import itertools
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from client_lib import CollectionOptions, InsituError, Learning, NotFound, PermissionDenied
from insitu.v1.example_pb2 import Example, Features
from platform_daemon.store.store import Place, Scan
from tests.daemon.harness import Daemon, eventually, running
from tests.faults.evidence import CONTEXT_TYPES, ended_in_order, opened_store

FEATURES = {"power": frozenset({"charging", "on_battery"}), "activity": frozenset({"user_idle"})}
SCOPES = [*FEATURES, *(f"{name}.{feature}" for name, features in FEATURES.items() for feature in features)]
COLLECTIONS, ACCOUNTS = ("mail", "notes"), ("", "work", "home")
APPS = 3
SHORTEST_TTL, USUAL_TTL = timedelta(seconds=1), timedelta(days=28)
LIKELIHOODS = {
    "add": 30,
    "permit": 20,
    "configure": 8,
    "context": 6,
    "consent": 8,
    "clear": 5,
    "expire": 2,
    "leave": 1,
    "restart": 2,
}
"""What wipes out much or takes long comes seldom."""

Context = Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class Entry:
    number: int
    account: str
    context: dict[str, dict[str, int]]


@dataclass
class Collection:
    wishes: tuple[str, ...] = ()
    max_examples: int = 0
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Tenant:
    """What the daemon must know of an app."""

    package: str
    learning: Learning
    consent: bool = True
    granted: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in FEATURES})
    collections: dict[str, Collection] = field(default_factory=dict)

    def add(self, name: str, numbers: list[int], account: str, now: Context) -> None:
        collection = self.collections[name]
        for number in numbers:
            context = {
                wish: {feature: value for feature, value in now[wish].items() if feature in self.granted[wish]}
                for wish in collection.wishes
                if wish in now
            }
            collection.entries.append(Entry(number, account, {name: held for name, held in context.items() if held}))
        if collection.max_examples:
            del collection.entries[: -collection.max_examples]

    def clear(self, name: str, account: str) -> int:
        entries = self.collections[name].entries
        kept = [one for one in entries if account not in ("", one.account)]
        self.collections[name].entries = kept
        return len(entries) - len(kept)

    def revoke(self, scope: str) -> None:
        name, _, feature = scope.partition(".")
        lost = {feature} if feature else set(FEATURES[name])
        self.granted[name] -= lost
        for collection in self.collections.values():
            for entry in collection.entries:
                held = entry.context.pop(name, {})
                if left := {feature: value for feature, value in held.items() if feature not in lost}:
                    entry.context[name] = left


class Tenants:
    """Drives a daemon, and compares what it tells after every step, and what it stores after every stop."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        """All apps have a collection with all context, so that there is something to lose from the first step on."""
        self.steps: list[str] = []
        self._daemon = daemon
        self._chance = chance
        self._numbers = itertools.count()
        self._now: dict[str, dict[str, int]] = {}
        self._tenants: list[Tenant] = []
        self._departed: list[Place] = []
        self._set_context()
        for number in range(APPS):
            tenant = self._joined(f"com.example.app{number}")
            self._tenants.append(tenant)
            self._configure(tenant, COLLECTIONS[0], tuple(FEATURES), 0)
            for name in FEATURES:
                self._permit(tenant, name, True)

    def step(self) -> None:
        """Anything, at random. Raises AssertionError where daemon and model disagree."""
        chance = self._chance
        tenant, name, account = chance.choice(self._tenants), chance.choice(COLLECTIONS), chance.choice(ACCOUNTS)
        (kind,) = chance.choices([*LIKELIHOODS], [*LIKELIHOODS.values()])
        self.steps.append(f"{kind} {tenant.package} {name} {account}")
        match kind:
            case "add":
                self._add(tenant, name, chance.randint(1, 8), account)
            case "permit":
                self._permit(tenant, chance.choice(SCOPES), chance.random() < 0.6)
            case "configure":
                wishes = tuple(wish for wish in FEATURES if chance.random() < 0.7)
                self._configure(tenant, name, wishes, chance.choice((0, 0, 5)))
            case "context":
                self._set_context()
            case "consent":
                self._consent(tenant, chance.random() < 0.7)
            case "clear":
                self._clear(tenant, name, account, by_owner=chance.random() < 0.5)
            case "expire":
                self._expire(tenant, name)
            case "leave":
                self._leave_and_come_back(tenant)
            case "restart":
                self.restart(kill=chance.random() < 0.5)
        self._compare_counts()

    def restart(self, *, kill: bool) -> None:
        """And compare all that is stored meanwhile."""
        self.steps.append("kill" if kill else "stop")
        if kill:
            self._daemon.kill()
        else:
            assert self._daemon.stop() == 0
        self._compare_stored()
        self._daemon.start()
        # The scripted source begins anew with every process.
        self._now.clear()

    def close(self) -> None:
        for tenant in self._tenants:
            tenant.learning.close()

    def _configure(self, tenant: Tenant, name: str, wishes: tuple[str, ...], most: int) -> None:
        tenant.learning.get_collection_client(CollectionOptions(name, context=wishes, max_examples=most))
        collection = tenant.collections.setdefault(name, Collection())
        collection.wishes, collection.max_examples = wishes, most

    def _add(self, tenant: Tenant, name: str, count: int, account: str) -> None:
        numbers = [next(self._numbers) for _ in range(count)]
        task = tenant.learning.get_collection_client(name).add_many(({"n": n} for n in numbers), account or None)
        if not tenant.consent:
            _fails(PermissionDenied, task.result)
        elif name not in tenant.collections:
            _fails(NotFound, task.result)
        else:
            assert task.result(30) == count
            tenant.add(name, numbers, account, self._now)

    def _clear(self, tenant: Tenant, name: str, account: str, *, by_owner: bool) -> None:
        def call() -> int:
            if not by_owner:
                return tenant.learning.get_collection_client(name).clear(account or None)
            with self._daemon.control() as control:
                return control.clear_data(tenant.package, name, account)

        if name in tenant.collections:
            assert call() == tenant.clear(name, account)
        else:
            _fails(NotFound, call)

    def _expire(self, tenant: Tenant, name: str) -> None:
        """Shorten the lives of all there is until the daemon tells that they are over, and lengthen those to come."""
        if name in tenant.collections:
            collection = tenant.learning.get_collection_client(CollectionOptions(name, ttl=SHORTEST_TTL))
            eventually(lambda: collection.stats().examples == 0)
            tenant.learning.get_collection_client(CollectionOptions(name, ttl=USUAL_TTL))
            tenant.collections[name].entries.clear()

    def _consent(self, tenant: Tenant, given: bool) -> None:
        with self._daemon.control() as control:
            control.set_consent(tenant.package, given=given)
        tenant.consent = given

    def _permit(self, tenant: Tenant, scope: str, granted: bool) -> None:
        with self._daemon.control() as control:
            control.set_permission(tenant.package, scope, granted=granted)
        name, _, feature = scope.partition(".")
        if granted:
            tenant.granted[name] |= {feature} if feature else FEATURES[name]
        else:
            tenant.revoke(scope)

    def _set_context(self) -> None:
        for name, features in FEATURES.items():
            self._now[name] = {feature: self._chance.randint(0, 1) for feature in features}
            self._daemon.set_context(name, **self._now[name])

    def _leave_and_come_back(self, tenant: Tenant) -> None:
        self._departed += [self._daemon.place(tenant.package, name) for name in tenant.collections]
        with self._daemon.control() as control:
            control.remove_app(tenant.package)
        tenant.learning.close()
        self._tenants[self._tenants.index(tenant)] = self._joined(tenant.package)

    def _compare_counts(self) -> None:
        """As the owner sees them, and each app its own. Other apps have collections of the same names."""
        with self._daemon.control() as control:
            for tenant in self._tenants:
                data = control.data(tenant.package).apps
                told = {one.collection: one.examples for app in data for one in app.collections}
                assert told == {name: len(held.entries) for name, held in tenant.collections.items()}
                for name in COLLECTIONS:
                    client = tenant.learning.get_collection_client(name)
                    if name in tenant.collections:
                        assert client.stats().examples == told[name]
                    else:
                        _fails(NotFound, client.stats)

    def _compare_stored(self) -> None:
        """Every stored value, in order, with its context; the daemon does not run."""
        with opened_store(self._daemon) as store:
            for tenant in self._tenants:
                for name, collection in tenant.collections.items():
                    scan = Scan(self._daemon.place(tenant.package, name), context_types=CONTEXT_TYPES)
                    found = sorted((_number(one.example), _plain(one.context)) for one in store.scan(scan))
                    assert found == [(entry.number, entry.context) for entry in collection.entries]
            for place in self._departed:
                assert list(store.scan(Scan(place, context_types=CONTEXT_TYPES))) == []

    def _joined(self, package: str) -> Tenant:
        (self._daemon.home / f"{package}.json").unlink(missing_ok=True)
        return Tenant(package, self._daemon.connect(self._daemon.new_app(package)))


def disagree(count: int, seed: int) -> list[str]:
    """Take so many steps; returns the disagreement, with the steps that lead to it."""
    with tempfile.TemporaryDirectory(prefix="k7-") as home, running(Path(home)) as daemon:
        tenants = Tenants(daemon, random.Random(seed))
        try:
            for _ in range(count):
                tenants.step()
            tenants.restart(kill=False)
        except (AssertionError, InsituError) as error:
            return [f"{error!r} after {tenants.steps}"]
        finally:
            tenants.close()
        return ended_in_order(daemon)


def _fails(error: type[InsituError], call: Callable[[], object]) -> None:
    try:
        answer = call()
    except error:
        return
    raise AssertionError(f"{answer} where {error.__name__} was due")


def _number(example: bytes) -> int:
    return int(Example.FromString(example).features.feature["n"].int64_list.value[0])


def _plain(context: Mapping[str, bytes]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for name, blob in context.items():
        for feature, value in Features.FromString(blob).feature.items():
            found[name][feature] = value.int64_list.value[0]
    return dict(found)
