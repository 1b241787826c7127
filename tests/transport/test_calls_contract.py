"""What every transport must do with a call."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import wrappers_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from platform_daemon.errors import BY_STATUS, DeadlineExceeded
from platform_daemon.transport import CallContext, Listener, Peer
from tests.transport.echo import (
    CLIENTS,
    SESSION,
    Client,
    EchoServicer,
    bytes_value,
    connected_over,
    echo_table,
    serving,
    string_value,
)

Scenario = Callable[[Client, EchoServicer], Coroutine[Any, Any, None]]
Run = Callable[[Scenario], None]


@pytest.fixture(params=sorted(CLIENTS))
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a scenario against a daemon's socket, over each transport."""

    async def main(scenario: Scenario) -> None:
        servicer = EchoServicer()
        path = tmp_path / "insitu.sock"
        async with (
            serving(Listener(path, echo_table(servicer), mode=0o600)),
            connected_over(request.param, path) as client,
        ):
            await scenario(client, servicer)

    return lambda scenario: asyncio.run(main(scenario))


def test_a_call_is_answered(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("Say", bytes_value(b"hello"))
        assert (answer.code, answer.payload) == ("OK", bytes_value(b"hello"))

    run(scenario)


def test_the_handler_learns_what_the_kernel_knows_of_the_caller(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("TellCaller", b"")
        uid, pid, name = wrappers_pb2.StringValue.FromString(answer.payload).value.split()
        assert (int(uid), int(pid)) == (os.getuid(), os.getpid())
        assert name.startswith(f"insitu-uid{uid}-pid{pid}-conn1-")

    run(scenario)


@pytest.mark.parametrize("status", sorted(BY_STATUS))
def test_each_error_keeps_status_reason_field_and_detail(run: Run, status: str) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("FailWith", string_value(status))
        assert (answer.code, answer.reason) == (status, "A_REASON")
        assert answer.message == "options.fëld: it is wrong: mend it"
        assert (answer.field, answer.detail) == ("options.f\\xebld", "4711")
        if not answer.details:
            return  # only gRPC has a form of its own for them
        rich = Status.FromString(answer.details)
        info = ErrorInfo()
        assert rich.details[0].Unpack(info)
        assert (info.reason, info.domain, info.metadata["field"]) == ("A_REASON", "insitu", answer.field)
        assert info.metadata["detail"] == answer.detail
        assert rich.message == answer.message

    run(scenario)


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05ab", b"\x00" * 9])
def test_malformed_bytes_are_the_callers_fault(run: Run, payload: bytes) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("Say", payload)
        assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "MALFORMED")
        assert "google.protobuf.BytesValue" in answer.message

    run(scenario)


def test_an_unknown_method_is_unimplemented(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        assert (await client.call("Sing", b"")).code == "UNIMPLEMENTED"
        assert (await client.call("Say", b"", service="insitu.test.Nothing")).code == "UNIMPLEMENTED"

    run(scenario)


def test_without_a_session_nothing_is_decoded(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("Say", b"\xff", session="")
        assert (answer.code, answer.reason) == ("UNAUTHENTICATED", "NO_SESSION")

    run(scenario)


def test_messages_up_to_the_limit_pass_and_larger_ones_are_refused(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        largest = bytes_value(os.urandom((16 << 20) - 64))
        assert (await client.call("Say", largest)).payload == largest
        assert (await client.call("Say", bytes_value(bytes(16 << 20)))).code == "RESOURCE_EXHAUSTED"
        assert (await client.call("Say", bytes_value(b"still here"))).code == "OK"

    run(scenario)


def test_the_handler_sees_the_deadline_and_is_cancelled_after_it(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        await client.call("TellDeadline", b"", timeout_s=30.0)
        assert servicer.deadline_s is not None
        assert 0 < servicer.deadline_s - time.monotonic() < 31.0  # gRPC rounds up on the wire
        answer = await client.call("WaitForever", b"", timeout_s=0.1)
        assert answer.code == "DEADLINE_EXCEEDED"
        await asyncio.wait_for(servicer.cancelled.wait(), 10)

    run(scenario)


def test_a_call_whose_deadline_has_passed_is_not_begun() -> None:
    async def scenario() -> None:
        servicer = EchoServicer()
        table = echo_table(servicer)
        for method in ("WaitForever", "TellDeadline"):
            context = CallContext(Peer(0, 0, "conn"), SESSION, deadline_s=time.monotonic())
            with pytest.raises(DeadlineExceeded, match="before the call began"):
                await table.answer(table.methods[f"/insitu.test.Echo/{method}"], b"", context)
        assert not servicer.waiting.is_set()
        assert servicer.deadline_s is None

    asyncio.run(scenario())


def test_errors_of_lower_packages_keep_their_status(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("Crash", string_value("lower"))
        assert (answer.code, answer.reason, answer.message) == ("DATA_LOSS", "BAD_BLOB", "blob 4 is cut short")
        answer = await client.call("Crash", string_value("disk"))
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "DISK_FULL")

    run(scenario)


def test_a_defect_is_numbered_and_neither_answer_nor_log_quotes_the_request(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        answer = await client.call("Crash", string_value("canary-4711"))
        assert (answer.code, answer.reason) == ("INTERNAL", "DEFECT")
        number = answer.message.split("look for ")[1].split()[0]
        (record,) = [record for record in caplog.records if number in record.getMessage()]
        assert record.levelno == logging.ERROR
        assert "/insitu.test.Echo/Crash: ValueError at " in record.getMessage()
        assert "echo.py" in record.getMessage()
        assert "canary" not in answer.message + caplog.text

    run(scenario)


def test_thousands_of_calls_at_once_on_one_connection_are_all_answered(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        payloads = [bytes_value(os.urandom(100)) for _ in range(3000)]
        answers = await asyncio.gather(*(client.call("Say", payload) for payload in payloads))
        assert {(answer.code, answer.message) for answer in answers} == {("OK", "")}
        assert [answer.payload for answer in answers] == payloads

    run(scenario)


def test_calls_that_are_given_up_by_the_thousand_disturb_no_other(run: Run) -> None:
    async def scenario(client: Client, servicer: EchoServicer) -> None:
        abandoned = [asyncio.create_task(client.call("WaitForever", b"")) for _ in range(2000)]
        await servicer.waiting.wait()
        for call in abandoned:
            call.cancel()
        assert (await client.call("Say", b"")).code == "OK"
        await asyncio.gather(*abandoned, return_exceptions=True)
        assert (await client.call("Say", b"")).code == "OK"

    run(scenario)
