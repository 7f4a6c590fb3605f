-- What readers use: one documented view a noun. Everything "newest" and "oldest" is decided here, by the events' own
-- stamps (logged_at_ns, producer_id, sequence), never by commit numbers. Filters on run_id, name and producer_id reach
-- the sorted tables below, so `WHERE run_id = ... AND name = ...` reads one run and not the history.

CREATE OR REPLACE VIEW series_newest AS
WITH live AS (
    SELECT * FROM series_stat_live
    QUALIFY row_number() OVER (PARTITION BY run_key, series_id ORDER BY commit_no DESC) = 1
)
SELECT * FROM live
UNION ALL
SELECT * FROM series_stat AS s
WHERE NOT EXISTS (SELECT 1 FROM live AS l WHERE l.run_key = s.run_key AND l.series_id = s.series_id);

CREATE OR REPLACE VIEW series AS
WITH named AS (
    -- Everything that readers filter by is a grouping column: only through those can DuckDB push a filter down.
    SELECT run_key, run_id, producer_id, name, column_name, form, series_id,
           arg_max(description, sequence) AS description, min(first_index) AS first_index
    FROM series_log
    GROUP BY run_key, run_id, producer_id, name, column_name, form, series_id
),
shifted AS (
    SELECT n.run_id, n.name, n.column_name, n.producer_id, n.form, n.description, n.first_index, n.series_id, n.run_key,
           s.* EXCLUDE (series_id, run_key),
           coalesce(sum(s.n_stepless) OVER (
               PARTITION BY n.run_key, n.run_id, n.name, n.column_name ORDER BY n.producer_id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS step_offset
    FROM named AS n
    LEFT JOIN series_newest AS s ON s.run_key = n.run_key AND s.series_id = n.series_id
)
SELECT run_id, name, column_name, producer_id, form, description, first_index,
       coalesce(n, 0) AS n, coalesce(n_stepless, 0) AS n_stepless, coalesce(n_numeric, 0) AS n_numeric,
       coalesce(nonfinite, 0) AS n_nonfinite,
       low_step + if(n_stepless = n, step_offset, 0) AS low_step,
       high_step + if(n_stepless > 0, step_offset, 0) AS high_step,
       make_timestamptz(low_at) AS low_at, make_timestamptz(high_at) AS high_at,
       last_step + if(last_kind >= 8, step_offset, 0) AS last_step, last_index, make_timestamptz(last_at) AS last_at,
       last_kind, last_value, last_text,
       min_step + if(n_stepless = n, step_offset, 0) AS min_step, min_value,
       max_step + if(n_stepless = n, step_offset, 0) AS max_step, max_value,
       step_offset, series_id, run_key
FROM shifted;

CREATE OR REPLACE VIEW metric AS
SELECT s.run_id, s.name, s.column_name,
       p.step + CASE WHEN p.kind >= 8 THEN s.step_offset ELSE 0 END AS step,
       p.value, p.text,
       CASE p.kind & 7 WHEN 1 THEN 'float' WHEN 2 THEN 'int' WHEN 3 THEN 'bool' WHEN 4 THEN 'none'
                       WHEN 5 THEN 'text' WHEN 6 THEN 'int' END AS kind,
       make_timestamptz(p.logged_at) AS logged_at, s.producer_id, p."index", p.kind >= 8 AS step_counted,
       p.series_id, p.run_key
FROM (
    SELECT run_key, series_id, step, "index", logged_at, value, kind, text FROM point
    UNION ALL
    SELECT run_key, series_id, step, "index", logged_at, value, kind, text FROM point_live
) AS p
JOIN series AS s ON s.run_key = p.run_key AND s.series_id = p.series_id;

CREATE OR REPLACE VIEW run AS
WITH created AS (
    SELECT *, row_number() OVER (PARTITION BY workspace, experiment ORDER BY logged_at_ns, run_id) AS number
    FROM (
        SELECT * FROM run_event WHERE change = 'created'
        QUALIFY row_number() OVER (PARTITION BY run_key ORDER BY logged_at_ns, producer_id, sequence) = 1
    )
),
described AS (
    SELECT run_key,
           max_by(display_name, (logged_at_ns, producer_id, sequence)) FILTER (display_name IS NOT NULL) AS display_name,
           max_by(description, (logged_at_ns, producer_id, sequence)) FILTER (description IS NOT NULL) AS description
    FROM run_event WHERE change = 'described' GROUP BY 1
),
state AS (
    SELECT * FROM run_event WHERE change = 'status'
    QUALIFY row_number() OVER (PARTITION BY run_key ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1
),
started AS (
    SELECT run_key, min(logged_at_ns) AS at_ns FROM run_event WHERE change = 'status' AND status = 'Running' GROUP BY 1
),
hidden AS (
    SELECT run_key, change, archived FROM run_event WHERE change IN ('archived', 'deleted')
    QUALIFY row_number() OVER (PARTITION BY run_key, change
                               ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1
),
producer AS (
    SELECT run_key, producer_id,
           arg_max(change, (logged_at_ns, sequence)) FILTER (change IN ('created', 'producer_closed', 'producer_lost')) AS life,
           max(logged_at_ns) FILTER (change IN ('created', 'producer_closed', 'producer_lost')) AS life_ns,
           greatest(coalesce(sum(n_points) FILTER (change = 'gap'), 0), coalesce(max(n_dropped), 0)) AS n_lost,
           max(host) FILTER (change = 'created') AS host, max(pid) FILTER (change = 'created') AS pid,
           bool_or(change = 'status') AS has_told
    FROM run_event WHERE change IN ('created', 'producer_closed', 'producer_lost', 'gap', 'status')
    GROUP BY 1, 2
),
-- A submitted run lives and dies with its supervisor, which made it, or with who set it Running since: not with its
-- script, nor with a notebook that tags it.
guest AS (
    SELECT p.run_key, p.producer_id FROM producer AS p JOIN created AS c ON c.run_key = p.run_key
    WHERE c.run_type = 'azureml.scriptrun' AND NOT p.has_told
      AND (p.host IS DISTINCT FROM c.host OR p.pid IS DISTINCT FROM c.pid)
),
producers AS (
    SELECT p.run_key, count(life) AS n_producers, sum(n_lost)::BIGINT AS n_lost,
           coalesce(bool_or(life = 'created') FILTER (g.run_key IS NULL), false) AS has_open,
           arg_max(life, life_ns) FILTER (g.run_key IS NULL) = 'producer_lost' AS ends_lost
    FROM producer AS p LEFT JOIN guest AS g ON g.run_key = p.run_key AND g.producer_id = p.producer_id GROUP BY 1
),
seen AS (
    SELECT b.run_key, max(b.received_at) AS at
    FROM batch AS b LEFT JOIN guest AS g ON g.run_key = b.run_key AND g.producer_id = b.producer_id
    WHERE g.run_key IS NULL GROUP BY 1
),
total AS (SELECT run_key, sum(n)::BIGINT AS n FROM series_newest GROUP BY 1),
damaged AS (SELECT run_id, sum(1)::BIGINT AS n FROM dead_letter_log WHERE run_id IS NOT NULL GROUP BY 1),
joined AS (
    SELECT c.* REPLACE (coalesce(ds.display_name, c.display_name) AS display_name,
                        coalesce(ds.description, c.description) AS description),
           s.status AS told, s.logged_at_ns AS told_ns, coalesce(st.at_ns, c.logged_at_ns) AS start_ns,
           s.error_type AS failure, s.error_message AS failure_message, s.error_traceback AS failure_traceback,
           s.error_code AS failure_code,
           coalesce(seen.at, c.received_at) AS seen_at, coalesce(t.n, 0) AS points, coalesce(p.n_producers, 0) AS producers,
           coalesce(p.n_lost, 0) AS lost, coalesce(d.n, 0) AS dead, coalesce(a.archived, false) AS is_archived,
           coalesce(s.status, 'Running') IN ('Completed', 'Failed', 'Canceled') AS is_told_over,
           -- Recovery found its last process dead; ten minutes without a word are as good as that.
           NOT is_told_over AND (coalesce(NOT p.has_open AND p.ends_lost, false)
                                 OR seen_at < epoch_us(now()) - 600_000_000) AS is_dead,
           NOT is_told_over AND seen_at < epoch_us(now()) - 60_000_000 AS is_silent,
           'no heartbeat since ' || strftime(make_timestamp(seen_at), '%Y-%m-%d %H:%M:%S UTC') AS silence
    FROM created AS c
    LEFT JOIN described AS ds ON ds.run_key = c.run_key
    LEFT JOIN state AS s ON s.run_key = c.run_key
    LEFT JOIN started AS st ON st.run_key = c.run_key
    LEFT JOIN hidden AS a ON a.run_key = c.run_key AND a.change = 'archived'
    LEFT JOIN producers AS p ON p.run_key = c.run_key
    LEFT JOIN seen ON seen.run_key = c.run_key
    LEFT JOIN total AS t ON t.run_key = c.run_key
    LEFT JOIN damaged AS d ON d.run_id = c.run_id
    WHERE NOT EXISTS (SELECT 1 FROM hidden AS h WHERE h.run_key = c.run_key AND h.change = 'deleted')
)
SELECT run_id, workspace, experiment, number, display_name,
       CASE WHEN is_dead THEN 'Failed' WHEN is_silent THEN 'NotResponding' ELSE coalesce(told, 'Running') END AS status,
       make_timestamptz(logged_at_ns // 1000) AS created_at,
       make_timestamptz(start_ns // 1000) AS started_at,
       CASE WHEN is_told_over THEN make_timestamptz(told_ns // 1000) WHEN is_dead THEN make_timestamptz(seen_at) END
           AS ended_at,
       greatest(0, CASE WHEN is_told_over THEN told_ns // 1000
                        WHEN is_dead OR is_silent THEN seen_at ELSE epoch_us(now()) END - start_ns // 1000) / 1e6
           AS duration_s,
       "user", host, pid, description, run_type, parent_run_id,
       failure AS error_type, CASE WHEN is_dead THEN silence ELSE failure_message END AS error_message,
       failure_traceback AS error_traceback,
       failure_code AS error_code,
       points AS n_points, producers AS n_producers, lost AS n_lost, dead AS n_dead_letters,
       make_timestamptz(seen_at) AS last_seen_at, is_archived AS archived, run_key
FROM joined;

CREATE OR REPLACE VIEW tag AS
SELECT run_id, key, value, make_timestamptz(logged_at_ns // 1000) AS set_at, producer_id, run_key
FROM (
    SELECT * FROM tag_event
    QUALIFY row_number() OVER (PARTITION BY run_id, key ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1
)
WHERE NOT removed;

CREATE OR REPLACE VIEW property AS
SELECT run_id, key, value, make_timestamptz(logged_at_ns // 1000) AS set_at, producer_id, run_key
FROM property_event
QUALIFY row_number() OVER (PARTITION BY run_id, key ORDER BY logged_at_ns, producer_id, sequence) = 1;

CREATE OR REPLACE VIEW artifact AS
SELECT run_id, path, size_bytes, sha256, content_type, location, content, metric_name,
       make_timestamptz(logged_at_ns // 1000) AS logged_at,
       row_number() OVER (PARTITION BY run_id, path ORDER BY logged_at_ns, producer_id, sequence) AS version,
       row_number() OVER (PARTITION BY run_id, path
                          ORDER BY logged_at_ns DESC, producer_id DESC, sequence DESC) = 1 AS newest,
       producer_id, sequence, run_key
FROM artifact_event;

CREATE OR REPLACE VIEW log AS
SELECT run_id, stream, first_line, text, make_timestamptz(logged_at_ns // 1000) AS logged_at, producer_id, sequence, run_key
FROM log_event;

CREATE OR REPLACE VIEW event AS
SELECT run_id, make_timestamptz(logged_at_ns // 1000) AS logged_at, change, detail, producer_id, sequence, logged_at_ns
FROM (
    SELECT run_id, logged_at_ns, producer_id, sequence, change,
           CASE change
               WHEN 'created' THEN concat_ws(' ', 'by', "user", 'on', host, 'process ' || pid, 'continues ' || continues)
               WHEN 'described' THEN concat_ws(': ', display_name, description)
               WHEN 'status' THEN concat_ws(': ', status, error_type, error_message)
               WHEN 'producer_closed' THEN concat(n_points, ' points, ', n_dropped, ' dropped')
               WHEN 'producer_lost' THEN reason
               WHEN 'gap' THEN concat(n_points, ' points lost: ', reason)
               WHEN 'archived' THEN CASE WHEN archived THEN 'hidden from lists' ELSE 'brought back' END
           END AS detail
    FROM run_event WHERE change NOT IN ('heartbeat', 'properties')
    UNION ALL
    SELECT run_id, logged_at_ns, producer_id, sequence, CASE WHEN place = 1 THEN 'property' ELSE 'property refused' END,
           concat(key, ' = ', value)
    FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id, key ORDER BY logged_at_ns, producer_id, sequence) AS place,
               first_value(value) OVER (PARTITION BY run_id, key ORDER BY logged_at_ns, producer_id, sequence) AS holds
        FROM property_event
    )
    -- Every rank of a run tells where the run comes from: what says the same again is no news.
    WHERE place = 1 OR value <> holds
    UNION ALL
    SELECT run_id, logged_at_ns, producer_id, sequence, CASE WHEN removed THEN 'tag removed' ELSE 'tag' END,
           CASE WHEN removed OR value IS NULL THEN key ELSE concat(key, ' = ', value) END
    FROM tag_event
    UNION ALL
    SELECT run_id, logged_at_ns, producer_id, sequence, 'artifact', concat(path, ', ', size_bytes, ' bytes')
    FROM artifact_event
);

CREATE OR REPLACE VIEW dead_letter AS
SELECT make_timestamptz(received_at) AS received_at, topic, partition, position, run_id, stage, error_type,
       error_message, value, segment, segment_offset, commit_no
FROM dead_letter_log;

CREATE OR REPLACE VIEW position AS
SELECT partition, next_position, make_timestamptz(committed_at) AS committed_at, commit_no, topic_id,
       last_producer_id, last_sequence
FROM position_log
QUALIFY row_number() OVER (PARTITION BY partition ORDER BY commit_no DESC) = 1;

COMMENT ON VIEW run IS 'One row a run.';
COMMENT ON COLUMN run.run_id IS 'Id of the run.';
COMMENT ON COLUMN run.workspace IS 'Workspace it was started in.';
COMMENT ON COLUMN run.experiment IS 'Experiment it belongs to.';
COMMENT ON COLUMN run.number IS 'Place in its experiment by creation, from 1.';
COMMENT ON COLUMN run.display_name IS 'Name for people, if one was given.';
COMMENT ON COLUMN run.status IS 'Running, Completed, Failed, Canceled or another that was set; NotResponding = not ended, and silent for a minute; Failed also where its processes are dead, or silent for ten minutes.';
COMMENT ON COLUMN run.created_at IS 'When it was created, by the clock of the machine that logs.';
COMMENT ON COLUMN run.started_at IS 'When it was first Running.';
COMMENT ON COLUMN run.ended_at IS 'When it was completed, failed or canceled, or last seen alive; NULL before.';
COMMENT ON COLUMN run.duration_s IS 'Seconds from its start to its end, to the last sign of life, or to now.';
COMMENT ON COLUMN run."user" IS 'User who started it.';
COMMENT ON COLUMN run.host IS 'Machine that it was started on.';
COMMENT ON COLUMN run.pid IS 'Process that started it.';
COMMENT ON COLUMN run.description IS 'Description, if one was given.';
COMMENT ON COLUMN run.run_type IS 'Kind of run as its user named it.';
COMMENT ON COLUMN run.parent_run_id IS 'Run that it belongs to.';
COMMENT ON COLUMN run.error_type IS 'Class of the error that ended it.';
COMMENT ON COLUMN run.error_message IS 'Message of that error.';
COMMENT ON COLUMN run.error_traceback IS 'Traceback of that error.';
COMMENT ON COLUMN run.error_code IS 'Code of that error, as given to fail().';
COMMENT ON COLUMN run.n_points IS 'Points logged, over all metrics (up to a second behind).';
COMMENT ON COLUMN run.n_producers IS 'Processes that logged to it.';
COMMENT ON COLUMN run.n_lost IS 'Points that could not be kept (ring or disk full).';
COMMENT ON COLUMN run.n_dead_letters IS 'Its events that could not be read or folded: see view dead_letter.';
COMMENT ON COLUMN run.last_seen_at IS 'When the consumer last got an event of it.';
COMMENT ON COLUMN run.archived IS 'True if it is hidden from lists.';
COMMENT ON COLUMN run.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW metric IS 'One row a point, whatever was logged. Give run_id, and name if you can: then only that part is read.';
COMMENT ON COLUMN metric.run_id IS 'The run.';
COMMENT ON COLUMN metric.name IS 'Name of the metric.';
COMMENT ON COLUMN metric.column_name IS 'Column of a row or table; NULL for the other forms.';
COMMENT ON COLUMN metric.step IS 'Step as logged; without one, the place in the series over all processes of the run; for rows and tables the row number.';
COMMENT ON COLUMN metric.value IS 'The number (bool as 0 or 1); NULL for None and text.';
COMMENT ON COLUMN metric.text IS 'The text; of an integer beyond 2**53 its exact digits; of a -0.0 that, for DuckDB does not keep its sign.';
COMMENT ON COLUMN metric.kind IS 'What was logged: float, int, bool, none or text.';
COMMENT ON COLUMN metric.logged_at IS 'When, by the clock of the machine that logs.';
COMMENT ON COLUMN metric.producer_id IS 'Process that logged it; ids sort by start.';
COMMENT ON COLUMN metric."index" IS 'Number of the point among all that this process logged: the order of logging.';
COMMENT ON COLUMN metric.step_counted IS 'True if no step was given, so that it was counted.';
COMMENT ON COLUMN metric.series_id IS 'Series in the tables below the views.';
COMMENT ON COLUMN metric.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW series IS 'One row a metric (or column of it) and process that logged it, with what its points come to: no need to look at points for last, least and greatest.';
COMMENT ON COLUMN series.run_id IS 'The run.';
COMMENT ON COLUMN series.name IS 'Name of the metric.';
COMMENT ON COLUMN series.column_name IS 'Column of a row or table; NULL for the other forms.';
COMMENT ON COLUMN series.producer_id IS 'Process that logged it; ids sort by start.';
COMMENT ON COLUMN series.form IS 'scalar, list, row, table, image or chart.';
COMMENT ON COLUMN series.description IS 'Description of the metric, may be empty.';
COMMENT ON COLUMN series.first_index IS 'Index of its first point: sorts the metrics of a process as they were first logged.';
COMMENT ON COLUMN series.n IS 'Points (figures of running series are up to a second behind).';
COMMENT ON COLUMN series.n_stepless IS 'Points logged without a step.';
COMMENT ON COLUMN series.n_numeric IS 'Points that are numbers.';
COMMENT ON COLUMN series.n_nonfinite IS 'Points that are NaN or infinite.';
COMMENT ON COLUMN series.low_step IS 'No step is lower.';
COMMENT ON COLUMN series.high_step IS 'No step is higher.';
COMMENT ON COLUMN series.low_at IS 'Earliest time.';
COMMENT ON COLUMN series.high_at IS 'Latest time.';
COMMENT ON COLUMN series.last_step IS 'Step of the point logged last.';
COMMENT ON COLUMN series.last_index IS 'Index of the point logged last.';
COMMENT ON COLUMN series.last_at IS 'Time of the point logged last.';
COMMENT ON COLUMN series.last_kind IS 'Its kind in the tables: 1 float, 2 int, 3 bool, 4 None, 5 text, 6 large integer; 8 more without a step.';
COMMENT ON COLUMN series.last_value IS 'Its number; NULL for None and text.';
COMMENT ON COLUMN series.last_text IS 'Its text.';
COMMENT ON COLUMN series.min_step IS 'Step of the lowest finite value, the lowest of equals.';
COMMENT ON COLUMN series.min_value IS 'The lowest finite value.';
COMMENT ON COLUMN series.max_step IS 'Step of the highest finite value, the lowest of equals.';
COMMENT ON COLUMN series.max_value IS 'The highest finite value.';
COMMENT ON COLUMN series.step_offset IS 'What is added to counted steps: points without a step that earlier processes logged.';
COMMENT ON COLUMN series.series_id IS 'Series in the tables below the views.';
COMMENT ON COLUMN series.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW tag IS 'The tags that runs have now.';
COMMENT ON COLUMN tag.run_id IS 'The run.';
COMMENT ON COLUMN tag.key IS 'Name of the tag.';
COMMENT ON COLUMN tag.value IS 'Its value; NULL = a tag without one.';
COMMENT ON COLUMN tag.set_at IS 'When it was set.';
COMMENT ON COLUMN tag.producer_id IS 'Process that set it.';
COMMENT ON COLUMN tag.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW property IS 'The properties of runs: written once, the oldest of a key holds.';
COMMENT ON COLUMN property.run_id IS 'The run.';
COMMENT ON COLUMN property.key IS 'Name of the property.';
COMMENT ON COLUMN property.value IS 'Its value.';
COMMENT ON COLUMN property.set_at IS 'When it was set.';
COMMENT ON COLUMN property.producer_id IS 'Process that set it.';
COMMENT ON COLUMN property.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW artifact IS 'The files of runs, every version; WHERE newest shows each path once.';
COMMENT ON COLUMN artifact.run_id IS 'The run.';
COMMENT ON COLUMN artifact.path IS 'Path in the run, with forward slashes.';
COMMENT ON COLUMN artifact.size_bytes IS 'Size in bytes.';
COMMENT ON COLUMN artifact.sha256 IS 'SHA-256 of the content, in hex.';
COMMENT ON COLUMN artifact.content_type IS 'Media type.';
COMMENT ON COLUMN artifact.location IS 'Where the artifact store keeps it; NULL = in content.';
COMMENT ON COLUMN artifact.content IS 'The bytes of a small file; NULL = at the location.';
COMMENT ON COLUMN artifact.metric_name IS 'Image metric that it belongs to.';
COMMENT ON COLUMN artifact.logged_at IS 'When it was uploaded.';
COMMENT ON COLUMN artifact.version IS 'Version of the path, from 1.';
COMMENT ON COLUMN artifact.newest IS 'True for the version that shows.';
COMMENT ON COLUMN artifact.producer_id IS 'Process that uploaded it.';
COMMENT ON COLUMN artifact.sequence IS 'Its number among the files that this process uploaded.';
COMMENT ON COLUMN artifact.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW log IS 'What runs printed, in pieces of several lines.';
COMMENT ON COLUMN log.run_id IS 'The run.';
COMMENT ON COLUMN log.stream IS 'stdout, stderr or another name.';
COMMENT ON COLUMN log.first_line IS 'Number of the first line of the piece, from 0.';
COMMENT ON COLUMN log.text IS 'The lines.';
COMMENT ON COLUMN log.logged_at IS 'When.';
COMMENT ON COLUMN log.producer_id IS 'Process that printed it.';
COMMENT ON COLUMN log.sequence IS 'Its number among the pieces that this process printed, over all streams.';
COMMENT ON COLUMN log.run_key IS 'Key of the run in the tables below the views.';

COMMENT ON VIEW event IS 'What has changed runs, in words: their history.';
COMMENT ON COLUMN event.run_id IS 'The run.';
COMMENT ON COLUMN event.logged_at IS 'When.';
COMMENT ON COLUMN event.change IS 'created, described, status, property, property refused, tag, tag removed, artifact, producer_closed, producer_lost, gap, archived or deleted.';
COMMENT ON COLUMN event.detail IS 'What exactly.';
COMMENT ON COLUMN event.producer_id IS 'Process that did it.';
COMMENT ON COLUMN event.sequence IS 'Its number among the events of that kind of this process.';
COMMENT ON COLUMN event.logged_at_ns IS 'Stamp, ns since 1970 UTC: sort by it.';

COMMENT ON VIEW dead_letter IS 'Events that could not be read or folded, as they came. Everything else went on.';
COMMENT ON COLUMN dead_letter.received_at IS 'When the consumer got it.';
COMMENT ON COLUMN dead_letter.topic IS 'Topic that it came from.';
COMMENT ON COLUMN dead_letter.partition IS 'Partition that it came from.';
COMMENT ON COLUMN dead_letter.position IS 'Its position there.';
COMMENT ON COLUMN dead_letter.run_id IS 'The run, where it could be told.';
COMMENT ON COLUMN dead_letter.stage IS 'Where it failed: source, decode or fold.';
COMMENT ON COLUMN dead_letter.error_type IS 'Class of the error.';
COMMENT ON COLUMN dead_letter.error_message IS 'What was wrong.';
COMMENT ON COLUMN dead_letter.value IS 'The bytes.';
COMMENT ON COLUMN dead_letter.segment IS 'Journal segment, for damage in a journal.';
COMMENT ON COLUMN dead_letter.segment_offset IS 'Byte offset in that segment.';
COMMENT ON COLUMN dead_letter.commit_no IS 'Commit that set it aside.';

COMMENT ON VIEW position IS 'How far each partition of the event log has been folded.';
COMMENT ON COLUMN position.partition IS 'topic/number on Kafka; the producer''s id for a journal.';
COMMENT ON COLUMN position.next_position IS 'First position that has not been folded.';
COMMENT ON COLUMN position.committed_at IS 'When that was committed.';
COMMENT ON COLUMN position.commit_no IS 'Number of that commit.';
COMMENT ON COLUMN position.topic_id IS 'The broker''s id of the topic.';
COMMENT ON COLUMN position.last_producer_id IS 'Process of the last event folded.';
COMMENT ON COLUMN position.last_sequence IS 'Sequence of that event.';

COMMENT ON VIEW series_newest IS 'The newest figures of each series, as the tables hold them; view series says the same by run and name.';
