"""The daemon's view of artifacts: plans and parameters of an enclave, for prediction and training."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial

from artifact_manager import (
    ArtifactError,
    ArtifactUri,
    BlobStore,
    MetricChange,
    MutableArtifacts,
    NewVersion,
    Parent,
    PlanLibrary,
    PlanRecord,
    digest_of,
    parse_uri,
)
from context import Clock
from platform_daemon.errors import BY_STATUS, Internal, InvalidArgument
from platform_daemon.prediction.plans import DEFAULT_DEADLINE_S, InferencePlan
from platform_daemon.training import world
from platform_daemon.training.world import TrainingPlan


@contextmanager
def translated(field: str | None = None) -> Iterator[None]:
    """What the artifact manager refuses, as the daemon's errors."""
    try:
        yield
    except ArtifactError as error:
        raise BY_STATUS.get(error.status, Internal)(str(error), reason=error.reason, field=field) from error


LONGEST_URI = 512


@lru_cache(maxsize=1024)
def named_digest(uri: str, field: str) -> str:
    """The digest by which an app named a plan or parameters. Raises InvalidArgument, FailedPrecondition."""
    _check_length(uri, field)
    with translated(field):
        return digest_of(uri)


@lru_cache(maxsize=1024)
def named_artifact(uri: str, field: str) -> ArtifactUri:
    """A mutable artifact by the URI that an app wrote. Raises InvalidArgument."""
    _check_length(uri, field)
    with translated(field):
        parsed = parse_uri(uri)
    if not isinstance(parsed, ArtifactUri) or str(parsed) != uri:
        raise InvalidArgument(f"{uri!r} is no artifact:/SESSION/NAME", field=field)
    return parsed


def _check_length(uri: str, field: str) -> None:
    if len(uri) > LONGEST_URI:
        raise InvalidArgument(f"has {len(uri)} characters; at most {LONGEST_URI} are allowed", field=field)


class PlanShelf:
    """Plans that apps handed over. May be used from any thread."""

    def __init__(self, library: PlanLibrary, blobs: BlobStore) -> None:
        self._library = library
        self._blobs = blobs

    def inference_plan(self, enclave: int, sha256: str) -> InferencePlan:
        """From memory for a plan seen before."""
        record = self._library.remembered(enclave, sha256)
        if record is None:
            with translated():
                record = self._library.plan(enclave, sha256)
        return _inference_plan(record)

    def training_plan(self, enclave: int, sha256: str) -> TrainingPlan:
        with translated():
            record = self._library.plan(enclave, sha256)
        if not record.plan.HasField("training"):
            raise InvalidArgument(
                f"{record.plan.name} is no training plan; give a trainer the plan that ends in .train.plan",
                reason="NOT_A_TRAINING_PLAN",
                field="options.plan",
            )
        return TrainingPlan(record.plan, record.matches, partial(self.blob, enclave, sha256))

    def blob(self, enclave: int, sha256: str) -> bytes:
        """Blocks."""
        with translated():
            return self._blobs.read(enclave, sha256)

    def keep(self, enclave: int, purpose: str, sha256: str) -> None:
        """Hold on to a blob while something needs it, e.g. "session words"."""
        with translated():
            self._blobs.pin(enclave, purpose, sha256)

    def let_go(self, enclave: int, purpose: str) -> None:
        self._blobs.unpin(enclave, purpose)

    def forget(self, enclave: int) -> None:
        """Remove all that an enclave handed over."""
        self._library.forget(enclave)
        self._blobs.remove_enclave(enclave)


class PersonalParameters:
    """What training produced, by `artifact:` URI."""

    def __init__(self, artifacts: MutableArtifacts, clock: Clock) -> None:
        self._artifacts = artifacts
        self._clock = clock

    def serving(self, enclave: int, uri: str) -> tuple[int, str] | None:
        """Version and SHA-256 of what is in use. From memory."""
        return self._artifacts.in_use(enclave, uri)

    def in_use(self, enclave: int, uri: str) -> int:
        """The version alone, 0 for none."""
        serving = self._artifacts.in_use(enclave, uri)
        return serving[0] if serving else 0

    def read(self, enclave: int, uri: str, version: int) -> bytes:
        with translated():
            return self._artifacts.read(enclave, uri, version)[1]

    def produced_by(self, enclave: int, uri: str, run: int) -> int:
        return self._artifacts.produced_by(enclave, uri, run)

    def commit(self, enclave: int, uri: str, new: world.NewVersion) -> int:
        """Put a version into use; returns its number."""
        version = NewVersion(
            data=new.parameters,
            created_ms=self._clock.now_ms(),
            plan_name=new.plan_name,
            plan_version=new.plan_version,
            context=new.context,
            collections=frozenset({new.collection}),
            parents=[Parent(parent, number) for parent, number in new.parents],
            metrics=tuple(MetricChange(m.name, m.before, m.after) for m in new.metrics),
            run=new.run,
        )
        with translated():
            return self._artifacts.commit(enclave, uri, version).version


@lru_cache(maxsize=256)
def _inference_plan(record: PlanRecord) -> InferencePlan:
    if not record.plan.HasField("inference"):
        raise InvalidArgument(
            f"{record.plan.name} is no inference plan; give a predictor the plan that ends in .infer.plan",
            reason="NOT_AN_INFERENCE_PLAN",
            field="model.plan",
        )
    instructions = record.plan.inference
    return InferencePlan(
        sha256=record.sha256,
        name=record.plan.name,
        version=record.plan.version,
        context=tuple(instructions.context),
        score_output=instructions.score_output,
        deadline_s=instructions.deadline_ms / 1000 or DEFAULT_DEADLINE_S,
    )
