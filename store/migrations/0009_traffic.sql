-- What all own devices carried, by minutes of the last day, as the dashboard shows it. minute: Unix minute;
-- seconds: of it that were seen. A minute that a restart cut is one row.
CREATE TABLE traffic (
    minute      INTEGER PRIMARY KEY,
    seconds     INTEGER NOT NULL,
    bytes_in    INTEGER NOT NULL,
    packets_in  INTEGER NOT NULL,
    bytes_out   INTEGER NOT NULL,
    packets_out INTEGER NOT NULL,
    flows       INTEGER NOT NULL
) STRICT;
