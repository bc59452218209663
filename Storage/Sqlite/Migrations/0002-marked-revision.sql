-- The revision that made a link due: whoever is asked after a restart must have heard of it.
ALTER TABLE due_link ADD COLUMN marked_revision integer NOT NULL DEFAULT 0;
