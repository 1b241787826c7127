"""Why an artifact cannot be had, kept or believed.

ArtifactError
├── BadUri                 no URI that this release understands
├── BadDigest              not 64 hexadecimal digits
├── PlanRejected           a plan breaks rules; carries all findings
├── ParametersRejected     a parameters blob does not fit the plan
├── BadPredicate           a predicate that cannot be evaluated
├── WrongOffset            a piece that leaves a gap; carries the offset to go on from
├── WrongSize              a piece or an artifact of a size that cannot be
├── LimitExceeded          too large, over quota, or the disk is full
├── NoRepository           a URI of a source that is not configured here
├── ArtifactMissing        not on the device: hand it over
├── NotProduced            a mutable artifact without a version: train first
├── NoEarlierVersion       nothing to roll back to
├── NoSuchVersion          no such mutable artifact, or no such version of it
└── ArtifactCorrupt        bytes that are not what they should be; quarantined
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from artifact_manager.findings import Finding


class ArtifactError(Exception):
    """`status` is the gRPC status that a caller is to see, `reason` is stable."""

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "ARTIFACT"


class BadUri(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_URI"


class BadDigest(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_DIGEST"


class PlanRejected(ArtifactError):
    """`findings` has every broken rule; the message shows the first."""

    status = "INVALID_ARGUMENT"
    reason = "PLAN_REJECTED"

    def __init__(self, findings: Sequence["Finding"]) -> None:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"{findings[0]}{more}")
        self.findings = tuple(findings)


class ParametersRejected(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "PARAMETERS_REJECTED"


class BadPredicate(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_PREDICATE"


class WrongOffset(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "WRONG_OFFSET"

    def __init__(self, offset_bytes: int, expected_bytes: int) -> None:
        super().__init__(f"offset_bytes: {offset_bytes} leaves a gap; go on from {expected_bytes}")
        self.expected_bytes = expected_bytes

    @property
    def detail(self) -> str:
        """For programs: the offset to go on from."""
        return str(self.expected_bytes)


class WrongSize(ArtifactError):
    status = "INVALID_ARGUMENT"
    reason = "WRONG_SIZE"


class LimitExceeded(ArtifactError):
    status = "RESOURCE_EXHAUSTED"
    reason = "ARTIFACT_LIMIT"


class NoRepository(ArtifactError):
    status = "FAILED_PRECONDITION"
    reason = "NO_REPOSITORY"


class ArtifactMissing(ArtifactError):
    status = "FAILED_PRECONDITION"
    reason = "ARTIFACT_MISSING"


class NotProduced(ArtifactError):
    status = "FAILED_PRECONDITION"
    reason = "NOT_PRODUCED"


class NoEarlierVersion(ArtifactError):
    status = "FAILED_PRECONDITION"
    reason = "NO_EARLIER_VERSION"


class NoSuchVersion(ArtifactError):
    status = "NOT_FOUND"
    reason = "NO_SUCH_VERSION"


class ArtifactCorrupt(ArtifactError):
    status = "DATA_LOSS"
    reason = "ARTIFACT_CORRUPT"
