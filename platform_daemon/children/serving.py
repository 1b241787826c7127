"""A model that predicts: an inference plan with its graph loaded and its parameters set."""

from collections.abc import Mapping

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from insitu.v1 import example_pb2, plan_pb2, prediction_pb2, worker_pb2
from ml_engines.errors import BadInput, GraphRejected
from ml_engines.feeds import Feeds
from ml_engines.parameters import load_parameters, tensor_types
from ml_engines.registry import EngineRegistry
from ml_engines.tensors import to_tensor
from platform_daemon.children.loading import load_graph, parse_plan

Array = NDArray[np.generic]
MOST_EXAMPLES = 100_000
"""In a request. Empty ones cost two bytes each on the wire, and a hundred times as much here and in the answer."""


class ServingModel:
    """Used by one thread at a time. Loading warms it up.

    Raises:
        EngineError: the plan, its graph or the parameters are at fault.
    """

    def __init__(self, load: worker_pb2.LoadModel, engines: EngineRegistry) -> None:
        plan = parse_plan(load.plan, {"inference"})
        self._instructions = plan.inference
        self._feeds = Feeds(self._instructions.feeds)
        parameters = load.parameters or plan.base_parameters
        self.size_bytes = len(plan.graph.inline) + len(parameters)
        self._model = load_graph(plan, engines)
        signature = self._instructions.signature or "infer"
        self._infer = self._model.runner(signature)
        self._outputs = self._named_outputs(signature)
        if plan.parameters:
            self._model.runner("set_parameters")(load_parameters(parameters, tensor_types(plan.parameters)))
        self._warm_up(plan)

    def _named_outputs(self, signature: str) -> list[str]:
        known = self._model.signatures()[signature].outputs
        for name in (*self._instructions.outputs, self._instructions.score_output):
            if name and name not in known:
                raise GraphRejected(f"signature {signature!r} has no output {name!r}, which the plan names")
        return list(self._instructions.outputs) or sorted(known)

    def _warm_up(self, plan: plan_pb2.Plan) -> None:
        # Empty bytes are no neutral input: a graph may well refuse them.
        if all(feed.dtype != example_pb2.DATA_TYPE_BYTES for feed in plan.inference.feeds):
            self._run_rows(self._feeds.zeros(1), 1)

    def run(self, command: worker_pb2.RunModel) -> worker_pb2.WorkerReply:
        """Outputs, or a ranking where the command asks for them.

        Raises:
            EngineError: the examples do not fit the feeds, or the graph failed.
        """
        ranks = bool(command.score_output)
        inputs, rows = self._candidates(command) if ranks else self._inputs(command)
        outputs = self._run_rows(inputs, rows)
        if ranks:
            return worker_pb2.WorkerReply(ranking=_ranking(command.score_output, outputs, rows))
        tensors = [to_tensor(name, outputs[name]) for name in self._outputs]
        return worker_pb2.WorkerReply(outputs=worker_pb2.ModelOutputs(outputs=tensors))

    def _inputs(self, command: worker_pb2.RunModel) -> tuple[dict[str, Array], int]:
        """What the graph takes, and for how many rows."""
        try:
            given = prediction_pb2.SerializedPredictRequest.FromString(command.rows)
        except DecodeError as error:
            raise BadInput(f"the rows are malformed: {error}") from error
        context = command.context if command.HasField("context") else None
        if given.columns:
            if given.examples:
                raise BadInput("give examples or columns, not both")
            return self._feeds.table(given.columns, context)
        _check_count("examples", len(given.examples))
        return self._feeds.batch(given.examples, context), len(given.examples)

    def _candidates(self, command: worker_pb2.RunModel) -> tuple[dict[str, Array], int]:
        try:
            given = prediction_pb2.SerializedPredictRankRequest.FromString(command.rows)
        except DecodeError as error:
            raise BadInput(f"the candidates are malformed: {error}") from error
        _check_count("candidates", len(given.candidates))
        context = command.context if command.HasField("context") else None
        return self._feeds.batch(given.candidates, context, given.shared), len(given.candidates)

    def _run_rows(self, inputs: Mapping[str, Array], rows: int) -> dict[str, Array]:
        batch_size = self._instructions.batch_size
        if not batch_size or batch_size == rows:
            return self._infer(inputs)
        parts = []
        for start in range(0, rows, batch_size):
            # The last batch is filled up with the first rows, whose outputs are dropped.
            chosen = np.arange(start, start + batch_size) % rows
            outputs = self._infer({name: array[chosen] for name, array in inputs.items()})
            parts.append({name: array[: rows - start] for name, array in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def close(self) -> None:
        """Free the memory. Repeatable."""
        self._model.close()


def _check_count(what: str, count: int) -> None:
    if not 1 <= count <= MOST_EXAMPLES:
        raise BadInput(f"{what}: there are {count}; send 1 to {MOST_EXAMPLES} at a time")


def _ranking(name: str, outputs: Mapping[str, Array], rows: int) -> worker_pb2.ModelRanking:
    if name not in outputs:
        raise BadInput(f"score_output: the graph has no output {name!r}")
    scores = outputs[name]
    if scores.size != rows or scores.dtype.kind not in "fiub":
        raise GraphRejected(f"output {name!r} is {scores.dtype}{list(scores.shape)}, not one score for each row")
    scores = scores.reshape(rows).astype(np.float64)
    order = np.argsort(np.negative(scores), kind="stable").tolist()
    ranking = map(_place, order, scores[order].tolist())
    return worker_pb2.ModelRanking(ranking=ranking)


def _place(index: int, score: float) -> prediction_pb2.RankedCandidate:
    return prediction_pb2.RankedCandidate(index=index, score=score)
