-- Who may sign in. password: argon2id with its parameters. Times here and below: Unix nanoseconds by the clock, 0 for never.
CREATE TABLE users (
    name     TEXT PRIMARY KEY,
    role     TEXT    NOT NULL,
    password TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    disabled INTEGER NOT NULL
) STRICT;
-- Browsers that are signed in. hash: SHA-256 of the secret in the cookie.
CREATE TABLE sessions (
    hash    BLOB PRIMARY KEY,
    user    TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user, seen);
-- Programs that may come in. owner NULL: the administrator made it, not an account.
CREATE TABLE tokens (
    id      TEXT PRIMARY KEY,
    hash    BLOB    NOT NULL UNIQUE,
    name    TEXT    NOT NULL,
    owner   TEXT    REFERENCES users (name) ON DELETE CASCADE,
    scope   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_by_owner ON tokens (owner);
-- What works once instead of a password. user NULL: makes the first account.
CREATE TABLE links (
    hash    BLOB PRIMARY KEY,
    user    TEXT    REFERENCES users (name) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT;
