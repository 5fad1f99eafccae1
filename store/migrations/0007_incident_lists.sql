-- What lists of incidents select by stands in their indexes, in the order of the lists: a page is found without
-- reading incidents that are not on it. search: what a text is looked for in; '' in rows of an earlier version,
-- until the store is opened.
ALTER TABLE incidents ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN search TEXT NOT NULL DEFAULT '';
DROP INDEX incidents_by_detection;
CREATE INDEX incidents_by_detection ON incidents (detected DESC, id, updated, severity, state, category, kind, subject, search);
CREATE INDEX incidents_by_kind ON incidents (kind, detected DESC, id, updated, severity, state, category);
CREATE INDEX incidents_by_category ON incidents (category, detected DESC, id, updated, severity, state, kind);
CREATE INDEX incidents_by_severity ON incidents (severity, detected DESC, id, updated, state, category, kind);
CREATE INDEX incidents_by_subject ON incidents (subject, detected DESC, id);
CREATE INDEX incidents_by_update ON incidents (updated);
