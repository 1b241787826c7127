"""What the device knows: context types, their sources, the cache, the permissions, and injection.

Knows nothing of gRPC, of stores or of engines. The registry says what can be known, sources yield readings, the manager
keeps the fresh ones, permissions say who may have what, and `inject` is the one way from a reading into an app's data.
"""

from context.assembly import ContextSettings, SourcePlugin, assemble, installed_plugins
from context.clock import Clock, DeviceClock, ManualClock, SystemClock
from context.errors import (
    BadScope,
    BadScript,
    BadValue,
    ContextError,
    SourceMisconfigured,
    UnknownContextType,
    UnknownFeature,
)
from context.injection import InjectedPart, Injection, Injector, Withheld, WithheldReason, inject
from context.manager import ContextManager
from context.permissions import Change, Grants, Scope, covered, narrow, outstanding, parse_scope
from context.reading import PREFIX, Reading, decode, encode, qualified
from context.registry import WELL_KNOWN, ContextRegistry
from context.source import Degradable, Mode, Observation, Publish, Source
from context.sources import ScriptedSource, parse_script
from context.types import ContextTypeSpec, FeatureSpec, Value, ValueType

__all__ = [
    "PREFIX",
    "WELL_KNOWN",
    "BadScope",
    "BadScript",
    "BadValue",
    "Change",
    "Clock",
    "ContextError",
    "ContextManager",
    "ContextRegistry",
    "ContextSettings",
    "ContextTypeSpec",
    "Degradable",
    "DeviceClock",
    "FeatureSpec",
    "Grants",
    "InjectedPart",
    "Injection",
    "Injector",
    "ManualClock",
    "Mode",
    "Observation",
    "Publish",
    "Reading",
    "Scope",
    "ScriptedSource",
    "Source",
    "SourceMisconfigured",
    "SourcePlugin",
    "SystemClock",
    "UnknownContextType",
    "UnknownFeature",
    "Value",
    "ValueType",
    "Withheld",
    "WithheldReason",
    "assemble",
    "covered",
    "decode",
    "encode",
    "inject",
    "installed_plugins",
    "narrow",
    "outstanding",
    "parse_scope",
    "parse_script",
    "qualified",
]
