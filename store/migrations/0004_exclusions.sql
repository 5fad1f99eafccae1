-- Exclusions that people added, as JSON. at: Unix nanoseconds by the clock, when they did.
CREATE TABLE exclusions (
    id   TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;
