"""Predictions by a plan and parameters."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from client_lib.artifacts import ArtifactUploader, PlanReference
from client_lib.connection import Connection
from client_lib.encoding import Features, encode
from client_lib.errors import FailedPrecondition
from client_lib.options import PredictorOptions
from client_lib.tensors import Prediction, Ranked, ServedBy, Tensor
from client_lib.transport import Method
from insitu.v1 import prediction_pb2 as wire

LOAD = Method("Prediction", "Load", wire.LoadRequest, wire.LoadResponse)
PREDICT = Method("Prediction", "Predict", wire.PredictRequest, wire.PredictResponse)
PREDICT_RANK = Method("Prediction", "PredictRank", wire.PredictRankRequest, wire.PredictRankResponse)

_LOAD_TIMEOUT_S = 120.0
_Answer = TypeVar("_Answer")


class PredictorClient:
    """A model to predict with. Safe to use from several threads.

    The plan is read and handed over at the first call. Every call may raise InvalidArgument naming the feature,
    FailedPrecondition (the plan is not on the device; parameters are required and not produced yet), NotFound (no
    such file), DataLoss (the plan fails verification), Unavailable, DeadlineExceeded.
    """

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: PredictorOptions) -> None:
        self.options = options
        self._connection = connection
        self._uploader = uploader
        self._resolving = threading.Lock()
        self._plan: PlanReference | None = None

    def load(self) -> ServedBy:
        """Load and warm up the model, so that the first prediction is fast. Optional."""

        def call(model: wire.ModelReference) -> ServedBy:
            answer = self._connection.call(LOAD, wire.LoadRequest(model=model), timeout_s=_LOAD_TIMEOUT_S)
            return ServedBy.from_wire(answer.served_by)

        return self._with_plan(call)

    def predict(self, example: Features) -> Prediction:
        """Predict for one example; the outputs have no batch dimension."""
        return self.predict_many([example]).row(0)

    def predict_many(self, examples: Sequence[Features]) -> Prediction:
        """Predict for many examples in one call; row i of each output answers example i."""
        encoded = [encode(example) for example in examples]

        def call(model: wire.ModelReference) -> Prediction:
            answer = self._connection.call(PREDICT, wire.PredictRequest(model=model, examples=encoded))
            return Prediction(
                {output.name: Tensor.from_wire(output) for output in answer.outputs},
                ServedBy.from_wire(answer.served_by),
            )

        return self._with_plan(call)

    def predict_rank(self, context: Features, candidates: Sequence[Features]) -> list[Ranked]:
        """Order candidates by the plan's score, best first. `context` holds the features common to all of them; a
        candidate's own value wins."""
        shared = encode(context)
        encoded = [encode(candidate) for candidate in candidates]

        def call(model: wire.ModelReference) -> list[Ranked]:
            request = wire.PredictRankRequest(model=model, shared=shared, candidates=encoded)
            answer = self._connection.call(PREDICT_RANK, request)
            return [Ranked(place.index, place.score, candidates[place.index]) for place in answer.ranking]

        return self._with_plan(call)

    def _with_plan(self, call: Callable[[wire.ModelReference], _Answer]) -> _Answer:
        plan = self._reference()
        model = wire.ModelReference(
            plan=plan.uri,
            parameters=self.options.parameters or "",
            parameters_required=self.options.parameters_required,
            account=self.options.account or "",
        )
        try:
            return call(model)
        except FailedPrecondition as error:
            plan.restore(error)
            return call(model)

    def _reference(self) -> PlanReference:
        with self._resolving:
            if self._plan is None:
                self._plan = self._uploader.resolve(self.options.plan)
            return self._plan
