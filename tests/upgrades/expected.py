"""What `write_state.py` wrote, looked for in a state folder that was opened."""

from hashlib import sha256

from artifact_manager import MetricChange
from context.clock import ManualClock
from platform_daemon.access import Apps, AppState, Permissions
from platform_daemon.state.collections import CollectionRepository, Wish
from platform_daemon.storage import Storage
from platform_daemon.store.store import LONGEST_TTL_MS, Scan
from platform_daemon.training.checkpoints import RunKey
from platform_daemon.training.records import SessionRepository
from tests.upgrades.write_state import BLOB, CHECKPOINT, EXAMPLES, PACKAGE, PARAMETERS, UID, URI, WAITING, power


def check_owner(storage: Storage, *, consent: bool = True) -> None:
    apps = Apps(storage.database, ManualClock())
    assert {app.package: app.state for app in apps.list()} == {
        PACKAGE: AppState.REGISTERED,
        WAITING: AppState.REQUESTED,
    }
    (enclave,) = apps.enclaves(PACKAGE)
    assert enclave.uid == UID
    permissions = Permissions(storage.database, apps, ManualClock())
    assert permissions.consented(PACKAGE) is consent
    (decision,) = permissions.decisions(PACKAGE)
    assert (decision.type, decision.features) == ("power", frozenset({"charging"}))
    assert storage.issuer.verify(apps.get(PACKAGE).certificate_pem, PACKAGE) == apps.get(PACKAGE).public_key


def check_examples(storage: Storage) -> None:
    collections = CollectionRepository(storage.database)
    (words,) = collections.all(1)
    assert (words.name, words.ttl_ms, words.max_examples) == ("words", LONGEST_TTL_MS, 1000)
    assert words.wishes == (Wish("power", 60_000),)
    entries = list(storage.store.scan(Scan(words.place, frozenset({"power"}), newest_first=False)))
    assert [one.example for one in entries] == EXAMPLES
    assert {one.context["power"] for one in entries} == {power()}
    work = collections.account(1, "work", create=False)
    assert len(list(storage.store.scan(Scan(words.place, account=work)))) == len(EXAMPLES) // 2
    assert storage.store.stats(words.place).examples == len(EXAMPLES)


def check_artifacts(storage: Storage) -> None:
    assert storage.blobs.read(1, sha256(BLOB).hexdigest()) == BLOB
    for version, data in enumerate(PARAMETERS, 1):
        found, read = storage.artifacts.read(1, URI, version)
        assert (read, found.context, found.metrics) == (data, {"power"}, (MetricChange("accuracy", 0.5, 0.75),))
    assert storage.artifacts.in_use(1, URI) == (2, sha256(PARAMETERS[1]).hexdigest())
    (session,) = SessionRepository(storage.database).all()
    run = SessionRepository(storage.database).open_run(session.id)
    assert run is not None
    assert (run.start_uri, run.start_version) == (URI, 2)
    assert storage.checkpoints.load(RunKey(1, run.id)) == CHECKPOINT
