"""What the daemon has counted."""

from collections.abc import Awaitable, Callable

from insitu.v1 import control_pb2 as pb
from platform_daemon.transport.calls import CallContext


class MetricsPart:
    def __init__(self, text: Callable[[], Awaitable[str]]) -> None:
        self._text = text

    async def get_metrics(self, request: pb.GetMetricsRequest, context: CallContext) -> pb.Metrics:
        return pb.Metrics(text=await self._text())
