from insitu.v1 import example_pb2 as _example_pb2
from insitu.v1 import prediction_pb2 as _prediction_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChildHello(_message.Message):
    __slots__ = ("secret", "missing_protections")
    SECRET_FIELD_NUMBER: _ClassVar[int]
    MISSING_PROTECTIONS_FIELD_NUMBER: _ClassVar[int]
    secret: bytes
    missing_protections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, secret: _Optional[bytes] = ..., missing_protections: _Optional[_Iterable[str]] = ...) -> None: ...

class WorkerCommand(_message.Message):
    __slots__ = ("id", "load", "run", "unload")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    UNLOAD_FIELD_NUMBER: _ClassVar[int]
    id: int
    load: LoadModel
    run: RunModel
    unload: UnloadModel
    def __init__(self, id: _Optional[int] = ..., load: _Optional[_Union[LoadModel, _Mapping]] = ..., run: _Optional[_Union[RunModel, _Mapping]] = ..., unload: _Optional[_Union[UnloadModel, _Mapping]] = ...) -> None: ...

class LoadModel(_message.Message):
    __slots__ = ("model_key", "plan", "parameters")
    MODEL_KEY_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    model_key: int
    plan: bytes
    parameters: bytes
    def __init__(self, model_key: _Optional[int] = ..., plan: _Optional[bytes] = ..., parameters: _Optional[bytes] = ...) -> None: ...

class RunModel(_message.Message):
    __slots__ = ("model_key", "rows", "context", "score_output")
    MODEL_KEY_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    model_key: int
    rows: bytes
    context: _example_pb2.Features
    score_output: str
    def __init__(self, model_key: _Optional[int] = ..., rows: _Optional[bytes] = ..., context: _Optional[_Union[_example_pb2.Features, _Mapping]] = ..., score_output: _Optional[str] = ...) -> None: ...

class PredictionHead(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _prediction_pb2.ModelReference
    def __init__(self, model: _Optional[_Union[_prediction_pb2.ModelReference, _Mapping]] = ...) -> None: ...

class RankingHead(_message.Message):
    __slots__ = ("model", "shared")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    model: _prediction_pb2.ModelReference
    shared: bytes
    def __init__(self, model: _Optional[_Union[_prediction_pb2.ModelReference, _Mapping]] = ..., shared: _Optional[bytes] = ...) -> None: ...

class UnloadModel(_message.Message):
    __slots__ = ("model_key",)
    MODEL_KEY_FIELD_NUMBER: _ClassVar[int]
    model_key: int
    def __init__(self, model_key: _Optional[int] = ...) -> None: ...

class WorkerReply(_message.Message):
    __slots__ = ("id", "loaded", "outputs", "ranking", "unloaded", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    RANKING_FIELD_NUMBER: _ClassVar[int]
    UNLOADED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    loaded: ModelLoaded
    outputs: ModelOutputs
    ranking: ModelRanking
    unloaded: ModelUnloaded
    error: ChildError
    def __init__(self, id: _Optional[int] = ..., loaded: _Optional[_Union[ModelLoaded, _Mapping]] = ..., outputs: _Optional[_Union[ModelOutputs, _Mapping]] = ..., ranking: _Optional[_Union[ModelRanking, _Mapping]] = ..., unloaded: _Optional[_Union[ModelUnloaded, _Mapping]] = ..., error: _Optional[_Union[ChildError, _Mapping]] = ...) -> None: ...

class ModelLoaded(_message.Message):
    __slots__ = ("size_bytes",)
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    def __init__(self, size_bytes: _Optional[int] = ...) -> None: ...

class ModelOutputs(_message.Message):
    __slots__ = ("outputs",)
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[_example_pb2.Tensor]
    def __init__(self, outputs: _Optional[_Iterable[_Union[_example_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class ModelRanking(_message.Message):
    __slots__ = ("ranking",)
    RANKING_FIELD_NUMBER: _ClassVar[int]
    ranking: _containers.RepeatedCompositeFieldContainer[_prediction_pb2.RankedCandidate]
    def __init__(self, ranking: _Optional[_Iterable[_Union[_prediction_pb2.RankedCandidate, _Mapping]]] = ...) -> None: ...

class ModelUnloaded(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChildError(_message.Message):
    __slots__ = ("status", "reason", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: str
    reason: str
    message: str
    def __init__(self, status: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
