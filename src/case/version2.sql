-- Version 2: a case keeps what the record of a place says besides, and a list of its findings.

-- What the record of a place says besides. Only what shows a finding or writes it out looks it up;
-- queries walk `location`, which stays narrow for them.
CREATE TABLE evidence (
    location_id     INTEGER PRIMARY KEY,
    secret_length   INTEGER NOT NULL, -- bytes of the secret after decoding
    encoding        TEXT NOT NULL,    -- undone on the way, outermost first, with commas between
    filesystem      TEXT,
    file_offset     INTEGER,
    uid             INTEGER,          -- user and group that own the file
    gid             INTEGER,
    mode            TEXT,             -- octal
    text_column     INTEGER,          -- in the line, in bytes from 1
    role            TEXT,             -- in a deployment: parameter, output, ...
    deployment      TEXT,             -- its id as it is spelled there
    deployment_kind TEXT,
    target          TEXT,             -- JSON, as are those below: what it opens
    pieces          TEXT,             -- where it does not lie in one piece
    also            TEXT,             -- what else owns the bytes
    surroundings    TEXT              -- the bytes around it, redacted
) STRICT;

-- Derived: findings as a list shows them, the most urgent first. Whoever pages through a million of
-- them reads this table once, in its order, instead of computing a million priorities.
CREATE TABLE listed (
    rank       INTEGER PRIMARY KEY,
    finding_id INTEGER NOT NULL,
    score      INTEGER NOT NULL,
    severity   INTEGER NOT NULL,
    verdict    TEXT NOT NULL,
    state      TEXT NOT NULL,         -- of its best place
    status     TEXT NOT NULL,
    type       TEXT NOT NULL,
    asset_id   INTEGER NOT NULL
) STRICT;
