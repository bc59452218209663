-- How far long work on a system has come; "body" is its document.
CREATE TABLE work (
    system text NOT NULL,
    kind text NOT NULL,
    epoch integer NOT NULL,
    body text,
    PRIMARY KEY (system, kind)
);
