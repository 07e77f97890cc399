-- People, batches with their reviews, releases, jobs, the audit. Records and findings lie in
-- one file a batch (batch.sql), so that a long load never holds this database.
CREATE TABLE person (
    name TEXT PRIMARY KEY,           -- what they sign in with
    roles TEXT NOT NULL,             -- sorted, separated by spaces
    password TEXT NOT NULL,          -- argon2id, encoded
    totp TEXT NOT NULL,              -- the shared secret, base32
    totp_step INTEGER NOT NULL DEFAULT 0, -- the last time step used: no code works twice
    created_at TEXT NOT NULL,
    disabled_at TEXT
) STRICT;

CREATE TABLE session (
    id TEXT PRIMARY KEY,             -- SHA-256 of the cookie's token
    person TEXT NOT NULL REFERENCES person,
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    proved_at TEXT NOT NULL          -- when password and code were last given
) STRICT;

CREATE TABLE attempt (               -- wrong sign-ins of late: what the throttle counts
    subject TEXT PRIMARY KEY,        -- a digest of the name typed, or empty for all together
    failures INTEGER NOT NULL,
    last_at TEXT NOT NULL
) STRICT;

CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    document BLOB NOT NULL,          -- the kind's document as it was at loading, JSON
    state TEXT NOT NULL,             -- loaded, checked, rejected, approved
    loaded_at TEXT NOT NULL,
    loaded_by TEXT NOT NULL,
    records INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    sha256 TEXT NOT NULL,            -- content: kind, title, records and secrets, in order
    issued INTEGER NOT NULL,         -- whether access codes were issued at loading
    expected INTEGER,                -- the number of records the clerk says there should be
    profile BLOB,                    -- the distribution, JSON; what the next release is held against
    corrects INTEGER REFERENCES batch,
    reason TEXT,                     -- why it was corrected
    rejected_by TEXT,                -- the reviewer who said no: then it stays rejected
    rejected_because TEXT,           -- and why
    destroyed_at TEXT                -- when its records were destroyed after the retention time
) STRICT;

CREATE TABLE approval (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batch,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    sha256 TEXT NOT NULL,            -- the content that was approved
    disclosure TEXT NOT NULL,        -- each field's attribute as confirmed, JSON
    revoked_at TEXT
) STRICT;
CREATE INDEX approval_batch ON approval (batch);

CREATE TABLE release (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    version INTEGER NOT NULL,
    batch INTEGER NOT NULL REFERENCES batch,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    built_at TEXT NOT NULL,
    built_by TEXT NOT NULL,
    state TEXT NOT NULL,             -- intent; which release is live is the pointer's to say
    opens_at TEXT,
    opened_over TEXT,                -- the release that was open before this one opened
    ended_at TEXT,                   -- when it was last superseded, closed or withdrawn
    reason TEXT,                     -- why it was withdrawn
    destroyed_at TEXT                -- when its key was destroyed after the retention time
) STRICT;

CREATE TABLE mapping (               -- how a clerk said files of one shape are read
    kind TEXT NOT NULL,
    shape TEXT NOT NULL,
    choice TEXT NOT NULL,            -- JSON
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (kind, shape)
) STRICT;

CREATE TABLE job (                   -- long work the console started
    id INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    spec TEXT NOT NULL,              -- JSON
    person TEXT NOT NULL,
    state TEXT NOT NULL,             -- queued, running, done, failed
    progress INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '', -- why it failed, one sentence
    result TEXT,                     -- JSON
    started_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,          -- 1, 2, 3 … without a gap
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT NOT NULL,            -- the hash or state the act found
    after TEXT NOT NULL,             -- the hash or state it left
    detail TEXT NOT NULL,            -- JSON, never a candidate's data
    hash TEXT NOT NULL               -- SHA-256 over the hash before and this line
) STRICT;
CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
