-- The public statistics of each release as it was built: next year's stand beside them, and a
-- correction is held against them, when key and file are long destroyed.
CREATE TABLE statistics (
    release TEXT PRIMARY KEY REFERENCES release,
    document BLOB NOT NULL           -- JSON, as it is sealed
) STRICT;
