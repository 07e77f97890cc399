-- The public statistics of each release as it was built: next year's stand beside them, and a
-- correction is held against them, when key and file are long destroyed.
CREATE TABLE statistics (
    id INTEGER PRIMARY KEY,          -- in the order of building
    release TEXT NOT NULL UNIQUE REFERENCES release,
    document BLOB NOT NULL           -- JSON, as it is sealed
) STRICT;

-- The same of each batch as it was last checked, for whoever signs for it.
CREATE TABLE batch_statistics (
    batch INTEGER PRIMARY KEY REFERENCES batch,
    document BLOB NOT NULL           -- JSON
) STRICT;
