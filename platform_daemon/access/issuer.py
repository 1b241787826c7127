"""The embedded authority's key, and what it signs.

What it signs are X.509 certificates. What makes and reads them, `certificates`, comes in with the first of them: its
library takes as long to load as a tenth of the daemon's start, and a daemon whose apps are all registered needs none.
"""

import base64
import binascii
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KEY_FILE = "authority.key"
_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of an Ed25519 private key: RFC 8410, section 7."""
_PEM_BEGIN, _PEM_END = b"-----BEGIN PRIVATE KEY-----\n", b"\n-----END PRIVATE KEY-----\n"


class AuthorityUnusable(Exception):
    """The authority's key is missing, damaged or open to others. The message says what to do."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature proves that its sender holds the private key."""

    package: str
    public_key: bytes
    """Raw Ed25519 public key, 32 bytes."""
    pem: str


class Issuer:
    """Holds the authority's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        fingerprint = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
        self.fingerprint = fingerprint[:32]
        """Names this authority, and with it the device, in 32 hexadecimal digits."""
        self._name = f"Insitu authority {self.fingerprint}"

    @classmethod
    def provision(cls, folder: Path) -> Self:
        """Make a new key in `folder`, readable by its owner only, durable on return. Raises FileExistsError."""
        key = Ed25519PrivateKey.generate()
        draft = folder / f"{_KEY_FILE}.new"
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(_PEM_BEGIN + base64.b64encode(_PKCS8_ED25519 + key.private_bytes_raw()) + _PEM_END)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, folder / _KEY_FILE)  # unlike a rename, never replaces a key
        finally:
            draft.unlink()
        _sync_folder(folder)
        return cls(key)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the key that `provision` made. Raises AuthorityUnusable; never makes a new one."""
        path = folder / _KEY_FILE
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise AuthorityUnusable(f"{path}: others may read the authority's key: run chmod 600 on it")
            pem = path.read_bytes()
        except OSError as error:
            raise AuthorityUnusable(f"{path}: the authority's key cannot be read: {error.strerror}") from error
        return cls(_plain_key(pem) or _key_in_any_form(pem, path))

    def certify(self, request: CertificateRequest) -> str:
        """A certificate for the request's package and key, in PEM."""
        from platform_daemon.access import certificates

        return certificates.certify(self._key, self._name, request)

    def verify(self, certificate_pem: str, package: str) -> bytes:
        """The raw public key of a certificate that this authority issued to `package`.

        Raises InvalidArgument for what is no certificate, Unauthenticated for another's.
        """
        from platform_daemon.access import certificates

        return certificates.verify(self._key.public_key(), self._name, certificate_pem, package)


def _plain_key(pem: bytes) -> Ed25519PrivateKey | None:
    """A key in the form that `provision` writes, None in any other."""
    if not pem.startswith(_PEM_BEGIN) or not pem.endswith(_PEM_END):
        return None
    try:
        der = base64.b64decode(pem.removeprefix(_PEM_BEGIN).removesuffix(_PEM_END), validate=True)
    except binascii.Error:
        return None
    if len(der) != len(_PKCS8_ED25519) + 32 or not der.startswith(_PKCS8_ED25519):
        return None
    return Ed25519PrivateKey.from_private_bytes(der.removeprefix(_PKCS8_ED25519))


def _key_in_any_form(pem: bytes, path: Path) -> Ed25519PrivateKey:
    """What somebody has restored may be laid out otherwise."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        raise AuthorityUnusable(f"{path}: the authority's key is damaged: restore it from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AuthorityUnusable(f"{path}: the authority's key is not Ed25519: restore it from a backup")
    return key


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
