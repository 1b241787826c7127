"""The device that a test holds in its hand."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from client_lib.artifacts import describe
from client_lib.connection import Connection
from client_lib.control import ControlClient
from client_lib.encoding import decode
from client_lib.errors import InsituError
from client_lib.handshake import open_session
from client_lib.identity import hashed_api_key, new_credentials
from client_lib.learning import Learning
from client_lib.options import PlanSource
from client_lib.sessions import SessionStatus
from client_lib.testing.collections import alive
from client_lib.testing.collections import find as find_collection
from client_lib.testing.context import reading
from client_lib.testing.daemon import MemoryDaemon
from client_lib.testing.prediction import Predict
from client_lib.testing.runs import Commit, RunStep
from client_lib.testing.server import MemoryServer
from client_lib.testing.state import Limits, State
from client_lib.testing.training import find as find_session
from client_lib.testing.training import perform, status_of
from client_lib.testing.transport import AsyncMemoryTransport, MemoryKeys, MemoryTransport
from insitu.v1.control_pb2 import ApproveAppRequest
from insitu.v1.example_pb2 import Example

if TYPE_CHECKING:
    from client_lib import aio


@dataclass(frozen=True, slots=True)
class StoredExample:
    """What no daemon would show: an example and the context that was stored with it."""

    features: Mapping[str, list[Any]]
    context: Mapping[str, Mapping[str, list[Any]]]
    """By type."""
    account: str
    added: datetime
    expires: datetime


class Device:
    """A device in memory, on which everything is allowed that a test does not forbid.

    with testing.Device() as device:
        learning = device.connect("com.example.keyboard")
    """

    def __init__(self, *, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self._state = State(int(now.timestamp() * 1000))
        self._daemon = MemoryDaemon(self._state)
        self._keys: dict[str, MemoryKeys] = {}
        self._connections: list[Learning] = []
        self._server: MemoryServer | None = None
        self.owner = ControlClient(MemoryTransport(self._daemon, owner=True))
        """The device's owner, with everything that the command line can do."""

    # Apps

    def connect(
        self,
        package: str,
        *,
        approve: bool = True,
        consent: bool = True,
        context: Iterable[str] = (),
        assets: Path | None = None,
    ) -> Learning:
        """A connection of this app, as `Learning.connect` makes one, handshake included; closed with the device.

        The first time, the owner approves the app and the user consents, unless told otherwise. `context` is what the
        user grants: "TYPE" or "TYPE.FEATURE". Raises what `Learning.connect` raises.
        """
        keys = self._introduce(package, approve, consent, context)
        connection = Connection(MemoryTransport(self._daemon), lambda: open_session(keys), sleep=self._sleep)
        connection.open()
        learning = Learning(connection, assets)
        self._connections.append(learning)
        return learning

    def connect_async(
        self,
        package: str,
        *,
        approve: bool = True,
        consent: bool = True,
        context: Iterable[str] = (),
        assets: Path | None = None,
    ) -> "aio.Connecting":
        """As `connect`, for asyncio: `async with device.connect_async(...) as learning`."""
        from client_lib.aio.connection import Connection as AsyncConnection
        from client_lib.aio.learning import Connecting

        keys = self._introduce(package, approve, consent, context)

        async def sleep(seconds: float) -> None:
            self._sleep(seconds)
            await asyncio.sleep(0)

        def make() -> AsyncConnection:
            return AsyncConnection(AsyncMemoryTransport(self._daemon), lambda: open_session(keys), sleep=sleep)

        return Connecting(make, assets)

    def serve(self, home: Path) -> None:
        """Listen on real sockets below `home`, for an app that connects by itself: give it INSITU_HOME. The `insitu`
        command works there too. Framed lane only; until the device is closed."""
        self._server = MemoryServer(self._daemon, home)
        self._server.start()

    # What the user decides and the device knows

    def consent(self, package: str, given: bool = True) -> None:
        self.owner.set_consent(package, given=given)

    def grant(self, package: str, *scopes: str) -> None:
        """Each "TYPE" or "TYPE.FEATURE"."""
        for scope in scopes:
            self.owner.set_permission(package, scope, granted=True)

    def revoke(self, package: str, *scopes: str) -> None:
        """What is stored of it goes, and what was learnt from it."""
        for scope in scopes:
            self.owner.set_permission(package, scope, granted=False)

    def set_context(self, type: str, **values: bool | int | float | str) -> None:
        """Replace a reading; without values it is unknown, as all are in the beginning."""
        self.owner.set_scripted_context(type, reading(**values))

    def idle_and_charging(self, idle: bool = True) -> None:
        """Whether training may run."""
        self.set_context("activity", user_idle=idle)
        self.set_context("power", charging=idle, on_battery=not idle)

    # Time

    @property
    def now(self) -> datetime:
        return _time(self._state.now_ms)

    def advance(self, by: timedelta) -> None:
        """Let time pass. It does not by itself, but for the pauses before calls are repeated."""
        with self._daemon.lock:
            self._state.now_ms += int(by.total_seconds() * 1000)

    # Models

    def predicts(self, plan: PlanSource, function: Predict, *, assets: Path | None = None) -> None:
        """Tell what a plan predicts: `function(features, version)` is called for each example, with lists by name and
        the version of the parameters in use (0 for the base ones), and returns the outputs by name."""
        self._daemon.functions[describe(plan, assets).sha256] = function

    def trains(self, plan: PlanSource, *steps: RunStep, assets: Path | None = None) -> None:
        """Tell what becomes of sessions scheduled with a plan: each `status()` of theirs brings about one step, as long
        as the daemon would let them run."""
        self._daemon.scripts[describe(plan, assets).sha256] = list(steps)

    def run(self, package: str, session: str, *steps: RunStep) -> SessionStatus:
        """Let a session run through these steps now; by default it commits. Raises NotReady, with what is missing,
        where the daemon would not let it run."""
        with self._daemon.lock:
            app = self._state.app(package)
            found = find_session(app, session)
            perform(found, app, self._state, steps or (Commit(),))
            return SessionStatus.from_wire(status_of(found, app, self._state))

    # What came of it

    def stored(self, package: str, collection: str) -> list[StoredExample]:
        """What has not expired, oldest first. Raises NotFound."""
        with self._daemon.lock:
            entries = alive(find_collection(self._state.app(package), collection), self._state.now_ms)
            return [
                StoredExample(
                    decode(Example.FromString(entry.example)),
                    {type: decode(Example(features=part.features)) for type, part in entry.context.items()},
                    entry.account,
                    _time(entry.added_ms),
                    _time(entry.expires_ms),
                )
                for entry in entries
            ]

    def plans(self, package: str) -> dict[str, bytes]:
        """What an app has handed over, by SHA-256. To change it is to let the daemon lose it."""
        return self._state.app(package).artifacts

    @property
    def calls(self) -> list[str]:
        """Every call of apps so far, e.g. "Collections/Add"."""
        return [call for call in self._daemon.calls if not call.startswith("Control/")]

    def count(self, call: str) -> int:
        return self._daemon.calls.count(call)

    # Trouble

    def fail(self, call: str, error: InsituError, *, times: int = 1, takes_effect: bool = False) -> None:
        """Let the next calls of, e.g., "Collections/Add" raise `error`; with `takes_effect` they are carried out, and
        only their answers are lost."""
        self._daemon.fail(call, error, times, takes_effect)

    @property
    def limits(self) -> Limits:
        """What each app may store: assign to its fields."""
        return self._state.limits

    @property
    def disk_full(self) -> bool:
        """Whether everything that has to be written is refused."""
        return self._state.disk_full

    @disk_full.setter
    def disk_full(self, full: bool) -> None:
        self._state.disk_full = full

    def become_another_device(self) -> None:
        """No app is known any more, and tokens for the device that this one was are good for nothing."""
        self._state.audience = secrets.token_hex(8)
        self._state.apps.clear()
        self.end_sessions()

    def forget_platform_key(self, package: str) -> None:
        """The app has to register again, as with a daemon whose state was lost in part."""
        self._state.app(package).platform_key_sha256 = ""

    def begin_upload(self, package: str, plan: bytes, size_bytes: int) -> None:
        """Have the first bytes of a plan, of an upload that was broken off."""
        self._state.app(package).partial[hashlib.sha256(plan).hexdigest()] = plan[:size_bytes]

    def end_sessions(self) -> None:
        """Sessions are opened anew at the next call, as after an hour."""
        self._state.sessions.clear()

    def stop(self) -> None:
        """The daemon is not running: what it keeps stays, its sessions are gone."""
        self._daemon.stop()
        if self._server is not None:
            self._server.stop()

    def start(self) -> None:
        self._daemon.running = True
        if self._server is not None:
            self._server.start()

    def close(self) -> None:
        """Close all connections. Repeatable."""
        for learning in self._connections:
            learning.close()
        self._connections.clear()
        self.owner.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> "Device":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _introduce(self, package: str, approve: bool, consent: bool, context: Iterable[str]) -> MemoryKeys:
        scopes = tuple(context)
        if package not in self._keys:
            self._state.credentials[package] = new_credentials(package, scopes)
            self._keys[package] = MemoryKeys(self._state, package)
        held = self._state.credentials[package]
        known = self._state.apps.get(package)
        if approve and (known is None or not known.certificate_pem):
            self.owner.approve_app(
                ApproveAppRequest(
                    package=package,
                    certificate_request_pem=held.certificate_request_pem,
                    api_key_sha256=hashed_api_key(held),
                    context=held.context,
                )
            )
            self.consent(package, consent)
        if package in self._state.apps:
            self.grant(package, *scopes)
        return self._keys[package]

    def _sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))


def _time(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
