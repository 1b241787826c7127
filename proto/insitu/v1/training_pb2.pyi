import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from insitu.v1 import lane_pb2 as _lane_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    CREATED: _ClassVar[SessionState]
    WAITING: _ClassVar[SessionState]
    RUNNING: _ClassVar[SessionState]
    SUSPENDED: _ClassVar[SessionState]
    EVALUATING: _ClassVar[SessionState]
    COMMITTED: _ClassVar[SessionState]
    KEPT_OLD: _ClassVar[SessionState]
    FAILED: _ClassVar[SessionState]
    DONE: _ClassVar[SessionState]
    STOPPED: _ClassVar[SessionState]
SESSION_STATE_UNSPECIFIED: SessionState
CREATED: SessionState
WAITING: SessionState
RUNNING: SessionState
SUSPENDED: SessionState
EVALUATING: SessionState
COMMITTED: SessionState
KEPT_OLD: SessionState
FAILED: SessionState
DONE: SessionState
STOPPED: SessionState

class TrainerOptions(_message.Message):
    __slots__ = ("session", "plan", "output", "input", "cadence", "requires_unmetered")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CADENCE_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_UNMETERED_FIELD_NUMBER: _ClassVar[int]
    session: str
    plan: str
    output: str
    input: str
    cadence: Cadence
    requires_unmetered: bool
    def __init__(self, session: _Optional[str] = ..., plan: _Optional[str] = ..., output: _Optional[str] = ..., input: _Optional[str] = ..., cadence: _Optional[_Union[Cadence, _Mapping]] = ..., requires_unmetered: bool = ...) -> None: ...

class Cadence(_message.Message):
    __slots__ = ("continuous", "times", "one_off")
    CONTINUOUS_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    ONE_OFF_FIELD_NUMBER: _ClassVar[int]
    continuous: _duration_pb2.Duration
    times: str
    one_off: OneOff
    def __init__(self, continuous: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., times: _Optional[str] = ..., one_off: _Optional[_Union[OneOff, _Mapping]] = ...) -> None: ...

class OneOff(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ScheduleRequest(_message.Message):
    __slots__ = ("options",)
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: TrainerOptions
    def __init__(self, options: _Optional[_Union[TrainerOptions, _Mapping]] = ...) -> None: ...

class SessionStatus(_message.Message):
    __slots__ = ("options", "state", "reasons", "step", "total_steps", "loss", "next_run_ms", "last_run_ms", "output_version", "attempts", "conditions")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    NEXT_RUN_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_MS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    options: TrainerOptions
    state: SessionState
    reasons: _containers.RepeatedScalarFieldContainer[str]
    step: int
    total_steps: int
    loss: float
    next_run_ms: int
    last_run_ms: int
    output_version: int
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionReading]
    def __init__(self, options: _Optional[_Union[TrainerOptions, _Mapping]] = ..., state: _Optional[_Union[SessionState, str]] = ..., reasons: _Optional[_Iterable[str]] = ..., step: _Optional[int] = ..., total_steps: _Optional[int] = ..., loss: _Optional[float] = ..., next_run_ms: _Optional[int] = ..., last_run_ms: _Optional[int] = ..., output_version: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., conditions: _Optional[_Iterable[_Union[ConditionReading, _Mapping]]] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("started_ms", "ended_ms", "outcome", "reason", "steps", "examples", "holdout_examples", "suspensions", "metrics")
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    SUSPENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    started_ms: int
    ended_ms: int
    outcome: SessionState
    reason: str
    steps: int
    examples: int
    holdout_examples: int
    suspensions: int
    metrics: _containers.RepeatedCompositeFieldContainer[MetricPair]
    def __init__(self, started_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., outcome: _Optional[_Union[SessionState, str]] = ..., reason: _Optional[str] = ..., steps: _Optional[int] = ..., examples: _Optional[int] = ..., holdout_examples: _Optional[int] = ..., suspensions: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[MetricPair, _Mapping]]] = ...) -> None: ...

class MetricPair(_message.Message):
    __slots__ = ("name", "before", "after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    before: float
    after: float
    def __init__(self, name: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ...) -> None: ...

class ConditionReading(_message.Message):
    __slots__ = ("name", "satisfied", "value", "source", "since_ms", "remedy")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SATISFIED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    name: str
    satisfied: bool
    value: str
    source: str
    since_ms: int
    remedy: str
    def __init__(self, name: _Optional[str] = ..., satisfied: bool = ..., value: _Optional[str] = ..., source: _Optional[str] = ..., since_ms: _Optional[int] = ..., remedy: _Optional[str] = ...) -> None: ...

class SessionStatusRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class StopSessionRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class StopSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionStatus]
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionStatus, _Mapping]]] = ...) -> None: ...
