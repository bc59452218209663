-- How far each system has been listened to, and which of its records are to be read again. Each asking has a number of its own, which is never given twice.
CREATE TABLE listening (
    system text PRIMARY KEY NOT NULL,
    epoch integer NOT NULL
) WITHOUT ROWID;

CREATE TABLE listening_cursor (
    system text NOT NULL,
    object text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (system, object)
) WITHOUT ROWID;

CREATE TABLE record_to_read (
    number integer PRIMARY KEY AUTOINCREMENT,
    system text NOT NULL,
    object text NOT NULL,
    external_id text NOT NULL,
    definition integer NOT NULL,
    UNIQUE (system, object, external_id)
);
CREATE INDEX record_to_read_due ON record_to_read (system, definition, number);
