-- Whether upkeep has to read the entry: most only change values, and their bodies need not be sent.
ALTER TABLE journal ADD COLUMN upkeep boolean NOT NULL DEFAULT true;
