WITH asked AS (
    SELECT unnest(range(len({run_keys}))) AS i, unnest({run_keys}) AS run_key, unnest({run_ids}) AS run_id,
           unnest({names}) AS name
),
-- Every metric that is needed, once: many curves of a run share their x.
wanted AS (
    SELECT run_key, run_id, name FROM asked
    UNION
    SELECT run_key, run_id, {x_name} FROM asked
),
own AS MATERIALIZED (
    SELECT s.run_key, s.series_id, w.run_id, w.name, any_value(s.producer_id) AS producer_id
    FROM (FROM series_log WHERE run_key {own}) AS s
    JOIN wanted AS w ON s.run_key = w.run_key AND s.run_id = w.run_id AND s.name = w.name
    WHERE s.column_name IS NULL
    GROUP BY ALL
),
-- Points logged without a step go on counting over a run's producers, as in chart.sql.
stat AS MATERIALIZED (
    SELECT o.run_key, o.series_id, o.run_id, o.name, row_number() OVER producer AS place,
           coalesce(sum(t.n_stepless) OVER (producer ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS shift
    FROM own AS o
    LEFT JOIN (FROM series_newest WHERE run_key {own}) AS t ON t.run_key = o.run_key AND t.series_id = o.series_id
    WINDOW producer AS (PARTITION BY o.run_id, o.name ORDER BY o.producer_id)
),
p AS (
    SELECT s.run_id, s.name, s.place, p.step + if(p.kind >= 8, s.shift, 0) AS step, p."index", p.value
    FROM point AS p JOIN stat AS s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE p.run_key {own} AND p.value IS NOT NULL
    UNION ALL
    SELECT s.run_id, s.name, s.place, p.step + if(p.kind >= 8, s.shift, 0), p."index", p.value
    FROM point_live AS p JOIN stat AS s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE p.run_key {own} AND p.value IS NOT NULL
),
v AS MATERIALIZED (
    SELECT run_id, name, step, arg_max(value, (place, "index")) AS value FROM p GROUP BY run_id, name, step
),
pair AS MATERIALIZED (
    SELECT a.i, y.step, x.value AS x, y.value AS y, CASE WHEN isfinite(y.value) THEN y.value END AS f
    FROM asked AS a
    JOIN v AS y ON y.run_id = a.run_id AND y.name = a.name
    JOIN v AS x ON x.run_id = a.run_id AND x.name = {x_name} AND x.step = y.step
    WHERE isfinite(x.value) AND {lo} AND {hi}
),
-- The exponent is bounded, so that neither a width nor a column's number leaves the range of doubles.
frame AS MATERIALIZED (
    SELECT i, CASE WHEN n <= {columns} THEN 0 WHEN span = 0 THEN 1
                   ELSE pow(2, least(1000, greatest(-1000, floor(log2(span) - log2({columns}))))) END AS width
    FROM (SELECT i, count(x) AS n, 2 * least(5e307, max(x) / 2 - min(x) / 2) AS span FROM pair GROUP BY i)
),
r AS MATERIALIZED (
    SELECT p.*, f.width, CASE WHEN f.width = 0 THEN row_number() OVER (PARTITION BY p.i ORDER BY x, step)
                              ELSE floor(x / f.width) END::DOUBLE AS c
    FROM pair AS p JOIN frame AS f ON f.i = p.i
)
SELECT i, 0 AS what, width AS x, NULL::DOUBLE AS y, NULL::DOUBLE AS low, NULL::DOUBLE AS high, 0::BIGINT AS n,
       0::DOUBLE AS c
FROM frame
UNION ALL
SELECT i, 1, max(x), arg_max(y, (x, step)), min(f), max(f), count(x), c FROM r GROUP BY i, c
UNION ALL
SELECT i, if(isnan(y), 2, if(y < 0, 3, 4)), min(x), NULL, NULL, NULL, count(x), c FROM r WHERE f IS NULL GROUP BY ALL
ORDER BY i, what, c
