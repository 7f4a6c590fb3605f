"""The check in front of readers' statements: every function is known, reads pass, everything else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer import permission, serve

ROOT = Path(serve.__file__).parent

# Looked at and refused, each group for one reason. A function of DuckDB that is neither here nor in readonly.sql fails
# a test: look at it, then put it into one of the two.
REFUSED = """
    arrow_scan arrow_scan_dumb glob pandas_scan parquet_bloom_probe parquet_file_metadata parquet_full_metadata
    parquet_kv_metadata parquet_metadata parquet_scan parquet_schema python_map_function read_blob read_csv
    read_csv_auto read_duckdb read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson
    read_ndjson_auto read_ndjson_objects read_parquet read_text seq_scan sniff_csv st_asbinary st_astext st_aswkb
    st_aswkt st_crs st_geomfromwkb st_intersects_extent st_setcrs

    checkpoint currval disable_logging disable_profiling enable_logging enable_profiling force_checkpoint nextval
    pg_sleep setseed sleep_ms truncate_duckdb_logs write_log

    quack_active_connections quack_check_token quack_clear_cache quack_identify quack_nop_authorization quack_query
    quack_query_by_name quack_serve quack_server_list quack_stop quack_uri_parser whoami

    current_connection_id current_query current_query_id current_setting current_transaction_id duckdb_connection_count
    duckdb_external_file_cache duckdb_extensions duckdb_log_contexts duckdb_logs duckdb_logs_parsed duckdb_memory
    duckdb_optimizers duckdb_prepared_statements duckdb_profiling_settings duckdb_secret_types duckdb_secrets
    duckdb_settings duckdb_temporary_files duckdb_variables getvariable in_search_path parse_duckdb_log_message
    txid_current which_secret

    histogram histogram_values json_deserialize_sql json_execute_serialized_sql json_serialize_plan json_serialize_sql
    query query_table summary

    array_resize bitstring format list_resize lpad printf repeat repeat_row rpad

    can_cast_implicitly cast_to_type combine create_sort_key error finalize get_type hash_combine make_type remap_struct
    replace_type stats test_all_types test_vector_types timetz_byte_comparable try_cast vector_type

    col_description duckdb_approx_database_count duckdb_constraints duckdb_coordinate_systems duckdb_dependencies
    duckdb_indexes duckdb_sequences duckdb_table_sample format_pg_type format_type get_block_size
    has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
    has_function_privilege has_language_privilege has_schema_privilege has_sequence_privilege has_server_privilege
    has_table_privilege has_tablespace_privilege icu_calendar_names inet_client_addr inet_client_port inet_server_addr
    inet_server_port map_to_pg_oid obj_description pg_collation_is_visible pg_conf_load_time
    pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_viewdef pg_has_role
    pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
    pg_postmaster_start_time pg_table_is_visible pg_timezone_names pg_ts_config_is_visible pg_ts_dict_is_visible
    pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof pragma_collations
    pragma_database_size pragma_metadata_info pragma_platform pragma_storage_info pragma_user_agent pragma_version
    shobj_description

    variant_bytes_to_variant variant_extract variant_normalize variant_to_parquet_variant variant_typeof
"""
REFUSED_PREFIXES = ("__internal_", "icu_collate_", "icu_sort_key")

READS = [
    "SELECT 1",
    "FROM run",
    "SELECT run_id, avg(value) FILTER (isfinite(value)) FROM metric WHERE name = 'loss' GROUP BY ALL ORDER BY 2 DESC",
    "WITH 한글 AS (SELECT 1 AS x) SELECT x[1] FROM (SELECT [x] AS x FROM 한글)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t",
    "SELECT [x * 2 FOR x IN [1, 2] IF x > 1], {'a': 1}.a, MAP {'k': 1}['k'], '{\"a\": 1}'::JSON ->> '$.a'",
    "SELECT date_trunc('hour', logged_at), count(*) FROM metric WHERE logged_at > now() - INTERVAL 1 DAY GROUP BY 1",
    "SELECT extract(year FROM current_date), now() AT TIME ZONE 'UTC', DATE '2026-01-01' + 1, epoch_us(now())",
    "SELECT CASE WHEN 'a' LIKE 'b' OR 'a' NOT ILIKE 'c' THEN TRY_CAST('1' AS INT) ELSE -5 END, 7 // 2, 2 ** 3, -(-4)",
    "SELECT row_number() OVER (PARTITION BY run_id ORDER BY step), lag(value) OVER w FROM metric WINDOW w AS ()",
    "SELECT arg_max(value, step), quantile_cont(value, 0.9), string_agg(text, ', ') FROM metric USING SAMPLE 5",
    "PIVOT tag ON key IN ('a', 'b') USING any_value(value) GROUP BY run_id",
    "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
    "SELECT * EXCLUDE (value) REPLACE (step + 1 AS step) FROM metric",
    "SELECT COLUMNS('n_.*') FROM run",
    "FROM run SEMI JOIN tag USING (run_id)",
    "FROM range(3)",
    "FROM unnest([1, 2, 3])",
    "DESCRIBE run",
    "SHOW TABLES",
    "SUMMARIZE run",
    "VALUES (1), (2)",
    "FROM information_schema.columns",
    "SELECT comment FROM duckdb_columns() WHERE table_name = 'run'",
    'SELECT 1 AS "x y", 2 AS "\'; DROP TABLE meta; --"',
    "begin transaction",
    "COMMIT",
]

HOSTILE = [
    "",
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE meta",
    "SELECT 1\0; DROP TABLE meta",
    "INSERT INTO meta VALUES ('a', 'b')",
    "WITH x AS (INSERT INTO meta VALUES ('a', 'b') RETURNING key) FROM x",
    "EXPLAIN ANALYZE INSERT INTO meta VALUES ('a', 'b')",
    "EXPLAIN SELECT 1",
    "UPDATE meta SET value = 'x'",
    "DELETE FROM meta",
    "TRUNCATE meta",
    "MERGE INTO meta USING (SELECT 'a' AS key) AS s ON meta.key = s.key WHEN NOT MATCHED THEN INSERT",
    "DROP TABLE meta",
    "ALTER TABLE meta ADD COLUMN x INT",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE MACRO main.abs(x) AS 1",
    "CREATE VIEW v AS SELECT 1",
    "COPY meta TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.parquet'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.duckdb'",
    "DETACH history",
    "USE guard",
    "INSTALL spatial",
    "LOAD spatial",
    "SET threads = 1",
    "SET GLOBAL quack_authorization_function = 'x'",
    "RESET threads",
    "PRAGMA database_list",
    "CALL quack_stop('quack:localhost')",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN; DROP TABLE meta; COMMIT",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "SELECT nextval('s')",
    "SELECT [nextval('s') FOR x IN [1]]",
    "SELECT abs(nextval('s'))",
    "FROM (SELECT * FROM (SELECT nextval('s')))",
    "FROM read_csv('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM 'x.parquet'",
    'FROM "x.csv"',
    'FROM "https://example.org/x.parquet"',
    "SELECT content FROM read_text('/etc/passwd')",
    "FROM glob('/*')",
    "FROM query('SELECT 1')",
    "FROM query_table('meta')",
    "FROM histogram('meta', 'key')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT getenv('HOME')",
    "SELECT current_setting('quack_authorization_function')",
    "SELECT getvariable('x')",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM pg_settings",
    "FROM pg_catalog.pg_settings",
    "FROM which_secret('x', 's3')",
    "FROM quack_active_connections()",
    "FROM quack_serve(token => 'evil')",
    "FROM quack_query('quack:localhost', 'SELECT 1')",
    "FROM enable_logging(storage => 'file', storage_config => {'path': '/tmp/x'})",
    "SELECT write_log('x')",
    "SELECT sleep_ms(1000)",
    "FROM guard.main.x",
    "FROM Guard.x",
    'FROM "guard"."main"."x"',
    "SELECT guard.main.allowed()",
    "FROM temp.x",
    "FROM pg_catalog.pg_class",
    "SELECT repeat('x', 2000000000)",
    'SELECT "abs acos"(1)',
    "SELECT NEXTVAL('s')",
    "SELECT \"nextval\"('s')",
    "SELECT 's'.nextval()",
    "FROM run, LATERAL (SELECT nextval('s'))",
    "SELECT 1 ORDER BY nextval('s')",
    "SELECT 1 LIMIT (SELECT nextval('s'))",
    "SELECT count(*) FILTER (nextval('s') > 0) FROM run",
    "SELECT sum(1) OVER (ORDER BY nextval('s')) FROM run",
    "VALUES (nextval('s'))",
    "PIVOT (SELECT nextval('s') AS n) ON n IN (1)",
    "SELECT CASE WHEN true THEN nextval('s') END",
    "SELECT {'a': nextval('s')}",
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A history file behind the check, as `serve` sets it up, without a server."""
    connection = duckdb.connect(str(tmp_path_factory.mktemp("readonly") / "history.duckdb"))
    for name in ("tables.sql", "views.sql"):
        connection.execute((ROOT / name).read_text(encoding="utf-8"))
    connection.execute("CREATE SEQUENCE s")
    serve.load_extensions(connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permission, "MAX_STATEMENT_CHARACTERS", 10_000)
        permission.install(connection, "history")
    yield connection
    connection.close()


def permitted(engine: duckdb.DuckDBPyConnection, statement: str) -> bool:
    """What the check says; an error of its own refuses, as it does in the server."""
    try:
        return permission.is_permitted(engine, statement)
    except duckdb.Error:
        return False


def allowed(engine: duckdb.DuckDBPyConnection) -> set[str]:
    """The functions of readonly.sql."""
    row = engine.execute("SELECT guard.main.allowed()").fetchone()
    assert row is not None
    return set(row[0].split())


def test_every_function_of_duckdb_is_allowed_or_refused(engine: duckdb.DuckDBPyConnection) -> None:
    """A DuckDB that brings a new function fails here until somebody has looked at it; nothing is in both lists."""
    rows = engine.execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type <> 'pragma' AND "
        "database_name NOT IN ('guard', 'consumer', 'history')"
    ).fetchall()
    unknown = {row[0] for row in rows} - allowed(engine) - set(REFUSED.split())

    assert sorted(name for name in unknown if not name.startswith(REFUSED_PREFIXES)) == []
    assert allowed(engine) & set(REFUSED.split()) == set()


def test_there_are_no_macros_that_call_something_else(engine: duckdb.DuckDBPyConnection) -> None:
    """The check looks at names, not at what they are bound to, so the history holds no macro of its own."""
    rows = engine.execute(
        "SELECT function_name FROM duckdb_functions() WHERE database_name = 'history' AND NOT internal"
    ).fetchall()

    assert rows == []


@pytest.mark.parametrize("statement", READS)
def test_reads_are_permitted(engine: duckdb.DuckDBPyConnection, statement: str) -> None:
    """What people write to read the history passes."""
    assert permitted(engine, statement)


@pytest.mark.parametrize("statement", HOSTILE)
def test_everything_else_is_refused(engine: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Writes, files, settings, secrets, other sessions and several statements do not pass, however they are nested."""
    assert not permitted(engine, statement)


@pytest.mark.parametrize("name", sorted(REFUSED.split()))
def test_refused_functions_are_refused_wherever_they_stand(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """By any spelling, as a value, in a condition, as a table, and as a method."""
    assert not permitted(engine, f"SELECT 1 FROM run WHERE abs({name.upper()}(run_id)) > 0")
    assert not permitted(engine, f"FROM \"{name}\"('x')")


def test_length_is_bounded(engine: duckdb.DuckDBPyConnection) -> None:
    """A statement of ten thousand characters passes, one more does not."""
    assert permitted(engine, "SELECT 1".ljust(10_000))
    assert not permitted(engine, "SELECT 1".ljust(10_001))


@pytest.mark.parametrize("opening", ["(", "[", "not ", "- ", "1+", "case when ", "{'a':"])
def test_deep_nesting_is_answered(engine: duckdb.DuckDBPyConnection, opening: str) -> None:
    """Thousands of levels are refused or permitted; neither crashes the check."""
    depth = 9_000 // len(opening)

    assert permitted(engine, "SELECT " + opening * depth + "1") in (True, False)


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_gets_an_answer(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """Whatever is sent, the check says yes or no; behind a comment sign there is no statement."""
    assert permitted(engine, text.encode("utf-8", "replace").decode()) in (True, False)
    assert not permitted(engine, "-- " + text.replace("\n", " ").encode("utf-8", "replace").decode())
