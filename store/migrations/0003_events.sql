-- Scheduled events that people added, as JSON. at: Unix nanoseconds by the clock, when they did.
CREATE TABLE events (
    id   TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;
