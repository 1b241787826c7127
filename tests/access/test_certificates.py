"""The authority's key, requests and certificates."""

import base64
import contextlib
import datetime
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_daemon.access import AuthorityUnusable, Issuer
from platform_daemon.access.certificates import read_request, same_certificate
from platform_daemon.errors import InvalidArgument, Unauthenticated
from tests.access.simulated_app import PACKAGE, SimulatedApp

ISSUER = Issuer(Ed25519PrivateKey.generate())
APP = SimulatedApp()
REQUEST_PEM = APP.request_pem()
CERTIFICATE_PEM = ISSUER.certify(read_request(REQUEST_PEM, PACKAGE))


def test_the_key_is_provisioned_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = Issuer.provision(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["authority.key"]
    assert stat.S_IMODE((tmp_path / "authority.key").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        Issuer.provision(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["authority.key"]
    opened = Issuer.open(tmp_path)
    assert opened.fingerprint == made.fingerprint
    certificate = made.certify(read_request(REQUEST_PEM, PACKAGE))
    assert opened.verify(certificate, PACKAGE) == APP.key.public_key().public_bytes_raw()


def test_an_unusable_key_is_reported_and_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(AuthorityUnusable, match="No such file"):
        Issuer.open(tmp_path)
    Issuer.provision(tmp_path)
    key = tmp_path / "authority.key"
    key.chmod(0o640)
    with pytest.raises(AuthorityUnusable, match="chmod 600"):
        Issuer.open(tmp_path)
    key.chmod(0o600)
    key.write_text(key.read_text()[:40])
    with pytest.raises(AuthorityUnusable, match="damaged"):
        Issuer.open(tmp_path)


def test_the_key_is_a_common_one_in_whichever_form_it_is_restored(tmp_path: Path) -> None:
    made = Issuer.provision(tmp_path)
    file = tmp_path / "authority.key"
    key = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert file.read_bytes() == key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(b"restored on Tuesday\n" + file.read_bytes())
    assert Issuer.open(tmp_path).fingerprint == made.fingerprint
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(other)
    with pytest.raises(AuthorityUnusable, match="not Ed25519"):
        Issuer.open(tmp_path)


def test_a_certificate_is_a_common_one() -> None:
    certificate = x509.load_pem_x509_certificate(CERTIFICATE_PEM.encode())
    assert [name.value for name in certificate.subject] == [PACKAGE]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc < datetime.datetime.now(datetime.UTC) < certificate.not_valid_after_utc
    assert same_certificate(CERTIFICATE_PEM, CERTIFICATE_PEM + "\n")
    assert not same_certificate(CERTIFICATE_PEM, ISSUER.certify(read_request(REQUEST_PEM, PACKAGE)))


def test_another_key_type_is_refused() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PACKAGE)])
    key = ec.generate_private_key(ec.SECP256R1())
    pem = (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )
    with pytest.raises(InvalidArgument, match="Ed25519"):
        read_request(pem.decode(), PACKAGE)


def test_a_request_signed_by_another_key_is_refused() -> None:
    theirs = x509.load_pem_x509_csr(SimulatedApp().request_pem().encode())
    ours = x509.load_pem_x509_csr(REQUEST_PEM.encode())
    der = ours.public_bytes(Encoding.DER).replace(ours.signature, theirs.signature)
    pem = x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode()
    with pytest.raises(InvalidArgument, match="its own key"):
        read_request(pem, PACKAGE)


def test_only_its_own_certificates_for_the_same_package_verify() -> None:
    other = Issuer(Ed25519PrivateKey.generate()).certify(read_request(REQUEST_PEM, PACKAGE))
    with pytest.raises(Unauthenticated):
        ISSUER.verify(other, PACKAGE)
    with pytest.raises(Unauthenticated):
        ISSUER.verify(CERTIFICATE_PEM, "com.example.other")
    with pytest.raises(InvalidArgument):
        ISSUER.verify(REQUEST_PEM, PACKAGE)


def with_each_bit_flipped(pem: str, label: str) -> Iterator[str]:
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    for bit in range(len(der) * 8):
        raw = bytearray(der)
        raw[bit // 8] ^= 1 << bit % 8
        yield f"-----BEGIN {label}-----\n{base64.encodebytes(raw).decode()}-----END {label}-----\n"


def test_any_flipped_bit_of_a_request_is_refused_or_changes_nothing() -> None:
    """As below: the same signed content may stand in more than one wrapping."""
    for pem in with_each_bit_flipped(REQUEST_PEM, "CERTIFICATE REQUEST"):
        with contextlib.suppress(InvalidArgument):
            assert read_request(pem, PACKAGE).public_key == APP.key.public_key().public_bytes_raw()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_any_flipped_bit_of_a_certificate_makes_it_another() -> None:
    """The length of the signature's bit string is not signed: such a copy verifies, but is not the recorded one."""
    for pem in with_each_bit_flipped(CERTIFICATE_PEM, "CERTIFICATE"):
        with contextlib.suppress(InvalidArgument, Unauthenticated):
            assert ISSUER.verify(pem, PACKAGE) == APP.key.public_key().public_bytes_raw()
            assert not same_certificate(pem, CERTIFICATE_PEM)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        read_request(text, PACKAGE)
    with pytest.raises(InvalidArgument):
        ISSUER.verify(text, PACKAGE)
