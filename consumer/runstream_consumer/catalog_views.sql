-- What readers use of experiments and models. A model's version is the rank of its registration by the event's own stamp
-- (logged_at_ns, producer_id, sequence): nobody hands numbers out, and a deleted version's number is not given again.

CREATE OR REPLACE VIEW model AS
WITH registered AS (
    SELECT *, row_number() OVER (PARTITION BY workspace, name ORDER BY logged_at_ns, producer_id, sequence) AS version
    FROM catalog_event WHERE change = 'registered'
),
kept AS (
    SELECT * FROM registered AS r
    WHERE NOT EXISTS (SELECT 1 FROM catalog_event AS d
                      WHERE d.change = 'deleted' AND d.workspace = r.workspace AND d.name = r.name
                            AND d.registration_id = r.registration_id)
),
size AS (
    SELECT registration_id, count(*) AS n_files, sum(size_bytes)::BIGINT AS size_bytes
    FROM model_file_event GROUP BY 1
)
SELECT k.workspace, k.name, k.version, make_timestamptz(k.logged_at_ns // 1000) AS created_at, k.description, k.framework,
       k.framework_version, k.run_id, coalesce(s.n_files, 0) AS n_files, coalesce(s.size_bytes, 0) AS size_bytes,
       k.version = max(k.version) OVER (PARTITION BY k.workspace, k.name) AS latest, k.registration_id
FROM kept AS k LEFT JOIN size AS s ON s.registration_id = k.registration_id;

-- A small file of the run that made the model is not told twice: the run's own event has its bytes.
CREATE OR REPLACE VIEW model_file AS
SELECT m.workspace, m.name, m.version, f.path, f.size_bytes, f.sha256, f.content_type, f.location,
       CASE WHEN f.content IS NOT NULL OR f.location IS NOT NULL THEN f.content
            ELSE (SELECT any_value(a.content) FROM artifact_event AS a WHERE a.run_id = m.run_id AND a.sha256 = f.sha256)
       END AS content,
       f.registration_id
FROM model AS m JOIN model_file_event AS f ON f.registration_id = m.registration_id;

CREATE OR REPLACE VIEW model_tag AS
SELECT m.workspace, m.name, m.version, t.key, t.value, make_timestamptz(t.logged_at_ns // 1000) AS set_at,
       t.registration_id
FROM model AS m
JOIN (
    SELECT * FROM catalog_event WHERE subject = 'model' AND change = 'tag'
    QUALIFY row_number() OVER (PARTITION BY registration_id, key
                               ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1
) AS t ON t.registration_id = m.registration_id
WHERE NOT t.removed;

CREATE OR REPLACE VIEW model_property AS
SELECT m.workspace, m.name, m.version, p.key, p.value, p.registration_id
FROM model AS m JOIN model_property_event AS p ON p.registration_id = m.registration_id;

CREATE OR REPLACE VIEW experiment_event AS
-- What counts since the experiment was last deleted: it may come back under its name, without what it was.
SELECT e.* FROM catalog_event AS e
LEFT JOIN (
    SELECT workspace, name, max(logged_at_ns) AS deleted_ns FROM catalog_event
    WHERE subject = 'experiment' AND change = 'deleted' GROUP BY 1, 2
) AS d ON d.workspace = e.workspace AND d.name = e.name
WHERE e.subject = 'experiment' AND e.change <> 'deleted' AND (d.deleted_ns IS NULL OR e.logged_at_ns > d.deleted_ns);

CREATE OR REPLACE VIEW experiment AS
WITH started AS (
    SELECT workspace, experiment AS name, min(logged_at_ns) AS first_ns, max(logged_at_ns) AS last_ns, count(*) AS n_runs
    FROM (
        SELECT * FROM run_event WHERE change = 'created'
        QUALIFY row_number() OVER (PARTITION BY run_key ORDER BY logged_at_ns, producer_id, sequence) = 1
    ) AS c
    WHERE run_key NOT IN (SELECT run_key FROM run_event WHERE change = 'deleted')
    GROUP BY 1, 2
),
told AS (
    SELECT workspace, name, min(logged_at_ns) AS first_ns,
           max_by(archived, (logged_at_ns, producer_id, sequence)) FILTER (change = 'archived') AS archived,
           max(logged_at_ns) FILTER (change = 'archived') AS archived_ns
    FROM experiment_event GROUP BY 1, 2
)
SELECT coalesce(s.workspace, t.workspace) AS workspace, coalesce(s.name, t.name) AS name,
       coalesce(s.n_runs, 0) AS n_runs, make_timestamptz(least(s.first_ns, t.first_ns) // 1000) AS created_at,
       make_timestamptz(s.last_ns // 1000) AS last_run_at, coalesce(t.archived, false) AS archived,
       CASE WHEN t.archived THEN make_timestamptz(t.archived_ns // 1000) END AS archived_at
FROM started AS s FULL JOIN told AS t ON t.workspace = s.workspace AND t.name = s.name;

CREATE OR REPLACE VIEW experiment_tag AS
SELECT workspace, name, key, value, make_timestamptz(logged_at_ns // 1000) AS set_at
FROM (
    SELECT * FROM experiment_event WHERE change = 'tag'
    QUALIFY row_number() OVER (PARTITION BY workspace, name, key
                               ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1
)
WHERE NOT removed;

COMMENT ON VIEW model IS 'One row a version of a model; deleted ones are left out.';
COMMENT ON COLUMN model.workspace IS 'Workspace it was registered in.';
COMMENT ON COLUMN model.name IS 'Name of the model.';
COMMENT ON COLUMN model.version IS 'Place of the registration among those of its model, from 1; deleted ones keep theirs.';
COMMENT ON COLUMN model.created_at IS 'When it was registered.';
COMMENT ON COLUMN model.description IS 'Description, if one was given.';
COMMENT ON COLUMN model.framework IS 'Library that made it, if that was told.';
COMMENT ON COLUMN model.framework_version IS 'Version of that library.';
COMMENT ON COLUMN model.run_id IS 'Run that made it; NULL if none is known.';
COMMENT ON COLUMN model.n_files IS 'Files it consists of: see view model_file.';
COMMENT ON COLUMN model.size_bytes IS 'Size of these together, in bytes.';
COMMENT ON COLUMN model.latest IS 'True for the highest version of its name.';
COMMENT ON COLUMN model.registration_id IS 'Registration in the tables below the views.';

COMMENT ON VIEW model_file IS 'The files of each version of a model.';
COMMENT ON COLUMN model_file.workspace IS 'Workspace of the model.';
COMMENT ON COLUMN model_file.name IS 'Name of the model.';
COMMENT ON COLUMN model_file.version IS 'Version of the model.';
COMMENT ON COLUMN model_file.path IS 'Path within the model, with forward slashes.';
COMMENT ON COLUMN model_file.size_bytes IS 'Size in bytes.';
COMMENT ON COLUMN model_file.sha256 IS 'SHA-256 of the content, in hex.';
COMMENT ON COLUMN model_file.content_type IS 'Media type.';
COMMENT ON COLUMN model_file.location IS 'Where the artifact store keeps it; NULL = in content.';
COMMENT ON COLUMN model_file.content IS 'The bytes of a small file; NULL = at the location.';
COMMENT ON COLUMN model_file.registration_id IS 'Registration in the tables below the views.';

COMMENT ON VIEW model_tag IS 'The tags that versions of models have now.';
COMMENT ON COLUMN model_tag.workspace IS 'Workspace of the model.';
COMMENT ON COLUMN model_tag.name IS 'Name of the model.';
COMMENT ON COLUMN model_tag.version IS 'Version of the model.';
COMMENT ON COLUMN model_tag.key IS 'Name of the tag.';
COMMENT ON COLUMN model_tag.value IS 'Its value; NULL = a tag without one.';
COMMENT ON COLUMN model_tag.set_at IS 'When it was set.';
COMMENT ON COLUMN model_tag.registration_id IS 'Registration in the tables below the views.';

COMMENT ON VIEW model_property IS 'The properties of versions of models; they never change.';
COMMENT ON COLUMN model_property.workspace IS 'Workspace of the model.';
COMMENT ON COLUMN model_property.name IS 'Name of the model.';
COMMENT ON COLUMN model_property.version IS 'Version of the model.';
COMMENT ON COLUMN model_property.key IS 'Name of the property.';
COMMENT ON COLUMN model_property.value IS 'Its value.';
COMMENT ON COLUMN model_property.registration_id IS 'Registration in the tables below the views.';

COMMENT ON VIEW experiment_event IS 'Tags and archiving of experiments that still count: none from before an experiment was deleted.';

COMMENT ON VIEW experiment IS 'One row an experiment that has runs, tags, or was archived.';
COMMENT ON COLUMN experiment.workspace IS 'Workspace of the experiment.';
COMMENT ON COLUMN experiment.name IS 'Name of the experiment.';
COMMENT ON COLUMN experiment.n_runs IS 'Its runs, archived ones included.';
COMMENT ON COLUMN experiment.created_at IS 'When it was first heard of.';
COMMENT ON COLUMN experiment.last_run_at IS 'When its newest run was created; NULL without runs.';
COMMENT ON COLUMN experiment.archived IS 'True if it is hidden from lists.';
COMMENT ON COLUMN experiment.archived_at IS 'When it was hidden; NULL if it is not.';

COMMENT ON VIEW experiment_tag IS 'The tags that experiments have now.';
COMMENT ON COLUMN experiment_tag.workspace IS 'Workspace of the experiment.';
COMMENT ON COLUMN experiment_tag.name IS 'Name of the experiment.';
COMMENT ON COLUMN experiment_tag.key IS 'Name of the tag.';
COMMENT ON COLUMN experiment_tag.value IS 'Its value; NULL = a tag without one.';
COMMENT ON COLUMN experiment_tag.set_at IS 'When it was set.';
