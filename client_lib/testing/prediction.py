"""The Prediction service in memory: what a plan predicts is a function of the test's author."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from client_lib.encoding import decode, encode, encode_feature
from client_lib.errors import FailedPrecondition, InvalidArgument
from client_lib.tensors import Tensor
from client_lib.testing.artifacts import mutable_session, named_digest, plan_of
from client_lib.testing.context import PREFIX, injected
from client_lib.testing.state import App, State
from insitu.v1 import example_pb2 as wire
from insitu.v1 import prediction_pb2 as pb
from insitu.v1.plan_pb2 import Feed, InferenceInstructions, Plan

Predict = Callable[[Mapping[str, list[Any]], int], Mapping[str, Any]]
"""From the features of one example, each a list, and the version of the parameters (0: the base ones) to the outputs:
numbers, texts, nested lists or arrays. Context comes as "context:TYPE.FEATURE". A feature that is asked for and not
there is refused as the daemon refuses it."""

_DTYPES = {
    "int64_list": wire.DATA_TYPE_INT64,
    "float_list": wire.DATA_TYPE_FLOAT32,
    "bytes_list": wire.DATA_TYPE_BYTES,
}
_HELD = {float: "floats", bytes: "bytes"}
_WANTED = {wire.DATA_TYPE_FLOAT32: "floats", wire.DATA_TYPE_FLOAT64: "floats", wire.DATA_TYPE_BYTES: "bytes"}
"""What is neither is integers."""


class UnscriptedPlan(LookupError):
    """The app predicts by a plan of which the test has not told what it predicts."""


def _examples(request: pb.SerializedPredictRequest) -> list[wire.Example]:
    """One for each row."""
    if not request.columns:
        return [wire.Example.FromString(example) for example in request.examples]
    first = request.columns[0]
    if not first.shape or not first.shape[0]:
        raise InvalidArgument(f"column {first.name!r} has no rows; send at least one", reason="BAD_INPUT")
    columns = {tensor.name: Tensor.from_wire(tensor).tolist() for tensor in request.columns}
    rows = {len(column) if isinstance(column, list) else 0 for column in columns.values()}
    if len(rows) != 1:
        raise InvalidArgument("columns: they differ in the number of rows; send as many of each", field="columns")
    return [encode({name: column[row] for name, column in columns.items()}) for row in range(rows.pop())]


class Prediction:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State, functions: Mapping[str, Predict]) -> None:
        """`functions` by the plans' digests."""
        self._state = state
        self._functions = functions

    def load(self, request: pb.LoadRequest, app: App) -> pb.LoadResponse:
        return pb.LoadResponse(served_by=self._model(request.model, app)[2])

    def predict(self, request: pb.SerializedPredictRequest, app: App) -> pb.PredictResponse:
        if not request.examples and not request.columns:
            raise InvalidArgument("examples: is empty; send at least one example", field="examples")
        plan, digest, served_by = self._model(request.model, app)
        function = self._function(plan, digest)
        examples = _examples(request)
        rows = [
            self._row(plan, function, example, app, served_by, f" of example {number}" if len(examples) > 1 else "")
            for number, example in enumerate(examples)
        ]
        wanted = plan.inference.outputs or list(rows[0])
        return pb.PredictResponse(
            outputs=[_tensor(name, [row[name] for row in rows]) for name in wanted], served_by=served_by
        )

    def predict_rank(self, request: pb.PredictRankRequest, app: App) -> pb.PredictRankResponse:
        if not request.candidates:
            raise InvalidArgument("candidates: is empty; send at least one candidate", field="candidates")
        plan, digest, served_by = self._model(request.model, app)
        output = plan.inference.score_output
        if not output:
            raise InvalidArgument(
                f"model.plan: {plan.name} {plan.version} names no score_output, so it cannot rank; use predict, or"
                " author it with a score output",
                field="model.plan",
            )
        function, scores = self._function(plan, digest), []
        for candidate in request.candidates:
            merged = wire.Example()
            merged.CopyFrom(request.shared)
            for name, feature in candidate.features.feature.items():
                merged.features.feature[name].CopyFrom(feature)
            scores.append(float(_flat(self._row(plan, function, merged, app, served_by)[output])[0]))
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        ranking = [pb.RankedCandidate(index=index, score=scores[index]) for index in order]
        return pb.PredictRankResponse(ranking=ranking, served_by=served_by)

    def _model(self, model: pb.ModelReference, app: App) -> tuple[Plan, str, pb.ServedBy]:
        digest = named_digest(model.plan, "model.plan")
        plan = plan_of(app, digest, "inference")
        version = self._version(model, app)
        served_by = pb.ServedBy(plan_name=plan.name, plan_version=plan.version, parameters_version=version)
        return plan, digest, served_by

    def _function(self, plan: Plan, digest: str) -> Predict:
        if digest not in self._functions:
            raise UnscriptedPlan(
                f"the test has not said what {plan.name} predicts; call device.predicts(PLAN, FUNCTION)"
            )
        return self._functions[digest]

    def _version(self, model: pb.ModelReference, app: App) -> int:
        if not model.parameters:
            return 0
        if not model.parameters.startswith("artifact:"):
            named_digest(model.parameters, "model.parameters")
            return 0
        mutable_session(model.parameters, "model.parameters")
        held = app.models.get(model.parameters)
        if held is not None and held.in_use:
            return held.in_use
        if model.parameters_required:
            raise FailedPrecondition(
                f"model.parameters: {model.parameters} has not been produced yet: its training session must run first,"
                " see insitu train explain",
                reason="NOT_PRODUCED",
                field="model.parameters",
            )
        return 0

    def _row(
        self, plan: Plan, function: Predict, example: wire.Example, app: App, served_by: pb.ServedBy, which: str = ""
    ) -> Mapping[str, Any]:
        features = self._inputs(plan.inference, example, app)
        for feed in plan.inference.feeds:
            _check_feed(feed, features, which)
        app.predictions += 1
        try:
            return function(features, served_by.parameters_version)
        except KeyError as error:
            raise _missing(str(error.args[0])) from error

    def _inputs(self, instructions: InferenceInstructions, example: wire.Example, app: App) -> dict[str, list[Any]]:
        """What the app gave, and what the daemon knows: nobody but the daemon says what the context is."""
        given = {name: values for name, values in decode(example).items() if values and not name.startswith(PREFIX)}
        for type in instructions.context:
            features = injected(self._state, app, type)
            if features is not None:
                given |= {
                    f"{PREFIX}{type}.{name}": values for name, values in decode(wire.Example(features=features)).items()
                }
        return given


def _check_feed(feed: Feed, features: Mapping[str, Sequence[Any]], which: str) -> None:
    values = features.get(feed.feature)
    if values is None:
        if not feed.HasField("default"):
            raise _missing(feed.feature)
        return
    given, wanted = _HELD.get(type(values[0]), "integers"), _WANTED.get(feed.dtype, "integers")
    if given != wanted and (given, wanted) != ("integers", "floats"):
        problem = f"holds {given} where the plan wants {wanted}"
    elif len(values) != prod(feed.shape):
        problem = f"has {len(values)} values where the plan wants {prod(feed.shape)}"
    else:
        return
    raise InvalidArgument(f"feature {feed.feature!r}{which} {problem}", reason="BAD_INPUT")


def _missing(name: str) -> InvalidArgument:
    return InvalidArgument(f"an example lacks the feature {name!r}; give it", reason="FEATURE_MISSING")


def _flat(value: Any) -> list[Any]:
    feature = encode_feature("output", value)
    return list(getattr(feature, str(feature.WhichOneof("kind"))).value)


def _tensor(name: str, rows: Sequence[Any]) -> wire.Tensor:
    """One tensor of the rows' values, which are of one shape and kind."""
    feature = encode_feature(name, list(rows))
    kind = feature.WhichOneof("kind")
    if kind is None:
        return wire.Tensor(name=name, dtype=wire.DATA_TYPE_FLOAT32, shape=[len(rows), 0])
    values = getattr(feature, kind).value
    tensor = wire.Tensor(name=name, dtype=_DTYPES[kind], shape=[len(rows), *_shape(rows[0])])
    if kind == "bytes_list":
        tensor.elements.extend(values)
    else:
        tensor.data = array("f" if kind == "float_list" else "q", values).tobytes()
    if len(values) != prod(tensor.shape):
        raise ValueError(f"the function must give {name!r} the same shape for every example")
    return tensor


def _shape(value: Any) -> list[int]:
    if hasattr(value, "shape"):
        return list(value.shape)
    shape = []
    while isinstance(value, list | tuple):
        shape.append(len(value))
        value = value[0] if value else None
    return shape
