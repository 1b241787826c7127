"""Tables of apps, their enclaves and keys, and what the user allows them."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS apps (
    package TEXT PRIMARY KEY,
    api_key_sha256 BLOB NOT NULL,
    public_key BLOB NOT NULL,
    certificate_request_pem TEXT NOT NULL,
    wished TEXT NOT NULL,
    requested_by_uid INTEGER NOT NULL,
    requested_ms INTEGER NOT NULL,
    certificate_pem TEXT,
    approved_ms INTEGER,
    last_seen_ms INTEGER NOT NULL DEFAULT 0,
    consent INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS enclaves (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    package TEXT NOT NULL,
    uid INTEGER NOT NULL,
    departed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS enclave_of ON enclaves (package, uid) WHERE departed = 0;

CREATE TABLE IF NOT EXISTS platform_keys (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    enclave INTEGER NOT NULL REFERENCES enclaves (number) ON DELETE CASCADE
) STRICT;

CREATE INDEX IF NOT EXISTS platform_key_of ON platform_keys (enclave);

CREATE TABLE IF NOT EXISTS permissions (
    package TEXT NOT NULL REFERENCES apps (package) ON DELETE CASCADE,
    type TEXT NOT NULL,
    features TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (package, type)
) STRICT;

CREATE TABLE IF NOT EXISTS narrowings (
    package TEXT NOT NULL REFERENCES apps (package) ON DELETE CASCADE,
    type TEXT NOT NULL,
    feature TEXT NOT NULL,
    PRIMARY KEY (package, type, feature)
) STRICT;
"""
