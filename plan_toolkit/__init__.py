"""Author plans for Insitu: from a Keras model or a `tf.Module` to an inference plan and a training plan.

TensorFlow comes in with the first call of `author`, not with this import.
"""

from plan_toolkit.author import author
from plan_toolkit.build import BuiltPlans, build, new_source
from plan_toolkit.errors import (
    BadArgument,
    GraphsDisagree,
    Operation,
    OperationUnsupported,
    PlanRejected,
    SourceInvalid,
    ToolkitError,
)
from plan_toolkit.instructions import AcceptanceGate, ExampleQuery, Feed
from plan_toolkit.plans import AuthoredPlans, Notice
from plan_toolkit.predicates import all_of, any_of, field, negated

__all__ = [
    "AcceptanceGate",
    "AuthoredPlans",
    "BadArgument",
    "BuiltPlans",
    "ExampleQuery",
    "Feed",
    "GraphsDisagree",
    "Notice",
    "Operation",
    "OperationUnsupported",
    "PlanRejected",
    "SourceInvalid",
    "ToolkitError",
    "all_of",
    "any_of",
    "author",
    "build",
    "field",
    "negated",
    "new_source",
]
