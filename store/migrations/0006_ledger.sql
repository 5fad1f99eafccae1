-- Every change of every decision against traffic, as JSON, in the order of seq: only ever added to. at: Unix
-- nanoseconds by the clock.
CREATE TABLE ledger (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    decision TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    who      TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    body     TEXT    NOT NULL
) STRICT;
CREATE INDEX ledger_by_decision ON ledger (decision, seq);
-- One row a decision: its last line, how many it has, and what lists select by. created: Unix nanoseconds by the
-- clock; over: nothing can happen to it any more.
CREATE TABLE decisions (
    id       TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    lines    INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    over     INTEGER NOT NULL,
    incident TEXT    NOT NULL,
    target   TEXT    NOT NULL
) STRICT;
CREATE INDEX decisions_by_creation ON decisions (created DESC, id);
CREATE INDEX decisions_unfinished ON decisions (created, id) WHERE over = 0;
CREATE INDEX decisions_by_incident ON decisions (incident, created);
-- Somebody pressed the panic button: one row, or none.
CREATE TABLE halt (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    body TEXT NOT NULL
) STRICT;
-- Nothing changes a line, and only those of a decision that was forgotten whole may go; one that is not over stays.
CREATE TRIGGER ledger_keeps_lines BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
END;
CREATE TRIGGER ledger_loses_no_lines BEFORE DELETE ON ledger
WHEN EXISTS (SELECT 1 FROM decisions WHERE id = OLD.decision) BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
END;
CREATE TRIGGER decisions_end_before_they_go BEFORE DELETE ON decisions WHEN OLD.over = 0 BEGIN
    SELECT RAISE(ABORT, 'a decision that is not over is kept');
END;
