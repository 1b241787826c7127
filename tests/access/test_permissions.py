"""What the user decides is durable, shown at once, and no narrowing is lost."""

import asyncio
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from context import WELL_KNOWN, ContextRegistry, Grants, Scope
from context.clock import ManualClock
from platform_daemon.errors import NotFound
from tests.access.simulated_app import Device, SimulatedApp

REGISTRY = ContextRegistry()
PACKAGES = ["com.example.a", "com.example.b"]
SCOPES = st.sampled_from([Scope(spec.name, name) for spec in WELL_KNOWN for name in ("", *sorted(spec.feature_names))])


class PermissionsModel(RuleBasedStateMachine):
    """Equal to plain values after any decisions, restarts included."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.device = Device(self.folder, self.clock)
        self.grants = Grants({})
        self.consenting: set[str] = set()
        self.lost: set[tuple[str, str, str]] = set()
        for package in PACKAGES:
            asyncio.run(SimulatedApp(package).be_approved(self.device))

    def teardown(self) -> None:
        self.device.database.close()
        shutil.rmtree(self.folder)

    @rule(package=st.sampled_from(PACKAGES), scope=SCOPES)
    def grant(self, package: str, scope: Scope) -> None:
        self.clock.advance(1)
        self.grants, expected = self.grants.granting(package, scope, REGISTRY)
        assert self.device.permissions.grant(package, scope, REGISTRY) == expected
        self.decided(package, scope)

    @rule(package=st.sampled_from(PACKAGES), scope=SCOPES)
    def revoke(self, package: str, scope: Scope) -> None:
        self.clock.advance(1)
        self.grants, expected = self.grants.revoking(package, scope)
        assert self.device.permissions.revoke(package, scope) == expected
        self.lost |= {(package, scope.type, feature) for feature in expected.lost}
        self.decided(package, scope)

    def decided(self, package: str, scope: Scope) -> None:
        (decision,) = [one for one in self.device.permissions.decisions(package) if one.type == scope.type]
        assert decision.features == self.grants.features(package, scope.type)
        assert decision.changed_ms == self.clock.now_ms()

    @rule(package=st.sampled_from(PACKAGES), given=st.booleans())
    def consent(self, package: str, given: bool) -> None:
        self.device.permissions.set_consent(package, given)
        (self.consenting.add if given else self.consenting.discard)(package)

    @rule()
    def delete_surplus(self) -> None:
        for package, context_type, features in self.device.permissions.pending():
            self.device.permissions.narrowed(package, context_type, features)
        self.lost.clear()

    @rule(package=st.sampled_from(PACKAGES))
    def remove_and_return(self, package: str) -> None:
        self.device.authority.remove(package)
        asyncio.run(SimulatedApp(package).be_approved(self.device))
        self.grants = self.grants.without(package)
        self.consenting.discard(package)
        self.lost = {entry for entry in self.lost if entry[0] != package}

    @rule()
    def restart(self) -> None:
        self.device.database.close()
        self.device = Device(self.folder, self.clock)

    @invariant()
    def equal(self) -> None:
        permissions = self.device.permissions
        assert permissions.grants == self.grants
        assert [permissions.consented(package) for package in PACKAGES] == [
            package in self.consenting for package in PACKAGES
        ]
        pending = {(package, kind, feature) for package, kind, lost in permissions.pending() for feature in lost}
        assert pending == self.lost


PermissionsModel.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestPermissions = PermissionsModel.TestCase


def test_nothing_is_decided_for_an_app_that_is_not_known(tmp_path: Path) -> None:
    permissions = Device(tmp_path).permissions
    with pytest.raises(NotFound, match="insitu app list"):
        permissions.set_consent("com.example.a", True)
    with pytest.raises(NotFound):
        permissions.grant("com.example.a", Scope("power"), REGISTRY)
    with pytest.raises(NotFound):
        permissions.revoke("com.example.a", Scope("power"))
    assert permissions.decisions() == permissions.pending() == ()


def test_nothing_is_allowed_before_the_user_says_so(tmp_path: Path) -> None:
    device = Device(tmp_path)
    asyncio.run(SimulatedApp("com.example.a").be_approved(device))
    assert not device.permissions.consented("com.example.a")
    assert device.permissions.grants.of_package("com.example.a") == {}


def test_decisions_at_the_same_time_lose_none(tmp_path: Path) -> None:
    device = Device(tmp_path)
    for package in PACKAGES:
        asyncio.run(SimulatedApp(package).be_approved(device))

    def decide(package: str) -> None:
        for spec in WELL_KNOWN:
            device.permissions.grant(package, Scope(spec.name), REGISTRY)
            device.permissions.set_consent(package, True)

    threads = [threading.Thread(target=decide, args=(package,)) for package in PACKAGES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for package in PACKAGES:
        assert set(device.permissions.grants.of_package(package)) == {spec.name for spec in WELL_KNOWN}
        assert device.permissions.consented(package)
    assert Device(tmp_path).permissions.grants == device.permissions.grants
