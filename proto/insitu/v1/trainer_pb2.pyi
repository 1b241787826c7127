from insitu.v1 import worker_pb2 as _worker_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainerCommand(_message.Message):
    __slots__ = ("start", "examples", "begin", "suspend", "abort")
    START_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    start: StartRun
    examples: ExampleChunk
    begin: BeginTraining
    suspend: SuspendRun
    abort: AbortRun
    def __init__(self, start: _Optional[_Union[StartRun, _Mapping]] = ..., examples: _Optional[_Union[ExampleChunk, _Mapping]] = ..., begin: _Optional[_Union[BeginTraining, _Mapping]] = ..., suspend: _Optional[_Union[SuspendRun, _Mapping]] = ..., abort: _Optional[_Union[AbortRun, _Mapping]] = ...) -> None: ...

class StartRun(_message.Message):
    __slots__ = ("plan", "parameters", "checkpoint", "live_parameters")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    LIVE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    parameters: bytes
    checkpoint: Checkpoint
    live_parameters: bytes
    def __init__(self, plan: _Optional[bytes] = ..., parameters: _Optional[bytes] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., live_parameters: _Optional[bytes] = ...) -> None: ...

class ExampleChunk(_message.Message):
    __slots__ = ("examples",)
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    examples: _containers.RepeatedCompositeFieldContainer[StoredExample]
    def __init__(self, examples: _Optional[_Iterable[_Union[StoredExample, _Mapping]]] = ...) -> None: ...

class StoredExample(_message.Message):
    __slots__ = ("sequence", "example", "context", "held_out", "new_context")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    NEW_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    example: bytes
    context: int
    held_out: bool
    new_context: bytes
    def __init__(self, sequence: _Optional[int] = ..., example: _Optional[bytes] = ..., context: _Optional[int] = ..., held_out: bool = ..., new_context: _Optional[bytes] = ...) -> None: ...

class BeginTraining(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SuspendRun(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbortRun(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrainerReport(_message.Message):
    __slots__ = ("progress", "checkpoint", "finished", "error", "ready", "suspended")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    progress: RunProgress
    checkpoint: Checkpoint
    finished: RunFinished
    error: _worker_pb2.ChildError
    ready: RunReady
    suspended: RunSuspended
    def __init__(self, progress: _Optional[_Union[RunProgress, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., finished: _Optional[_Union[RunFinished, _Mapping]] = ..., error: _Optional[_Union[_worker_pb2.ChildError, _Mapping]] = ..., ready: _Optional[_Union[RunReady, _Mapping]] = ..., suspended: _Optional[_Union[RunSuspended, _Mapping]] = ...) -> None: ...

class RunReady(_message.Message):
    __slots__ = ("examples", "holdout_examples", "total_steps")
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    examples: int
    holdout_examples: int
    total_steps: int
    def __init__(self, examples: _Optional[int] = ..., holdout_examples: _Optional[int] = ..., total_steps: _Optional[int] = ...) -> None: ...

class RunProgress(_message.Message):
    __slots__ = ("step", "total_steps", "loss", "evaluating")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    EVALUATING_FIELD_NUMBER: _ClassVar[int]
    step: int
    total_steps: int
    loss: float
    evaluating: bool
    def __init__(self, step: _Optional[int] = ..., total_steps: _Optional[int] = ..., loss: _Optional[float] = ..., evaluating: bool = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("parameters", "optimizer_state", "step", "epoch", "epoch_step", "last_order_key")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCH_STEP_FIELD_NUMBER: _ClassVar[int]
    LAST_ORDER_KEY_FIELD_NUMBER: _ClassVar[int]
    parameters: bytes
    optimizer_state: bytes
    step: int
    epoch: int
    epoch_step: int
    last_order_key: int
    def __init__(self, parameters: _Optional[bytes] = ..., optimizer_state: _Optional[bytes] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ..., epoch_step: _Optional[int] = ..., last_order_key: _Optional[int] = ...) -> None: ...

class RunSuspended(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunFinished(_message.Message):
    __slots__ = ("parameters", "steps", "loss", "examples", "holdout_examples", "metrics", "accepted", "verdict")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    parameters: bytes
    steps: int
    loss: float
    examples: int
    holdout_examples: int
    metrics: _containers.RepeatedCompositeFieldContainer[MetricValues]
    accepted: bool
    verdict: str
    def __init__(self, parameters: _Optional[bytes] = ..., steps: _Optional[int] = ..., loss: _Optional[float] = ..., examples: _Optional[int] = ..., holdout_examples: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[MetricValues, _Mapping]]] = ..., accepted: bool = ..., verdict: _Optional[str] = ...) -> None: ...

class MetricValues(_message.Message):
    __slots__ = ("name", "before", "after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    before: float
    after: float
    def __init__(self, name: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ...) -> None: ...
