"""Predictions: which model a reference means, what is injected, and the call to the worker."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from insitu.v1.example_pb2 import Features
from insitu.v1.prediction_pb2 import ModelReference, ServedBy
from insitu.v1.worker_pb2 import WorkerCommand, WorkerReply
from platform_daemon.artifacts import named_artifact, named_digest
from platform_daemon.errors import FailedPrecondition, InvalidArgument
from platform_daemon.prediction.plans import InferencePlan
from platform_daemon.prediction.pool import HostedModel, ModelKey, ModelSource, WorkerPool
from platform_daemon.transport.calls import Enclave

CONSUMERS_REMEMBERED = 64
"""Of each app: an app may name any number of artifacts, and costs no more memory for it."""


class Plans(Protocol):
    def inference_plan(self, enclave: int, sha256: str) -> InferencePlan:
        """Fast for a plan seen before. Raises DaemonError where it is missing, damaged, or no inference plan."""
        ...

    def blob(self, enclave: int, sha256: str) -> bytes:
        """Blocks. Raises DaemonError."""
        ...


class Parameters(Protocol):
    def serving(self, enclave: int, uri: str) -> tuple[int, str] | None:
        """Version and SHA-256 of what is in use; None where none was produced. From memory."""
        ...

    def read(self, enclave: int, uri: str, version: int) -> bytes:
        """Blocks. Raises DaemonError."""
        ...


Inject = Callable[[Enclave, Sequence[str], str], Features | None]
"""Granted features of these context types at this moment, for an account; named "context:TYPE.FEATURE"."""


class PredictionService:
    def __init__(self, pool: WorkerPool, plans: Plans, parameters: Parameters, inject: Inject) -> None:
        self._pool = pool
        self._plans = plans
        self._parameters = parameters
        self._inject = inject
        self._consumers: dict[int, dict[tuple[str, str], None]] = {}
        """By enclave: mutable artifacts and digests of the plans that consume them, the latest last."""
        self.predictions = 0

    async def load(self, enclave: Enclave, reference: ModelReference) -> ServedBy:
        plan, source = self._resolve(enclave, reference)
        await self._pool.host(group_of(enclave.number), source)
        return _served_by(plan, source)

    async def predict(self, enclave: Enclave, reference: ModelReference, rows: bytes) -> tuple[WorkerReply, ServedBy]:
        """One row of each output for each row. `rows` is a serialized PredictRequest without its model. Raises
        DaemonError."""
        plan, source = self._resolve(enclave, reference)
        command = WorkerCommand()
        command.run.rows = rows
        return await self._run(enclave, reference, plan, source, command)

    async def rank(self, enclave: Enclave, reference: ModelReference, rows: bytes) -> tuple[WorkerReply, ServedBy]:
        """The candidates in order. `rows` is a serialized PredictRankRequest without its model. Raises DaemonError."""
        plan, source = self._resolve(enclave, reference)
        if not plan.score_output:
            raise InvalidArgument(
                f"{plan.name} {plan.version} names no score_output, so it cannot rank; use predict, or author it"
                " with a score output",
                field="model.plan",
            )
        command = WorkerCommand()
        command.run.rows = rows
        command.run.score_output = plan.score_output
        return await self._run(enclave, reference, plan, source, command)

    async def warm(self, enclave: int, uri: str, sha256: str, parameters: bytes) -> None:
        """Load parameters that are about to go into use wherever their predecessors are loaded, so that the first
        call after the change is as fast as the last one before. Raises DaemonError where they do not load."""
        group = group_of(enclave)
        hosted = {key.plan_sha256 for key in self._pool.hosted(group)}
        waiting = {plan_sha256 for named, plan_sha256 in self._consumers.get(enclave, {}) if named == uri}
        for plan_sha256 in hosted & waiting:
            plan = self._plans.inference_plan(enclave, plan_sha256)
            read = partial(self._read_fresh, enclave, plan_sha256, parameters)
            key = ModelKey(plan_sha256, f"{uri}@{sha256}")
            await self._pool.host(group, ModelSource(key, plan.name, plan.version, 0, read))

    async def retire(self, enclave: int, uri: str) -> None:
        """Unload the versions of a mutable artifact that are not in use."""
        serving = self._parameters.serving(enclave, uri)
        keep = f"{uri}@{serving[1]}" if serving else ""
        await self._pool.unload(
            group_of(enclave), lambda key: key.parameters.rpartition("@")[0] == uri and key.parameters != keep
        )

    async def forget(self, enclave: int) -> None:
        """End the enclave's worker and all that it holds in memory."""
        self._consumers.pop(enclave, None)
        await self._pool.end(group_of(enclave))

    def loaded(self) -> list[tuple[str, HostedModel]]:
        """All loaded models with their group."""
        return [(slot.group, model) for slot in self._pool.slots for model in slot.models.values()]

    def _read_fresh(self, enclave: int, sha256: str, parameters: bytes) -> tuple[bytes, bytes]:
        return self._plans.blob(enclave, sha256), parameters

    async def _run(
        self,
        enclave: Enclave,
        reference: ModelReference,
        plan: InferencePlan,
        source: ModelSource,
        command: WorkerCommand,
    ) -> tuple[WorkerReply, ServedBy]:
        if plan.context:
            injected = self._inject(enclave, plan.context, reference.account)
            if injected is not None:
                command.run.context.CopyFrom(injected)
        worker, model = await self._pool.host(group_of(enclave.number), source)
        command.run.model_key = model.number
        reply = await worker.call(command, plan.deadline_s)
        model.predictions += 1
        self.predictions += 1
        return reply, _served_by(plan, source)

    def _resolve(self, enclave: Enclave, reference: ModelReference) -> tuple[InferencePlan, ModelSource]:
        sha256 = named_digest(reference.plan, "model.plan")
        plan = self._plans.inference_plan(enclave.number, sha256)
        name, version = self._parameters_of(enclave, reference, sha256)
        read = partial(self._read, enclave.number, sha256, reference.parameters, version)
        return plan, ModelSource(ModelKey(sha256, name), plan.name, plan.version, version, read)

    def _parameters_of(self, enclave: Enclave, reference: ModelReference, plan_sha256: str) -> tuple[str, int]:
        """Name of the parameters in a model key, and the version of a mutable artifact or 0."""
        uri = reference.parameters
        if not uri:
            return "", 0
        if not uri.startswith("artifact:"):
            return f"sha256:{named_digest(uri, 'model.parameters')}", 0
        named_artifact(uri, "model.parameters")
        self._remember_consumer(enclave.number, uri, plan_sha256)
        serving = self._parameters.serving(enclave.number, uri)
        if serving is not None:
            return f"{uri}@{serving[1]}", serving[0]
        if reference.parameters_required:
            raise FailedPrecondition(
                f"{uri} has not been produced yet: its training session must run first, see insitu train explain",
                reason="NOT_PRODUCED",
                field="model.parameters",
            )
        return "", 0

    def _remember_consumer(self, enclave: int, uri: str, plan_sha256: str) -> None:
        own = self._consumers.setdefault(enclave, {})
        own.pop((uri, plan_sha256), None)
        own[uri, plan_sha256] = None
        if len(own) > CONSUMERS_REMEMBERED:
            del own[next(iter(own))]

    def _read(self, enclave: int, sha256: str, parameters: str, version: int) -> tuple[bytes, bytes]:
        plan = self._plans.blob(enclave, sha256)
        if version:
            return plan, self._parameters.read(enclave, parameters, version)
        if parameters and not parameters.startswith("artifact:"):
            return plan, self._plans.blob(enclave, named_digest(parameters, "model.parameters"))
        return plan, b""


def group_of(enclave: int) -> str:
    """An app's own plans share one worker, and no other app's are in it."""
    return f"app {enclave}"


def _served_by(plan: InferencePlan, source: ModelSource) -> ServedBy:
    return ServedBy(plan_name=plan.name, plan_version=plan.version, parameters_version=source.parameters_version)
