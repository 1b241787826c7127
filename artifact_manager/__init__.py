"""Plans, models and parameters as verified files, and the rules that a plan keeps.

Knows nothing of gRPC, of engines or of examples' storage. A plan is linted here and run elsewhere; parameters are
checked by their header and never opened as arrays.
"""

from artifact_manager.blobs import PIECE_BYTES, BlobStore
from artifact_manager.catalog import Catalog
from artifact_manager.digests import check_digest, sha256_of
from artifact_manager.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMissing,
    BadDigest,
    BadPredicate,
    BadUri,
    LimitExceeded,
    NoEarlierVersion,
    NoRepository,
    NoSuchVersion,
    NotProduced,
    ParametersRejected,
    PlanRejected,
    WrongOffset,
    WrongSize,
)
from artifact_manager.findings import Finding, Severity
from artifact_manager.library import PlanLibrary, PlanRecord, digest_of
from artifact_manager.lint import MAX_PLAN_BYTES, context_types_used, lint, parse_plan
from artifact_manager.mutable import MutableArtifacts, Sealer
from artifact_manager.parameters import TensorHeader, check_parameters, read_header
from artifact_manager.predicates import Matches, compile_predicate, fields_used
from artifact_manager.uri import (
    ArtifactUri,
    AssetUri,
    FederatedUri,
    FileUri,
    HttpsUri,
    RepositoryUri,
    Uri,
    parse_uri,
)
from artifact_manager.versions import MetricChange, MutableArtifact, NewVersion, Parent, Version

__all__ = [
    "MAX_PLAN_BYTES",
    "PIECE_BYTES",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactMissing",
    "ArtifactUri",
    "AssetUri",
    "BadDigest",
    "BadPredicate",
    "BadUri",
    "BlobStore",
    "Catalog",
    "FederatedUri",
    "FileUri",
    "Finding",
    "HttpsUri",
    "LimitExceeded",
    "Matches",
    "MetricChange",
    "MutableArtifact",
    "MutableArtifacts",
    "NewVersion",
    "NoEarlierVersion",
    "NoRepository",
    "NoSuchVersion",
    "NotProduced",
    "ParametersRejected",
    "Parent",
    "PlanLibrary",
    "PlanRecord",
    "PlanRejected",
    "RepositoryUri",
    "Sealer",
    "Severity",
    "TensorHeader",
    "Uri",
    "Version",
    "WrongOffset",
    "WrongSize",
    "check_digest",
    "check_parameters",
    "compile_predicate",
    "context_types_used",
    "digest_of",
    "fields_used",
    "lint",
    "parse_plan",
    "parse_uri",
    "read_header",
    "sha256_of",
]
