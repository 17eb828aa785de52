-- The tables that are derived from those of schema.sql after each import. They can be thrown away:
-- this makes them anew, empty, and says so, and src/graph.rs fills them.

DELETE FROM meta WHERE key = 'derived';

-- Every name by which an asset can be meant.
DROP TABLE IF EXISTS name;
CREATE TABLE name (
    name     TEXT NOT NULL,           -- a uid, or host:..., address:..., azure-storage:..., s3:..., gcs:...
    asset_id INTEGER NOT NULL,
    PRIMARY KEY (name, asset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_asset ON name (asset_id);

-- A secret opens an asset.
DROP TABLE IF EXISTS auth;
CREATE TABLE auth (
    secret_id  INTEGER NOT NULL,
    asset_id   INTEGER NOT NULL,
    how        TEXT NOT NULL,
    confidence INTEGER NOT NULL,      -- 0..100
    evidence   TEXT NOT NULL,
    PRIMARY KEY (secret_id, asset_id, how)
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_asset ON auth (asset_id);

-- An identity may use an asset.
DROP TABLE IF EXISTS may;
CREATE TABLE may (
    identity   TEXT NOT NULL,
    asset_id   INTEGER NOT NULL,
    confidence INTEGER NOT NULL,
    evidence   TEXT NOT NULL,
    PRIMARY KEY (identity, asset_id)
) STRICT, WITHOUT ROWID;

-- What path queries walk: who controls src can log in to dst with this secret. In the order of src,
-- and with what a path is shown with, so that a path reads neighbouring pages and no others: looked
-- up row by row, the secrets and places of a large case cost a page each.
DROP TABLE IF EXISTS lateral;
CREATE TABLE lateral (
    src         INTEGER NOT NULL,
    dst         INTEGER NOT NULL,
    secret_id   INTEGER NOT NULL,
    family      TEXT NOT NULL,
    confidence  INTEGER NOT NULL,
    expires     INTEGER,
    how         TEXT NOT NULL,        -- of the surest edge,
    evidence    TEXT NOT NULL,        -- and where that stands
    type        TEXT NOT NULL,        -- of the secret
    preview     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    location    TEXT NOT NULL,        -- a live file before others, as a person reads it
    PRIMARY KEY (src, dst, secret_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lateral_dst ON lateral (dst);

-- The findings of each asset, counted: the list of assets is read in this order.
DROP TABLE IF EXISTS tally;
CREATE TABLE tally (
    asset_id       INTEGER PRIMARY KEY,
    uid            TEXT NOT NULL,
    open           INTEGER NOT NULL,
    fixed          INTEGER NOT NULL,
    accepted       INTEGER NOT NULL,
    false_positive INTEGER NOT NULL,
    complete       INTEGER NOT NULL   -- a complete scan read it
) STRICT;
CREATE INDEX tally_order ON tally (open DESC, uid);

-- How urgent a finding is, and those terms of that sum for which more than its own row would have
-- to be read.
DROP TABLE IF EXISTS urgency;
CREATE TABLE urgency (
    finding_id INTEGER PRIMARY KEY,
    score      INTEGER NOT NULL,      -- as long as the secret is worth something
    ends       INTEGER,               -- when it no longer is, in seconds since 1970
    best       INTEGER NOT NULL,      -- surest thing it opens, 0..100
    sensitive  INTEGER NOT NULL,      -- it opens sensitive data
    hosts      INTEGER NOT NULL,      -- assets that hold the secret
    test       INTEGER NOT NULL,      -- a place of it is a test directory
    deleted    INTEGER NOT NULL       -- all its places are deleted
) STRICT;

-- Findings as a list shows them, the most urgent first. Whoever pages through a million of
-- them reads this table once, in its order, instead of computing a million priorities.
DROP TABLE IF EXISTS listed;
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
