import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from insitu.v1 import example_pb2 as _example_pb2
from insitu.v1 import lane_pb2 as _lane_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CollectionOptions(_message.Message):
    __slots__ = ("time_to_live", "context", "max_examples", "durable")
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    MAX_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    time_to_live: _duration_pb2.Duration
    context: ContextOptions
    max_examples: int
    durable: bool
    def __init__(self, time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., context: _Optional[_Union[ContextOptions, _Mapping]] = ..., max_examples: _Optional[int] = ..., durable: bool = ...) -> None: ...

class ContextOptions(_message.Message):
    __slots__ = ("wishes",)
    WISHES_FIELD_NUMBER: _ClassVar[int]
    wishes: _containers.RepeatedCompositeFieldContainer[ContextWish]
    def __init__(self, wishes: _Optional[_Iterable[_Union[ContextWish, _Mapping]]] = ...) -> None: ...

class ContextWish(_message.Message):
    __slots__ = ("type", "time_to_live")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    type: str
    time_to_live: _duration_pb2.Duration
    def __init__(self, type: _Optional[str] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ConfigureCollectionRequest(_message.Message):
    __slots__ = ("collection", "options")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    options: CollectionOptions
    def __init__(self, collection: _Optional[str] = ..., options: _Optional[_Union[CollectionOptions, _Mapping]] = ...) -> None: ...

class ConfigureCollectionResponse(_message.Message):
    __slots__ = ("options",)
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: CollectionOptions
    def __init__(self, options: _Optional[_Union[CollectionOptions, _Mapping]] = ...) -> None: ...

class AddRequest(_message.Message):
    __slots__ = ("collection", "examples", "idempotency_key", "account")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    collection: str
    examples: _containers.RepeatedCompositeFieldContainer[_example_pb2.Example]
    idempotency_key: bytes
    account: str
    def __init__(self, collection: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[_example_pb2.Example, _Mapping]]] = ..., idempotency_key: _Optional[bytes] = ..., account: _Optional[str] = ...) -> None: ...

class SerializedAddRequest(_message.Message):
    __slots__ = ("collection", "examples", "idempotency_key", "account")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    collection: str
    examples: _containers.RepeatedScalarFieldContainer[bytes]
    idempotency_key: bytes
    account: str
    def __init__(self, collection: _Optional[str] = ..., examples: _Optional[_Iterable[bytes]] = ..., idempotency_key: _Optional[bytes] = ..., account: _Optional[str] = ...) -> None: ...

class AddResponse(_message.Message):
    __slots__ = ("count", "repeated_request")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REPEATED_REQUEST_FIELD_NUMBER: _ClassVar[int]
    count: int
    repeated_request: bool
    def __init__(self, count: _Optional[int] = ..., repeated_request: bool = ...) -> None: ...

class CollectionStatsRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class CollectionStats(_message.Message):
    __slots__ = ("collection", "examples", "size_bytes", "oldest_ms", "newest_ms", "next_expiry_ms", "durable", "lost_examples", "usage")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_MS_FIELD_NUMBER: _ClassVar[int]
    NEWEST_MS_FIELD_NUMBER: _ClassVar[int]
    NEXT_EXPIRY_MS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    LOST_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    examples: int
    size_bytes: int
    oldest_ms: int
    newest_ms: int
    next_expiry_ms: int
    durable: bool
    lost_examples: int
    usage: StorageUsage
    def __init__(self, collection: _Optional[str] = ..., examples: _Optional[int] = ..., size_bytes: _Optional[int] = ..., oldest_ms: _Optional[int] = ..., newest_ms: _Optional[int] = ..., next_expiry_ms: _Optional[int] = ..., durable: bool = ..., lost_examples: _Optional[int] = ..., usage: _Optional[_Union[StorageUsage, _Mapping]] = ...) -> None: ...

class StorageUsage(_message.Message):
    __slots__ = ("examples", "max_examples", "size_bytes", "max_bytes")
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAX_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    examples: int
    max_examples: int
    size_bytes: int
    max_bytes: int
    def __init__(self, examples: _Optional[int] = ..., max_examples: _Optional[int] = ..., size_bytes: _Optional[int] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class ClearRequest(_message.Message):
    __slots__ = ("collection", "account")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    collection: str
    account: str
    def __init__(self, collection: _Optional[str] = ..., account: _Optional[str] = ...) -> None: ...

class ClearResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ("collections", "usage")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[CollectionStats]
    usage: StorageUsage
    def __init__(self, collections: _Optional[_Iterable[_Union[CollectionStats, _Mapping]]] = ..., usage: _Optional[_Union[StorageUsage, _Mapping]] = ...) -> None: ...
