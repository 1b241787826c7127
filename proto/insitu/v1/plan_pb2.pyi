from insitu.v1 import example_pb2 as _example_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartFrom(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    START_FROM_UNSPECIFIED: _ClassVar[StartFrom]
    START_FROM_LIVE: _ClassVar[StartFrom]
    START_FROM_BASE: _ClassVar[StartFrom]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    HIGHER_IS_BETTER: _ClassVar[Direction]
    LOWER_IS_BETTER: _ClassVar[Direction]

class Order(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_UNSPECIFIED: _ClassVar[Order]
    NEWEST_FIRST: _ClassVar[Order]
    OLDEST_FIRST: _ClassVar[Order]

class Operator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_UNSPECIFIED: _ClassVar[Operator]
    EQUAL: _ClassVar[Operator]
    NOT_EQUAL: _ClassVar[Operator]
    LESS: _ClassVar[Operator]
    LESS_OR_EQUAL: _ClassVar[Operator]
    GREATER: _ClassVar[Operator]
    GREATER_OR_EQUAL: _ClassVar[Operator]
    PRESENT: _ClassVar[Operator]
    ABSENT: _ClassVar[Operator]
START_FROM_UNSPECIFIED: StartFrom
START_FROM_LIVE: StartFrom
START_FROM_BASE: StartFrom
DIRECTION_UNSPECIFIED: Direction
HIGHER_IS_BETTER: Direction
LOWER_IS_BETTER: Direction
ORDER_UNSPECIFIED: Order
NEWEST_FIRST: Order
OLDEST_FIRST: Order
OPERATOR_UNSPECIFIED: Operator
EQUAL: Operator
NOT_EQUAL: Operator
LESS: Operator
LESS_OR_EQUAL: Operator
GREATER: Operator
GREATER_OR_EQUAL: Operator
PRESENT: Operator
ABSENT: Operator

class Plan(_message.Message):
    __slots__ = ("name", "version", "parent", "engine", "graph", "parameters", "base_parameters", "inference", "training", "evaluation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    BASE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INFERENCE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    parent: str
    engine: EngineRequirement
    graph: Graph
    parameters: _containers.RepeatedCompositeFieldContainer[TensorSpec]
    base_parameters: bytes
    inference: InferenceInstructions
    training: TrainingInstructions
    evaluation: EvaluationInstructions
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., parent: _Optional[str] = ..., engine: _Optional[_Union[EngineRequirement, _Mapping]] = ..., graph: _Optional[_Union[Graph, _Mapping]] = ..., parameters: _Optional[_Iterable[_Union[TensorSpec, _Mapping]]] = ..., base_parameters: _Optional[bytes] = ..., inference: _Optional[_Union[InferenceInstructions, _Mapping]] = ..., training: _Optional[_Union[TrainingInstructions, _Mapping]] = ..., evaluation: _Optional[_Union[EvaluationInstructions, _Mapping]] = ...) -> None: ...

class EngineRequirement(_message.Message):
    __slots__ = ("name", "version_range")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_RANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version_range: str
    def __init__(self, name: _Optional[str] = ..., version_range: _Optional[str] = ...) -> None: ...

class Graph(_message.Message):
    __slots__ = ("inline", "sha256")
    INLINE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    inline: bytes
    sha256: str
    def __init__(self, inline: _Optional[bytes] = ..., sha256: _Optional[str] = ...) -> None: ...

class TensorSpec(_message.Message):
    __slots__ = ("name", "dtype", "shape")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: _example_pb2.DataType
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[_Union[_example_pb2.DataType, str]] = ..., shape: _Optional[_Iterable[int]] = ...) -> None: ...

class Feed(_message.Message):
    __slots__ = ("feature", "input", "dtype", "shape", "default")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    feature: str
    input: str
    dtype: _example_pb2.DataType
    shape: _containers.RepeatedScalarFieldContainer[int]
    default: _example_pb2.Feature
    def __init__(self, feature: _Optional[str] = ..., input: _Optional[str] = ..., dtype: _Optional[_Union[_example_pb2.DataType, str]] = ..., shape: _Optional[_Iterable[int]] = ..., default: _Optional[_Union[_example_pb2.Feature, _Mapping]] = ...) -> None: ...

class InferenceInstructions(_message.Message):
    __slots__ = ("feeds", "signature", "outputs", "context", "score_output", "batch_size", "deadline_ms")
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    feeds: _containers.RepeatedCompositeFieldContainer[Feed]
    signature: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    context: _containers.RepeatedScalarFieldContainer[str]
    score_output: str
    batch_size: int
    deadline_ms: int
    def __init__(self, feeds: _Optional[_Iterable[_Union[Feed, _Mapping]]] = ..., signature: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ..., context: _Optional[_Iterable[str]] = ..., score_output: _Optional[str] = ..., batch_size: _Optional[int] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class TrainingInstructions(_message.Message):
    __slots__ = ("query", "feeds", "batch_size", "epochs", "steps", "seed", "signatures", "metrics", "acceptance_gate", "start_from", "update", "checkpoint_steps")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_GATE_FIELD_NUMBER: _ClassVar[int]
    START_FROM_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_STEPS_FIELD_NUMBER: _ClassVar[int]
    query: ExampleQuery
    feeds: _containers.RepeatedCompositeFieldContainer[Feed]
    batch_size: int
    epochs: int
    steps: int
    seed: int
    signatures: Signatures
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    acceptance_gate: AcceptanceGate
    start_from: StartFrom
    update: FederatedUpdate
    checkpoint_steps: int
    def __init__(self, query: _Optional[_Union[ExampleQuery, _Mapping]] = ..., feeds: _Optional[_Iterable[_Union[Feed, _Mapping]]] = ..., batch_size: _Optional[int] = ..., epochs: _Optional[int] = ..., steps: _Optional[int] = ..., seed: _Optional[int] = ..., signatures: _Optional[_Union[Signatures, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., acceptance_gate: _Optional[_Union[AcceptanceGate, _Mapping]] = ..., start_from: _Optional[_Union[StartFrom, str]] = ..., update: _Optional[_Union[FederatedUpdate, _Mapping]] = ..., checkpoint_steps: _Optional[int] = ...) -> None: ...

class EvaluationInstructions(_message.Message):
    __slots__ = ("query", "feeds", "batch_size", "signatures", "metrics")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    query: ExampleQuery
    feeds: _containers.RepeatedCompositeFieldContainer[Feed]
    batch_size: int
    signatures: Signatures
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, query: _Optional[_Union[ExampleQuery, _Mapping]] = ..., feeds: _Optional[_Iterable[_Union[Feed, _Mapping]]] = ..., batch_size: _Optional[int] = ..., signatures: _Optional[_Union[Signatures, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class Signatures(_message.Message):
    __slots__ = ("train", "infer", "evaluate", "get_parameters", "set_parameters", "get_optimizer_state", "set_optimizer_state")
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    INFER_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    GET_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SET_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    GET_OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    SET_OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    train: str
    infer: str
    evaluate: str
    get_parameters: str
    set_parameters: str
    get_optimizer_state: str
    set_optimizer_state: str
    def __init__(self, train: _Optional[str] = ..., infer: _Optional[str] = ..., evaluate: _Optional[str] = ..., get_parameters: _Optional[str] = ..., set_parameters: _Optional[str] = ..., get_optimizer_state: _Optional[str] = ..., set_optimizer_state: _Optional[str] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "direction")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    direction: Direction
    def __init__(self, name: _Optional[str] = ..., direction: _Optional[_Union[Direction, str]] = ...) -> None: ...

class ExampleQuery(_message.Message):
    __slots__ = ("collection", "where", "order", "limit", "minimum_examples", "maximum_age_s", "holdout_share", "context")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_AGE_S_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_SHARE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    collection: str
    where: Predicate
    order: Order
    limit: int
    minimum_examples: int
    maximum_age_s: int
    holdout_share: float
    context: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collection: _Optional[str] = ..., where: _Optional[_Union[Predicate, _Mapping]] = ..., order: _Optional[_Union[Order, str]] = ..., limit: _Optional[int] = ..., minimum_examples: _Optional[int] = ..., maximum_age_s: _Optional[int] = ..., holdout_share: _Optional[float] = ..., context: _Optional[_Iterable[str]] = ...) -> None: ...

class Predicate(_message.Message):
    __slots__ = ("comparison", "all", "any")
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    NOT_FIELD_NUMBER: _ClassVar[int]
    comparison: Comparison
    all: PredicateList
    any: PredicateList
    def __init__(self, comparison: _Optional[_Union[Comparison, _Mapping]] = ..., all: _Optional[_Union[PredicateList, _Mapping]] = ..., any: _Optional[_Union[PredicateList, _Mapping]] = ..., **kwargs) -> None: ...

class PredicateList(_message.Message):
    __slots__ = ("predicates",)
    PREDICATES_FIELD_NUMBER: _ClassVar[int]
    predicates: _containers.RepeatedCompositeFieldContainer[Predicate]
    def __init__(self, predicates: _Optional[_Iterable[_Union[Predicate, _Mapping]]] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("field", "operator", "number", "text")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    field: str
    operator: Operator
    number: float
    text: str
    def __init__(self, field: _Optional[str] = ..., operator: _Optional[_Union[Operator, str]] = ..., number: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class AcceptanceGate(_message.Message):
    __slots__ = ("metric", "minimum_improvement", "minimum_holdout_examples")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_IMPROVEMENT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_HOLDOUT_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    metric: str
    minimum_improvement: float
    minimum_holdout_examples: int
    def __init__(self, metric: _Optional[str] = ..., minimum_improvement: _Optional[float] = ..., minimum_holdout_examples: _Optional[int] = ...) -> None: ...

class FederatedUpdate(_message.Message):
    __slots__ = ("clipping_norm", "quantisation_bits", "secure_aggregation", "noise_multiplier")
    CLIPPING_NORM_FIELD_NUMBER: _ClassVar[int]
    QUANTISATION_BITS_FIELD_NUMBER: _ClassVar[int]
    SECURE_AGGREGATION_FIELD_NUMBER: _ClassVar[int]
    NOISE_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    clipping_norm: float
    quantisation_bits: int
    secure_aggregation: bool
    noise_multiplier: float
    def __init__(self, clipping_norm: _Optional[float] = ..., quantisation_bits: _Optional[int] = ..., secure_aggregation: bool = ..., noise_multiplier: _Optional[float] = ...) -> None: ...
