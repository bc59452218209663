-- Into how many lanes a system's deliveries are divided, and under which version of the definition. A system without a row has one.
CREATE TABLE delivery_lanes (
    system text COLLATE "C" PRIMARY KEY,
    lanes int NOT NULL,
    definition int NOT NULL
);
