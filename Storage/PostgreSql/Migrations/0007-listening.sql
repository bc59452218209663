-- How far each system has been listened to, and which of its records are to be read again. Each asking has a number of its own, which is never given twice.
CREATE TABLE listening (
    system text COLLATE "C" PRIMARY KEY,
    epoch bigint NOT NULL
);

CREATE TABLE listening_cursor (
    system text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (system, object)
);

CREATE TABLE record_to_read (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    definition int NOT NULL,
    UNIQUE (system, object, external_id)
);
CREATE INDEX record_to_read_due ON record_to_read (system, definition, number);
