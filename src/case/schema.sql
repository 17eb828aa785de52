-- The case file. One SQLite database; any SQLite tool reads it.
-- No plaintext secret is ever in it: a secret is its keyed fingerprint and a redacted preview.
-- `meta.version` is the version of this schema; src/case.rs migrates older files. The tables that are
-- derived from these are in derived.sql.

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
    given_exposed INTEGER,            -- what inventories say, if one does
    given_vuln    INTEGER,
    -- derived after each import:
    exposed    INTEGER NOT NULL DEFAULT 0,
    ports      TEXT NOT NULL DEFAULT '', -- ports open to the internet: "22,443,8000-8099"
    vuln       INTEGER NOT NULL DEFAULT 0, -- most severe open vulnerability: 0 none .. 4 critical
    source_id  INTEGER                -- an inventory that named it; none if only a scan did
) STRICT;
CREATE INDEX asset_search ON asset (kind, cloud, vuln, exposed);

-- What each inventory says of an asset. The row in `asset` is made of all of them, so that it is
-- the same in whatever order they were imported.
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
    running    INTEGER,               -- nothing said: as far as is known it runs
    sensitive  INTEGER NOT NULL,
    key_access INTEGER NOT NULL,
    exposed    INTEGER,
    vuln       INTEGER,
    PRIMARY KEY (uid, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX said_source ON said (source_id);

-- What an inventory says of a thing, as it says it: `subject` and `object` are ids of any kind.
-- kinds: name (another name of the subject), network-interface, public-address, private-address,
-- firewall, subnet, address, open-by-default, is-firewall, key-pair, application-group, is-public,
-- forwards, target (see src/graph/forward.rs), identity (of a machine), profile (of a role), policy
-- (of an identity), may-use (a resource or what lies below it)
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

-- A host that somebody logged in to from the machine whose disk this is.
CREATE TABLE known_host (
    image_id INTEGER NOT NULL,
    host     TEXT NOT NULL,           -- as the list has it: a name, an address, or |1|SALT|HASH
    evidence TEXT NOT NULL,
    scan_id  INTEGER NOT NULL,        -- the last scan that saw it
    PRIMARY KEY (image_id, host)
) STRICT, WITHOUT ROWID;

-- An access key belongs to an identity.
CREATE TABLE owner (
    key_id    TEXT NOT NULL,
    identity  TEXT NOT NULL,
    active    INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (key_id, identity, source_id)
) STRICT, WITHOUT ROWID;
-- A statement of a policy.
CREATE TABLE statement (
    identity      TEXT NOT NULL,      -- a user, a role, a group or a policy
    denies        INTEGER NOT NULL,
    conditional   INTEGER NOT NULL,
    actions       TEXT NOT NULL,      -- one a line
    but_actions   INTEGER NOT NULL,   -- all actions but these
    resources     TEXT NOT NULL,      -- one a line
    but_resources INTEGER NOT NULL,
    source_id     INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_source ON statement (source_id);

-- Which asset an image is of.
CREATE TABLE image (
    id       INTEGER PRIMARY KEY,
    input    TEXT NOT NULL UNIQUE,
    file     TEXT NOT NULL,           -- the last part of it, by which lists name it
    asset_id INTEGER NOT NULL REFERENCES asset,
    named    TEXT NOT NULL DEFAULT '' -- the name by which that was said, if somebody said it
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
