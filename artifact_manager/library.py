"""Plans by URI, for callers in a hurry: verified and linted once, then from memory without their bulk."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from artifact_manager.blobs import BlobStore
from artifact_manager.errors import BadUri, NoRepository
from artifact_manager.lint import context_types_used, parse_plan
from artifact_manager.predicates import Matches, compile_predicate
from artifact_manager.uri import ArtifactUri, AssetUri, FederatedUri, FileUri, HttpsUri, RepositoryUri, Uri, parse_uri
from insitu.v1.plan_pb2 import Plan

REMEMBERED = 256


@dataclass(frozen=True, slots=True, eq=False)
class PlanRecord:
    """A plan that keeps every rule. `plan` lacks the inline graph and the base parameters: read the blob for them."""

    sha256: str
    size_bytes: int
    plan: Plan
    """Shared: do not modify it."""
    context_types: frozenset[str]
    matches: Matches | None
    """The compiled predicate of its example query; None where it takes all."""


def digest_of(uri: str) -> str:
    """The digest of what an app handed over under a URI.

    Raises BadUri, NoRepository for the URIs of sources that this device has none of.
    """
    parsed: Uri = parse_uri(uri)
    match parsed:
        case FileUri() | AssetUri():
            return parsed.sha256
        case RepositoryUri() | HttpsUri():
            raise NoRepository(f"{uri}: no model repository is configured; hand the plan over as a file: or asset:")
        case FederatedUri():
            raise NoRepository(f"{uri}: no federated server is configured; hand the plan over as a file: or asset:")
        case ArtifactUri():
            raise BadUri(f"{uri}: a plan is no mutable artifact; name it by file:, asset: or mrepo:")


class PlanLibrary:
    """All methods may be called from several threads."""

    def __init__(self, blobs: BlobStore, capacity: int = REMEMBERED) -> None:
        self._blobs = blobs
        self._capacity = capacity
        self._lock = threading.Lock()
        self._records: OrderedDict[tuple[int, str], PlanRecord] = OrderedDict()

    def plan(self, enclave: int, sha256: str) -> PlanRecord:
        """Blocks only for a plan not seen before. Raises what `BlobStore.read` and `parse_plan` raise."""
        record = self._records.get((enclave, sha256))
        return record if record is not None else self._load(enclave, sha256)

    def remembered(self, enclave: int, sha256: str) -> PlanRecord | None:
        """A plan seen before; None where it is to be read."""
        return self._records.get((enclave, sha256))

    def forget(self, enclave: int) -> None:
        """Drop what is remembered for an enclave."""
        with self._lock:
            for key in [key for key in self._records if key[0] == enclave]:
                del self._records[key]

    def _load(self, enclave: int, sha256: str) -> PlanRecord:
        data = self._blobs.read(enclave, sha256)
        plan = parse_plan(data)
        if plan.graph.WhichOneof("source") == "inline":
            plan.graph.Clear()
        plan.ClearField("base_parameters")
        record = PlanRecord(sha256, len(data), plan, context_types_used(plan), _predicate(plan))
        with self._lock:
            self._records[enclave, sha256] = record
            while len(self._records) > self._capacity:
                self._records.popitem(last=False)
        return record


def _predicate(plan: Plan) -> Matches | None:
    match plan.WhichOneof("instructions"):
        case "training":
            query = plan.training.query
        case "evaluation":
            query = plan.evaluation.query
        case _:
            return None
    return compile_predicate(query.where) if query.HasField("where") else None
