"""What a device in memory remembers."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from client_lib.credentials import Credentials
from client_lib.errors import NotFound, Unauthenticated
from client_lib.testing.runs import RunStep
from insitu.v1 import control_pb2, training_pb2
from insitu.v1.example_pb2 import Features
from insitu.v1.plan_pb2 import Plan

DEFAULT_TTL_MS = 30 * 24 * 3600 * 1000
SESSION_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Part:
    """Context features of one type, stored with an example."""

    features: Features
    expires_ms: int


@dataclass(slots=True)
class Entry:
    """One stored example."""

    example: bytes
    account: str
    added_ms: int
    expires_ms: int
    context: dict[str, Part]

    @property
    def size_bytes(self) -> int:
        return len(self.example) + sum(part.features.ByteSize() for part in self.context.values())


@dataclass(slots=True)
class Collection:
    name: str
    ttl_ms: int = DEFAULT_TTL_MS
    max_examples: int = 0
    durable: bool = False
    wishes: list[tuple[str, int | None]] = field(default_factory=list)
    """Context type, and its time to live where shorter than the examples'."""
    entries: list[Entry] = field(default_factory=list)
    """In the order of their addition; expired ones may be among them."""
    keys: dict[bytes, int] = field(default_factory=dict)
    """Idempotency keys, with the time of their use."""


@dataclass(frozen=True, slots=True)
class Version:
    """Parameters that a run produced."""

    wire: control_pb2.ArtifactVersion
    collection: str


@dataclass(slots=True)
class Model:
    """A mutable artifact."""

    uri: str
    versions: list[Version] = field(default_factory=list)
    """Newest first."""
    in_use: int = 0
    produced: int = 0
    """Versions ever: numbers are never used again."""

    def keep(self, wanted: Callable[[Version], bool]) -> int:
        """Erase all other versions; returns how many."""
        before = len(self.versions)
        self.versions = [version for version in self.versions if wanted(version)]
        numbers = [version.wire.version for version in self.versions]
        if self.in_use not in numbers:
            self.in_use = max(numbers, default=0)
        return before - len(self.versions)


@dataclass(slots=True)
class Session:
    """A training session."""

    options: training_pb2.TrainerOptions
    plan: Plan
    created_ms: int
    state: "training_pb2.SessionState" = training_pb2.WAITING
    reason: str = ""
    step: int = 0
    total_steps: int = 0
    loss: float = 0.0
    last_started_ms: int = 0
    last_ended_ms: int = 0
    retry_ms: int = 0
    failures: int = 0
    from_base: bool = False
    """What it had produced had to be forgotten: it is due at once."""
    attempts: list[training_pb2.Attempt] = field(default_factory=list)
    """Newest first."""
    script: list[RunStep] = field(default_factory=list)
    """What the next looks at its status will bring about."""


@dataclass(slots=True)
class App:
    package: str
    api_key_sha256: str
    certificate_request_pem: str
    wishes: tuple[str, ...]
    requested_ms: int
    certificate_pem: str = ""
    """Empty before approval."""
    approved_ms: int = 0
    seen_ms: int = 0
    platform_key_sha256: str = ""
    consent: bool = False
    grants: dict[str, frozenset[str]] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    """Those with a name, until the owner clears them."""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Plans handed over, by digest."""
    partial: dict[str, bytes] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    predictions: int = 0


@dataclass(slots=True)
class Limits:
    """What the device allows each app; None for no limit."""

    examples: int | None = None
    size_bytes: int | None = None
    accounts: int | None = None
    """Beside the primary one."""
    collections: int | None = None
    artifact_bytes: int | None = None


@dataclass
class State:
    now_ms: int
    audience: str = field(default_factory=lambda: secrets.token_hex(8))
    limits: Limits = field(default_factory=Limits)
    disk_full: bool = False
    apps: dict[str, App] = field(default_factory=dict)
    nonces: dict[bytes, int] = field(default_factory=dict)
    """With the time of their issue; of a used one, minus that."""
    sessions: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Package and end, by session."""
    context: dict[str, Features] = field(default_factory=dict)
    credentials: dict[str, Credentials] = field(default_factory=dict)
    """Of the apps that this process made up."""

    def app(self, package: str) -> App:
        if package not in self.apps:
            raise NotFound(
                f"package: no app {package} is known here: `insitu app list` shows those that are",
                reason="UNKNOWN_APP",
                field="package",
            )
        return self.apps[package]

    def open_session(self, package: str) -> str:
        session = secrets.token_urlsafe(16)
        self.sessions[session] = (package, self.now_ms + SESSION_LIFETIME_S * 1000)
        return session

    def caller(self, session: str) -> App:
        package, ends_ms = self.sessions.get(session, ("", 0))
        if package not in self.apps or self.now_ms >= ends_ms:
            raise Unauthenticated("the call has no open session: open one", reason="NO_SESSION")
        return self.apps[package]
