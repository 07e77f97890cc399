-- The admin database: batches with their records and findings, releases and their acts.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    document BLOB NOT NULL,          -- the kind's document as it was at loading, JSON
    loaded_at TEXT NOT NULL,
    records INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    warnings INTEGER NOT NULL DEFAULT 0,
    sha256 TEXT NOT NULL DEFAULT '', -- over kind, records and secrets, in order
    issued INTEGER NOT NULL          -- whether access codes were issued at loading
) STRICT;

CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batch ON DELETE CASCADE,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    encoding TEXT NOT NULL,
    rows INTEGER NOT NULL
) STRICT;

CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batch ON DELETE CASCADE,
    source INTEGER NOT NULL,
    line INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    body BLOB NOT NULL,              -- the JSON object that will be served
    secrets BLOB NOT NULL            -- canonical values of the fields a candidate types, JSON
) STRICT;
CREATE INDEX record_identifier ON record (batch, identifier);

CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batch ON DELETE CASCADE,
    source TEXT NOT NULL,
    line INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    reason TEXT NOT NULL,
    value TEXT NOT NULL
) STRICT;
CREATE INDEX finding_batch ON finding (batch);

CREATE TABLE release (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    version INTEGER NOT NULL,
    batch INTEGER NOT NULL REFERENCES batch,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    built_at TEXT NOT NULL,
    state TEXT NOT NULL,             -- intent; which release is live is the pointer's to say
    opens_at TEXT,
    opened_over TEXT,                -- the release that was open before this one opened
    reason TEXT                      -- why it was withdrawn
) STRICT;
