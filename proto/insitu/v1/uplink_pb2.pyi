from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UplinkCommand(_message.Message):
    __slots__ = ("id", "fetch", "send")
    ID_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    id: int
    fetch: Fetch
    send: Send
    def __init__(self, id: _Optional[int] = ..., fetch: _Optional[_Union[Fetch, _Mapping]] = ..., send: _Optional[_Union[Send, _Mapping]] = ...) -> None: ...

class Fetch(_message.Message):
    __slots__ = ("url", "offset_bytes", "maximum_bytes")
    URL_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_BYTES_FIELD_NUMBER: _ClassVar[int]
    url: str
    offset_bytes: int
    maximum_bytes: int
    def __init__(self, url: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., maximum_bytes: _Optional[int] = ...) -> None: ...

class Send(_message.Message):
    __slots__ = ("url", "sealed")
    URL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    url: str
    sealed: bytes
    def __init__(self, url: _Optional[str] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class UplinkReply(_message.Message):
    __slots__ = ("id", "piece", "sent", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    piece: FetchedPiece
    sent: Sent
    error: UplinkError
    def __init__(self, id: _Optional[int] = ..., piece: _Optional[_Union[FetchedPiece, _Mapping]] = ..., sent: _Optional[_Union[Sent, _Mapping]] = ..., error: _Optional[_Union[UplinkError, _Mapping]] = ...) -> None: ...

class FetchedPiece(_message.Message):
    __slots__ = ("data", "last")
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    last: bool
    def __init__(self, data: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class Sent(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: bytes
    def __init__(self, response: _Optional[bytes] = ...) -> None: ...

class UplinkError(_message.Message):
    __slots__ = ("transient", "message")
    TRANSIENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    transient: bool
    message: str
    def __init__(self, transient: bool = ..., message: _Optional[str] = ...) -> None: ...
