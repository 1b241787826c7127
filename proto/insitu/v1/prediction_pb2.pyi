from insitu.v1 import example_pb2 as _example_pb2
from insitu.v1 import lane_pb2 as _lane_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelReference(_message.Message):
    __slots__ = ("plan", "parameters", "parameters_required", "account")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    plan: str
    parameters: str
    parameters_required: bool
    account: str
    def __init__(self, plan: _Optional[str] = ..., parameters: _Optional[str] = ..., parameters_required: bool = ..., account: _Optional[str] = ...) -> None: ...

class LoadRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ...) -> None: ...

class LoadResponse(_message.Message):
    __slots__ = ("served_by",)
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    served_by: ServedBy
    def __init__(self, served_by: _Optional[_Union[ServedBy, _Mapping]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("model", "examples", "columns")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    examples: _containers.RepeatedCompositeFieldContainer[_example_pb2.Example]
    columns: _containers.RepeatedCompositeFieldContainer[_example_pb2.Tensor]
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., examples: _Optional[_Iterable[_Union[_example_pb2.Example, _Mapping]]] = ..., columns: _Optional[_Iterable[_Union[_example_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class SerializedPredictRequest(_message.Message):
    __slots__ = ("model", "examples", "columns")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    examples: _containers.RepeatedScalarFieldContainer[bytes]
    columns: _containers.RepeatedCompositeFieldContainer[_example_pb2.Tensor]
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., examples: _Optional[_Iterable[bytes]] = ..., columns: _Optional[_Iterable[_Union[_example_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("outputs", "served_by")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[_example_pb2.Tensor]
    served_by: ServedBy
    def __init__(self, outputs: _Optional[_Iterable[_Union[_example_pb2.Tensor, _Mapping]]] = ..., served_by: _Optional[_Union[ServedBy, _Mapping]] = ...) -> None: ...

class PredictRankRequest(_message.Message):
    __slots__ = ("model", "shared", "candidates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    shared: _example_pb2.Example
    candidates: _containers.RepeatedCompositeFieldContainer[_example_pb2.Example]
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., shared: _Optional[_Union[_example_pb2.Example, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[_example_pb2.Example, _Mapping]]] = ...) -> None: ...

class SerializedPredictRankRequest(_message.Message):
    __slots__ = ("model", "shared", "candidates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    shared: bytes
    candidates: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., shared: _Optional[bytes] = ..., candidates: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PredictRankResponse(_message.Message):
    __slots__ = ("ranking", "served_by")
    RANKING_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    ranking: _containers.RepeatedCompositeFieldContainer[RankedCandidate]
    served_by: ServedBy
    def __init__(self, ranking: _Optional[_Iterable[_Union[RankedCandidate, _Mapping]]] = ..., served_by: _Optional[_Union[ServedBy, _Mapping]] = ...) -> None: ...

class RankedCandidate(_message.Message):
    __slots__ = ("index", "score")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    index: int
    score: float
    def __init__(self, index: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...

class ServedBy(_message.Message):
    __slots__ = ("plan_name", "plan_version", "parameters_version")
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_VERSION_FIELD_NUMBER: _ClassVar[int]
    plan_name: str
    plan_version: str
    parameters_version: int
    def __init__(self, plan_name: _Optional[str] = ..., plan_version: _Optional[str] = ..., parameters_version: _Optional[int] = ...) -> None: ...
