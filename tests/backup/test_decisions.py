"""What was taken back since a backup does not come back with it."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from context import ContextRegistry
from context.clock import ManualClock
from context.permissions import Scope
from insitu_cli.backups import report
from platform_daemon.access import Apps, Permissions
from platform_daemon.backup.decisions import Carried, adopt
from platform_daemon.errors import NotFound
from platform_daemon.storage import Storage
from platform_daemon.store.quota import Usage
from platform_daemon.store.scope import RECORDS, Selector
from platform_daemon.store.store import Place, Scan, Stats
from platform_daemon.training.records import SessionRepository
from tests.backup.samples import backup, opened, restored
from tests.upgrades.expected import check_artifacts, check_examples, check_owner
from tests.upgrades.write_state import EXAMPLES, PACKAGE, UID, URI, WAITING, write

WORDS = Place(1, 1)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write(tmp_path / "state", ManualClock())
    return tmp_path / "state"


@pytest.fixture
def restored_after(state: Path) -> Callable[[Callable[[Storage], object]], tuple[Storage, Carried]]:
    """Back up, do something, restore over it, open."""

    def run(act: Callable[[Storage], object]) -> tuple[Storage, Carried]:
        storage = opened(state)
        file = backup(storage)
        act(storage)
        storage.close()
        carried = restored(file, state, replace=True).carried
        assert carried is not None
        return opened(state), carried

    return run


Act = Callable[[Callable[[Storage], object]], tuple[Storage, Carried]]


def owner(storage: Storage) -> tuple[Apps, Permissions]:
    apps = Apps(storage.database, ManualClock())
    return apps, Permissions(storage.database, apps, ManualClock())


def test_nothing_decided_changes_nothing(restored_after: Act) -> None:
    storage, carried = restored_after(lambda storage: None)
    assert carried == Carried()
    check_examples(storage)
    check_artifacts(storage)
    assert owner(storage)[1].consented(PACKAGE)
    storage.close()


def test_cleared_examples_stay_cleared(restored_after: Act) -> None:
    storage, carried = restored_after(lambda storage: storage.store.clear(WORDS))
    assert carried.erased_keys > 0
    assert list(storage.store.scan(Scan(WORDS))) == []
    assert storage.store.stats(WORDS) == Stats()
    assert storage.store.usage(1) == Usage()
    assert storage.store.reckon() == 0
    # Nobody else can read them either, whatever is left of them in the files.
    assert storage.store.keyring.select(Selector(kinds=RECORDS, enclave=1)) == {}
    check_artifacts(storage)
    storage.close()


def test_revoked_context_stays_revoked(restored_after: Act) -> None:
    def revoke(storage: Storage) -> None:
        owner(storage)[1].revoke(PACKAGE, Scope("power"))
        storage.store.revoke(1, "power")

    storage, carried = restored_after(revoke)
    assert carried.narrowed == (f"{PACKAGE} power.charging",)
    entries = list(storage.store.scan(Scan(WORDS, frozenset({"power"}))))
    assert len(entries) == len(EXAMPLES)
    assert {len(one.context) for one in entries} == {0}
    _, permissions = owner(storage)
    assert permissions.grants.features(PACKAGE, "power") == frozenset()
    # The daemon's start deletes what was derived from it: parameters and checkpoints too.
    assert permissions.pending() == ((PACKAGE, "power", frozenset({"charging"})),)
    storage.close()


def test_erased_parameters_stay_erased(restored_after: Act) -> None:
    storage, _ = restored_after(lambda storage: storage.artifacts.forget_context(1, "power"))
    with pytest.raises(NotFound):
        storage.artifacts.read(1, URI)
    check_examples(storage)
    storage.close()


def test_a_removed_app_stays_removed(restored_after: Act) -> None:
    storage, carried = restored_after(lambda storage: owner(storage)[0].remove(PACKAGE))
    assert carried.removed_apps == (PACKAGE,)
    apps, _ = owner(storage)
    assert [app.package for app in apps.list()] == [WAITING]
    # The daemon's start erases what it left.
    assert [enclave.number for enclave in apps.departed()] == [1]
    storage.close()


def test_withdrawn_consent_stays_withdrawn(restored_after: Act) -> None:
    storage, _ = restored_after(lambda storage: owner(storage)[1].set_consent(PACKAGE, False))
    assert not owner(storage)[1].consented(PACKAGE)
    storage.close()


def test_what_was_granted_since_is_as_in_the_backup(restored_after: Act) -> None:
    def grant(storage: Storage) -> None:
        owner(storage)[1].grant(PACKAGE, Scope("power"), ContextRegistry())

    storage, carried = restored_after(grant)
    assert carried.narrowed == ()
    assert owner(storage)[1].grants.features(PACKAGE, "power") == {"charging"}
    storage.close()


def test_no_id_of_a_key_is_given_twice(restored_after: Act) -> None:
    given: list[int] = []

    def seal(storage: Storage) -> None:
        given.append(int.from_bytes(storage.store.keyring.seal(1, "later", b"x")[1:9], "big"))

    storage, _ = restored_after(seal)
    assert int.from_bytes(storage.store.keyring.seal(1, "later", b"x")[1:9], "big") > given[0]
    storage.close()


def test_another_machine_may_have_another_number_for_the_user(state: Path) -> None:
    adopt(state, UID, ManualClock())
    storage = opened(state)
    (enclave,) = owner(storage)[0].enclaves(PACKAGE)
    assert (enclave.number, enclave.uid) == (1, os.getuid())
    (session,) = SessionRepository(storage.database).all()
    assert session.enclave == enclave
    storage.close()
    adopt(state, 4711, ManualClock())
    storage = opened(state)
    assert owner(storage)[0].enclaves(PACKAGE) == (enclave,)
    storage.close()


@pytest.mark.parametrize("lost", ["examples/keyring", "examples/master.key", "state.db"])
def test_what_cannot_be_read_is_told(state: Path, lost: str) -> None:
    storage = opened(state)
    file = backup(storage)
    storage.store.clear(WORDS)
    storage.close()
    (state / lost).write_bytes(b"damaged beyond repair")
    carried = restored(file, state, replace=True).carried
    assert carried is not None
    (told,) = carried.unreadable
    storage = opened(state)
    if lost == "state.db":
        assert "consent is withdrawn" in told
        assert list(storage.store.scan(Scan(WORDS))) == []
        assert not owner(storage)[1].consented(PACKAGE)
    else:
        assert "what was erased since the backup is back" in told
        check_examples(storage)
    storage.close()


def used(storage: Storage) -> None:
    """Its keys get the numbers that those of the backup have."""
    for number in range(50):
        storage.store.keyring.seal(1, f"other {number}", b"x")
    storage.store.keyring.destroy_named(1, [f"other {number}" for number in range(40)])


@pytest.mark.parametrize("act", [lambda storage: None, used])
@pytest.mark.parametrize("lost", ["", "examples/master.key"])
def test_a_state_of_another_origin_erases_nothing(
    state: Path, tmp_path: Path, act: Callable[[Storage], None], lost: str
) -> None:
    """A daemon that has started once, on a new machine, say."""
    storage = opened(state)
    file = backup(storage)
    storage.close()
    stranger = opened(tmp_path / "new")
    act(stranger)
    stranger.close()
    if lost:
        (tmp_path / "new" / lost).write_bytes(b"damaged beyond repair")
    done = restored(file, tmp_path / "new", replace=True)
    assert (done.carried, done.replaced_stranger) == (None, True)
    assert "not of this backup's origin" in "\n".join(report({"state": str(state), **asdict(done)}))
    storage = opened(tmp_path / "new")
    check_owner(storage, consent=False)
    check_examples(storage)
    check_artifacts(storage)
    storage.close()


def test_of_a_state_that_tells_nothing_of_its_origin_nothing_is_believed(state: Path) -> None:
    storage = opened(state)
    file = backup(storage)
    storage.store.clear(WORDS)
    storage.close()
    (state / "examples" / "master.key").unlink()
    (state / "authority" / "authority.key").unlink()
    assert restored(file, state, replace=True).replaced_stranger
    storage = opened(state)
    check_owner(storage, consent=False)
    check_examples(storage)
    storage.close()


def test_a_restored_state_is_of_the_origin_of_its_backup(state: Path, tmp_path: Path) -> None:
    storage = opened(state)
    file = backup(storage)
    storage.close()
    restored(file, tmp_path / "new")
    storage = opened(tmp_path / "new")
    storage.store.clear(WORDS)
    storage.close()
    done = restored(file, tmp_path / "new", replace=True)
    assert done.carried is not None
    assert not done.replaced_stranger
    storage = opened(tmp_path / "new")
    assert list(storage.store.scan(Scan(WORDS))) == []
    storage.close()
