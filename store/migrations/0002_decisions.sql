-- What people decided, in the order they did: never changed. at: Unix nanoseconds by the clock.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    target TEXT    NOT NULL,
    detail TEXT    NOT NULL
) STRICT;
-- Verdicts on incidents that move thresholds. at: Unix nanoseconds in flow time.
CREATE TABLE feedback (
    id       TEXT PRIMARY KEY,
    incident TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    verdict  TEXT    NOT NULL,
    who      TEXT    NOT NULL,
    note     TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_by_time ON feedback (at, id);
