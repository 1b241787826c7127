"""Requests of apps, to every method of their socket, with the daemon's own handlers and state behind."""

from hashlib import sha256
from pathlib import Path

from insitu.v1 import access_pb2, artifact_pb2, collection_pb2, prediction_pb2, training_pb2
from insitu.v1.example_pb2 import Example, Feature, Features, FloatList
from platform_daemon.errors import DaemonError
from tests.artifacts.plans import inference, training
from tests.fuzz.device import PACKAGE, Device
from tests.fuzz.target import FuzzTarget

EXAMPLE = Example(features=Features(feature={"x": Feature(float_list=FloatList(value=[1.0, 2.0]))}))


def target(folder: Path) -> FuzzTarget:
    device = Device(folder)
    device.approve()
    paths = sorted(device.apps_table.methods)

    def parse(data: bytes) -> None:
        """The first byte chooses the method."""
        if data:
            device.tell(device.apps_table, paths[data[0] % len(paths)], data[1:])

    def seed(path: str, request) -> bytes:  # type: ignore[no-untyped-def]
        return bytes([paths.index(f"/insitu.v1.{path}")]) + request.SerializeToString()

    return FuzzTarget(parse, (DaemonError,), _seeds(seed), (b"words", PACKAGE.encode(), b"artifact:/s/p", b"file:"))


def _seeds(seed) -> list[bytes]:  # type: ignore[no-untyped-def]
    options = collection_pb2.CollectionOptions(max_examples=100)
    options.time_to_live.seconds = 3600
    options.context.wishes.add(type="power").time_to_live.seconds = 60
    plans = [plan.SerializeToString() for plan in (inference(), training())]
    digests = [sha256(plan).hexdigest() for plan in plans]
    puts = [
        seed("Artifacts/Put", artifact_pb2.PutArtifactRequest(sha256=digest, size_bytes=len(plan), data=plan))
        for digest, plan in zip(digests, plans, strict=True)
    ]
    model = prediction_pb2.ModelReference(plan=f"file:p#sha256={digests[0]}")
    wanted = training_pb2.TrainerOptions(
        session="words", plan=f"file:p#sha256={digests[1]}", output="artifact:/words/params"
    )
    wanted.cadence.one_off.SetInParent()
    token = access_pb2.PackageToken(statement=b"s", signature=bytes(64))
    return [
        *puts,
        seed("Collections/Configure", collection_pb2.ConfigureCollectionRequest(collection="words", options=options)),
        seed("Collections/Add", collection_pb2.AddRequest(collection="words", examples=[EXAMPLE], account="work")),
        seed("Collections/Stats", collection_pb2.CollectionStatsRequest(collection="words")),
        seed("Collections/Clear", collection_pb2.ClearRequest(collection="words", account="work")),
        seed("Collections/List", collection_pb2.ListCollectionsRequest()),
        seed("Artifacts/Missing", artifact_pb2.MissingArtifactsRequest(sha256=digests)),
        seed("Prediction/Load", prediction_pb2.LoadRequest(model=model)),
        seed("Prediction/Predict", prediction_pb2.PredictRequest(model=model, examples=[EXAMPLE])),
        seed("Prediction/PredictRank", prediction_pb2.PredictRankRequest(model=model, candidates=[EXAMPLE])),
        seed("Training/Schedule", training_pb2.ScheduleRequest(options=wanted)),
        seed("Training/Status", training_pb2.SessionStatusRequest(session="words")),
        seed("Training/Stop", training_pb2.StopSessionRequest(session="words")),
        seed("Access/Challenge", access_pb2.ChallengeRequest(package=PACKAGE)),
        seed("Access/Register", access_pb2.RegisterRequest(package=PACKAGE, api_key="k", token=token)),
        seed("Access/Open", access_pb2.OpenRequest(package=PACKAGE, platform_key="k", token=token)),
        seed("Access/RequestApproval", access_pb2.RequestApprovalRequest(package=PACKAGE, context=["power"])),
    ]
