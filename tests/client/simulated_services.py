"""Collections, artifacts, predictions and training sessions, in memory.

The model of every plan is the same: "sum" adds up feature "x", "row" returns it, in float32.
"""

import hashlib
import re
import struct

from insitu.v1 import artifact_pb2, collection_pb2, prediction_pb2, training_pb2
from insitu.v1.example_pb2 import DATA_TYPE_FLOAT32, Example, Tensor
from platform_daemon.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.client.simulated_device import App, Collection, DeviceState


class Collections:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def Configure(
        self, request: collection_pb2.ConfigureCollectionRequest, session: str
    ) -> collection_pb2.ConfigureCollectionResponse:
        app = self._state.caller(session)
        options = request.options
        if options.HasField("time_to_live") and options.time_to_live.seconds < 1:
            raise InvalidArgument("must lie between 1 second and 10 years", field="options.time_to_live")
        collection = app.collections.setdefault(request.collection, Collection(collection_pb2.CollectionOptions()))
        if options.HasField("context"):
            collection.options.ClearField("context")
        collection.options.MergeFrom(options)
        return collection_pb2.ConfigureCollectionResponse(options=collection.options)

    def Add(self, request: collection_pb2.AddRequest, session: str) -> collection_pb2.AddResponse:
        app = self._state.caller(session)
        if not app.consent:
            raise PermissionDenied(
                f"the user has not consented; they can run: insitu consent give {app.package}", reason="NO_CONSENT"
            )
        collection = _find(app, request.collection)
        if any(not example.features.feature for example in request.examples):
            raise InvalidArgument("an example has no feature", field="examples")
        repeated = request.idempotency_key in collection.keys
        if not repeated:
            collection.keys.add(request.idempotency_key)
            collection.examples.extend((request.account, example) for example in request.examples)
        return collection_pb2.AddResponse(count=len(request.examples), repeated_request=repeated)

    def Stats(self, request: collection_pb2.CollectionStatsRequest, session: str) -> collection_pb2.CollectionStats:
        return stats_of(request.collection, _find(self._state.caller(session), request.collection))

    def Clear(self, request: collection_pb2.ClearRequest, session: str) -> collection_pb2.ClearResponse:
        collection = _find(self._state.caller(session), request.collection)
        return collection_pb2.ClearResponse(count=clear(collection, request.account))

    def List(
        self, request: collection_pb2.ListCollectionsRequest, session: str
    ) -> collection_pb2.ListCollectionsResponse:
        found = self._state.caller(session).collections
        return collection_pb2.ListCollectionsResponse(
            collections=[stats_of(name, collection) for name, collection in found.items()]
        )


class Artifacts:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def Missing(
        self, request: artifact_pb2.MissingArtifactsRequest, session: str
    ) -> artifact_pb2.MissingArtifactsResponse:
        held = self._state.caller(session).artifacts
        return artifact_pb2.MissingArtifactsResponse(sha256=[digest for digest in request.sha256 if digest not in held])

    def Put(self, request: artifact_pb2.PutArtifactRequest, session: str) -> artifact_pb2.PutArtifactResponse:
        app = self._state.caller(session)
        held = app.partial.get(request.sha256, b"")
        if len(request.data) > 1024 * 1024:
            raise InvalidArgument("a piece has at most 1 MiB", field="data")
        if request.offset_bytes != len(held):
            raise InvalidArgument("leaves a gap", field="offset_bytes", reason="WRONG_OFFSET", detail=str(len(held)))
        held += request.data
        complete = len(held) >= request.size_bytes
        if not complete:
            app.partial[request.sha256] = held
            return artifact_pb2.PutArtifactResponse(complete=False)
        app.partial.pop(request.sha256, None)
        if hashlib.sha256(held).hexdigest() != request.sha256:
            raise DataLoss("the bytes do not have the digest", field="sha256")
        app.artifacts[request.sha256] = held
        return artifact_pb2.PutArtifactResponse(complete=True)


class Prediction:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def Load(self, request: prediction_pb2.LoadRequest, session: str) -> prediction_pb2.LoadResponse:
        return prediction_pb2.LoadResponse(served_by=self._model(request.model, session))

    def Predict(self, request: prediction_pb2.PredictRequest, session: str) -> prediction_pb2.PredictResponse:
        served_by = self._model(request.model, session)
        rows = [_row(example) for example in request.examples]
        width = len(rows[0])
        outputs = [
            _tensor("sum", [len(rows)], [sum(row) for row in rows]),
            _tensor("row", [len(rows), width], [value for row in rows for value in row]),
        ]
        return prediction_pb2.PredictResponse(outputs=outputs, served_by=served_by)

    def PredictRank(
        self, request: prediction_pb2.PredictRankRequest, session: str
    ) -> prediction_pb2.PredictRankResponse:
        served_by = self._model(request.model, session)
        scores = []
        for candidate in request.candidates:
            merged = Example()
            merged.CopyFrom(request.shared)
            merged.MergeFrom(candidate)
            scores.append(sum(_row(merged)))
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        ranking = [prediction_pb2.RankedCandidate(index=index, score=scores[index]) for index in order]
        return prediction_pb2.PredictRankResponse(ranking=ranking, served_by=served_by)

    def _model(self, model: prediction_pb2.ModelReference, session: str) -> prediction_pb2.ServedBy:
        app = self._state.caller(session)
        require_plan(app, model.plan)
        version = app.models[model.parameters].version_in_use if model.parameters in app.models else 0
        if model.parameters_required and not version:
            raise FailedPrecondition(f"{model.parameters} is not produced yet; train first", reason="NOT_PRODUCED")
        return prediction_pb2.ServedBy(plan_name="sum", plan_version="1.0.0", parameters_version=version)


class Training:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def Schedule(self, request: training_pb2.ScheduleRequest, session: str) -> training_pb2.SessionStatus:
        app = self._state.caller(session)
        require_plan(app, request.options.plan)
        known = app.sessions.get(request.options.session)
        if known is None or known.options != request.options:
            known = training_pb2.SessionStatus(
                options=request.options,
                state=training_pb2.SessionState.WAITING,
                reasons=["the device is in use; it runs once the device is idle"],
                conditions=[
                    training_pb2.ConditionReading(
                        name="idle", value="no", source="scripted", since_ms=1, remedy="leave the device alone"
                    ),
                    training_pb2.ConditionReading(name="examples", satisfied=True, value="60 of 50", source="store"),
                ],
            )
            app.sessions[request.options.session] = known
        return known

    def Status(self, request: training_pb2.SessionStatusRequest, session: str) -> training_pb2.SessionStatus:
        return session_of(self._state.caller(session), request.session)

    def Stop(self, request: training_pb2.StopSessionRequest, session: str) -> training_pb2.StopSessionResponse:
        app = self._state.caller(session)
        session_of(app, request.session)
        del app.sessions[request.session]
        return training_pb2.StopSessionResponse()

    def List(self, request: training_pb2.ListSessionsRequest, session: str) -> training_pb2.ListSessionsResponse:
        return training_pb2.ListSessionsResponse(sessions=self._state.caller(session).sessions.values())


def require_plan(app: App, uri: str) -> None:
    digest = re.fullmatch(r"(?:file|asset):[^#]*#sha256=([0-9a-f]{64})", uri)
    if digest is None:
        raise FailedPrecondition("no model repository is configured", reason="NO_REPOSITORY")
    if digest[1] not in app.artifacts:
        raise FailedPrecondition(f"{uri} is not on the device; hand it over", reason="ARTIFACT_MISSING")


def session_of(app: App, name: str) -> training_pb2.SessionStatus:
    if name not in app.sessions:
        raise NotFound(f"there is no session {name!r}", field="session")
    return app.sessions[name]


def stats_of(name: str, collection: Collection) -> collection_pb2.CollectionStats:
    size_bytes = sum(example.ByteSize() for _, example in collection.examples)
    return collection_pb2.CollectionStats(collection=name, examples=len(collection.examples), size_bytes=size_bytes)


def clear(collection: Collection, account: str) -> int:
    before = len(collection.examples)
    collection.examples = [entry for entry in collection.examples if account and entry[0] != account]
    return before - len(collection.examples)


def _find(app: App, name: str) -> Collection:
    if name not in app.collections:
        raise NotFound(f"there is no collection {name!r}; configure it first", field="collection")
    return app.collections[name]


def _row(example: Example) -> list[float]:
    if "x" not in example.features.feature:
        raise InvalidArgument("an example lacks the feature", field="x")
    return list(example.features.feature["x"].float_list.value)


def _tensor(name: str, shape: list[int], values: list[float]) -> Tensor:
    return Tensor(name=name, dtype=DATA_TYPE_FLOAT32, shape=shape, data=struct.pack(f"<{len(values)}f", *values))
