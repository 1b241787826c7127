"""What the device's owner has decided since a backup holds on when it is restored over the state it was taken from.

Deletion is cryptographic, so the keyring is the journal of all that was erased: an id that the present keyring has
given, and has no key for, was destroyed, by an expiry, a revocation, a clearing or a wipe. That key goes from the
restored keyring too. Grants, consent and apps become what both the backup and the present state have; what has to be
deleted for that is left to the daemon's start, which takes up narrowings and removals in any case.

All of that is said in numbers, of keys and of enclaves, which mean something else in a state that began by itself. Such
a one says nothing of the backup, however long it has been in use.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from context.clock import Clock
from context.permissions import Scope
from platform_daemon.access import Apps, AuthorityUnusable, Issuer, Permissions
from platform_daemon.errors import DaemonError
from platform_daemon.state import Database, SchemaFromTheFuture
from platform_daemon.storage import SCHEMAS
from platform_daemon.store.keyless import drop_keyless
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.master_key import MasterKey
from platform_daemon.training.records import SessionRepository
from platform_daemon.wholeness import STATE, STORE

_AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class Carried:
    """What a restore takes over from the state that it replaces."""

    erased_keys: int = 0
    """Of the backup's keys, those that had been destroyed since."""
    removed_apps: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    """Grants of the backup that had been revoked since, "package type.feature"."""
    unreadable: tuple[str, ...] = ()
    """What of the present state could not be read, and so could not be taken over."""


def same_origin(present: Path, restored: Path) -> bool:
    """Whether one state comes from the other, or both from a third. The master key tells, which is made once for each;
    where one cannot be read, the authority's key. Where neither can be, they count as strangers: so nothing is erased
    for what may be somebody else's."""
    with suppress(DaemonError):
        return _master(present).fingerprint == _master(restored).fingerprint
    with suppress(AuthorityUnusable):
        return Issuer.open(present / _AUTHORITY).fingerprint == Issuer.open(restored / _AUTHORITY).fingerprint
    return False


def adopt(restored: Path, from_uid: int, clock: Clock) -> None:
    """Give what belonged to the user whose daemon made the backup to the user of this process, who may have another
    number on another machine. Other users' enclaves, in a daemon for several, stay theirs."""
    if from_uid == os.getuid():
        return
    database = Database(restored / STATE, SCHEMAS)
    try:
        Apps(database, clock).move(from_uid, os.getuid())
        SessionRepository(database).move(from_uid, os.getuid())
    finally:
        database.close()


def withdraw_consent(restored: Path, clock: Clock) -> None:
    """Where nothing is known of what was decided since, nothing is collected until the owner says so again."""
    with _owner(restored, clock) as (apps, permissions):
        for app in apps.list():
            permissions.set_consent(app.package, False)


def carry_over(present: Path, restored: Path, clock: Clock) -> Carried:
    """Change the restored folder, which nobody has open, by what the present one, of the same origin, knows."""
    erased_keys, unreadable = 0, []
    try:
        erased_keys = _carry_erasures(present, restored)
    except DaemonError:
        unreadable.append("the keyring: what was erased since the backup is back")
    if erased_keys:
        # Nobody can read them, and they would be counted until they expire.
        drop_keyless(restored / STORE, _keyring(restored))
    try:
        with _owner(present, clock) as (present_apps, present_permissions), _owner(restored, clock) as found:
            removed = tuple(_remove_apps(present_apps, found[0]))
            narrowed = tuple(_narrow(present_apps, present_permissions, *found))
    except (DaemonError, SchemaFromTheFuture):
        unreadable.append("the state database: grants are those of the backup, and consent is withdrawn")
        removed, narrowed = (), ()
        withdraw_consent(restored, clock)
    return Carried(erased_keys, removed, narrowed, tuple(unreadable))


def _carry_erasures(present: Path, restored: Path) -> int:
    return _keyring(restored).follow(_keyring(present))


def _keyring(state: Path) -> Keyring:
    return Keyring.load(state / STORE / "keyring", _master(state))


def _master(state: Path) -> MasterKey:
    return MasterKey.load(state / STORE / "master.key")


@contextmanager
def _owner(state: Path, clock: Clock) -> Iterator[tuple[Apps, Permissions]]:
    database = Database(state / STATE, SCHEMAS)
    try:
        apps = Apps(database, clock)
        yield apps, Permissions(database, apps, clock)
        database.scrub()
    finally:
        database.close()


def _remove_apps(present: Apps, restored: Apps) -> Iterator[str]:
    """An app that was removed and approved anew is another: its enclave has another number."""
    known = {app.package for app in present.list()}
    enclaves = {(one.package, one.number) for one in present.enclaves()}
    for app in restored.list():
        old = [one for one in restored.enclaves(app.package) if (one.package, one.number) not in enclaves]
        if app.package not in known or old:
            restored.remove(app.package)
            yield app.package


def _narrow(present_apps: Apps, present: Permissions, restored_apps: Apps, restored: Permissions) -> Iterator[str]:
    granted = {(one.package, one.type): one.features for one in present.decisions()}
    for app in restored_apps.list():
        if app.consent and not present.consented(app.package):
            restored.set_consent(app.package, False)
        for decision in restored.decisions(app.package):
            for feature in sorted(decision.features - granted.get((app.package, decision.type), frozenset())):
                restored.revoke(app.package, Scope(decision.type, feature))
                yield f"{app.package} {decision.type}.{feature}"
