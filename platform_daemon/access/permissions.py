"""What the user allows: consent to collection, and grants of context. Durable, and read from memory at every event."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from context.clock import Clock
from context.permissions import Change, Grants, Scope
from context.registry import ContextRegistry
from platform_daemon.access.apps import Apps
from platform_daemon.state import Database


@dataclass(frozen=True, slots=True)
class Decision:
    """The user's last decision on one context type of one app."""

    package: str
    type: str
    features: frozenset[str]
    """Granted ones; empty after a revocation."""
    changed_ms: int


class Permissions:
    """Decisions in the daemon's state database, with a copy of what holds in memory.

    A decision is durable before it shows in `grants`. A narrowing leaves surplus in what was stored and trained: it
    stays in `pending` until whoever deletes that calls `narrowed`, so that a crash in between loses no revocation.
    No method may be called inside a transaction of the database.
    """

    def __init__(self, database: Database, apps: Apps, clock: Clock) -> None:
        self._database = database
        self._apps = apps
        self._clock = clock
        self._changing = threading.Lock()  # held while the database changes and until memory shows it
        self._grants = Grants.of((one.package, one.type, one.features) for one in self.decisions())
        self._consenting = frozenset(app.package for app in apps.list() if app.consent)

    @property
    def grants(self) -> Grants:
        """All grants, as they are now."""
        return self._grants

    def consented(self, package: str) -> bool:
        return package in self._consenting

    def set_consent(self, package: str, given: bool) -> None:
        """Give or withdraw consent to collection. Raises NotFound."""
        with self._changing:
            with self._database.transaction() as connection:
                self._apps.get(package)
                connection.execute("UPDATE apps SET consent = ? WHERE package = ?", (given, package))
            others = self._consenting - {package}
            self._consenting = others | {package} if given else others

    def grant(self, package: str, scope: Scope, registry: ContextRegistry) -> Change:
        """Raises NotFound for an unknown app, UnknownContextType and UnknownFeature for what the registry lacks."""
        return self._change(package, lambda grants: grants.granting(package, scope, registry))

    def revoke(self, package: str, scope: Scope) -> Change:
        """Raises NotFound for an unknown app."""
        return self._change(package, lambda grants: grants.revoking(package, scope))

    def decisions(self, package: str = "") -> tuple[Decision, ...]:
        """The last decisions on one app, or on all, by package and type; types never decided on are not listed."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT package, type, features, changed_ms FROM permissions WHERE ? IN ('', package)"
                " ORDER BY package, type",
                (package,),
            ).fetchall()
        return tuple(Decision(name, kind, frozenset(json.loads(text)), changed) for name, kind, text, changed in rows)

    def pending(self) -> tuple[tuple[str, str, frozenset[str]], ...]:
        """Package, type and lost features of narrowings whose surplus is not deleted yet: to be taken up at start."""
        lost: dict[tuple[str, str], set[str]] = {}
        with self._database.read() as connection:
            rows = connection.execute("SELECT package, type, feature FROM narrowings ORDER BY 1, 2, 3").fetchall()
        for package, context_type, feature in rows:
            lost.setdefault((package, context_type), set()).add(feature)
        return tuple((*key, frozenset(features)) for key, features in lost.items())

    def narrowed(self, package: str, context_type: str, features: frozenset[str]) -> None:
        """Nothing is left of the lost features. Repeatable."""
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM narrowings WHERE package = ? AND type = ? AND feature = ?",
                [(package, context_type, feature) for feature in features],
            )

    def forget(self, package: str) -> None:
        """Drop what memory holds of an app whose record is gone."""
        with self._changing:
            self._grants = self._grants.without(package)
            self._consenting -= {package}

    def _change(self, package: str, decide: Callable[[Grants], tuple[Grants, Change]]) -> Change:
        with self._changing:
            with self._database.transaction() as connection:
                self._apps.get(package)
                grants, change = decide(self._grants)
                connection.execute(
                    "INSERT INTO permissions (package, type, features, changed_ms) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET features = excluded.features, changed_ms = excluded.changed_ms",
                    (package, change.type, json.dumps(sorted(change.after)), self._clock.now_ms()),
                )
                connection.executemany(
                    "INSERT INTO narrowings (package, type, feature) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(package, change.type, feature) for feature in sorted(change.lost)],
                )
            self._grants = grants
            return change
