"""Every reason that a failure may give: stable words for programs, beside the sentence for people.

`InsituError.reason` is a str that compares equal to a member; a daemon that is newer than this library may answer with
others. Where a class says all there is to say, its reason is the status itself.
"""

import enum


class Reason(enum.StrEnum):
    """Grouped by who acts."""

    # The app: the request is wrong.
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    """`field` names what is out of range or malformed."""
    MALFORMED = "MALFORMED"
    """The bytes are no message of the protocol."""
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    """A request of more than 16 MiB: send less at a time."""
    NOT_FOUND = "NOT_FOUND"
    """No such collection, session or artifact in the app's enclave; or no such file."""
    ALREADY_EXISTS = "ALREADY_EXISTS"
    BAD_URI = "BAD_URI"
    BAD_DIGEST = "BAD_DIGEST"
    BAD_PREDICATE = "BAD_PREDICATE"
    """In a plan's query."""
    PLAN_REJECTED = "PLAN_REJECTED"
    """The plan breaks a rule of `insitu plan lint`."""
    NOT_AN_INFERENCE_PLAN = "NOT_AN_INFERENCE_PLAN"
    NOT_A_TRAINING_PLAN = "NOT_A_TRAINING_PLAN"
    PARAMETERS_REJECTED = "PARAMETERS_REJECTED"
    """The parameters do not fit the plan."""
    GRAPH_REJECTED = "GRAPH_REJECTED"
    """The engine cannot run the plan's graph."""
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    """The graph lacks a signature that the plan names."""
    BAD_INPUT = "BAD_INPUT"
    """A feature of the wrong name, shape or type."""
    FEATURE_MISSING = "FEATURE_MISSING"
    """An example lacks a feature for which the plan has no default."""
    WRONG_OFFSET = "WRONG_OFFSET"
    """A piece of an upload that leaves a gap; `detail` is the offset in bytes to go on from."""
    WRONG_SIZE = "WRONG_SIZE"
    NO_SUCH_VERSION = "NO_SUCH_VERSION"
    UNKNOWN_CONTEXT_TYPE = "UNKNOWN_CONTEXT_TYPE"
    UNKNOWN_CONTEXT_FEATURE = "UNKNOWN_CONTEXT_FEATURE"
    BAD_CONTEXT_VALUE = "BAD_CONTEXT_VALUE"
    BAD_SCOPE = "BAD_SCOPE"
    """Neither "TYPE" nor "TYPE.FEATURE"."""

    # The app's developer: who it claims to be.
    CREDENTIALS = "CREDENTIALS"
    """The credentials file is missing, malformed, or open to others. Found by this library."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNKNOWN_APP = "UNKNOWN_APP"
    NO_SESSION = "NO_SESSION"
    """The session has ended; this library opens another by itself."""
    BAD_TOKEN = "BAD_TOKEN"
    BAD_NONCE = "BAD_NONCE"
    """Used, expired, or of a daemon that has been restarted; this library takes another by itself."""
    BAD_CERTIFICATE = "BAD_CERTIFICATE"
    NOT_VERIFIED = "NOT_VERIFIED"
    """API key, certificate or platform key."""
    OTHER_KEY = "OTHER_KEY"
    """The package is known here with another key pair."""

    # The device's user or owner: allow it, start it, repair it.
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NO_CONSENT = "NO_CONSENT"
    """The user has not consented to collection."""
    NOT_APPROVED = "NOT_APPROVED"
    """The owner has not approved the app yet."""
    NO_REQUEST = "NO_REQUEST"
    """The owner approves an app that has not asked."""
    DAEMON_NOT_RUNNING = "DAEMON_NOT_RUNNING"
    """Nobody listens on the socket. Found by this library."""
    SOCKET = "SOCKET"
    """This OS user may not use the socket. Found by this library."""
    NOT_THE_OWNER = "NOT_THE_OWNER"
    """Another OS user at the owner's socket."""
    UNKNOWN_PEER = "UNKNOWN_PEER"
    """A call that did not come through the public socket."""
    NOT_SCRIPTED = "NOT_SCRIPTED"
    """The context of this device does not come from a script."""
    BAD_SCRIPT = "BAD_SCRIPT"
    SOURCE_MISCONFIGURED = "SOURCE_MISCONFIGURED"
    ENGINE_MISSING = "ENGINE_MISSING"
    """The plan's engine is not installed here, or in another version."""
    NO_REPOSITORY = "NO_REPOSITORY"
    """A URI of a source that is not configured here."""
    MASTER_KEY_EXPOSED = "MASTER_KEY_EXPOSED"
    STORE_IN_USE = "STORE_IN_USE"
    STORE_FORMAT = "STORE_FORMAT"
    """The store was written by another release."""

    # Something must happen first.
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ARTIFACT_MISSING = "ARTIFACT_MISSING"
    """The daemon does not hold the plan; this library hands it over by itself."""
    NOT_PRODUCED = "NOT_PRODUCED"
    """Training has not produced these parameters yet."""
    NO_EARLIER_VERSION = "NO_EARLIER_VERSION"
    """Nothing to roll back to."""
    COLLECTION_MISSING = "COLLECTION_MISSING"
    """The plan's collection was never configured."""
    NO_EXAMPLES = "NO_EXAMPLES"
    MODEL_NOT_LOADED = "MODEL_NOT_LOADED"
    MODEL_ALREADY_LOADED = "MODEL_ALREADY_LOADED"

    # Limits.
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    DISK_FULL = "DISK_FULL"
    ARTIFACT_LIMIT = "ARTIFACT_LIMIT"
    """A plan that is too large, or over the app's quota for them."""
    BACKLOG = "BACKLOG"
    """More examples wait to be sent than this library holds. Found by this library."""
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    """Requests for approval that wait."""
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    """Challenges that were never answered."""
    OUTPUT_TOO_LARGE = "OUTPUT_TOO_LARGE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"

    # Nobody: repeat a little later. This library does so by itself where repeating is safe.
    UNAVAILABLE = "UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    STORE_CLOSED = "STORE_CLOSED"
    WORKER_GONE = "WORKER_GONE"
    """The process that runs the model ended; another one is started."""
    WORKER_FULL = "WORKER_FULL"
    WORKER_BACKOFF = "WORKER_BACKOFF"
    """That process keeps dying, and is not started again at once; `detail` is the wait in seconds."""
    TOO_MANY_FILES = "TOO_MANY_FILES"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"

    # Damage and defects.
    DATA_LOSS = "DATA_LOSS"
    ARTIFACT_CORRUPT = "ARTIFACT_CORRUPT"
    BAD_PARAMETERS = "BAD_PARAMETERS"
    RECORD_FORGED = "RECORD_FORGED"
    STORE_DAMAGED = "STORE_DAMAGED"
    INTERNAL = "INTERNAL"
    DEFECT = "DEFECT"
    """The message has a number that finds it in the daemon's log."""
    ARTIFACT = "ARTIFACT"
    CONTEXT = "CONTEXT"
    ENGINE = "ENGINE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    """The daemon is older than this library."""


TELLING_WHEN = frozenset({Reason.WORKER_BACKOFF})
"""Reasons whose `detail` is the number of seconds after which the same call may succeed."""


def seconds_to_wait(reason: str, detail: str | None) -> float | None:
    """What such a reason tells; None for others, and for what is no number of seconds."""
    if reason not in TELLING_WHEN or detail is None:
        return None
    try:
        seconds = float(detail)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
