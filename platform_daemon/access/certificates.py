"""X.509 certificates of apps (RFC 5280), Ed25519 throughout.

Certificates of the embedded authority end when the app is removed, not at a date: a device's clock may stand anywhere.
"""

import datetime
import hmac

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

from platform_daemon.access.issuer import CertificateRequest
from platform_daemon.errors import InvalidArgument, Unauthenticated

_PEM_LIMIT_CHARACTERS = 8192
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InternalError, InvalidSignature, x509.InvalidVersion)
_NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)  # "no expiration", RFC 5280, 4.1.2.5


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


def certify(key: Ed25519PrivateKey, issuer: str, request: CertificateRequest) -> str:
    """A certificate for the request's package and key, in PEM, signed by the authority of that name and key."""
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_common_name(request.package))
        .issuer_name(_common_name(issuer))
        .public_key(Ed25519PublicKey.from_public_bytes(request.public_key))
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, algorithm=None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def verify(authority: Ed25519PublicKey, issuer: str, certificate_pem: str, package: str) -> bytes:
    """The raw public key of a certificate that the authority of that key and name issued to `package`.

    Raises InvalidArgument for what is no certificate, Unauthenticated for another's.
    """
    certificate = _read_certificate(certificate_pem)
    try:
        authority.verify(certificate.signature, certificate.tbs_certificate_bytes)
        key = certificate.public_key()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except _UNREADABLE as error:
        raise _foreign() from error
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ED25519:  # stands outside of what is signed
        raise _foreign()
    if certificate.issuer != _common_name(issuer) or [name.value for name in names] != [package]:
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


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
