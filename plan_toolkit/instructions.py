"""What an author writes about a plan besides its model, as values that know their protocol buffer."""

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from insitu.v1 import example_pb2, plan_pb2
from plan_toolkit.errors import BadArgument

ElementType = Literal["bool", "int32", "int64", "float32", "float64", "bytes"]
Scalar = bool | int | float | bytes | str

_INTEGRAL = ("bool", "int32", "int64")


def element_type(dtype: DTypeLike, argument: str) -> example_pb2.DataType:
    """The enum's value for a NumPy type. Raises BadArgument for a type that plans do not know."""
    name = np.dtype(dtype).name
    if name not in _DATA_TYPES:
        raise BadArgument(argument, f"has the element type {name}; plans know {', '.join(_DATA_TYPES)}")
    return _DATA_TYPES[name]


_DATA_TYPES: dict[str, example_pb2.DataType] = {
    "bool": example_pb2.DATA_TYPE_BOOL,
    "int32": example_pb2.DATA_TYPE_INT32,
    "int64": example_pb2.DATA_TYPE_INT64,
    "float32": example_pb2.DATA_TYPE_FLOAT32,
    "float64": example_pb2.DATA_TYPE_FLOAT64,
    "bytes": example_pb2.DATA_TYPE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Feed:
    """How one feature of an example becomes one input of the model.

    `feature` is a name in the example, or "context:TYPE.FEATURE". `input` is the name of the graph's input; the
    feature's name, made an identifier, where empty. `shape` is that of one row, without the batch. A Keras model with
    declared inputs supplies `dtype` and `shape` where they are None; otherwise they are float32 and a scalar.
    `default` stands in for a missing feature: one value for all elements, or as many as the row has.
    """

    feature: str
    input: str = ""
    dtype: ElementType | None = None
    shape: tuple[int, ...] | None = None
    default: Scalar | Sequence[Scalar] | None = None

    def __post_init__(self) -> None:
        if not self.feature:
            raise BadArgument("feeds", "a feed needs the name of a feature")
        name = self.input or identifier(self.feature)
        if not name.isidentifier() or keyword.iskeyword(name):
            raise BadArgument("feeds", f"the input {name!r} of {self.feature!r} must be an identifier")
        object.__setattr__(self, "input", name)
        if self.dtype is not None and self.dtype not in _DATA_TYPES:
            raise BadArgument(
                "feeds", f"{self.feature!r} has the dtype {self.dtype!r}; plans know {', '.join(_DATA_TYPES)}"
            )

    def resolved(self, dtype: ElementType, shape: tuple[int, ...]) -> "Feed":
        """The same feed with nothing left open."""
        return replace(
            self,
            dtype=self.dtype if self.dtype is not None else dtype,
            shape=tuple(self.shape) if self.shape is not None else shape,
        )

    def to_proto(self) -> plan_pb2.Feed:
        """Of a resolved feed."""
        assert self.dtype is not None
        assert self.shape is not None
        proto = plan_pb2.Feed(
            feature=self.feature,
            input=self.input,
            dtype=_DATA_TYPES[self.dtype],
            shape=self.shape,
        )
        if self.default is not None:
            proto.default.CopyFrom(_feature(self.default, self.dtype, self.shape, self.feature))
        return proto


def identifier(name: str) -> str:
    """`name` with all that an identifier cannot hold made underscores."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"_{cleaned}" if not cleaned or cleaned[0].isdigit() else cleaned


def _feature(
    default: Scalar | Sequence[Scalar], dtype: ElementType, shape: tuple[int, ...], name: str
) -> example_pb2.Feature:
    count = int(np.prod(shape, dtype=np.int64))
    values: list[Scalar] = [default] * count if isinstance(default, Scalar) else list(default)
    if len(values) != count:
        raise BadArgument("feeds", f"the default of {name!r} has {len(values)} values, a row has {count}")
    if dtype == "bytes":
        raw = [value.encode() if isinstance(value, str) else value for value in values]
        if not all(isinstance(value, bytes) for value in raw):
            raise BadArgument("feeds", f"the default of {name!r} must be bytes or text")
        return example_pb2.Feature(bytes_list=example_pb2.BytesList(value=raw))  # type: ignore[arg-type]
    if any(isinstance(value, bytes | str) for value in values):
        raise BadArgument("feeds", f"the default of {name!r} must be numbers, as its dtype is {dtype}")
    if dtype in _INTEGRAL:
        return example_pb2.Feature(int64_list=example_pb2.Int64List(value=[int(value) for value in values]))
    return example_pb2.Feature(float_list=example_pb2.FloatList(value=[float(value) for value in values]))


@dataclass(frozen=True, slots=True)
class ExampleQuery:
    """Which of the app's examples a run trains on. `plan_toolkit.predicates` writes `where`.

    `limit` and `maximum_age_s` of 0 mean no bound. `holdout_share` (0 to 0.5) of the examples is never trained on and
    judges the result. `context` names further context types besides those of `author(context=...)`.
    """

    collection: str
    where: plan_pb2.Predicate | None = None
    order: Literal["newest_first", "oldest_first"] = "newest_first"
    limit: int = 0
    minimum_examples: int = 1
    maximum_age_s: int = 0
    holdout_share: float = 0.2
    context: tuple[str, ...] = ()

    def to_proto(self, context: Sequence[str] = ()) -> plan_pb2.ExampleQuery:
        return plan_pb2.ExampleQuery(
            collection=self.collection,
            where=self.where,
            order=plan_pb2.NEWEST_FIRST if self.order == "newest_first" else plan_pb2.OLDEST_FIRST,
            limit=self.limit,
            minimum_examples=self.minimum_examples,
            maximum_age_s=self.maximum_age_s,
            holdout_share=self.holdout_share,
            context=list(dict.fromkeys((*context, *self.context))),
        )


@dataclass(frozen=True, slots=True)
class AcceptanceGate:
    """New parameters go live where `metric` on held-out examples improves by at least `minimum_improvement`."""

    metric: str = "loss"
    minimum_improvement: float = 0.0
    minimum_holdout_examples: int = 1

    def to_proto(self) -> plan_pb2.AcceptanceGate:
        return plan_pb2.AcceptanceGate(
            metric=self.metric,
            minimum_improvement=self.minimum_improvement,
            minimum_holdout_examples=self.minimum_holdout_examples,
        )
