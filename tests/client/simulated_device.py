"""What a simulated device remembers."""

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from insitu.v1 import collection_pb2, control_pb2, training_pb2
from insitu.v1.example_pb2 import Example, Features
from platform_daemon.errors import NotFound, Unauthenticated

CONTEXT_TYPES = {
    "power": frozenset({"charging", "on_battery", "battery_level"}),
    "network": frozenset({"connected", "metered", "kind"}),
}


@dataclass
class Collection:
    options: collection_pb2.CollectionOptions
    examples: list[tuple[str, Example]] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)


@dataclass
class App:
    package: str
    api_key_sha256: str
    certificate_request_pem: str
    wishes: tuple[str, ...] = ()
    certificate_pem: str = ""
    """Empty before approval."""
    platform_key_sha256: str = ""
    consent: bool = False
    grants: dict[str, frozenset[str]] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    partial: dict[str, bytes] = field(default_factory=dict)
    sessions: dict[str, training_pb2.SessionStatus] = field(default_factory=dict)
    models: dict[str, control_pb2.MutableArtifact] = field(default_factory=dict)


@dataclass
class DeviceState:
    socket: str
    audience: str = field(default_factory=lambda: secrets.token_hex(8))
    authority_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    apps: dict[str, App] = field(default_factory=dict)
    nonces: set[bytes] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)
    """Session to package."""
    context: dict[str, Features] = field(default_factory=dict)

    def app(self, package: str) -> App:
        if package not in self.apps:
            raise NotFound(f"there is no app {package!r}; see: insitu app list", field="package")
        return self.apps[package]

    def caller(self, session: str) -> App:
        if session not in self.sessions:
            raise Unauthenticated("the call carries no open session; open one", reason="NO_SESSION")
        return self.app(self.sessions[session])
