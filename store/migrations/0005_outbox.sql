-- What was told of incidents, as JSON. due: Unix nanoseconds by the clock, when to look at it again; NULL: no need.
CREATE TABLE heard (
    incident TEXT PRIMARY KEY,
    due      INTEGER,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX heard_by_due ON heard (due) WHERE due IS NOT NULL;
-- Messages that wait for a sink, as JSON without the incident, in the order of seq. at: Unix nanoseconds by the
-- clock, since when; rank: the status as a number.
CREATE TABLE outbox (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT    NOT NULL,
    key  TEXT    NOT NULL,
    rank INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;
CREATE INDEX outbox_by_sink ON outbox (sink, seq);
CREATE INDEX outbox_by_key ON outbox (sink, key, seq);
-- What a sink wants to remember of the last message about an incident.
CREATE TABLE receipts (
    sink    TEXT NOT NULL,
    key     TEXT NOT NULL,
    receipt TEXT NOT NULL,
    PRIMARY KEY (sink, key)
) STRICT, WITHOUT ROWID;
