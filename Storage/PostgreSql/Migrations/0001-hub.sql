-- One hub per database. Bodies are JSON text kept as written: jsonb would respell canonical values; read one with body::json.
-- Names compare by their bytes (COLLATE "C"): the same order on every machine, and cheaper.

-- secret_check: the hub's id under its secret; a hub that is started with another secret would no longer know whom it suppressed.
CREATE TABLE hub (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id text NOT NULL,
    epoch bigint NOT NULL,
    partitions int NOT NULL,
    secret_check text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

-- The primary key is the fence: a second writer of a partition collides here. (customer, revision) is the backstop.
CREATE TABLE journal (
    partition int NOT NULL,
    sequence bigint NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    definition int NOT NULL,
    priority smallint NOT NULL,
    moved boolean NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    due text COLLATE "C",
    body text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, sequence),
    UNIQUE (customer_id, revision)
);
COMMENT ON COLUMN journal.due IS 'links that the entry marks due: [["system","link"], ...]; null: none';

CREATE TABLE trimmed (
    partition int PRIMARY KEY,
    through bigint NOT NULL
);

CREATE TABLE snapshot (
    customer_id text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    definition int NOT NULL,
    body text COLLATE "C" NOT NULL
);

-- A null holder is seen only inside the transaction that locks the key.
CREATE TABLE identity_key (
    key text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C"
);

CREATE TABLE source_record (
    system text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C",
    PRIMARY KEY (system, object, external_id)
);

CREATE TABLE suppression (
    hash text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL
);

CREATE TABLE parked_edit (
    id text COLLATE "C" PRIMARY KEY,
    system text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    advice text NOT NULL,
    parked_at timestamptz NOT NULL,
    body text COLLATE "C" NOT NULL
);
CREATE INDEX parked_edit_by_system ON parked_edit (system, id);
CREATE INDEX parked_edit_by_record ON parked_edit (system, object, external_id);

CREATE TABLE delivery (
    system text COLLATE "C" NOT NULL,
    lane int NOT NULL,
    epoch bigint NOT NULL,
    brakes text COLLATE "C",
    PRIMARY KEY (system, lane)
);

CREATE TABLE delivery_cursor (
    system text COLLATE "C" NOT NULL,
    lane int NOT NULL,
    partition int NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (system, lane, partition)
);

CREATE TABLE due_link (
    system text COLLATE "C" NOT NULL,
    lane int NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    link_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    attempts int NOT NULL,
    next_attempt timestamptz NOT NULL,
    priority smallint NOT NULL,
    needs int NOT NULL,
    marked_partition int NOT NULL,
    marked_sequence bigint NOT NULL,
    reason text,
    advice text,
    PRIMARY KEY (system, lane, customer_id, link_id)
);
CREATE INDEX due_link_open ON due_link (system, lane, priority, next_attempt) WHERE state <> 'parked';
CREATE INDEX due_link_held ON due_link (system, lane, priority, next_attempt) WHERE state = 'waiting' AND reason = 'guard';
CREATE INDEX due_link_parked ON due_link (system, lane, customer_id, link_id) WHERE state = 'parked';

CREATE TABLE definition (
    version int PRIMARY KEY,
    applied_at timestamptz NOT NULL,
    note text,
    body text NOT NULL
);
