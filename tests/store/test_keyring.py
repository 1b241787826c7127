"""The keyring: what a key serves, and what is left after a crash at any step."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_daemon.errors import DataLoss, FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from platform_daemon.store.atomic_file import LocalDisk, replace, temporary_of
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.master_key import MasterKey
from platform_daemon.store.scope import NEVER_MS, Kind, Scope, Selector, bucket_end_ms
from tests.store.crashing_disk import CrashingDisk, PowerCut

SCOPE = Scope(Kind.EXAMPLE, 1, 1, 1, "", 1000)
CONTEXT = Scope(Kind.CONTEXT, 1, 1, 1, "power", 1000)


@pytest.fixture
def master(tmp_path: Path) -> MasterKey:
    return MasterKey.provision(tmp_path / "master.key", LocalDisk())


@pytest.fixture
def path(tmp_path: Path, master: MasterKey) -> Path:
    Keyring.provision(tmp_path / "keyring", master)
    return tmp_path / "keyring"


def test_a_key_serves_one_scope_and_one_life(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master)
    first, other = ring.sealing_keys([SCOPE, CONTEXT])
    assert ring.sealing_keys([SCOPE]) == [first]
    assert first.id != other.id
    sealed = first.cipher.encrypt(b"n" * 12, b"value", None)
    again = Keyring.load(path, master)
    opens = again.cipher(first.id)
    assert opens is not None
    assert opens.decrypt(b"n" * 12, sealed, None) == b"value"
    assert again.sealing_keys([SCOPE])[0].id not in (first.id, other.id)


def test_a_key_is_replaced_long_before_nonces_repeat(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master, seals_per_key=10)
    ids = [ring.sealing_keys([SCOPE], seals=4)[0].id for _ in range(5)]
    assert ids == [1, 1, 2, 2, 3]
    assert all(ring.cipher(key_id) is not None for key_id in ids)


def test_destroying_selects(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master)
    scopes = [
        SCOPE,
        CONTEXT,
        SCOPE._replace(account=2),
        SCOPE._replace(collection=2),
        SCOPE._replace(enclave=2),
        SCOPE._replace(bucket_end_ms=2000),
    ]
    ring.sealing_keys(scopes)
    sealed = ring.seal(1, "artifact:/s/p#1", b"weights")

    def left() -> set[Scope]:
        return set(Keyring.load(path, master).select(Selector(kinds=frozenset({Kind.EXAMPLE, Kind.CONTEXT}))).values())

    ring.destroy(Selector(ended_by_ms=999))
    assert left() == set(scopes)
    ring.destroy(Selector(parts=frozenset({"power"})))
    assert left() == set(scopes) - {CONTEXT}
    ring.destroy(Selector(enclave=1, account=2))
    ring.destroy(Selector(enclave=1, collection=2))
    assert left() == {SCOPE, scopes[4], scopes[5]}
    ring.destroy(Selector(ended_by_ms=1000))
    assert left() == {scopes[5]}
    assert ring.open(1, "artifact:/s/p#1", sealed) == b"weights"
    ring.destroy(Selector(enclave=1))
    assert left() == set()
    with pytest.raises(NotFound):
        ring.open(1, "artifact:/s/p#1", sealed)


def test_ids_are_never_used_again(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master)
    (key,) = ring.sealing_keys([SCOPE])
    ring.destroy(Selector())
    assert ring.cipher(key.id) is None
    assert ring.sealing_keys([SCOPE])[0].id > key.id
    ring.destroy(Selector())
    assert Keyring.load(path, master).sealing_keys([SCOPE])[0].id > key.id + 1


def test_sealed_artifacts_are_bound_to_their_name_and_owner(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master)
    sealed = ring.seal(1, "artifact:/session/params#3", b"weights")
    again = Keyring.load(path, master)
    assert again.open(1, "artifact:/session/params#3", sealed) == b"weights"
    for enclave, name in ((2, "artifact:/session/params#3"), (1, "artifact:/session/params#4")):
        with pytest.raises(DataLoss):
            again.open(enclave, name, sealed)
    newer = again.seal(1, "artifact:/session/params#3", b"new weights")
    other = again.seal(1, "artifact:/session/params#4", b"others")
    assert again.destroy_named(1, ["artifact:/session/params#3"]) == 2
    assert again.open(1, "artifact:/session/params#4", other) == b"others"
    for bytes_ in (sealed, newer):
        with pytest.raises(NotFound):
            again.open(1, "artifact:/session/params#3", bytes_)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_artifact_never_opens(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("ring")
    ring = Keyring.provision(folder / "keyring", MasterKey(b"k" * 32))
    sealed = bytearray(ring.seal(1, "name", b"weights"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises((DataLoss, NotFound)):
        ring.open(1, "name", bytes(sealed))
    with pytest.raises((DataLoss, NotFound)):
        ring.open(1, "name", bytes(sealed[: position % len(sealed)]))


def test_a_flipped_keyring_never_loads(path: Path, master: MasterKey) -> None:
    Keyring.load(path, master).sealing_keys([SCOPE, CONTEXT])
    good = path.read_bytes()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1
        path.write_bytes(bad)
        with pytest.raises(DataLoss):
            Keyring.load(path, master)
    path.write_bytes(good[:5])
    with pytest.raises(DataLoss):
        Keyring.load(path, master)
    path.unlink()
    with pytest.raises(DataLoss, match="missing"):
        Keyring.load(path, master)


def test_the_master_key_is_guarded(tmp_path: Path, path: Path, master: MasterKey) -> None:
    file = tmp_path / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(FailedPrecondition, match="chmod 600"):
        MasterKey.load(file)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with pytest.raises(DataLoss, match="5 bytes"):
        MasterKey.load(file)
    file.unlink()
    with pytest.raises(DataLoss, match="missing"):
        MasterKey.load(file)
    with pytest.raises(DataLoss, match="does not open"):
        Keyring.load(path, MasterKey(os.urandom(32)))


def _make(ring: Keyring) -> None:
    ring.sealing_keys([CONTEXT])


def _destroy(ring: Keyring) -> None:
    ring.destroy(Selector(ids=frozenset({1})))


@pytest.mark.parametrize("step", CrashingDisk.STEPS)
@pytest.mark.parametrize("change", [_make, _destroy])
def test_a_crash_leaves_the_old_ring_or_the_new(
    path: Path, master: MasterKey, step: str, change: Callable[[Keyring], None]
) -> None:
    disk = CrashingDisk()
    ring = Keyring.load(path, master, disk=disk)
    ring.sealing_keys([SCOPE])
    before = ring.select(Selector())
    disk.crash_at(step)
    with pytest.raises(PowerCut):
        change(ring)
    assert ring.select(Selector()) == before
    after = Keyring.load(path, master)
    assert not temporary_of(path).exists()
    renamed = step in ("renamed", "synced")
    expected = before if not renamed else {1: SCOPE, 2: CONTEXT} if change is _make else {}
    assert after.select(Selector()) == expected
    assert after.sealing_keys([SCOPE])[0].id == (3 if renamed and change is _make else 2)


def test_a_key_is_durable_before_its_first_use(path: Path, master: MasterKey) -> None:
    disk = CrashingDisk()
    ring = Keyring.load(path, master, disk=disk)
    (key,) = ring.sealing_keys([SCOPE])
    assert disk.done == ["written", "renamed", "synced"]
    assert key.id in Keyring.load(path, master).select(Selector())


def test_a_closed_ring_never_touches_its_file(path: Path, master: MasterKey) -> None:
    ring = Keyring.load(path, master)
    ring.sealing_keys([SCOPE])
    sealed = ring.seal(1, "name", b"value")
    before = path.read_bytes()
    ring.close()
    ring.close()
    attempts: list[Callable[[], object]] = [
        lambda: ring.sealing_keys([SCOPE]),
        lambda: ring.seal(1, "name", b"value"),
        lambda: ring.open(1, "name", sealed),
        lambda: ring.destroy(Selector()),
        lambda: ring.destroy_named(1, ["name"]),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable):
            attempt()
    assert path.read_bytes() == before


def test_a_full_disk_changes_nothing(path: Path, master: MasterKey) -> None:
    disk = CrashingDisk()
    ring = Keyring.load(path, master, disk=disk)
    (key,) = ring.sealing_keys([SCOPE])
    disk.fill()
    with pytest.raises(ResourceExhausted):
        ring.sealing_keys([CONTEXT])
    with pytest.raises(ResourceExhausted):
        ring.destroy(Selector())
    assert ring.cipher(key.id) is not None
    assert not temporary_of(path).exists()
    disk.make_room()
    assert ring.destroy(Selector()) == {key.id: SCOPE}


def test_replacing_overwrites_a_leftover(tmp_path: Path) -> None:
    file = tmp_path / "file"
    temporary_of(file).write_bytes(b"half of something")
    replace(file, b"whole", LocalDisk())
    assert file.read_bytes() == b"whole"
    assert not temporary_of(file).exists()


@given(added=st.integers(0, 2**42), ttl=st.integers(1, 2**41))
def test_a_bucket_ends_soon_after_what_is_in_it(added: int, ttl: int) -> None:
    over = bucket_end_ms(added, added + ttl) - (added + ttl)
    assert 0 <= over < min(3_600_000, max(1, ttl // 32))
    assert bucket_end_ms(added, added + ttl) < NEVER_MS
