-- The tables of the run history. The fold only ever INSERTs; deletes happen in maintenance alone.
-- No keys and no indexes: they cost more than the points themselves. DDL runs only when a file is made.
-- Times are microseconds since 1970 UTC unless the name ends in _ns. Readers use the views, not these tables.
CREATE TABLE meta (
    key VARCHAR NOT NULL,
    value VARCHAR
);
COMMENT ON TABLE meta IS 'Facts about this file: tables_version, source_kind, source_identity, created_at, views (which edition of them).';
COMMENT ON COLUMN meta.key IS 'Name of the fact.';
COMMENT ON COLUMN meta.value IS 'The fact, as text.';

CREATE TABLE point (
    run_key BIGINT NOT NULL,
    series_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    "index" BIGINT NOT NULL,
    logged_at BIGINT NOT NULL,
    value DOUBLE,
    kind TINYINT NOT NULL,
    text VARCHAR,
    block BIGINT NOT NULL
);
COMMENT ON TABLE point IS 'Sealed points, in slices by (run_key, series_id) and inside a series by (step, index), forwards or backwards. Every point is either here or in point_live.';
COMMENT ON COLUMN point.run_key IS 'Key of the run: a 64-bit hash of its run_id.';
COMMENT ON COLUMN point.series_id IS 'Series of one producer: a 64-bit hash of run, producer, metric name and column.';
COMMENT ON COLUMN point.step IS 'Step as logged; without one, the place among the points of the series that had none, from 0.';
COMMENT ON COLUMN point."index" IS 'The producer''s own number of the point, over all its series, from 0: the order of logging.';
COMMENT ON COLUMN point.logged_at IS 'Wall clock of the producer when the point was logged, us since 1970 UTC.';
COMMENT ON COLUMN point.value IS 'The number as a DOUBLE; NULL for None and text. Integers beyond 2**53 are rounded here and exact in text.';
COMMENT ON COLUMN point.kind IS '1 float, 2 int, 3 bool, 4 None, 5 text, 6 integer beyond 64 bits; plus 8 if logged without a step.';
COMMENT ON COLUMN point.text IS 'The string, the decimal digits of an integer that a DOUBLE cannot hold exactly, or -0.0, whose sign DuckDB does not keep; otherwise NULL.';
COMMENT ON COLUMN point.block IS 'Number of the block that the point belongs to, rising with every seal.';

CREATE TABLE point_live (
    run_key BIGINT NOT NULL,
    series_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    "index" BIGINT NOT NULL,
    logged_at BIGINT NOT NULL,
    value DOUBLE,
    kind TINYINT NOT NULL,
    text VARCHAR,
    commit_no BIGINT NOT NULL
);
COMMENT ON TABLE point_live IS 'Points of small commits, until they are sealed into point.';
COMMENT ON COLUMN point_live.run_key IS 'Key of the run: a 64-bit hash of its run_id.';
COMMENT ON COLUMN point_live.series_id IS 'Series of one producer: a 64-bit hash of run, producer, metric name and column.';
COMMENT ON COLUMN point_live.step IS 'Step as logged; without one, the place among the points of the series that had none, from 0.';
COMMENT ON COLUMN point_live."index" IS 'The producer''s own number of the point, over all its series, from 0: the order of logging.';
COMMENT ON COLUMN point_live.logged_at IS 'Wall clock of the producer when the point was logged, us since 1970 UTC.';
COMMENT ON COLUMN point_live.value IS 'The number as a DOUBLE; NULL for None and text. Integers beyond 2**53 are rounded here and exact in text.';
COMMENT ON COLUMN point_live.kind IS '1 float, 2 int, 3 bool, 4 None, 5 text, 6 integer beyond 64 bits; plus 8 if logged without a step.';
COMMENT ON COLUMN point_live.text IS 'The string, the decimal digits of an integer that a DOUBLE cannot hold exactly, or -0.0, whose sign DuckDB does not keep; otherwise NULL.';
COMMENT ON COLUMN point_live.commit_no IS 'Commit that brought the point.';

CREATE TABLE block (
    run_key BIGINT NOT NULL,
    series_id BIGINT NOT NULL,
    block BIGINT NOT NULL,
    n INTEGER NOT NULL,
    nonfinite INTEGER NOT NULL,
    first_step BIGINT NOT NULL,
    first_index BIGINT,
    first_at BIGINT,
    first_value DOUBLE,
    last_step BIGINT NOT NULL,
    last_index BIGINT,
    last_at BIGINT,
    last_value DOUBLE,
    min_step BIGINT,
    min_at BIGINT,
    min_value DOUBLE,
    max_step BIGINT,
    max_at BIGINT,
    max_value DOUBLE,
    time_ordered BOOLEAN NOT NULL
);
COMMENT ON TABLE block IS 'Sealed points with a number, about a thousand a row: one series, one slice, one aligned cell of steps. Fewer than 64 points of a series in a slice make one stub: counts and steps only.';
COMMENT ON COLUMN block.run_key IS 'Key of the run.';
COMMENT ON COLUMN block.series_id IS 'Series that the points belong to.';
COMMENT ON COLUMN block.block IS 'Number of the block, as in point.block.';
COMMENT ON COLUMN block.n IS 'Points with a number (NaN and infinities included).';
COMMENT ON COLUMN block.nonfinite IS 'How many of them are NaN or infinite.';
COMMENT ON COLUMN block.first_step IS 'Lowest step.';
COMMENT ON COLUMN block.first_index IS 'Index of the first point by (step, index); NULL in a stub.';
COMMENT ON COLUMN block.first_at IS 'Time of the first point by (step, index), us since 1970 UTC; NULL in a stub.';
COMMENT ON COLUMN block.first_value IS 'Value of the first point, may be NaN or infinite; NULL in a stub.';
COMMENT ON COLUMN block.last_step IS 'Highest step.';
COMMENT ON COLUMN block.last_index IS 'Index of the last point by (step, index); NULL in a stub.';
COMMENT ON COLUMN block.last_at IS 'Time of the last point by (step, index), us since 1970 UTC; NULL in a stub.';
COMMENT ON COLUMN block.last_value IS 'Value of the last point, may be NaN or infinite; NULL in a stub.';
COMMENT ON COLUMN block.min_step IS 'Step of the lowest finite value, the first of equals; NULL in a stub or if none is finite.';
COMMENT ON COLUMN block.min_at IS 'Time of the lowest finite value, us since 1970 UTC.';
COMMENT ON COLUMN block.min_value IS 'The lowest finite value.';
COMMENT ON COLUMN block.max_step IS 'Step of the highest finite value, the first of equals; NULL in a stub or if none is finite.';
COMMENT ON COLUMN block.max_at IS 'Time of the highest finite value, us since 1970 UTC.';
COMMENT ON COLUMN block.max_value IS 'The highest finite value.';
COMMENT ON COLUMN block.time_ordered IS 'True if times never step back inside the block, so that it also serves a time axis; false in a stub.';

CREATE TABLE seal (
    sealed_at BIGINT NOT NULL,
    upto_commit_no BIGINT NOT NULL,
    first_block BIGINT NOT NULL,
    last_block BIGINT NOT NULL,
    n BIGINT NOT NULL
);
COMMENT ON TABLE seal IS 'One row per slice written into point.';
COMMENT ON COLUMN seal.sealed_at IS 'When, us since 1970 UTC.';
COMMENT ON COLUMN seal.upto_commit_no IS 'Newest commit whose points are in the slice.';
COMMENT ON COLUMN seal.first_block IS 'Lowest block number of the slice.';
COMMENT ON COLUMN seal.last_block IS 'Highest block number of the slice.';
COMMENT ON COLUMN seal.n IS 'Points in the slice.';

CREATE TABLE series_log (
    series_id BIGINT NOT NULL,
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    column_name VARCHAR,
    form VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    first_index BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);
COMMENT ON TABLE series_log IS 'One row when a series is first seen, one more for each new description; the highest sequence holds.';
COMMENT ON COLUMN series_log.series_id IS 'The series: a 64-bit hash of run, producer, metric name and column.';
COMMENT ON COLUMN series_log.run_key IS 'Key of the run.';
COMMENT ON COLUMN series_log.run_id IS 'The run.';
COMMENT ON COLUMN series_log.producer_id IS 'The producer (one per run, process and start; ids sort by start).';
COMMENT ON COLUMN series_log.name IS 'Name of the metric.';
COMMENT ON COLUMN series_log.column_name IS 'Column of a row or table; NULL for the other forms.';
COMMENT ON COLUMN series_log.form IS 'scalar, list, row, table, image or chart; one per run and metric name, the first folded holds.';
COMMENT ON COLUMN series_log.description IS 'Description of the metric, may be empty.';
COMMENT ON COLUMN series_log.first_index IS 'Index of its first point in the event that told of it (behind that event if it had none there): the lowest gives the order in which series began.';
COMMENT ON COLUMN series_log.sequence IS 'Sequence of that metric event.';

CREATE TABLE series_stat (
    series_id BIGINT NOT NULL,
    run_key BIGINT NOT NULL,
    n BIGINT NOT NULL,
    n_stepless BIGINT NOT NULL,
    n_numeric BIGINT NOT NULL,
    nonfinite BIGINT NOT NULL,
    low_step BIGINT,
    high_step BIGINT,
    low_at BIGINT,
    high_at BIGINT,
    last_step BIGINT,
    last_index BIGINT,
    last_at BIGINT,
    last_kind TINYINT,
    last_value DOUBLE,
    last_text VARCHAR,
    min_step BIGINT,
    min_value DOUBLE,
    max_step BIGINT,
    max_value DOUBLE,
    commit_no BIGINT NOT NULL
);
COMMENT ON TABLE series_stat IS 'What each series comes to, compacted to one row each; a row of series_stat_live with a higher commit_no holds over it.';
COMMENT ON COLUMN series_stat.series_id IS 'The series.';
COMMENT ON COLUMN series_stat.run_key IS 'Key of its run.';
COMMENT ON COLUMN series_stat.n IS 'Points.';
COMMENT ON COLUMN series_stat.n_stepless IS 'Points logged without a step: the next one gets this number as its step.';
COMMENT ON COLUMN series_stat.n_numeric IS 'Points with a number (bool included, None and text not).';
COMMENT ON COLUMN series_stat.nonfinite IS 'Points whose number is NaN or infinite.';
COMMENT ON COLUMN series_stat.low_step IS 'Lowest step.';
COMMENT ON COLUMN series_stat.high_step IS 'Highest step.';
COMMENT ON COLUMN series_stat.low_at IS 'Earliest time, us since 1970 UTC.';
COMMENT ON COLUMN series_stat.high_at IS 'Latest time, us since 1970 UTC.';
COMMENT ON COLUMN series_stat.last_step IS 'Step of the point logged last (highest index).';
COMMENT ON COLUMN series_stat.last_index IS 'Index of the point logged last.';
COMMENT ON COLUMN series_stat.last_at IS 'Time of the point logged last, us since 1970 UTC.';
COMMENT ON COLUMN series_stat.last_kind IS 'Kind of the point logged last, as point.kind.';
COMMENT ON COLUMN series_stat.last_value IS 'Value of the point logged last; NULL for None and text.';
COMMENT ON COLUMN series_stat.last_text IS 'Text of the point logged last, as point.text.';
COMMENT ON COLUMN series_stat.min_step IS 'Step of the lowest finite value, the lowest of equals.';
COMMENT ON COLUMN series_stat.min_value IS 'The lowest finite value.';
COMMENT ON COLUMN series_stat.max_step IS 'Step of the highest finite value, the lowest of equals.';
COMMENT ON COLUMN series_stat.max_value IS 'The highest finite value.';
COMMENT ON COLUMN series_stat.commit_no IS 'Commit up to which the row counts; it holds for all points up to there.';

CREATE TABLE series_stat_live AS SELECT * FROM series_stat WHERE false;
COMMENT ON TABLE series_stat_live IS 'Newest figures of touched series, at most once a second: same columns as series_stat, the highest commit_no holds.';
COMMENT ON COLUMN series_stat_live.series_id IS 'The series.';
COMMENT ON COLUMN series_stat_live.run_key IS 'Key of its run.';
COMMENT ON COLUMN series_stat_live.n IS 'Points.';
COMMENT ON COLUMN series_stat_live.n_stepless IS 'Points logged without a step.';
COMMENT ON COLUMN series_stat_live.n_numeric IS 'Points with a number (bool included, None and text not).';
COMMENT ON COLUMN series_stat_live.nonfinite IS 'Points whose number is NaN or infinite.';
COMMENT ON COLUMN series_stat_live.low_step IS 'Lowest step.';
COMMENT ON COLUMN series_stat_live.high_step IS 'Highest step.';
COMMENT ON COLUMN series_stat_live.low_at IS 'Earliest time, us since 1970 UTC.';
COMMENT ON COLUMN series_stat_live.high_at IS 'Latest time, us since 1970 UTC.';
COMMENT ON COLUMN series_stat_live.last_step IS 'Step of the point logged last (highest index).';
COMMENT ON COLUMN series_stat_live.last_index IS 'Index of the point logged last.';
COMMENT ON COLUMN series_stat_live.last_at IS 'Time of the point logged last, us since 1970 UTC.';
COMMENT ON COLUMN series_stat_live.last_kind IS 'Kind of the point logged last, as point.kind.';
COMMENT ON COLUMN series_stat_live.last_value IS 'Value of the point logged last; NULL for None and text.';
COMMENT ON COLUMN series_stat_live.last_text IS 'Text of the point logged last, as point.text.';
COMMENT ON COLUMN series_stat_live.min_step IS 'Step of the lowest finite value, the lowest of equals.';
COMMENT ON COLUMN series_stat_live.min_value IS 'The lowest finite value.';
COMMENT ON COLUMN series_stat_live.max_step IS 'Step of the highest finite value, the lowest of equals.';
COMMENT ON COLUMN series_stat_live.max_value IS 'The highest finite value.';
COMMENT ON COLUMN series_stat_live.commit_no IS 'Commit that wrote the row; it holds for all points up to there.';

CREATE TABLE run_event (
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    change VARCHAR NOT NULL,
    workspace VARCHAR,
    experiment VARCHAR,
    display_name VARCHAR,
    run_type VARCHAR,
    parent_run_id VARCHAR,
    description VARCHAR,
    host VARCHAR,
    "user" VARCHAR,
    pid BIGINT,
    continues VARCHAR,
    status VARCHAR,
    error_type VARCHAR,
    error_message VARCHAR,
    error_traceback VARCHAR,
    error_code VARCHAR,
    n_points BIGINT,
    n_dropped BIGINT,
    n_events BIGINT,
    reason VARCHAR,
    archived BOOLEAN
);
COMMENT ON TABLE run_event IS 'What happened to runs and their producers. Oldest created holds, newest described, status and archived hold, by (logged_at_ns, producer_id, sequence).';
COMMENT ON COLUMN run_event.run_key IS 'Key of the run.';
COMMENT ON COLUMN run_event.run_id IS 'The run.';
COMMENT ON COLUMN run_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN run_event.sequence IS 'The producer''s number of the event, from 0 per topic.';
COMMENT ON COLUMN run_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC, rising per producer.';
COMMENT ON COLUMN run_event.received_at IS 'When the consumer got it, us since 1970 UTC.';
COMMENT ON COLUMN run_event.change IS 'created, described, status, properties, heartbeat, producer_closed, producer_lost, gap, archived or deleted.';
COMMENT ON COLUMN run_event.workspace IS 'created: the workspace.';
COMMENT ON COLUMN run_event.experiment IS 'created: the experiment.';
COMMENT ON COLUMN run_event.display_name IS 'created, described: name for people.';
COMMENT ON COLUMN run_event.run_type IS 'created: kind of run as its user named it.';
COMMENT ON COLUMN run_event.parent_run_id IS 'created: the run that this one belongs to.';
COMMENT ON COLUMN run_event.description IS 'created, described: description of the run.';
COMMENT ON COLUMN run_event.host IS 'created: machine of the producer.';
COMMENT ON COLUMN run_event."user" IS 'created: user of the producer.';
COMMENT ON COLUMN run_event.pid IS 'created: process of the producer.';
COMMENT ON COLUMN run_event.continues IS 'created: producer whose staging this one took over after a reboot.';
COMMENT ON COLUMN run_event.status IS 'status: the new status.';
COMMENT ON COLUMN run_event.error_type IS 'status: class of the error, if one ended the run.';
COMMENT ON COLUMN run_event.error_message IS 'status: its message.';
COMMENT ON COLUMN run_event.error_traceback IS 'status: its traceback.';
COMMENT ON COLUMN run_event.error_code IS 'status: its code, as given by the user.';
COMMENT ON COLUMN run_event.n_points IS 'producer_closed: points logged; gap: points lost.';
COMMENT ON COLUMN run_event.n_dropped IS 'producer_closed: points that could not be kept.';
COMMENT ON COLUMN run_event.n_events IS 'producer_closed, producer_lost: events that the producer wrote to other topics; NULL where it did not count them.';
COMMENT ON COLUMN run_event.reason IS 'producer_lost, gap: why.';
COMMENT ON COLUMN run_event.archived IS 'archived: true = hidden from lists, false = brought back.';

CREATE TABLE property_event (
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
COMMENT ON TABLE property_event IS 'Properties as they were added; the oldest of a key holds, by (logged_at_ns, producer_id, sequence).';
COMMENT ON COLUMN property_event.run_key IS 'Key of the run.';
COMMENT ON COLUMN property_event.run_id IS 'The run.';
COMMENT ON COLUMN property_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN property_event.sequence IS 'The producer''s number of the event, from 0 per topic.';
COMMENT ON COLUMN property_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC.';
COMMENT ON COLUMN property_event.key IS 'Name of the property.';
COMMENT ON COLUMN property_event.value IS 'Its value.';

CREATE TABLE tag_event (
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    value VARCHAR,
    removed BOOLEAN NOT NULL
);
COMMENT ON TABLE tag_event IS 'Tags as they were set and removed; the newest of a key holds, by (logged_at_ns, producer_id, sequence).';
COMMENT ON COLUMN tag_event.run_key IS 'Key of the run.';
COMMENT ON COLUMN tag_event.run_id IS 'The run.';
COMMENT ON COLUMN tag_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN tag_event.sequence IS 'The producer''s number of the event, from 0 per topic.';
COMMENT ON COLUMN tag_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC.';
COMMENT ON COLUMN tag_event.key IS 'Name of the tag.';
COMMENT ON COLUMN tag_event.value IS 'Its value, may be NULL.';
COMMENT ON COLUMN tag_event.removed IS 'True if the tag was removed.';

CREATE TABLE artifact_event (
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    content_type VARCHAR NOT NULL,
    location VARCHAR,
    content BLOB,
    metric_name VARCHAR
);
COMMENT ON TABLE artifact_event IS 'Files as they were kept; the newest of a path shows, by (logged_at_ns, producer_id, sequence), all stay.';
COMMENT ON COLUMN artifact_event.run_key IS 'Key of the run.';
COMMENT ON COLUMN artifact_event.run_id IS 'The run.';
COMMENT ON COLUMN artifact_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN artifact_event.sequence IS 'The producer''s number of the event, from 0 per topic.';
COMMENT ON COLUMN artifact_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC.';
COMMENT ON COLUMN artifact_event.path IS 'Path in the run, forward slashes.';
COMMENT ON COLUMN artifact_event.size_bytes IS 'Size in bytes.';
COMMENT ON COLUMN artifact_event.sha256 IS 'SHA-256 of the content, 64 hex digits.';
COMMENT ON COLUMN artifact_event.content_type IS 'Media type.';
COMMENT ON COLUMN artifact_event.location IS 'Where the artifact store keeps it; NULL = only in this table.';
COMMENT ON COLUMN artifact_event.content IS 'The bytes of a small file; NULL = at the location.';
COMMENT ON COLUMN artifact_event.metric_name IS 'Image metric that the file belongs to.';

CREATE TABLE log_event (
    run_key BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    stream VARCHAR NOT NULL,
    first_line BIGINT NOT NULL,
    text VARCHAR NOT NULL
);
COMMENT ON TABLE log_event IS 'Lines that runs printed.';
COMMENT ON COLUMN log_event.run_key IS 'Key of the run.';
COMMENT ON COLUMN log_event.run_id IS 'The run.';
COMMENT ON COLUMN log_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN log_event.sequence IS 'The producer''s number of the event, from 0 per topic.';
COMMENT ON COLUMN log_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC.';
COMMENT ON COLUMN log_event.stream IS 'stdout, stderr or another name.';
COMMENT ON COLUMN log_event.first_line IS 'Number of the first line in its stream, from 0.';
COMMENT ON COLUMN log_event.text IS 'The lines.';

CREATE TABLE position_log (
    commit_no BIGINT NOT NULL,
    partition VARCHAR NOT NULL,
    from_position BIGINT NOT NULL,
    next_position BIGINT NOT NULL,
    committed_at BIGINT NOT NULL,
    topic_id VARCHAR,
    last_producer_id VARCHAR,
    last_sequence BIGINT
);
COMMENT ON TABLE position_log IS 'How far each partition of the event log has been folded, one row per commit and partition; the newest holds. It is also the watermark.';
COMMENT ON COLUMN position_log.commit_no IS 'Number of the commit, rising.';
COMMENT ON COLUMN position_log.partition IS 'topic/number on Kafka; the producer''s id for a journal.';
COMMENT ON COLUMN position_log.from_position IS 'First position that the commit folded.';
COMMENT ON COLUMN position_log.next_position IS 'Position that the next commit begins with.';
COMMENT ON COLUMN position_log.committed_at IS 'When, us since 1970 UTC.';
COMMENT ON COLUMN position_log.topic_id IS 'The broker''s id of the topic: tells a recreated topic apart.';
COMMENT ON COLUMN position_log.last_producer_id IS 'Producer of the last event before next_position.';
COMMENT ON COLUMN position_log.last_sequence IS 'Its sequence.';

CREATE TABLE batch (
    commit_no BIGINT NOT NULL,
    run_key BIGINT NOT NULL,
    producer_id VARCHAR NOT NULL,
    topic SMALLINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    first_index BIGINT NOT NULL,
    n BIGINT NOT NULL,
    partition VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
COMMENT ON TABLE batch IS 'Which events have been folded: one row per event, merged to ranges later. It is what makes duplicates harmless.';
COMMENT ON COLUMN batch.commit_no IS 'Commit that folded it; of a merged row, the newest.';
COMMENT ON COLUMN batch.run_key IS 'Key of the run.';
COMMENT ON COLUMN batch.producer_id IS 'The producer.';
COMMENT ON COLUMN batch.topic IS '1 runs, 2 metrics, 3 tags, 4 artifacts, 5 logs, 6 catalog.';
COMMENT ON COLUMN batch.first_sequence IS 'First sequence of the range.';
COMMENT ON COLUMN batch.last_sequence IS 'Last sequence of the range.';
COMMENT ON COLUMN batch.first_index IS 'Metrics: index of the first point.';
COMMENT ON COLUMN batch.n IS 'Metrics: point indices covered, those that were given up included.';
COMMENT ON COLUMN batch.partition IS 'Partition that it was read from.';
COMMENT ON COLUMN batch.position IS 'Its position there; of a merged row, the newest.';
COMMENT ON COLUMN batch.received_at IS 'When the consumer got it, us since 1970 UTC; of a merged row, the newest.';

CREATE TABLE dead_letter_log (
    commit_no BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    topic VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    run_id VARCHAR,
    stage VARCHAR NOT NULL,
    error_type VARCHAR NOT NULL,
    error_message VARCHAR NOT NULL,
    value BLOB NOT NULL,
    segment VARCHAR,
    segment_offset BIGINT
);
COMMENT ON TABLE dead_letter_log IS 'Events that could not be read or folded, as they came. Everything else went on.';
COMMENT ON COLUMN dead_letter_log.commit_no IS 'Commit that set it aside.';
COMMENT ON COLUMN dead_letter_log.received_at IS 'When the consumer got it, us since 1970 UTC.';
COMMENT ON COLUMN dead_letter_log.topic IS 'Topic that it came from.';
COMMENT ON COLUMN dead_letter_log.partition IS 'Partition that it came from.';
COMMENT ON COLUMN dead_letter_log.position IS 'Its position there.';
COMMENT ON COLUMN dead_letter_log.run_id IS 'The run, where it could be told.';
COMMENT ON COLUMN dead_letter_log.stage IS 'source, decode or fold.';
COMMENT ON COLUMN dead_letter_log.error_type IS 'Class of the error.';
COMMENT ON COLUMN dead_letter_log.error_message IS 'What was wrong.';
COMMENT ON COLUMN dead_letter_log.value IS 'The bytes.';
COMMENT ON COLUMN dead_letter_log.segment IS 'Journal segment, for damage in a journal.';
COMMENT ON COLUMN dead_letter_log.segment_offset IS 'Byte offset in that segment.';

CREATE TABLE catalog_event (
    producer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    logged_at_ns BIGINT NOT NULL,
    workspace VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    change VARCHAR NOT NULL,
    registration_id VARCHAR,
    key VARCHAR,
    value VARCHAR,
    removed BOOLEAN,
    archived BOOLEAN,
    description VARCHAR,
    framework VARCHAR,
    framework_version VARCHAR,
    run_id VARCHAR
);
COMMENT ON TABLE catalog_event IS 'What happened to experiments and models. A version of a model is the rank of its registration; newest tags and archived hold, both by (logged_at_ns, producer_id, sequence).';
COMMENT ON COLUMN catalog_event.producer_id IS 'The producer that says so.';
COMMENT ON COLUMN catalog_event.sequence IS 'The producer''s number of the event, from 0 per topic; the tags of a registration have its number.';
COMMENT ON COLUMN catalog_event.logged_at_ns IS 'Stamp of the event, ns since 1970 UTC.';
COMMENT ON COLUMN catalog_event.workspace IS 'Workspace of the experiment or model.';
COMMENT ON COLUMN catalog_event.subject IS 'experiment or model.';
COMMENT ON COLUMN catalog_event.name IS 'Its name.';
COMMENT ON COLUMN catalog_event.change IS 'registered, tag, archived or deleted.';
COMMENT ON COLUMN catalog_event.registration_id IS 'registered: its own id; tag, deleted: the registration that is meant; NULL = the experiment.';
COMMENT ON COLUMN catalog_event.key IS 'tag: its name.';
COMMENT ON COLUMN catalog_event.value IS 'tag: its value, may be NULL.';
COMMENT ON COLUMN catalog_event.removed IS 'tag: true if it was removed.';
COMMENT ON COLUMN catalog_event.archived IS 'archived: true = hidden from lists, false = brought back.';
COMMENT ON COLUMN catalog_event.description IS 'registered: description of the version.';
COMMENT ON COLUMN catalog_event.framework IS 'registered: library that made it.';
COMMENT ON COLUMN catalog_event.framework_version IS 'registered: version of that library.';
COMMENT ON COLUMN catalog_event.run_id IS 'registered: run that made it.';

CREATE TABLE model_file_event (
    registration_id VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    content_type VARCHAR NOT NULL,
    location VARCHAR,
    content BLOB
);
COMMENT ON TABLE model_file_event IS 'The files of each registered version of a model.';
COMMENT ON COLUMN model_file_event.registration_id IS 'The registration, as in catalog_event.';
COMMENT ON COLUMN model_file_event.path IS 'Path within the model, forward slashes.';
COMMENT ON COLUMN model_file_event.size_bytes IS 'Size in bytes.';
COMMENT ON COLUMN model_file_event.sha256 IS 'SHA-256 of the content, 64 hex digits.';
COMMENT ON COLUMN model_file_event.content_type IS 'Media type.';
COMMENT ON COLUMN model_file_event.location IS 'Where the artifact store keeps it; NULL = only in this table.';
COMMENT ON COLUMN model_file_event.content IS 'The bytes of a small file; NULL = at the location.';

CREATE TABLE model_property_event (
    registration_id VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
COMMENT ON TABLE model_property_event IS 'The properties of each registered version of a model; they never change.';
COMMENT ON COLUMN model_property_event.registration_id IS 'The registration, as in catalog_event.';
COMMENT ON COLUMN model_property_event.key IS 'Name of the property.';
COMMENT ON COLUMN model_property_event.value IS 'Its value.';
