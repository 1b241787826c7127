from insitu.v1 import collection_pb2 as _collection_pb2
from insitu.v1 import example_pb2 as _example_pb2
from insitu.v1 import lane_pb2 as _lane_pb2
from insitu.v1 import training_pb2 as _training_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AppState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APP_STATE_UNSPECIFIED: _ClassVar[AppState]
    REQUESTED: _ClassVar[AppState]
    APPROVED: _ClassVar[AppState]
    REGISTERED: _ClassVar[AppState]
    REMOVING: _ClassVar[AppState]
APP_STATE_UNSPECIFIED: AppState
REQUESTED: AppState
APPROVED: AppState
REGISTERED: AppState
REMOVING: AppState

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DaemonStatus(_message.Message):
    __slots__ = ("version", "pid", "started_ms", "socket", "state_folder", "apps", "open_sessions", "connections", "processes", "missing_protections", "examples", "predictions", "configuration_file", "lost_examples", "clock", "assumed_conditions", "context_failures")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    STATE_FOLDER_FIELD_NUMBER: _ClassVar[int]
    APPS_FIELD_NUMBER: _ClassVar[int]
    OPEN_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    MISSING_PROTECTIONS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FILE_FIELD_NUMBER: _ClassVar[int]
    LOST_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FAILURES_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    started_ms: int
    socket: str
    state_folder: str
    apps: int
    open_sessions: int
    connections: int
    processes: _containers.RepeatedCompositeFieldContainer[ProcessStatus]
    missing_protections: _containers.RepeatedScalarFieldContainer[str]
    examples: int
    predictions: int
    configuration_file: str
    lost_examples: int
    clock: ClockStatus
    assumed_conditions: _containers.RepeatedScalarFieldContainer[str]
    context_failures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., started_ms: _Optional[int] = ..., socket: _Optional[str] = ..., state_folder: _Optional[str] = ..., apps: _Optional[int] = ..., open_sessions: _Optional[int] = ..., connections: _Optional[int] = ..., processes: _Optional[_Iterable[_Union[ProcessStatus, _Mapping]]] = ..., missing_protections: _Optional[_Iterable[str]] = ..., examples: _Optional[int] = ..., predictions: _Optional[int] = ..., configuration_file: _Optional[str] = ..., lost_examples: _Optional[int] = ..., clock: _Optional[_Union[ClockStatus, _Mapping]] = ..., assumed_conditions: _Optional[_Iterable[str]] = ..., context_failures: _Optional[_Iterable[str]] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Metrics(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class ClockStatus(_message.Message):
    __slots__ = ("unconfirmed_since_ms", "lead_ms", "needs_ms", "notes_lost")
    UNCONFIRMED_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    LEAD_MS_FIELD_NUMBER: _ClassVar[int]
    NEEDS_MS_FIELD_NUMBER: _ClassVar[int]
    NOTES_LOST_FIELD_NUMBER: _ClassVar[int]
    unconfirmed_since_ms: int
    lead_ms: int
    needs_ms: int
    notes_lost: bool
    def __init__(self, unconfirmed_since_ms: _Optional[int] = ..., lead_ms: _Optional[int] = ..., needs_ms: _Optional[int] = ..., notes_lost: bool = ...) -> None: ...

class ProcessStatus(_message.Message):
    __slots__ = ("role", "pid", "package", "started_ms", "restarts")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    role: str
    pid: int
    package: str
    started_ms: int
    restarts: int
    def __init__(self, role: _Optional[str] = ..., pid: _Optional[int] = ..., package: _Optional[str] = ..., started_ms: _Optional[int] = ..., restarts: _Optional[int] = ...) -> None: ...

class ListAppsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAppsResponse(_message.Message):
    __slots__ = ("apps",)
    APPS_FIELD_NUMBER: _ClassVar[int]
    apps: _containers.RepeatedCompositeFieldContainer[AppRecord]
    def __init__(self, apps: _Optional[_Iterable[_Union[AppRecord, _Mapping]]] = ...) -> None: ...

class AppRecord(_message.Message):
    __slots__ = ("package", "state", "consent", "wished_context", "requested_ms", "approved_ms", "last_seen_ms")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    WISHED_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_MS_FIELD_NUMBER: _ClassVar[int]
    APPROVED_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    package: str
    state: AppState
    consent: bool
    wished_context: _containers.RepeatedScalarFieldContainer[str]
    requested_ms: int
    approved_ms: int
    last_seen_ms: int
    def __init__(self, package: _Optional[str] = ..., state: _Optional[_Union[AppState, str]] = ..., consent: bool = ..., wished_context: _Optional[_Iterable[str]] = ..., requested_ms: _Optional[int] = ..., approved_ms: _Optional[int] = ..., last_seen_ms: _Optional[int] = ...) -> None: ...

class ApproveAppRequest(_message.Message):
    __slots__ = ("package", "certificate_request_pem", "api_key_sha256", "context")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_PEM_FIELD_NUMBER: _ClassVar[int]
    API_KEY_SHA256_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    package: str
    certificate_request_pem: str
    api_key_sha256: str
    context: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[str] = ..., certificate_request_pem: _Optional[str] = ..., api_key_sha256: _Optional[str] = ..., context: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveAppRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class RemoveAppResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IssueTokenRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class IssueTokenResponse(_message.Message):
    __slots__ = ("session", "lifetime_s")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    session: str
    lifetime_s: int
    def __init__(self, session: _Optional[str] = ..., lifetime_s: _Optional[int] = ...) -> None: ...

class SetConsentRequest(_message.Message):
    __slots__ = ("package", "given")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    package: str
    given: bool
    def __init__(self, package: _Optional[str] = ..., given: bool = ...) -> None: ...

class SetConsentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPermissionsRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class ListPermissionsResponse(_message.Message):
    __slots__ = ("permissions",)
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    permissions: _containers.RepeatedCompositeFieldContainer[Permission]
    def __init__(self, permissions: _Optional[_Iterable[_Union[Permission, _Mapping]]] = ...) -> None: ...

class Permission(_message.Message):
    __slots__ = ("package", "type", "features", "wished", "changed_ms")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    WISHED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_MS_FIELD_NUMBER: _ClassVar[int]
    package: str
    type: str
    features: _containers.RepeatedScalarFieldContainer[str]
    wished: bool
    changed_ms: int
    def __init__(self, package: _Optional[str] = ..., type: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., wished: bool = ..., changed_ms: _Optional[int] = ...) -> None: ...

class SetPermissionRequest(_message.Message):
    __slots__ = ("package", "scope", "granted")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    package: str
    scope: str
    granted: bool
    def __init__(self, package: _Optional[str] = ..., scope: _Optional[str] = ..., granted: bool = ...) -> None: ...

class SetPermissionResponse(_message.Message):
    __slots__ = ("permission", "deleted_versions")
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    DELETED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    permission: Permission
    deleted_versions: int
    def __init__(self, permission: _Optional[_Union[Permission, _Mapping]] = ..., deleted_versions: _Optional[int] = ...) -> None: ...

class ShowDataRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class ShowDataResponse(_message.Message):
    __slots__ = ("apps",)
    APPS_FIELD_NUMBER: _ClassVar[int]
    apps: _containers.RepeatedCompositeFieldContainer[AppData]
    def __init__(self, apps: _Optional[_Iterable[_Union[AppData, _Mapping]]] = ...) -> None: ...

class AppData(_message.Message):
    __slots__ = ("package", "collections", "usage", "damaged")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    package: str
    collections: _containers.RepeatedCompositeFieldContainer[_collection_pb2.CollectionStats]
    usage: _collection_pb2.StorageUsage
    damaged: _containers.RepeatedCompositeFieldContainer[DamagedRecords]
    def __init__(self, package: _Optional[str] = ..., collections: _Optional[_Iterable[_Union[_collection_pb2.CollectionStats, _Mapping]]] = ..., usage: _Optional[_Union[_collection_pb2.StorageUsage, _Mapping]] = ..., damaged: _Optional[_Iterable[_Union[DamagedRecords, _Mapping]]] = ...) -> None: ...

class DamagedRecords(_message.Message):
    __slots__ = ("collection", "records")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    records: int
    def __init__(self, collection: _Optional[str] = ..., records: _Optional[int] = ...) -> None: ...

class ClearDataRequest(_message.Message):
    __slots__ = ("package", "collection", "account")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    package: str
    collection: str
    account: str
    def __init__(self, package: _Optional[str] = ..., collection: _Optional[str] = ..., account: _Optional[str] = ...) -> None: ...

class UnhideDataRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnhideDataResponse(_message.Message):
    __slots__ = ("examples",)
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    examples: int
    def __init__(self, examples: _Optional[int] = ...) -> None: ...

class ShowContextRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ShowContextResponse(_message.Message):
    __slots__ = ("readings",)
    READINGS_FIELD_NUMBER: _ClassVar[int]
    readings: _containers.RepeatedCompositeFieldContainer[ContextReading]
    def __init__(self, readings: _Optional[_Iterable[_Union[ContextReading, _Mapping]]] = ...) -> None: ...

class ContextReading(_message.Message):
    __slots__ = ("type", "features", "source", "read_ms", "valid_until_ms")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    READ_MS_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    type: str
    features: _example_pb2.Features
    source: str
    read_ms: int
    valid_until_ms: int
    def __init__(self, type: _Optional[str] = ..., features: _Optional[_Union[_example_pb2.Features, _Mapping]] = ..., source: _Optional[str] = ..., read_ms: _Optional[int] = ..., valid_until_ms: _Optional[int] = ...) -> None: ...

class SetScriptedContextRequest(_message.Message):
    __slots__ = ("type", "features")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    type: str
    features: _example_pb2.Features
    def __init__(self, type: _Optional[str] = ..., features: _Optional[_Union[_example_pb2.Features, _Mapping]] = ...) -> None: ...

class SetScriptedContextResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAllSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AppSession(_message.Message):
    __slots__ = ("package", "status")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    package: str
    status: _training_pb2.SessionStatus
    def __init__(self, package: _Optional[str] = ..., status: _Optional[_Union[_training_pb2.SessionStatus, _Mapping]] = ...) -> None: ...

class ListAllSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[AppSession]
    def __init__(self, sessions: _Optional[_Iterable[_Union[AppSession, _Mapping]]] = ...) -> None: ...

class ExplainSessionRequest(_message.Message):
    __slots__ = ("package", "session")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    package: str
    session: str
    def __init__(self, package: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("artifacts", "loaded")
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedCompositeFieldContainer[MutableArtifact]
    loaded: _containers.RepeatedCompositeFieldContainer[LoadedModel]
    def __init__(self, artifacts: _Optional[_Iterable[_Union[MutableArtifact, _Mapping]]] = ..., loaded: _Optional[_Iterable[_Union[LoadedModel, _Mapping]]] = ...) -> None: ...

class MutableArtifact(_message.Message):
    __slots__ = ("package", "uri", "versions", "version_in_use")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_IN_USE_FIELD_NUMBER: _ClassVar[int]
    package: str
    uri: str
    versions: _containers.RepeatedCompositeFieldContainer[ArtifactVersion]
    version_in_use: int
    def __init__(self, package: _Optional[str] = ..., uri: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[ArtifactVersion, _Mapping]]] = ..., version_in_use: _Optional[int] = ...) -> None: ...

class ArtifactVersion(_message.Message):
    __slots__ = ("version", "sha256", "size_bytes", "created_ms", "plan_name", "plan_version", "context", "metrics")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    version: int
    sha256: str
    size_bytes: int
    created_ms: int
    plan_name: str
    plan_version: str
    context: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedCompositeFieldContainer[_training_pb2.MetricPair]
    def __init__(self, version: _Optional[int] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., created_ms: _Optional[int] = ..., plan_name: _Optional[str] = ..., plan_version: _Optional[str] = ..., context: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_training_pb2.MetricPair, _Mapping]]] = ...) -> None: ...

class LoadedModel(_message.Message):
    __slots__ = ("package", "plan_name", "plan_version", "parameters_version", "predictions")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    package: str
    plan_name: str
    plan_version: str
    parameters_version: int
    predictions: int
    def __init__(self, package: _Optional[str] = ..., plan_name: _Optional[str] = ..., plan_version: _Optional[str] = ..., parameters_version: _Optional[int] = ..., predictions: _Optional[int] = ...) -> None: ...

class RollBackModelRequest(_message.Message):
    __slots__ = ("package", "uri", "version")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    package: str
    uri: str
    version: int
    def __init__(self, package: _Optional[str] = ..., uri: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class KeyStretching(_message.Message):
    __slots__ = ("salt", "log2_n", "r", "p")
    SALT_FIELD_NUMBER: _ClassVar[int]
    LOG2_N_FIELD_NUMBER: _ClassVar[int]
    R_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    log2_n: int
    r: int
    p: int
    def __init__(self, salt: _Optional[bytes] = ..., log2_n: _Optional[int] = ..., r: _Optional[int] = ..., p: _Optional[int] = ...) -> None: ...

class BeginBackupRequest(_message.Message):
    __slots__ = ("recovery_key", "stretching")
    RECOVERY_KEY_FIELD_NUMBER: _ClassVar[int]
    STRETCHING_FIELD_NUMBER: _ClassVar[int]
    recovery_key: bytes
    stretching: KeyStretching
    def __init__(self, recovery_key: _Optional[bytes] = ..., stretching: _Optional[_Union[KeyStretching, _Mapping]] = ...) -> None: ...

class BeginBackupResponse(_message.Message):
    __slots__ = ("backup", "size_bytes", "made_ms", "packages")
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MADE_MS_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    backup: str
    size_bytes: int
    made_ms: int
    packages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, backup: _Optional[str] = ..., size_bytes: _Optional[int] = ..., made_ms: _Optional[int] = ..., packages: _Optional[_Iterable[str]] = ...) -> None: ...

class ReadBackupRequest(_message.Message):
    __slots__ = ("backup", "page")
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    backup: str
    page: int
    def __init__(self, backup: _Optional[str] = ..., page: _Optional[int] = ...) -> None: ...

class ReadBackupResponse(_message.Message):
    __slots__ = ("data", "last", "done_bytes")
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    last: bool
    done_bytes: int
    def __init__(self, data: _Optional[bytes] = ..., last: bool = ..., done_bytes: _Optional[int] = ...) -> None: ...

class EndBackupRequest(_message.Message):
    __slots__ = ("backup",)
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    backup: str
    def __init__(self, backup: _Optional[str] = ...) -> None: ...

class EndBackupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
