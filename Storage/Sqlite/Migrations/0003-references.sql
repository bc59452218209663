-- Who refers to what: a source record or a customer, as the journal's entries tell. Whoever comes to hold such a record is told to them.
CREATE TABLE customer_reference (
    reference text NOT NULL,
    customer_id text NOT NULL,
    PRIMARY KEY (reference, customer_id)
) WITHOUT ROWID;
CREATE INDEX customer_reference_by_customer ON customer_reference (customer_id);
