-- Who refers to what: a source record or a customer, as the journal's entries tell. Whoever comes to hold such a record is told to them.
CREATE TABLE customer_reference (
    reference text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (reference, customer_id)
);
CREATE INDEX customer_reference_by_customer ON customer_reference (customer_id);
