-- What an older case lacks; schema.sql says what it is for.

CREATE TABLE said (
    uid        TEXT NOT NULL,
    source_id  INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    service    TEXT NOT NULL,
    cloud      TEXT NOT NULL,
    account    TEXT NOT NULL,
    name       TEXT NOT NULL,
    region     TEXT NOT NULL,
    network    TEXT NOT NULL,
    running    INTEGER,
    sensitive  INTEGER NOT NULL,
    key_access INTEGER NOT NULL,
    exposed    INTEGER,
    vuln       INTEGER,
    PRIMARY KEY (uid, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX said_source ON said (source_id);
INSERT INTO said SELECT uid, source_id, kind, service, cloud, account, name, region, network, running,
    sensitive, key_access, given_exposed, given_vuln FROM asset WHERE source_id IS NOT NULL;

ALTER TABLE image ADD COLUMN named TEXT NOT NULL DEFAULT '';
UPDATE image SET named = coalesce((SELECT uid FROM asset
    WHERE id = asset_id AND kind <> 'deployment' AND uid NOT GLOB 'image:*'), '');

CREATE TABLE known_host (
    image_id INTEGER NOT NULL,
    host     TEXT NOT NULL,
    evidence TEXT NOT NULL,
    scan_id  INTEGER NOT NULL,
    PRIMARY KEY (image_id, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE statement (
    identity      TEXT NOT NULL,
    denies        INTEGER NOT NULL,
    conditional   INTEGER NOT NULL,
    actions       TEXT NOT NULL,
    but_actions   INTEGER NOT NULL,
    resources     TEXT NOT NULL,
    but_resources INTEGER NOT NULL,
    source_id     INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_source ON statement (source_id);
INSERT INTO statement SELECT identity, 0, 0, lower(action), 0, resource || char(10) || resource || '/*', 0,
    source_id FROM permission;
DROP TABLE permission;

CREATE TABLE evidence (
    location_id     INTEGER PRIMARY KEY,
    secret_length   INTEGER NOT NULL,
    encoding        TEXT NOT NULL,
    filesystem      TEXT,
    file_offset     INTEGER,
    uid             INTEGER,
    gid             INTEGER,
    mode            TEXT,
    text_column     INTEGER,
    role            TEXT,
    deployment      TEXT,
    deployment_kind TEXT,
    target          TEXT,
    pieces          TEXT,
    also            TEXT,
    surroundings    TEXT
) STRICT;
