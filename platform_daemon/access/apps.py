"""What the daemon knows of apps: requests, certificates, enclaves, platform keys. Durable when a method returns.

An app is known by its package. Its data belong to enclaves, one for each OS user; an enclave's number is never given
to another, so that whatever a deletion might miss can never turn up elsewhere.
"""

import enum
import hashlib
import hmac
import json
import secrets
import sqlite3
from dataclasses import dataclass

from context.clock import Clock
from platform_daemon.access.issuer import CertificateRequest
from platform_daemon.errors import AlreadyExists, NotFound, ResourceExhausted
from platform_daemon.state import Database
from platform_daemon.transport.calls import Enclave

_WAITING_LIMIT = 64
_WAITING_PER_UID = 16
_KEYS_PER_ENCLAVE = 4
_SEEN_RESOLUTION_MS = 60_000


class AppState(enum.Enum):
    """How far an app has come."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class App:
    """One package, as recorded."""

    package: str
    api_key_sha256: bytes
    public_key: bytes
    """Raw Ed25519, 32 bytes."""
    certificate_request_pem: str
    wished: tuple[str, ...]
    requested_ms: int
    certificate_pem: str
    """Empty until the app is approved."""
    approved_ms: int
    last_seen_ms: int
    """When it last opened a session, to the minute."""
    consent: bool
    registered: bool

    @property
    def state(self) -> AppState:
        if not self.certificate_pem:
            return AppState.REQUESTED
        return AppState.REGISTERED if self.registered else AppState.APPROVED


_COLUMNS = """package, api_key_sha256, public_key, certificate_request_pem, wished, requested_ms,
    coalesce(certificate_pem, ''), coalesce(approved_ms, 0), last_seen_ms, consent,
    EXISTS (SELECT 1 FROM enclaves JOIN platform_keys ON enclave = number
            WHERE enclaves.package = apps.package AND departed = 0)"""


class Apps:
    """The records, in the daemon's state database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, package: str) -> App | None:
        with self._database.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM apps WHERE package = ?", (package,)).fetchone()
        return None if row is None else _app(row)

    def get(self, package: str) -> App:
        """Raises NotFound."""
        app = self.find(package)
        if app is None:
            raise _unknown(package)
        return app

    def list(self) -> tuple[App, ...]:
        """All apps, those that wait for approval included, by package."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM apps ORDER BY package").fetchall()
        return tuple(_app(row) for row in rows)

    def request(self, request: CertificateRequest, api_key_sha256: bytes, wished: tuple[str, ...], uid: int) -> App:
        """Record a request for approval. Repeating it changes nothing.

        Raises AlreadyExists if the package is known with another key, ResourceExhausted if too many requests wait.
        """
        with self._database.transaction() as connection:
            known = self.find(request.package)
            if known is not None:
                keys = (known.public_key, known.api_key_sha256)
                if keys != (request.public_key, api_key_sha256):
                    raise AlreadyExists(
                        f"{request.package} is known here with another key: use the credentials it was requested with,"
                        f" or have it removed with `insitu app remove {request.package}`",
                        reason="OTHER_KEY",
                    )
                return known
            _check_waiting(connection, uid)
            connection.execute(
                "INSERT INTO apps (package, api_key_sha256, public_key, certificate_request_pem, wished,"
                " requested_by_uid, requested_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    request.package,
                    api_key_sha256,
                    request.public_key,
                    request.pem,
                    json.dumps(wished),
                    uid,
                    self._clock.now_ms(),
                ),
            )
            return self.get(request.package)

    def drop_request(self, package: str) -> None:
        """Forget a request that still waits; anything else stays."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM apps WHERE package = ? AND certificate_pem IS NULL", (package,))

    def approve(self, package: str, certificate_pem: str) -> App:
        """Record the certificate of an app that waits. Raises NotFound."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE apps SET certificate_pem = ?, approved_ms = ? WHERE package = ? AND certificate_pem IS NULL",
                (certificate_pem, self._clock.now_ms(), package),
            )
            return self.get(package)

    def remove(self, package: str) -> tuple[Enclave, ...]:
        """Forget an app: its record, platform keys and permissions. Raises NotFound where nothing is left of it.

        Returns its enclaves, whose data are still to be erased, those of an earlier removal included: they stay in
        `departed` until `erased` is called.
        """
        with self._database.transaction() as connection:
            leaving = self.enclaves(package)
            leaving += tuple(enclave for enclave in self.departed() if enclave.package == package)
            if not leaving:
                self.get(package)
            for enclave in leaving:
                connection.execute("DELETE FROM platform_keys WHERE enclave = ?", (enclave.number,))
            connection.execute("UPDATE enclaves SET departed = 1 WHERE package = ?", (package,))
            connection.execute("DELETE FROM apps WHERE package = ?", (package,))
        return leaving

    def departed(self) -> tuple[Enclave, ...]:
        """Enclaves of removed apps whose data are not erased yet: to be taken up again when the daemon starts."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT number, package, uid FROM enclaves WHERE departed = 1").fetchall()
        return tuple(Enclave(*row) for row in rows)

    def erased(self, enclave: Enclave) -> None:
        """Nothing is left of a departed enclave. Repeatable."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM enclaves WHERE number = ? AND departed = 1", (enclave.number,))
        self._database.scrub()

    def enclaves(self, package: str = "") -> tuple[Enclave, ...]:
        """The enclaves of one app, or of all."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT number, package, uid FROM enclaves WHERE departed = 0 AND ? IN ('', package) ORDER BY number",
                (package,),
            ).fetchall()
        return tuple(Enclave(*row) for row in rows)

    def enclave(self, package: str, uid: int) -> Enclave:
        """The enclave of an approved app and a user, made where there is none. Raises NotFound."""
        with self._database.transaction() as connection:
            if not self.get(package).certificate_pem:
                raise _unknown(package)
            connection.execute(
                "INSERT INTO enclaves (package, uid) VALUES (?, ?) ON CONFLICT DO NOTHING", (package, uid)
            )
            row = connection.execute(
                "SELECT number, package, uid FROM enclaves WHERE package = ? AND uid = ? AND departed = 0",
                (package, uid),
            ).fetchone()
        return Enclave(*row)

    def move(self, from_uid: int, to_uid: int) -> None:
        """Give one OS user's enclaves to another: the same person, on another machine."""
        with self._database.transaction() as connection:
            for table, column in (("enclaves", "uid"), ("apps", "requested_by_uid")):
                connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?", (to_uid, from_uid))

    def issue_platform_key(self, enclave: Enclave) -> str:
        """A new platform key, kept as a hash. Of an enclave's keys the four newest are good."""
        key = secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO platform_keys (digest, enclave) VALUES (?, ?)", (_digest(key), enclave.number)
            )
            connection.execute(
                "DELETE FROM platform_keys WHERE enclave = :enclave AND serial NOT IN"
                " (SELECT serial FROM platform_keys WHERE enclave = :enclave ORDER BY serial DESC LIMIT :kept)",
                {"enclave": enclave.number, "kept": _KEYS_PER_ENCLAVE},
            )
        return key

    def holder(self, package: str, uid: int, platform_key: str) -> Enclave | None:
        """The enclave of a package and user if the key is one of its keys."""
        wanted = _digest(platform_key)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT digest, number FROM enclaves JOIN platform_keys ON enclave = number"
                " WHERE package = ? AND uid = ? AND departed = 0",
                (package, uid),
            ).fetchall()
        matches = [number for digest, number in rows if hmac.compare_digest(digest, wanted)]
        return Enclave(matches[0], package, uid) if matches else None

    def seen(self, package: str) -> None:
        """Note that the app opened a session."""
        now_ms = self._clock.now_ms()
        app = self.find(package)
        if app is not None and abs(now_ms - app.last_seen_ms) >= _SEEN_RESOLUTION_MS:
            with self._database.transaction() as connection:
                connection.execute("UPDATE apps SET last_seen_ms = ? WHERE package = ?", (now_ms, package))


def _check_waiting(connection: sqlite3.Connection, uid: int) -> None:
    in_all, own = connection.execute(
        "SELECT count(*), coalesce(sum(requested_by_uid = ?), 0) FROM apps WHERE certificate_pem IS NULL", (uid,)
    ).fetchone()
    if in_all >= _WAITING_LIMIT or own >= _WAITING_PER_UID:
        raise ResourceExhausted(
            f"{own if own >= _WAITING_PER_UID else in_all} requests wait for approval, which is the limit:"
            " approve or remove some with `insitu app`",
            reason="TOO_MANY_REQUESTS",
        )


def _unknown(package: str) -> NotFound:
    return NotFound(
        f"no app {package} is known here: `insitu app list` shows those that are", reason="UNKNOWN_APP", field="package"
    )


def _digest(platform_key: str) -> bytes:
    # A slow or keyed hash would add nothing: platform keys are 256 random bits.
    return hashlib.sha256(platform_key.encode()).digest()


def _app(row: tuple[str, bytes, bytes, str, str, int, str, int, int, int, int]) -> App:
    package, api_key, public_key, request, wished, requested_ms, certificate, approved_ms, seen_ms, consent, keys = row
    return App(
        package,
        api_key,
        public_key,
        request,
        tuple(json.loads(wished)),
        requested_ms,
        certificate,
        approved_ms,
        seen_ms,
        bool(consent),
        bool(keys),
    )
