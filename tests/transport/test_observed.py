"""Each call is observed once, however it ends."""

import asyncio
from collections.abc import Awaitable

import pytest

from platform_daemon.errors import DaemonError
from platform_daemon.transport import Access, CallContext, Enclave, MethodTable, Peer
from platform_daemon.transport.calls import Method
from tests.transport.echo import ENCLAVE, SERVICE, SESSION, EchoServicer, bytes_value, string_value

PEER = Peer(0, 0, "conn")


class Observed:
    """A table, and what it told its observer: method, type of the error, whether the time is sane."""

    def __init__(self) -> None:
        self.servicer = EchoServicer()
        self.seen: list[tuple[str, str, bool]] = []
        self.table = MethodTable(self._check, self._observe)
        self.table.add_service(SERVICE, self.servicer, Access.SESSION)

    def call(self, name: str, request: bytes, session: str = SESSION) -> Awaitable[bytes]:
        return self.table.answer(self.table.methods[f"/insitu.test.Echo/{name}"], request, CallContext(PEER, session))

    def _check(self, session: str, peer: Peer) -> Enclave:
        if session != SESSION:
            raise KeyError(session)
        return ENCLAVE

    def _observe(self, method: Method, error: BaseException | None, took_s: float) -> None:
        self.seen.append((method.path.rpartition("/")[2], type(error).__name__, 0 <= took_s < 60))


def test_answers_and_errors_are_observed_once() -> None:
    async def scenario() -> None:
        observed = Observed()
        await observed.call("Say", bytes_value(b"hello"))
        with pytest.raises(DaemonError):
            await observed.call("FailWith", string_value("NOT_FOUND"))
        with pytest.raises(DaemonError, match=r"no google\.protobuf\.BytesValue"):
            await observed.call("Say", b"\xff")
        with pytest.raises(KeyError):
            await observed.call("Say", b"", session="")
        assert observed.seen == [
            ("Say", "NoneType", True),
            ("FailWith", "NotFound", True),
            ("Say", "InvalidArgument", True),
            ("Say", "KeyError", True),
        ]

    asyncio.run(scenario())


def test_a_call_that_is_given_up_is_observed() -> None:
    async def scenario() -> None:
        observed = Observed()
        call = asyncio.ensure_future(observed.call("WaitForever", b""))
        await observed.servicer.waiting.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert observed.seen == [("WaitForever", "CancelledError", True)]

    asyncio.run(scenario())
