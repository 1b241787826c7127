"""Run as `python -m tests.upgrades.write_state FILE.tar.gz` by a release, so that its successors have a state folder of
it to open. The values are those that `test_upgrades.py` expects of every archive; the expiries lie a century ahead.

Kept to what every release has: where an interface changed since, the archives that were written stay as they are.
"""

import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

from artifact_manager.versions import MetricChange, NewVersion
from client_lib.identity import hashed_api_key, new_credentials
from context import ContextRegistry
from context.clock import ManualClock
from context.permissions import Scope
from insitu.v1.example_pb2 import Features
from insitu.v1.trainer_pb2 import Checkpoint
from insitu.v1.training_pb2 import TrainerOptions
from platform_daemon.access import Apps, Authority, Permissions, Sessions
from platform_daemon.configuration import LimitsSection
from platform_daemon.state.collections import CollectionRepository, Wish
from platform_daemon.storage import Storage
from platform_daemon.store.store import LONGEST_TTL_MS, Batch, ContextPart
from platform_daemon.training.checkpoints import RunKey
from platform_daemon.training.records import SessionRepository
from platform_daemon.transport.calls import Enclave

PACKAGE = "com.example.keyboard"
WAITING = "com.example.waiting"
UID = 1000
URI = "artifact:/words-session/params"
EXAMPLES = [b"example %d" % number for number in range(200)]
BLOB = b"a plan, for all that the blob store knows"
PARAMETERS = (b"first parameters", b"second parameters")
CHECKPOINT = Checkpoint(parameters=b"half way")


def write(folder: Path, clock: ManualClock) -> None:
    """Fill a new state folder. Half of the examples end up in a table, the others in the log."""
    storage = Storage(folder, clock, LimitsSection())
    enclave = _write_apps(storage, clock)
    _write_examples(storage, enclave, 0)
    storage.close()
    storage = Storage(folder, clock, LimitsSection())
    _write_examples(storage, enclave, len(EXAMPLES) // 2)
    _write_artifacts(storage, enclave, clock)
    storage.close()


def power() -> bytes:
    """The context of every example."""
    features = Features()
    features.feature["charging"].int64_list.value.append(1)
    return features.SerializeToString(deterministic=True)


def _write_apps(storage: Storage, clock: ManualClock) -> Enclave:
    apps = Apps(storage.database, clock)
    permissions = Permissions(storage.database, apps, clock)
    authority = Authority(storage.issuer, apps, permissions, Sessions(clock), storage.database)
    app, waiting = (new_credentials(package, ("power",)) for package in (PACKAGE, WAITING))
    authority.approve_request(PACKAGE, app.certificate_request_pem, hashed_api_key(app), ("power",), UID)
    authority.request(WAITING, waiting.certificate_request_pem, hashed_api_key(waiting), (), UID)
    permissions.set_consent(PACKAGE, True)
    permissions.grant(PACKAGE, Scope("power", "charging"), ContextRegistry())
    authority.issue_platform_key(PACKAGE, UID)
    (enclave,) = apps.enclaves(PACKAGE)
    return enclave


def _write_examples(storage: Storage, enclave: Enclave, first: int) -> None:
    """Write a half of them."""
    collections = CollectionRepository(storage.database)
    words = collections.configure(
        enclave.number, "words", ttl_ms=LONGEST_TTL_MS, max_examples=1000, wishes=(Wish("power", 60_000),)
    )
    work = collections.account(enclave.number, "work", create=True)
    assert work is not None
    part = ContextPart("power", power())
    for start in range(first, first + len(EXAMPLES) // 2, 20):
        batch = EXAMPLES[start : start + 20]
        account = work if start % 40 else 0
        storage.store.add(Batch(words.place, account, batch, words.retention, (part,), b"key %d" % start))


def _write_artifacts(storage: Storage, enclave: Enclave, clock: ManualClock) -> None:
    digest = sha256(BLOB).hexdigest()
    storage.blobs.put(enclave.number, digest, len(BLOB), 0, BLOB)
    sessions = SessionRepository(storage.database)
    session = sessions.create(enclave, TrainerOptions(session="words-session"), digest, clock.now_ms())
    storage.blobs.pin(enclave.number, f"session {session.name}", digest)
    for number, data in enumerate(PARAMETERS, 1):
        run = sessions.begin_run(session, clock.now_ms(), "", 0)
        new = NewVersion(
            data,
            clock.now_ms(),
            "words",
            f"1.0.{number}",
            frozenset({"power"}),
            frozenset({"words"}),
            (),
            (MetricChange("accuracy", 0.5, 0.75),),
            run.id,
        )
        storage.artifacts.commit(enclave.number, URI, new)
    run = sessions.begin_run(session, clock.now_ms(), URI, len(PARAMETERS))
    storage.checkpoints.save(RunKey(enclave.number, run.id), CHECKPOINT)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as base, tarfile.open(sys.argv[1], "x:gz") as archive:
        write(Path(base) / "state", ManualClock())
        archive.add(Path(base) / "state", "state")
