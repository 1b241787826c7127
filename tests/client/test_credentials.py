"""The credentials file."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_lib import CredentialsError, InvalidArgument
from client_lib.credentials import Credentials, CredentialsFile
from client_lib.identity import new_credentials


def test_round_trip(tmp_path: Path) -> None:
    file = CredentialsFile(tmp_path / "deep" / "insitu.json")
    credentials = new_credentials("com.example.keyboard", ("power", "day.hour"), assets="plans")
    file.create(credentials)
    assert file.read() == credentials
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = CredentialsFile(tmp_path / "insitu.json")
    file.create(new_credentials("com.example.keyboard"))
    before = file.path.read_bytes()
    with pytest.raises(CredentialsError, match="exists"):
        file.create(new_credentials("com.example.keyboard"))
    assert file.path.read_bytes() == before


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = CredentialsFile(tmp_path / "insitu.json")
    file.create(new_credentials("com.example.keyboard"))
    file.path.chmod(0o640)
    with pytest.raises(CredentialsError, match="run: chmod 600"):
        file.read()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format": 2}',
        b'{"format": 1, "package": "a"}',
        b'{"format": 1, "package": "a", "api_key": "", "private_key_pem": "k", "certificate_request_pem": "r"}',
        b'{"format": 1, "package": 3, "api_key": "a", "private_key_pem": "k", "certificate_request_pem": "r"}',
        b'{"format": 1, "unknown": 3}',
    ],
)
def test_malformed_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "insitu.json"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match="insitu app new"):
        CredentialsFile(path).read()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_json_makes_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.mktemp("credentials") / "insitu.json"
    path.touch(0o600)
    path.write_text(json.dumps(content))
    with pytest.raises(CredentialsError):
        CredentialsFile(path).read()


def test_one_at_a_time_changes_the_file(tmp_path: Path) -> None:
    first, second = CredentialsFile(tmp_path / "insitu.json"), CredentialsFile(tmp_path / "insitu.json")
    first.create(new_credentials("com.example.keyboard"))
    held = first.try_lock()
    assert held is not None
    with held:
        assert second.try_lock() is None
        first.update(first.read().with_platform_key("a", "key of a", "certificate"))
        first.update(first.read().with_platform_key("b", "key of b", "certificate"))
    after = second.try_lock()
    assert after is not None
    with after:
        second.update(second.read().with_platform_key("c", "key of c", "certificate"))
    assert first.read().platform_keys == {"a": "key of a", "b": "key of b", "c": "key of c"}


def test_a_missing_file_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="insitu app new PACKAGE --out"):
        CredentialsFile(tmp_path / "none.json").try_lock()


def test_secrets_are_not_shown() -> None:
    credentials = new_credentials("com.example.keyboard").with_platform_key("a", "platform secret", "")
    for secret in (credentials.api_key, credentials.private_key_pem, "platform secret"):
        assert secret not in repr(credentials)


@pytest.mark.parametrize("package", ["", "keyboard", "com.Example", "com..x", f"com.{'a' * 61}", "com.example\n"])
def test_what_is_no_package_name(package: str) -> None:
    with pytest.raises(InvalidArgument, match="reverse domain name") as caught:
        new_credentials(package)
    assert caught.value.field == "package"


def test_damaged_private_key_says_what_to_do() -> None:
    from client_lib.identity import sign_token
    from insitu.v1.access_pb2 import TokenPurpose

    damaged = Credentials("com.example.keyboard", "key", "no key", "request")
    with pytest.raises(CredentialsError, match="insitu app new"):
        sign_token(damaged, audience="a", nonce=b"n", purpose=TokenPurpose.OPEN)
