"""Finds the engine that a plan asks for.

The project's own engines are known here by name, because reading every installed distribution's entry points takes
tens of milliseconds, and a trainer starts often. All others come from the entry-point group `insitu.engines`; its
values are classes that satisfy `ml_engines.engine.Engine` and are made without arguments.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points

from insitu.v1 import plan_pb2
from ml_engines.engine import Engine
from ml_engines.errors import BadInput, EngineMissing

GROUP = "insitu.engines"

_OWN = {
    "litert": EntryPoint("litert", "ml_engines.litert:LiteRTEngine", GROUP),
    "tensorflow": EntryPoint("tensorflow", "ml_engines.tensorflow:TensorFlowEngine", GROUP),
}
_EXTRAS = {"litert": "daemon", "tensorflow": "tensorflow"}


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


class EngineRegistry:
    """Engines by name. `installed` lists the entry points of others; read when a name is not the project's own."""

    def __init__(self, installed: Callable[[], Iterable[EntryPoint]] = _installed) -> None:
        self._installed = installed

    def names(self) -> list[str]:
        """Every engine that could be asked for, whether or not its runtime is installed."""
        return sorted({*_OWN, *(point.name for point in self._installed())})

    def find(self, requirement: plan_pb2.EngineRequirement) -> Engine:
        """The engine for a plan; nothing heavy is imported before its `load`.

        Raises:
            EngineMissing: no such engine here, its runtime is not installed, or its version is out of range.
            BadInput: the version range is not written as PEP 440 has it.
        """
        name = requirement.name
        try:
            engine: Engine = self._point(name).load()()
            version = engine.version()
        except (ImportError, PackageNotFoundError) as error:
            raise EngineMissing(f"engine {name!r} is not installed: {_remedy(name)}") from error
        if requirement.version_range and not _contains(requirement.version_range, version):
            raise EngineMissing(
                f"engine {name!r} is version {version}, the plan needs {requirement.version_range}: {_remedy(name)}"
            )
        return engine

    def _point(self, name: str) -> EntryPoint:
        if own := _OWN.get(name):
            return own
        for point in self._installed():
            if point.name == name:
                return point
        raise EngineMissing(f"engine {name!r} is unknown: install the package that offers it, or use another plan")


def _contains(version_range: str, version: str) -> bool:
    # Not at the top: few plans give a range, and every child process pays for what is imported there.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(version_range).contains(version, prereleases=True)
    except InvalidSpecifier as error:
        raise BadInput(f"engine.version_range: {version_range!r} is no PEP 440 range, such as '>=2.0,<3'") from error


def _remedy(name: str) -> str:
    extra = _EXTRAS.get(name)
    return f"pip install 'insitu[{extra}]'" if extra else "install or update the package that offers it"


def find_engine(requirement: plan_pb2.EngineRequirement) -> Engine:
    """`EngineRegistry.find` over what is installed."""
    return EngineRegistry().find(requirement)
