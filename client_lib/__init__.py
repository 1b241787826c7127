"""What an app links to learn on the device: collect examples, train on them, predict.

with Learning.connect(package="com.example.keyboard", credentials="insitu.json") as learning:
    words = learning.get_collection_client(CollectionOptions("words", context=[ContextType.POWER]))
    words.add({"x": [0.0, 1.0], "label": 3})
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from client_lib.collection import CollectionClient, CollectionStats, StorageUsage
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
    from client_lib.reasons import Reason
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
    "Reason",
    "ResourceExhausted",
    "ServedBy",
    "SessionState",
    "SessionStatus",
    "StorageUsage",
    "Task",
    "Tensor",
    "Times",
    "TrainerClient",
    "TrainerOptions",
    "Unauthenticated",
    "Unavailable",
]

# Each name is loaded when it is first used, so that who needs one module of this package does not pay for all.
_HOMES = {
    "collection": ("CollectionClient", "CollectionStats", "StorageUsage"),
    "errors": (
        "AlreadyExists",
        "Cancelled",
        "CredentialsError",
        "DaemonNotRunning",
        "DataLoss",
        "DeadlineExceeded",
        "FailedPrecondition",
        "InsituError",
        "Internal",
        "InvalidArgument",
        "NotApproved",
        "NotFound",
        "PermissionDenied",
        "ResourceExhausted",
        "Unauthenticated",
        "Unavailable",
    ),
    "learning": ("Learning",),
    "options": (
        "CollectionOptions",
        "ContextType",
        "ContextWish",
        "Continuous",
        "OneOff",
        "PredictorOptions",
        "Times",
        "TrainerOptions",
    ),
    "predictor": ("PredictorClient",),
    "reasons": ("Reason",),
    "sessions": ("Attempt", "ConditionReading", "MetricPair", "SessionState", "SessionStatus"),
    "tasks": ("Task",),
    "tensors": ("Prediction", "Ranked", "ServedBy", "Tensor"),
    "trainer": ("TrainerClient",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
