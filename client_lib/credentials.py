"""The credentials file of an app: who it is, and the keys that it was given on this device.

JSON, mode 0600. `insitu app new` writes it; the handshake adds what the daemon hands out. Several processes of one app
may share it, so changes are made under a lock and replace the file atomically.
"""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from client_lib.errors import CredentialsError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the file holds."""

    package: str
    api_key: str = field(repr=False)
    private_key_pem: str = field(repr=False)
    """PKCS #8, Ed25519."""
    certificate_request_pem: str = field(repr=False)
    context: tuple[str, ...] = ()
    """What the app would like to be granted: "TYPE" or "TYPE.FEATURE"."""
    assets: str | None = None
    """Folder that `asset:` URIs are relative to; relative to the file itself."""
    certificate_pem: str = ""
    """The latest that a daemon handed out; empty before approval."""
    platform_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By audience: one for each daemon that the app registered with."""

    def with_platform_key(self, audience: str, key: str, certificate_pem: str) -> "Credentials":
        return replace(self, platform_keys={**self.platform_keys, audience: key}, certificate_pem=certificate_pem)


class CredentialsLock:
    """A lock on a credentials file."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __enter__(self) -> "CredentialsLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)


class CredentialsFile:
    """A credentials file on disk. Every method raises CredentialsError with the remedy."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()

    def read(self) -> Credentials:
        """Raises CredentialsError where it is missing, malformed or open to others."""
        return _parse(self._read_private(), self.path)

    def create(self, credentials: Credentials) -> None:
        """Write a new file. Raises CredentialsError where one is there: its keys may be in use."""
        if os.path.lexists(self.path):
            raise CredentialsError(f"{self.path} exists and its keys may be in use; choose another file or remove it")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._replace(credentials)
        except OSError as error:
            raise CredentialsError(f"cannot write {self.path}: {error.strerror}; choose another file") from error

    def try_lock(self) -> "CredentialsLock | None":
        """The right to change the file, to be released by leaving it; None while another process or task has it.

        Raises CredentialsError where the file is missing.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current(handle):
                return CredentialsLock(handle)
        except BlockingIOError:
            pass
        os.close(handle)
        return None

    def update(self, credentials: Credentials) -> None:
        """Replace the content. Only for the holder of the lock."""
        try:
            self._replace(credentials)
        except OSError as error:
            raise CredentialsError(
                f"cannot keep the platform key in {self.path}: {error.strerror}; make the file and its folder writable"
            ) from error

    def _is_current(self, handle: int) -> bool:
        """Whether the locked file is still the one at the path: another process may have replaced it meanwhile."""
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _read_private(self) -> bytes:
        try:
            mode = stat.S_IMODE(os.stat(self.path).st_mode)
            content = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        if mode & 0o077:
            raise CredentialsError(f"other users can read {self.path}, which holds a key; run: chmod 600 {self.path}")
        return content

    def _unreadable(self, error: OSError) -> CredentialsError:
        if isinstance(error, FileNotFoundError):
            return CredentialsError(
                f"there is no credentials file {self.path}; make one with: insitu app new PACKAGE --out {self.path}"
            )
        return CredentialsError(f"cannot read {self.path}: {error.strerror}; check its owner and mode")

    def _replace(self, credentials: Credentials) -> None:
        content = {"format": FORMAT, **asdict(credentials)}
        handle, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise


def _parse(content: bytes, path: Path) -> Credentials:
    try:
        values: Any = json.loads(content)
        if values.pop("format") != FORMAT:
            raise CredentialsError(f"{path} has another format than {FORMAT}; make a new one with: insitu app new")
        credentials = Credentials(**values)
        _check(credentials)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CredentialsError(
            f"{path} is no credentials file ({error}); make one with: insitu app new PACKAGE --out FILE"
        ) from error
    return replace(credentials, context=tuple(credentials.context))


def _check(credentials: Credentials) -> None:
    for name in ("package", "api_key", "private_key_pem", "certificate_request_pem"):
        value = getattr(credentials, name)
        if not isinstance(value, str) or not value:
            raise TypeError(f"{name} is missing")
    if not isinstance(credentials.platform_keys, dict):
        raise TypeError("platform_keys is no object")
