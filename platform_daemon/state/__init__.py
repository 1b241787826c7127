"""The daemon's own durable state: one SQLite file, next to the example store."""

from platform_daemon.state.database import Database, SchemaFromTheFuture

__all__ = ["Database", "SchemaFromTheFuture"]
