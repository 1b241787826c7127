"""The app that connects: its credentials file, and the folder of its assets."""

import os
from dataclasses import dataclass
from pathlib import Path

from client_lib.credentials import CredentialsFile
from client_lib.errors import InvalidArgument
from client_lib.filling import to_path


@dataclass(frozen=True, slots=True)
class App:
    """What `connect` was given, checked."""

    keys: CredentialsFile
    assets: Path | None

    @classmethod
    def find(cls, package: str, credentials: str | os.PathLike[str], assets: str | os.PathLike[str] | None) -> "App":
        """Raises CredentialsError, InvalidArgument where the file is another package's, or for what is no path."""
        keys = CredentialsFile(to_path("credentials", credentials))
        held = keys.read()
        if held.package != package:
            raise InvalidArgument(
                f"{keys.path} belongs to {held.package}, not to {package}; give that app's own file", field="package"
            )
        folder = assets if assets is not None else held.assets
        return cls(keys, keys.path.parent / to_path("assets", folder) if folder is not None else None)
