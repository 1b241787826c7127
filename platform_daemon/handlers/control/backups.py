"""Backups, page by page. What is in a page the caller cannot read."""

import asyncio

from insitu.v1 import control_pb2 as pb
from platform_daemon.backup.container import Stretching
from platform_daemon.backup.sessions import IDLE_S, Backups
from platform_daemon.transport.calls import CallContext

_LOOK_AGAIN_S = IDLE_S + 1


class BackupsPart:
    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    async def begin_backup(self, request: pb.BeginBackupRequest, context: CallContext) -> pb.BeginBackupResponse:
        asked = request.stretching
        stretching = Stretching(asked.salt, asked.log2_n, asked.r, asked.p)
        token, manifest = await asyncio.to_thread(self._backups.begin, request.recovery_key, stretching)
        self._look_again()
        return pb.BeginBackupResponse(
            backup=token, size_bytes=manifest.size_bytes, made_ms=manifest.made_ms, packages=manifest.packages
        )

    async def read_backup(self, request: pb.ReadBackupRequest, context: CallContext) -> pb.ReadBackupResponse:
        page = await asyncio.to_thread(self._backups.read, request.backup, request.page)
        self._look_again()
        return pb.ReadBackupResponse(data=page.data, last=page.last, done_bytes=page.done_bytes)

    async def end_backup(self, request: pb.EndBackupRequest, context: CallContext) -> pb.EndBackupResponse:
        await asyncio.to_thread(self._backups.end, request.backup)
        return pb.EndBackupResponse()

    def _look_again(self) -> None:
        """A caller that was killed asks for no more pages, and must not pin what the store wants to let go of."""
        loop = asyncio.get_running_loop()
        loop.call_later(_LOOK_AGAIN_S, loop.run_in_executor, None, self._backups.end_idle)
