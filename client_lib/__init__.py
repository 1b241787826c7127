"""What an app links to learn on the device: collect examples, train on them, predict.

with Learning.connect(package="com.example.keyboard", credentials="insitu.json") as learning:
    words = learning.get_collection_client(CollectionOptions("words", context=[ContextType.POWER]))
    words.add({"x": [0.0, 1.0], "label": 3})
"""

from client_lib.collection import CollectionClient, CollectionStats
from client_lib.errors import (
    AlreadyExists,
    Cancelled,
    CredentialsError,
    DaemonNotRunning,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    InsituError,
    Internal,
    InvalidArgument,
    NotApproved,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from client_lib.learning import Learning
from client_lib.options import (
    CollectionOptions,
    ContextType,
    ContextWish,
    Continuous,
    OneOff,
    PredictorOptions,
    Times,
    TrainerOptions,
)
from client_lib.predictor import PredictorClient
from client_lib.sessions import Attempt, ConditionReading, MetricPair, SessionState, SessionStatus
from client_lib.tasks import Task
from client_lib.tensors import Prediction, Ranked, ServedBy, Tensor
from client_lib.trainer import TrainerClient

__all__ = [
    "AlreadyExists",
    "Attempt",
    "Cancelled",
    "CollectionClient",
    "CollectionOptions",
    "CollectionStats",
    "ConditionReading",
    "ContextType",
    "ContextWish",
    "Continuous",
    "CredentialsError",
    "DaemonNotRunning",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "InsituError",
    "Internal",
    "InvalidArgument",
    "Learning",
    "MetricPair",
    "NotApproved",
    "NotFound",
    "OneOff",
    "PermissionDenied",
    "Prediction",
    "PredictorClient",
    "PredictorOptions",
    "Ranked",
    "ResourceExhausted",
    "ServedBy",
    "SessionState",
    "SessionStatus",
    "Task",
    "Tensor",
    "Times",
    "TrainerClient",
    "TrainerOptions",
    "Unauthenticated",
    "Unavailable",
]
