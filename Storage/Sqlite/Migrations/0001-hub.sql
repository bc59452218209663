-- The same tables as on PostgreSQL. Times are text in UTC, to the microsecond, so that they sort and read; names compare by their bytes.

CREATE TABLE hub (
    one integer PRIMARY KEY CHECK (one = 1),
    id text NOT NULL,
    epoch integer NOT NULL,
    partitions integer NOT NULL,
    secret_check text NOT NULL,
    installed_at text NOT NULL
);

-- Rows are stored in the order in which they come; both keys point at them, so that no body is ever moved.
CREATE TABLE journal (
    partition integer NOT NULL,
    sequence integer NOT NULL,
    revision integer NOT NULL,
    at text NOT NULL,
    definition integer NOT NULL,
    priority integer NOT NULL,
    moved integer NOT NULL,
    customer_id text NOT NULL,
    due text,
    body text NOT NULL,
    PRIMARY KEY (partition, sequence),
    UNIQUE (customer_id, revision)
);

CREATE TABLE trimmed (
    partition integer PRIMARY KEY,
    through integer NOT NULL
);

CREATE TABLE snapshot (
    customer_id text PRIMARY KEY NOT NULL,
    revision integer NOT NULL,
    definition integer NOT NULL,
    body text NOT NULL
);

CREATE TABLE identity_key (
    key text PRIMARY KEY NOT NULL,
    customer_id text NOT NULL
) WITHOUT ROWID;

CREATE TABLE source_record (
    system text NOT NULL,
    object text NOT NULL,
    external_id text NOT NULL,
    customer_id text NOT NULL,
    PRIMARY KEY (system, object, external_id)
) WITHOUT ROWID;

CREATE TABLE suppression (
    hash text PRIMARY KEY NOT NULL,
    customer_id text NOT NULL
) WITHOUT ROWID;

CREATE TABLE parked_edit (
    id text PRIMARY KEY NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    external_id text NOT NULL,
    reason text NOT NULL,
    advice text NOT NULL,
    parked_at text NOT NULL,
    body text NOT NULL
);
CREATE INDEX parked_edit_by_system ON parked_edit (system, id);
CREATE INDEX parked_edit_by_record ON parked_edit (system, object, external_id);

CREATE TABLE delivery (
    system text NOT NULL,
    lane integer NOT NULL,
    epoch integer NOT NULL,
    brakes text,
    PRIMARY KEY (system, lane)
);

CREATE TABLE delivery_cursor (
    system text NOT NULL,
    lane integer NOT NULL,
    partition integer NOT NULL,
    sequence integer NOT NULL,
    PRIMARY KEY (system, lane, partition)
) WITHOUT ROWID;

CREATE TABLE due_link (
    system text NOT NULL,
    lane integer NOT NULL,
    customer_id text NOT NULL,
    link_id text NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    next_attempt text NOT NULL,
    priority integer NOT NULL,
    needs integer NOT NULL,
    marked_partition integer NOT NULL,
    marked_sequence integer NOT NULL,
    reason text,
    advice text,
    PRIMARY KEY (system, lane, customer_id, link_id)
) WITHOUT ROWID;
CREATE INDEX due_link_open ON due_link (system, lane, priority, next_attempt) WHERE state <> 'parked';
CREATE INDEX due_link_held ON due_link (system, lane, priority, next_attempt) WHERE state = 'waiting' AND reason = 'guard';
CREATE INDEX due_link_parked ON due_link (system, lane, customer_id, link_id) WHERE state = 'parked';

CREATE TABLE definition (
    version integer PRIMARY KEY,
    applied_at text NOT NULL,
    note text,
    body text NOT NULL
);
