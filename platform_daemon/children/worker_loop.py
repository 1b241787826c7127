"""Serves an inference worker's channel with a few threads, each command answered by one reply."""

import threading

from insitu.v1 import worker_pb2
from ml_engines.errors import BadInput, EngineError
from ml_engines.registry import EngineRegistry
from platform_daemon.children.framing import BlockingChannel, FramingError
from platform_daemon.children.loading import child_error
from platform_daemon.children.serving import ServingModel


class ModelNotLoaded(EngineError):
    """The key was never loaded, or has been unloaded."""

    status = "FAILED_PRECONDITION"
    reason = "MODEL_NOT_LOADED"


class ModelAlreadyLoaded(EngineError):
    """A loaded key is immutable."""

    status = "ALREADY_EXISTS"
    reason = "MODEL_ALREADY_LOADED"


class _LoadedModel:
    """One key's instances: as many as have ever been in use at once, since an interpreter serves one thread."""

    def __init__(self, load: worker_pb2.LoadModel, engines: EngineRegistry) -> None:
        self._load = load
        self._engines = engines
        first = ServingModel(load, engines)
        self.size_bytes = first.size_bytes
        self._idle = [first]
        self._lock = threading.Lock()
        self._unloaded = False

    def take(self) -> ServingModel:
        """One that no other thread uses until it is given back; loaded now where all are in use."""
        with self._lock:
            found = self._idle.pop() if self._idle else None
        return found or ServingModel(self._load, self._engines)

    def give_back(self, model: ServingModel) -> None:
        with self._lock:
            keep = not self._unloaded
            if keep:
                self._idle.append(model)
        if not keep:
            model.close()

    def unload(self) -> None:
        """Free the idle instances now, those in use when they come back."""
        with self._lock:
            self._unloaded = True
            idle, self._idle = self._idle, []
        for model in idle:
            model.close()


class WorkerLoop:
    """Reads commands and writes replies until the primary closes the channel."""

    def __init__(self, channel: BlockingChannel, engines: EngineRegistry | None = None) -> None:
        self._channel = channel
        self._engines = engines or EngineRegistry()
        self._models: dict[int, _LoadedModel] = {}
        self._reading = threading.Lock()

    def serve(self, threads: int) -> None:
        """Returns at the channel's end. Threads take turns in reading, so that a command that takes long holds up no
        other, and a command costs no hand-over between threads."""
        others = [threading.Thread(target=self._serve, name=f"worker-{number}") for number in range(1, threads)]
        for thread in others:
            thread.start()
        self._serve()
        for thread in others:
            thread.join()

    def _serve(self) -> None:
        while True:
            with self._reading:
                frame = self._channel.receive()
            if frame is None:
                return
            self._send(self.answer(frame))

    def _send(self, reply: worker_pb2.WorkerReply) -> None:
        try:
            self._channel.send(reply.SerializeToString())
        except FramingError as error:
            problem = worker_pb2.ChildError(
                status="RESOURCE_EXHAUSTED", reason="OUTPUT_TOO_LARGE", message=f"the outputs are too large: {error}"
            )
            self._channel.send(worker_pb2.WorkerReply(id=reply.id, error=problem).SerializeToString())

    def answer(self, frame: bytes) -> worker_pb2.WorkerReply:
        """One command's reply; every failure that leaves the process alive is a ChildError."""
        command = worker_pb2.WorkerCommand.FromString(frame)
        try:
            reply = self._execute(command)
        except Exception as error:  # noqa: BLE001 - engines raise what they like; other models are not concerned
            reply = worker_pb2.WorkerReply(error=child_error(error))
        reply.id = command.id
        return reply

    def _execute(self, command: worker_pb2.WorkerCommand) -> worker_pb2.WorkerReply:
        match command.WhichOneof("command"):
            case "run":
                loaded = self._model(command.run.model_key)
                model = loaded.take()
                try:
                    return model.run(command.run)
                finally:
                    loaded.give_back(model)
            case "load":
                return self._load(command.load)
            case "unload":
                self._model(command.unload.model_key).unload()
                del self._models[command.unload.model_key]
                return worker_pb2.WorkerReply(unloaded=worker_pb2.ModelUnloaded())
            case unknown:
                raise BadInput(f"the worker does not know the command {unknown}")

    def _load(self, load: worker_pb2.LoadModel) -> worker_pb2.WorkerReply:
        if load.model_key in self._models:
            raise ModelAlreadyLoaded(f"model {load.model_key} is loaded; load another version under another key")
        model = _LoadedModel(load, self._engines)
        self._models[load.model_key] = model
        return worker_pb2.WorkerReply(loaded=worker_pb2.ModelLoaded(size_bytes=model.size_bytes))

    def _model(self, key: int) -> _LoadedModel:
        try:
            return self._models[key]
        except KeyError:
            raise ModelNotLoaded(f"model {key} is not loaded in this worker; load it first") from None
