-- Into how many lanes a system's deliveries are divided, and under which version of the definition. A system without a row has one.
CREATE TABLE delivery_lanes (
    system text PRIMARY KEY NOT NULL,
    lanes integer NOT NULL,
    definition integer NOT NULL
) WITHOUT ROWID;
