-- One batch's file, `batches/ID.db`: its sources, records and findings.
CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,              -- the file's, with the sheet or the archive's member
    sha256 TEXT NOT NULL,            -- of the file as it was sent
    format TEXT NOT NULL,
    encoding TEXT NOT NULL,
    rows INTEGER NOT NULL
) STRICT;

CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source,
    line INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    body BLOB NOT NULL,              -- the JSON object that will be served
    secrets BLOB NOT NULL,           -- canonical values of the fields a candidate types, JSON
    withheld BLOB NOT NULL,          -- fields that are loaded and checked and never served, JSON
    corrected INTEGER NOT NULL DEFAULT 0 -- 1: a correction changed the body, this one or one before
) STRICT;
CREATE INDEX record_identifier ON record (identifier);

CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,             -- loading or checking: a check made anew replaces its own
    source TEXT NOT NULL,
    line INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    value TEXT NOT NULL,
    "values" TEXT NOT NULL           -- JSON
) STRICT;
