-- The tables of the run history. The fold only ever INSERTs; deletes happen in maintenance.
-- No keys, no indexes: see README. Times are microseconds since 1970 UTC unless the name ends in _ns.
CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR);

CREATE TABLE point (
    run_key BIGINT NOT NULL, series_id BIGINT NOT NULL, step BIGINT NOT NULL, "index" BIGINT NOT NULL,
    logged_at BIGINT NOT NULL, value DOUBLE, kind TINYINT NOT NULL, text VARCHAR, block BIGINT NOT NULL
);
CREATE TABLE point_live (
    run_key BIGINT NOT NULL, series_id BIGINT NOT NULL, step BIGINT NOT NULL, "index" BIGINT NOT NULL,
    logged_at BIGINT NOT NULL, value DOUBLE, kind TINYINT NOT NULL, text VARCHAR, commit_no BIGINT NOT NULL
);
-- kind: 1 float 2 int 3 bool 4 None 5 string 6 integer beyond 64 bits; +8 = logged without a step (step is then the place in the series)
CREATE TABLE block (
    run_key BIGINT NOT NULL, series_id BIGINT NOT NULL, block BIGINT NOT NULL, n INTEGER NOT NULL, nonfinite INTEGER NOT NULL,
    first_step BIGINT, first_at BIGINT, first_value DOUBLE, last_step BIGINT, last_at BIGINT, last_value DOUBLE,
    min_step BIGINT, min_at BIGINT, min_value DOUBLE, max_step BIGINT, max_at BIGINT, max_value DOUBLE, time_ordered BOOLEAN NOT NULL
);
CREATE TABLE seal (sealed_at BIGINT NOT NULL, upto_commit_no BIGINT NOT NULL, first_block BIGINT, last_block BIGINT, n BIGINT NOT NULL);

CREATE TABLE series_log (
    series_id BIGINT NOT NULL, run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL, column_name VARCHAR, form VARCHAR NOT NULL, description VARCHAR NOT NULL, first_index BIGINT NOT NULL
);
CREATE TABLE series_stat (
    series_id BIGINT NOT NULL, run_key BIGINT NOT NULL, n BIGINT NOT NULL, n_stepless BIGINT NOT NULL, n_numeric BIGINT NOT NULL, nonfinite BIGINT NOT NULL,
    last_step BIGINT, last_index BIGINT, last_at BIGINT, last_value DOUBLE, last_kind TINYINT, last_text VARCHAR,
    first_step BIGINT, min_step BIGINT, min_value DOUBLE, max_step BIGINT, max_value DOUBLE
);
CREATE TABLE series_stat_live AS SELECT *, 0::BIGINT AS commit_no FROM series_stat WHERE false;

CREATE TABLE run_event (
    run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL, sequence BIGINT NOT NULL, logged_at_ns BIGINT NOT NULL, received_at BIGINT NOT NULL,
    change VARCHAR NOT NULL, workspace VARCHAR, experiment VARCHAR, display_name VARCHAR, run_type VARCHAR, parent_run_id VARCHAR, description VARCHAR,
    host VARCHAR, "user" VARCHAR, pid BIGINT, continues VARCHAR,
    status VARCHAR, error_type VARCHAR, error_message VARCHAR, error_traceback VARCHAR, error_code VARCHAR,
    n_points BIGINT, n_dropped BIGINT, reason VARCHAR, archived BOOLEAN
);
CREATE TABLE property_event (
    run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL, sequence BIGINT NOT NULL, logged_at_ns BIGINT NOT NULL, key VARCHAR NOT NULL, value VARCHAR
);
CREATE TABLE tag_event (
    run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL, sequence BIGINT NOT NULL, logged_at_ns BIGINT NOT NULL, key VARCHAR NOT NULL, value VARCHAR, removed BOOLEAN NOT NULL
);
CREATE TABLE artifact_event (
    run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL, sequence BIGINT NOT NULL, logged_at_ns BIGINT NOT NULL,
    path VARCHAR NOT NULL, size_bytes BIGINT NOT NULL, sha256 VARCHAR NOT NULL, content_type VARCHAR NOT NULL, location VARCHAR, content BLOB, metric_name VARCHAR
);
CREATE TABLE log_event (
    run_key BIGINT NOT NULL, run_id VARCHAR NOT NULL, producer_id VARCHAR NOT NULL, sequence BIGINT NOT NULL, logged_at_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, first_line BIGINT NOT NULL, text VARCHAR NOT NULL
);

CREATE TABLE position_log (
    commit_no BIGINT NOT NULL, partition VARCHAR NOT NULL, from_position BIGINT NOT NULL, next_position BIGINT NOT NULL, committed_at BIGINT NOT NULL,
    topic_id VARCHAR, last_producer_id VARCHAR, last_sequence BIGINT
);
-- One row per event folded (or per range of events after compaction): the identity that makes duplicates harmless.
CREATE TABLE batch (
    commit_no BIGINT NOT NULL, run_key BIGINT NOT NULL, producer_id VARCHAR NOT NULL, topic SMALLINT NOT NULL, first_sequence BIGINT NOT NULL, last_sequence BIGINT NOT NULL,
    first_index BIGINT, n BIGINT NOT NULL, partition VARCHAR NOT NULL, position BIGINT NOT NULL, received_at BIGINT NOT NULL
);
CREATE TABLE dead_letter_log (
    commit_no BIGINT NOT NULL, received_at BIGINT NOT NULL, topic VARCHAR NOT NULL, partition VARCHAR NOT NULL, position BIGINT NOT NULL, run_id VARCHAR,
    stage VARCHAR NOT NULL, error_type VARCHAR NOT NULL, error_message VARCHAR NOT NULL, value BLOB NOT NULL, segment VARCHAR, segment_offset BIGINT
);
