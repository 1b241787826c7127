"""Why an engine refuses.

EngineError
├── EngineMissing       no such engine here, or of another version: install the extra that the message names
├── GraphRejected       the engine cannot run the graph
├── SignatureMissing    the graph lacks a signature that the plan names
├── BadInput            an input or a feature has the wrong name, shape or type
│   └── FeatureMissing  an example lacks a feature for which the plan has no default
└── BadParameters       a parameters blob does not fit the plan
"""

from typing import ClassVar


class EngineError(Exception):
    """`status` is the gRPC status that a caller is to see, `reason` is stable."""

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "ENGINE"


class EngineMissing(EngineError):
    status = "FAILED_PRECONDITION"
    reason = "ENGINE_MISSING"


class GraphRejected(EngineError):
    status = "INVALID_ARGUMENT"
    reason = "GRAPH_REJECTED"


class SignatureMissing(EngineError):
    status = "INVALID_ARGUMENT"
    reason = "SIGNATURE_MISSING"


class BadInput(EngineError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_INPUT"


class FeatureMissing(BadInput):
    reason = "FEATURE_MISSING"


class BadParameters(EngineError):
    status = "DATA_LOSS"
    reason = "BAD_PARAMETERS"
