-- One row an incident: its latest snapshot as JSON, and what lists select by.
-- Times are Unix nanoseconds in flow time. severity: 0 low to 3 critical.
CREATE TABLE incidents (
    id       TEXT PRIMARY KEY,
    category TEXT    NOT NULL,
    severity INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    detected INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    body     TEXT    NOT NULL
) STRICT;
CREATE INDEX incidents_by_detection ON incidents (detected DESC, id);
CREATE INDEX incidents_by_state ON incidents (state, detected);
