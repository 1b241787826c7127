"""The mapping from exceptions to answers, without a transport."""

import errno
import sqlite3
from pathlib import Path

import grpc
import pytest

from artifact_manager import WrongOffset
from context.errors import UnknownContextType
from platform_daemon.errors import BY_STATUS, InvalidArgument, ResourceExhausted
from platform_daemon.transport.status import as_daemon_error, grpc_code, grpc_message, trailing_metadata


def test_every_status_is_one_of_grpcs() -> None:
    for status, kind in BY_STATUS.items():
        assert grpc_code(kind("wrong")) is grpc.StatusCode[status]


def test_errors_of_the_packages_below_keep_status_reason_and_message() -> None:
    error = as_daemon_error(UnknownContextType("weather", ["power"]), "/a.B/C")
    assert isinstance(error, InvalidArgument)
    assert error.reason == "UNKNOWN_CONTEXT_TYPE"
    assert error.message == "there is no context type 'weather': use one of power"


def test_what_a_remedy_needs_is_told_programs_too() -> None:
    error = as_daemon_error(WrongOffset(2048, 1200), "/a.B/C")
    assert (error.reason, error.detail) == ("WRONG_OFFSET", "1200")
    assert ("insitu-detail", "1200") in trailing_metadata(error)


def test_a_full_disk_is_not_a_defect(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "small.db")
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    assert isinstance(as_daemon_error(full.value, "/a.B/C"), ResourceExhausted)
    assert as_daemon_error(OSError(122, "quota"), "/a.B/C").reason == "DISK_FULL"


def test_the_log_names_causes_in_order_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        try:
            {}["canary"]
        except KeyError as error:
            raise RuntimeError("canary") from error

    with pytest.raises(RuntimeError) as failed:
        fail()
    as_daemon_error(failed.value, "/a.B/C")
    (line,) = caplog.messages
    assert line.index("KeyError at ") < line.index(", then RuntimeError at ")
    assert "canary" not in line


def test_metadata_stays_ascii_and_small_whatever_the_app_called_its_fields() -> None:
    error = InvalidArgument("ü" * 100_000, field="features[\n\0é" + "x" * 100_000, detail="é" * 100_000)
    metadata = trailing_metadata(error)
    assert len(grpc_message(error)) <= 1000
    assert sum(len(key) + len(value) for key, value in metadata) < 6000
    for key, value in metadata:
        assert key.endswith("-bin") or (str(value).isascii() and str(value).isprintable())


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (OSError(errno.ENOSPC, "x"), "RESOURCE_EXHAUSTED", "DISK_FULL"),
        (OSError(errno.EROFS, "x"), "UNAVAILABLE", "DISK_READ_ONLY"),
        (OSError(errno.EIO, "x"), "UNAVAILABLE", "DISK_FAILED"),
        (OSError(errno.ENOENT, "x"), "INTERNAL", "DEFECT"),
        (sqlite3.OperationalError("x"), "INTERNAL", "DEFECT"),
    ],
)
def test_a_failing_disk_is_not_a_defect(error: Exception, status: str, reason: str) -> None:
    answer = as_daemon_error(error, "/insitu.v1.Collections/Add")
    assert (answer.status, answer.reason) == (status, reason)


def test_a_read_only_database_is_not_a_defect(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "state.db").close()
    connection = sqlite3.connect(f"file:{tmp_path / 'state.db'}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as refused:
        connection.execute("CREATE TABLE t (x)")
    assert as_daemon_error(refused.value, "/insitu.v1.Collections/Add").reason == "DISK_READ_ONLY"
