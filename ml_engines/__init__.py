"""The engine interface, the engines behind it, and what all of them share: feeds, tensors, parameters.

No daemon in it. Importing this package imports NumPy, but no engine's runtime: that comes with `Engine.load`. The blobs
have modules of their own, `ml_engines.parameters` (safetensors) and `ml_engines.tensors`.
"""

from ml_engines.engine import Arrays, Engine, Model, Runner, Signature, TensorType
from ml_engines.errors import (
    BadInput,
    BadParameters,
    EngineError,
    EngineMissing,
    FeatureMissing,
    GraphRejected,
    SignatureMissing,
)
from ml_engines.feeds import Feeds
from ml_engines.registry import EngineRegistry, find_engine

__all__ = [
    "Arrays",
    "BadInput",
    "BadParameters",
    "Engine",
    "EngineError",
    "EngineMissing",
    "EngineRegistry",
    "FeatureMissing",
    "Feeds",
    "GraphRejected",
    "Model",
    "Runner",
    "Signature",
    "SignatureMissing",
    "TensorType",
    "find_engine",
]
