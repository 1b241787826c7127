"""The embedded authority's key and what it signs: X.509 certificates of apps (RFC 5280), Ed25519 throughout.

Certificates of this authority end when the app is removed, not at a date: a device's clock may stand anywhere.
"""

import datetime
import hashlib
import hmac
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

from platform_daemon.errors import InvalidArgument, Unauthenticated

_KEY_FILE = "authority.key"
_PEM_LIMIT_CHARACTERS = 8192
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion)
_NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)  # "no expiration", RFC 5280, 4.1.2.5


class AuthorityUnusable(Exception):
    """The authority's key is missing, damaged or open to others. The message says what to do."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature proves that its sender holds the private key."""

    package: str
    public_key: bytes
    """Raw Ed25519 public key, 32 bytes."""
    pem: str


def read_request(pem: str, package: str) -> CertificateRequest:
    """Check a PKCS #10 request for `package`. Raises InvalidArgument."""
    field = "certificate_request_pem"
    if len(pem) > _PEM_LIMIT_CHARACTERS:
        raise InvalidArgument(f"at most {_PEM_LIMIT_CHARACTERS} characters are read", field=field)
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        valid = isinstance(key, Ed25519PublicKey) and request.is_signature_valid
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except _UNREADABLE as error:
        raise InvalidArgument(
            "this is no certificate request in PEM: make one with `insitu app new`", field=field
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidArgument("the key must be Ed25519: make one with `insitu app new`", field=field)
    if not valid:
        raise InvalidArgument("the request is not signed by its own key: make it anew", field=field)
    if [name.value for name in names] != [package]:
        raise InvalidArgument(f"the common name must be the package, {package}", field=field)
    return CertificateRequest(package, key.public_bytes_raw(), pem)


class Issuer:
    """Holds the authority's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        fingerprint = hashlib.sha256(self._public.public_bytes_raw()).hexdigest()
        self.fingerprint = fingerprint[:32]
        """Names this authority, and with it the device, in 32 hexadecimal digits."""
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Insitu authority {self.fingerprint}")])

    @classmethod
    def provision(cls, folder: Path) -> Self:
        """Make a new key in `folder`, readable by its owner only, durable on return. Raises FileExistsError."""
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        draft = folder / f"{_KEY_FILE}.new"
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(pem)
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
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise AuthorityUnusable(f"{path}: the authority's key cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AuthorityUnusable(f"{path}: the authority's key is damaged: restore it from a backup") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise AuthorityUnusable(f"{path}: the authority's key is not Ed25519: restore it from a backup")
        return cls(key)

    def certify(self, request: CertificateRequest) -> str:
        """A certificate for the request's package and key, in PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.package)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(Ed25519PublicKey.from_public_bytes(request.public_key))
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._public), critical=False)
            .sign(self._key, algorithm=None)
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def verify(self, certificate_pem: str, package: str) -> bytes:
        """The raw public key of a certificate that this authority issued to `package`.

        Raises InvalidArgument for what is no certificate, Unauthenticated for another's.
        """
        certificate = _read_certificate(certificate_pem)
        try:
            self._public.verify(certificate.signature, certificate.tbs_certificate_bytes)
            key = certificate.public_key()
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except _UNREADABLE as error:
            raise _foreign() from error
        if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ED25519:  # stands outside of what is signed
            raise _foreign()
        if certificate.issuer != self._name or [name.value for name in names] != [package]:
            raise _foreign()
        if not isinstance(key, Ed25519PublicKey):
            raise _foreign()
        return key.public_bytes_raw()


def same_certificate(one_pem: str, other_pem: str) -> bool:
    """Whether two PEM texts hold the same certificate. Raises InvalidArgument for what is none."""
    one, other = (_read_certificate(pem).public_bytes(serialization.Encoding.DER) for pem in (one_pem, other_pem))
    return hmac.compare_digest(one, other)


def _read_certificate(pem: str) -> x509.Certificate:
    if len(pem) > _PEM_LIMIT_CHARACTERS:
        raise InvalidArgument(f"at most {_PEM_LIMIT_CHARACTERS} characters are read", field="certificate_pem")
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except _UNREADABLE as error:
        raise InvalidArgument(
            "this is no certificate in PEM: take it from Challenge", field="certificate_pem"
        ) from error


def _foreign() -> Unauthenticated:
    return Unauthenticated("the certificate is not this device's: take it from Challenge", reason="BAD_CERTIFICATE")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
