-- How far long work on a system has come; "body" is its document.
CREATE TABLE work (
    system text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    body text COLLATE "C",
    PRIMARY KEY (system, kind)
);
