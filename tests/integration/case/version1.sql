-- The case file. One SQLite database; any SQLite tool reads it.
-- No plaintext secret is ever in it: a secret is its keyed fingerprint and a redacted preview.
-- `meta.version` is the version of this schema; src/case.rs migrates older files.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A file that was imported. Importing the same path again replaces the facts of the earlier import;
-- the same content again changes nothing.
CREATE TABLE source (
    id       INTEGER PRIMARY KEY,
    path     TEXT NOT NULL UNIQUE,
    hash     TEXT NOT NULL,           -- BLAKE3 of the content
    format   TEXT NOT NULL,
    imported TEXT NOT NULL,           -- RFC 3339
    rows     INTEGER NOT NULL,
    skipped  INTEGER NOT NULL
) STRICT;

-- A machine, store, database, identity or deployment. `uid` is the cloud's own id in lower case.
CREATE TABLE asset (
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,         -- vm, storage, database, identity, deployment, other
    service    TEXT NOT NULL DEFAULT '', -- azure.vm, aws.rds, gcp.bucket, arm.deployment, ...
    cloud      TEXT NOT NULL DEFAULT '', -- azure, aws, gcp, or empty
    account    TEXT NOT NULL DEFAULT '', -- subscription, account number or project
    name       TEXT NOT NULL DEFAULT '',
    region     TEXT NOT NULL DEFAULT '',
    network    TEXT NOT NULL DEFAULT '', -- where private addresses mean something
    running    INTEGER NOT NULL DEFAULT 1,
    sensitive  INTEGER NOT NULL DEFAULT 0,
    key_access INTEGER NOT NULL DEFAULT 1, -- a storage account's shared keys are accepted
    stub       INTEGER NOT NULL DEFAULT 0, -- named by a secret, in no inventory
    given_exposed INTEGER,            -- what a plain list says, if it says so
    given_vuln    INTEGER,
    -- derived after each import:
    exposed    INTEGER NOT NULL DEFAULT 0,
    ports      TEXT NOT NULL DEFAULT '', -- ports open to the internet: "22,443,8000-8099"
    vuln       INTEGER NOT NULL DEFAULT 0, -- most severe open vulnerability: 0 none .. 4 critical
    source_id  INTEGER                -- the inventory that named it last
) STRICT;
CREATE INDEX asset_search ON asset (kind, cloud, vuln, exposed);

-- What an inventory says of a thing, as it says it: `subject` and `object` are ids of any kind.
-- kinds: name (another name of the subject), network-interface, public-address, private-address,
-- firewall, subnet, address, open-by-default, is-firewall, key-pair
CREATE TABLE fact (
    subject   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    object    TEXT NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (subject, kind, object, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_source ON fact (source_id);
CREATE INDEX fact_object ON fact (object, kind);

-- A rule of a firewall for traffic that comes in from the whole internet.
CREATE TABLE rule (
    firewall  TEXT NOT NULL,
    priority  INTEGER NOT NULL,       -- lowest decides
    allow     INTEGER NOT NULL,
    protocol  TEXT NOT NULL,          -- tcp, udp or *
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    source_id INTEGER NOT NULL
) STRICT;
CREATE INDEX rule_source ON rule (source_id);

CREATE TABLE vulnerability (
    subject   TEXT NOT NULL,          -- any name of the asset
    cve       TEXT NOT NULL,
    severity  INTEGER NOT NULL,
    package   TEXT NOT NULL DEFAULT '',
    fixed_in  TEXT NOT NULL DEFAULT '',
    source_id INTEGER NOT NULL,
    PRIMARY KEY (subject, cve, package, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX vulnerability_source ON vulnerability (source_id);

-- A machine lets in whoever holds the private half of this key.
CREATE TABLE accepts (
    subject    TEXT NOT NULL,         -- any name of the machine, or of its key pair
    public_key TEXT NOT NULL,         -- SHA256:..., as ssh-keygen -l prints it
    login      TEXT NOT NULL DEFAULT '',
    how        TEXT NOT NULL,         -- authorized_keys, arm-public-key, ec2-key-pair, gcp-metadata
    confidence INTEGER NOT NULL,
    evidence   TEXT NOT NULL,
    source_id  INTEGER NOT NULL,
    image_id   INTEGER,               -- of a line that was read from a disk: that disk,
    scan_id    INTEGER,               -- and the scan that saw it
    PRIMARY KEY (subject, public_key, login, how, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX accepts_key ON accepts (public_key);
CREATE INDEX accepts_source ON accepts (source_id);

-- An access key belongs to an identity; an identity may use resources (GLOB pattern of their uid).
CREATE TABLE owner (
    key_id    TEXT NOT NULL,
    identity  TEXT NOT NULL,
    active    INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (key_id, identity, source_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE permission (
    identity  TEXT NOT NULL,
    action    TEXT NOT NULL,
    resource  TEXT NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (identity, action, resource, source_id)
) STRICT, WITHOUT ROWID;

-- Which asset an image is of.
CREATE TABLE image (
    id       INTEGER PRIMARY KEY,
    input    TEXT NOT NULL UNIQUE,
    file     TEXT NOT NULL,           -- the last part of it, by which lists name it
    asset_id INTEGER NOT NULL REFERENCES asset
) STRICT;
CREATE INDEX image_file ON image (file);
CREATE INDEX image_asset ON image (asset_id);

CREATE TABLE scan (
    id       INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,
    taken    TEXT NOT NULL,
    version  TEXT NOT NULL DEFAULT '',
    rules    TEXT NOT NULL DEFAULT '',
    types    INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    summary  TEXT NOT NULL DEFAULT ''
) STRICT;
-- The images a scan read, findings or not.
CREATE TABLE scanned (
    image_id INTEGER NOT NULL,
    scan_id  INTEGER NOT NULL,
    PRIMARY KEY (image_id, scan_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE, -- keyed: worth nothing without the key file
    type        TEXT NOT NULL,
    variant     TEXT NOT NULL,
    family      TEXT NOT NULL,        -- ssh, storage, database, cloud, other
    severity    INTEGER NOT NULL,     -- 0 info .. 4 critical
    verdict     TEXT NOT NULL,
    preview     TEXT NOT NULL,
    protected   INTEGER NOT NULL DEFAULT 0, -- under a passphrase
    public_key  TEXT,
    key_id      TEXT,
    expires     INTEGER,              -- seconds since 1970
    identity    TEXT NOT NULL DEFAULT '{}',
    details     TEXT NOT NULL DEFAULT '{}',
    revoked     INTEGER NOT NULL DEFAULT 0 -- derived: its owner switched it off
) STRICT;
CREATE INDEX secret_public_key ON secret (public_key) WHERE public_key IS NOT NULL;
CREATE INDEX secret_key_id ON secret (key_id) WHERE key_id IS NOT NULL;

-- What the text around a secret says that it opens, as a name (see `name`).
CREATE TABLE claim (
    secret_id INTEGER NOT NULL,
    name      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    PRIMARY KEY (secret_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_name ON claim (name);

-- A secret on an asset. Its status is kept across scans.
CREATE TABLE finding (
    id         INTEGER PRIMARY KEY,
    asset_id   INTEGER NOT NULL,
    secret_id  INTEGER NOT NULL,
    status     TEXT NOT NULL DEFAULT 'open'
               CHECK (status IN ('open', 'fixed', 'accepted', 'false-positive')),
    until      TEXT,                  -- day on which an accepted finding opens again
    note       TEXT NOT NULL DEFAULT '',
    first_seen TEXT NOT NULL,
    last_seen  TEXT NOT NULL,
    UNIQUE (asset_id, secret_id)
) STRICT;
CREATE INDEX finding_secret ON finding (secret_id);

-- One place of it.
CREATE TABLE location (
    id         INTEGER PRIMARY KEY,
    finding_id INTEGER NOT NULL,
    image_id   INTEGER NOT NULL,
    place      TEXT NOT NULL,         -- forensic path: the place in the image, through decoders
    path       TEXT NOT NULL DEFAULT '',
    offset     INTEGER NOT NULL,
    length     INTEGER NOT NULL,
    partition  INTEGER,
    inode      INTEGER,
    state      TEXT,
    modified   TEXT,
    line       INTEGER,
    pointer    TEXT,                  -- JSON pointer in a deployment
    resource   TEXT,                  -- resource of a deployment
    labels     TEXT NOT NULL DEFAULT '',
    scan_id    INTEGER NOT NULL,      -- the last scan that saw it
    gone       INTEGER NOT NULL DEFAULT 0, -- a complete scan after it did not see it
    UNIQUE (finding_id, image_id, place, path)
) STRICT;
CREATE INDEX location_image ON location (image_id, scan_id);

-- Derived after each import: every name by which an asset can be meant.
CREATE TABLE name (
    name     TEXT NOT NULL,           -- a uid, or host:..., address:..., azure-storage:..., s3:..., gcs:...
    asset_id INTEGER NOT NULL,
    PRIMARY KEY (name, asset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_asset ON name (asset_id);

-- Derived: a secret opens an asset.
CREATE TABLE auth (
    secret_id  INTEGER NOT NULL,
    asset_id   INTEGER NOT NULL,
    how        TEXT NOT NULL,
    confidence INTEGER NOT NULL,      -- 0..100
    evidence   TEXT NOT NULL,
    PRIMARY KEY (secret_id, asset_id, how)
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_asset ON auth (asset_id);

-- Derived, and what path queries walk: who controls src can log in to dst with this secret. In the
-- order of src, so that a path reads neighbouring pages.
CREATE TABLE lateral (
    src        INTEGER NOT NULL,
    dst        INTEGER NOT NULL,
    secret_id  INTEGER NOT NULL,
    family     TEXT NOT NULL,
    confidence INTEGER NOT NULL,
    expires    INTEGER,
    how        TEXT NOT NULL,         -- of the surest edge
    place      INTEGER,               -- the location shown as evidence: a live file before others
    PRIMARY KEY (src, dst, secret_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lateral_dst ON lateral (dst);
