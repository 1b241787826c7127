"""The present context, and the scripted source."""

from context import ContextError, ContextManager, ContextTypeSpec, ScriptedSource, decode, encode
from insitu.v1 import control_pb2 as pb
from platform_daemon.errors import FailedPrecondition, InvalidArgument
from platform_daemon.transport.calls import CallContext


class ContextPart:
    def __init__(self, manager: ContextManager) -> None:
        self._manager = manager

    async def show_context(self, request: pb.ShowContextRequest, context: CallContext) -> pb.ShowContextResponse:
        return pb.ShowContextResponse(readings=[self._reading(spec) for spec in self._manager.registry])

    async def set_scripted_context(
        self, request: pb.SetScriptedContextRequest, context: CallContext
    ) -> pb.SetScriptedContextResponse:
        try:
            spec = self._manager.registry.spec(request.type)
            values = decode(spec, request.features)
        except ContextError as error:
            raise InvalidArgument(
                str(error), field="type" if request.type not in self._manager.registry else "features"
            ) from error
        source = self._manager.source_of(request.type)
        if not isinstance(source, ScriptedSource):
            raise FailedPrecondition(
                f"{request.type} is read from {source.name if source else 'nothing'}: write scripted = true and"
                f' sources = {{ {request.type} = "scripted" }} under [context] in insitu.toml, and start the daemon'
                " again",
                reason="NOT_SCRIPTED",
            )
        source.set(request.type, values)
        return pb.SetScriptedContextResponse()

    def _reading(self, spec: ContextTypeSpec) -> pb.ContextReading:
        source = self._manager.source_of(spec.name)
        reading = self._manager.reading(spec.name)
        if reading is None:
            return pb.ContextReading(type=spec.name, source=source.name if source else "")
        return pb.ContextReading(
            type=spec.name,
            features=encode(reading.values),
            source=reading.source,
            read_ms=reading.read_ms,
            valid_until_ms=reading.valid_until_ms,
        )
