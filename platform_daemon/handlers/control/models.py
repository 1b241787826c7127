"""What training produced, what is loaded, and the way back."""

import asyncio

from artifact_manager import MutableArtifact, MutableArtifacts, Version
from insitu.v1 import control_pb2 as pb
from insitu.v1.training_pb2 import MetricPair
from platform_daemon.access import Apps
from platform_daemon.artifacts import translated
from platform_daemon.errors import NotFound
from platform_daemon.prediction.service import PredictionService, group_of
from platform_daemon.transport.calls import CallContext


class ModelsPart:
    def __init__(self, apps: Apps, artifacts: MutableArtifacts, prediction: PredictionService) -> None:
        self._apps = apps
        self._artifacts = artifacts
        self._prediction = prediction

    async def list_models(self, request: pb.ListModelsRequest, context: CallContext) -> pb.ListModelsResponse:
        if request.package:
            self._apps.get(request.package)
        packages = {enclave.number: enclave.package for enclave in self._apps.enclaves(request.package)}
        artifacts = await asyncio.to_thread(self._artifacts.artifacts)
        groups = {group_of(number): package for number, package in packages.items()}
        return pb.ListModelsResponse(
            artifacts=[_artifact(packages[one.enclave], one) for one in artifacts if one.enclave in packages],
            loaded=[
                pb.LoadedModel(
                    package=groups[group],
                    plan_name=model.plan_name,
                    plan_version=model.plan_version,
                    parameters_version=model.parameters_version,
                    predictions=model.predictions,
                )
                for group, model in self._prediction.loaded()
                if group in groups
            ],
        )

    async def roll_back_model(self, request: pb.RollBackModelRequest, context: CallContext) -> pb.MutableArtifact:
        self._apps.get(request.package)
        for enclave in self._apps.enclaves(request.package):
            held = await asyncio.to_thread(self._artifacts.artifacts, enclave.number)
            if request.uri in {one.uri for one in held}:
                with translated():
                    await asyncio.to_thread(self._artifacts.roll_back, enclave.number, request.uri, request.version)
                await self._prediction.retire(enclave.number, request.uri)
                (now,) = [one for one in self._artifacts.artifacts(enclave.number) if one.uri == request.uri]
                return _artifact(enclave.package, now)
        raise NotFound(f"{request.package} has no {request.uri!r}; `insitu models list` shows all", field="uri")


def _artifact(package: str, artifact: MutableArtifact) -> pb.MutableArtifact:
    return pb.MutableArtifact(
        package=package,
        uri=artifact.uri,
        versions=map(_version, artifact.versions),
        version_in_use=artifact.in_use,
    )


def _version(version: Version) -> pb.ArtifactVersion:
    return pb.ArtifactVersion(
        version=version.version,
        sha256=version.sha256,
        size_bytes=version.size_bytes,
        created_ms=version.created_ms,
        plan_name=version.plan_name,
        plan_version=version.plan_version,
        context=sorted(version.context),
        metrics=[MetricPair(name=m.name, before=m.before, after=m.after) for m in version.metrics],
    )
