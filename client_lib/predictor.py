"""Predictions by a plan and parameters."""

from collections.abc import Callable, Mapping, Sequence

from client_lib.artifacts import ArtifactUploader, PlanReference
from client_lib.calls import Calls
from client_lib.columns import to_columns
from client_lib.connection import Connection
from client_lib.encoding import Features, Value, encode
from client_lib.errors import FailedPrecondition, Unauthenticated, Unavailable
from client_lib.filling import check_iterable, expect, fill
from client_lib.options import PredictorOptions
from client_lib.serializing import serialize
from client_lib.steps import Cell, Steps, T, once
from client_lib.tensors import Prediction, Ranked, ServedBy, Tensor
from client_lib.transport import Method
from insitu.v1 import prediction_pb2 as wire

LOAD = Method("Prediction", "Load", wire.LoadRequest, wire.LoadResponse)
PREDICT = Method("Prediction", "Predict", wire.SerializedPredictRequest, wire.PredictResponse)
PREDICT_RANK = Method("Prediction", "PredictRank", wire.PredictRankRequest, wire.PredictRankResponse)

_LOAD_TIMEOUT_S = 120.0
TIMEOUT_S = 30.0


class PredictorSteps:
    """What a predictor does, apart from how it waits. The plan is read and handed over at the first call."""

    def __init__(self, calls: Calls, uploader: ArtifactUploader, options: PredictorOptions) -> None:
        self.options = expect(PredictorOptions, "options", options)
        self._calls = calls
        self._uploader = uploader
        self._plan: Cell[PlanReference] = calls.new_cell()
        self.model: wire.ModelReference | None = None
        """What requests name, once the plan is handed over. Not to be modified."""

    def load(self) -> Steps[ServedBy]:
        def call(model: wire.ModelReference) -> Steps[ServedBy]:
            answer = yield from self._calls.call(LOAD, wire.LoadRequest(model=model), timeout_s=_LOAD_TIMEOUT_S)
            return ServedBy.from_wire(answer.served_by)

        return self._with_plan(call)

    def predict_many(self, examples: Sequence[Features]) -> Steps[Prediction]:
        check_iterable("examples", examples)
        return self._predict(wire.SerializedPredictRequest(examples=map(serialize, examples)))

    def predict_columns(self, columns: Mapping[str, Value]) -> Steps[Prediction]:
        return self._predict(wire.SerializedPredictRequest(columns=to_columns(columns)))

    def _predict(self, request: wire.SerializedPredictRequest) -> Steps[Prediction]:
        def call(model: wire.ModelReference) -> "Steps[Prediction]":
            request.model.CopyFrom(model)
            return to_prediction((yield from self._calls.call(PREDICT, request)))

        return self._with_plan(call)

    def predict_rank(self, context: Features, candidates: Sequence[Features]) -> Steps[list[Ranked]]:
        check_iterable("candidates", candidates)
        shared, given = encode(context), list(candidates)
        encoded = [encode(candidate) for candidate in given]

        def call(model: wire.ModelReference) -> Steps[list[Ranked]]:
            request = wire.PredictRankRequest(model=model, shared=shared, candidates=encoded)
            answer = yield from self._calls.call(PREDICT_RANK, request)
            return [Ranked(place.index, place.score, given[place.index]) for place in answer.ranking]

        return self._with_plan(call)

    def _with_plan(self, call: Callable[[wire.ModelReference], Steps[T]]) -> Steps[T]:
        plan = self._plan.value or (yield from once(self._plan, lambda: self._uploader.resolve(self.options.plan)))
        model = self.model
        if model is None:
            options = self.options
            self.model = model = fill(
                wire.ModelReference(),
                "model.",
                plan=plan.uri,
                parameters=options.parameters,
                parameters_required=options.parameters_required,
                account=options.account,
            )
        return (yield from plan.use(lambda: call(model)))


def to_prediction(answer: wire.PredictResponse) -> Prediction:
    return Prediction(
        {output.name: Tensor.from_wire(output) for output in answer.outputs}, ServedBy.from_wire(answer.served_by)
    )


class PredictorClient:
    """A model to predict with. Safe to use from several threads.

    The plan is read and handed over at the first call. Every call may raise InvalidArgument naming the feature,
    FailedPrecondition (the plan is not on the device; parameters are required and not produced yet), NotFound (no
    such file), DataLoss (the plan fails verification), Unavailable, DeadlineExceeded.
    """

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: PredictorOptions) -> None:
        self.options = options
        self._connection = connection
        self._steps = PredictorSteps(connection.calls, uploader, options)

    def load(self) -> ServedBy:
        """Load and warm up the model, so that the first prediction is fast. Optional."""
        return self._connection.run(self._steps.load())

    def predict(self, example: Features) -> Prediction:
        """Predict for one example; the outputs have no batch dimension.

        A feature that the plan does not read is ignored, so that an app may give all it has; look twice at the spelling
        of one for which the plan has a default."""
        model, session = self._steps.model, self._connection.session
        if model is not None and session:
            # The usual case, without the steps that know what to do in any other. They repeat what fails here.
            request = wire.SerializedPredictRequest(model=model, examples=[serialize(example)])
            try:
                answer = self._connection.transport.call(PREDICT, request, session=session, timeout_s=TIMEOUT_S)
            except (Unauthenticated, Unavailable, FailedPrecondition):
                return self.predict_many([example]).row(0)
            return to_prediction(answer).row(0)
        return self.predict_many([example]).row(0)

    def predict_many(self, examples: Sequence[Features]) -> Prediction:
        """Predict for many examples in one call; row i of each output answers example i."""
        return self._connection.run(self._steps.predict_many(examples))

    def predict_columns(self, columns: Mapping[str, Value]) -> Prediction:
        """Predict for the rows of a table in one call, much faster than as many examples: an array for each feature
        (or nested lists of numbers), whose first extent is the number of rows. Row i of each output answers row i.

        A column that the plan does not read is ignored, a misspelt one too; in place of one that is missing the plan's
        default serves, and without a default the call is refused (FEATURE_MISSING)."""
        return self._connection.run(self._steps.predict_columns(columns))

    def predict_rank(self, context: Features, candidates: Sequence[Features]) -> list[Ranked]:
        """Order candidates by the plan's score, best first. `context` holds the features common to all of them; a
        candidate's own value wins."""
        return self._connection.run(self._steps.predict_rank(context, candidates))
