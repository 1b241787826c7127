from insitu.v1 import lane_pb2 as _lane_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_PURPOSE_UNSPECIFIED: _ClassVar[TokenPurpose]
    REGISTER: _ClassVar[TokenPurpose]
    OPEN: _ClassVar[TokenPurpose]
TOKEN_PURPOSE_UNSPECIFIED: TokenPurpose
REGISTER: TokenPurpose
OPEN: TokenPurpose

class RequestApprovalRequest(_message.Message):
    __slots__ = ("package", "api_key_sha256", "certificate_request_pem", "context")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    API_KEY_SHA256_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_PEM_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    package: str
    api_key_sha256: str
    certificate_request_pem: str
    context: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[str] = ..., api_key_sha256: _Optional[str] = ..., certificate_request_pem: _Optional[str] = ..., context: _Optional[_Iterable[str]] = ...) -> None: ...

class RequestApprovalResponse(_message.Message):
    __slots__ = ("approved",)
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    approved: bool
    def __init__(self, approved: bool = ...) -> None: ...

class ChallengeRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class ChallengeResponse(_message.Message):
    __slots__ = ("nonce", "nonce_lifetime_s", "audience", "certificate_pem")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    nonce_lifetime_s: int
    audience: str
    certificate_pem: str
    def __init__(self, nonce: _Optional[bytes] = ..., nonce_lifetime_s: _Optional[int] = ..., audience: _Optional[str] = ..., certificate_pem: _Optional[str] = ...) -> None: ...

class TokenStatement(_message.Message):
    __slots__ = ("package", "audience", "nonce", "purpose")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    package: str
    audience: str
    nonce: bytes
    purpose: TokenPurpose
    def __init__(self, package: _Optional[str] = ..., audience: _Optional[str] = ..., nonce: _Optional[bytes] = ..., purpose: _Optional[_Union[TokenPurpose, str]] = ...) -> None: ...

class PackageToken(_message.Message):
    __slots__ = ("statement", "signature")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    signature: bytes
    def __init__(self, statement: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("package", "api_key", "certificate_pem", "token")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    package: str
    api_key: str
    certificate_pem: str
    token: PackageToken
    def __init__(self, package: _Optional[str] = ..., api_key: _Optional[str] = ..., certificate_pem: _Optional[str] = ..., token: _Optional[_Union[PackageToken, _Mapping]] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("platform_key",)
    PLATFORM_KEY_FIELD_NUMBER: _ClassVar[int]
    platform_key: str
    def __init__(self, platform_key: _Optional[str] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ("package", "platform_key", "token")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_KEY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    package: str
    platform_key: str
    token: PackageToken
    def __init__(self, package: _Optional[str] = ..., platform_key: _Optional[str] = ..., token: _Optional[_Union[PackageToken, _Mapping]] = ...) -> None: ...

class OpenResponse(_message.Message):
    __slots__ = ("session", "lifetime_s")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    session: str
    lifetime_s: int
    def __init__(self, session: _Optional[str] = ..., lifetime_s: _Optional[int] = ...) -> None: ...

class CloseRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CloseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
