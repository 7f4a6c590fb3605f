WITH asked AS (
    SELECT unnest(range(len({run_keys}))) AS i, unnest({run_keys}) AS run_key, unnest({run_ids}) AS run_id,
           unnest({names}) AS name
),
-- Every metric that is needed, once, under a small number: many curves of a run share their x.
wanted AS MATERIALIZED (
    SELECT run_key, run_id, name, row_number() OVER () AS k FROM (
        SELECT run_key, run_id, name FROM asked
        UNION
        SELECT run_key, run_id, {x_name} FROM asked
    )
),
own AS MATERIALIZED (
    SELECT s.run_key, s.series_id, w.k, any_value(s.producer_id) AS producer_id
    FROM (FROM series_log WHERE run_key {own}) AS s
    JOIN wanted AS w ON s.run_key = w.run_key AND s.run_id = w.run_id AND s.name = w.name
    WHERE s.column_name IS NULL
    GROUP BY ALL
),
-- Points logged without a step go on counting over a run's producers, as in chart.sql.
stat AS MATERIALIZED (
    SELECT o.run_key, o.series_id, o.k, row_number() OVER producer AS place,
           coalesce(sum(t.n_stepless) OVER (producer ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS shift
    FROM own AS o
    LEFT JOIN (FROM series_newest WHERE run_key {own}) AS t ON t.run_key = o.run_key AND t.series_id = o.series_id
    WINDOW producer AS (PARTITION BY o.k ORDER BY o.producer_id)
),
-- The order among equal steps as one number: a producer's points would have to be 2 ** 48 to reach the next one's.
p AS (
    SELECT s.k, p.step + if(p.kind >= 8, s.shift, 0) AS step, (s.place << 48) + p."index" AS rank, p.value
    FROM point AS p JOIN stat AS s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE p.run_key {own} AND p.value IS NOT NULL
    UNION ALL
    SELECT s.k, p.step + if(p.kind >= 8, s.shift, 0), (s.place << 48) + p."index", p.value
    FROM point_live AS p JOIN stat AS s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE p.run_key {own} AND p.value IS NOT NULL
),
v AS MATERIALIZED (SELECT k, step, arg_max(value, rank) AS value FROM p GROUP BY k, step),
numbered AS MATERIALIZED (
    SELECT a.i, y.k AS y_k, x.k AS x_k
    FROM asked AS a
    JOIN wanted AS y ON y.run_key = a.run_key AND y.run_id = a.run_id AND y.name = a.name
    JOIN wanted AS x ON x.run_key = a.run_key AND x.run_id = a.run_id AND x.name = {x_name}
),
pair AS MATERIALIZED (
    SELECT a.i, y.step, x.value AS x, y.value AS y, CASE WHEN isfinite(y.value) THEN y.value END AS f
    FROM numbered AS a
    JOIN v AS y ON y.k = a.y_k
    JOIN v AS x ON x.k = a.x_k AND x.step = y.step
    WHERE isfinite(x.value) AND {lo} AND {hi}
),
-- The exponent is bounded, so that neither a width nor a column's number leaves the range of doubles.
frame AS MATERIALIZED (
    SELECT i, CASE WHEN n <= {columns} THEN 0 WHEN span = 0 THEN 1
                   ELSE pow(2, least(1000, greatest(-1000, floor(log2(span) - log2({columns}))))) END AS width
    FROM (SELECT i, count(x) AS n, 2 * least(5e307, max(x) / 2 - min(x) / 2) AS span FROM pair GROUP BY i)
),
r AS MATERIALIZED (
    SELECT p.*, row_number() OVER (PARTITION BY p.i ORDER BY x, step)::DOUBLE AS c
    FROM pair AS p JOIN frame AS f ON f.i = p.i WHERE f.width = 0
    UNION ALL
    SELECT p.*, floor(x / f.width) FROM pair AS p JOIN frame AS f ON f.i = p.i WHERE f.width > 0
),
-- Two passes: the end of each column, then, of the few pairs at it, the one of the greatest step.
column_of AS MATERIALIZED (SELECT i, c, max(x) AS x, min(f) AS low, max(f) AS high, count(x) AS n FROM r GROUP BY i, c),
last AS (
    SELECT r.i, r.c, arg_max(r.y, r.step) AS y
    FROM r JOIN column_of AS e ON e.i = r.i AND e.c = r.c AND e.x = r.x GROUP BY r.i, r.c
)
SELECT i, 0 AS what, width AS x, NULL::DOUBLE AS y, NULL::DOUBLE AS low, NULL::DOUBLE AS high, 0::BIGINT AS n,
       0::DOUBLE AS c
FROM frame
UNION ALL
SELECT e.i, 1, e.x, last.y, e.low, e.high, e.n, e.c FROM column_of AS e JOIN last ON last.i = e.i AND last.c = e.c
UNION ALL
SELECT i, if(isnan(y), 2, if(y < 0, 3, 4)), min(x), NULL, NULL, NULL, count(x), c FROM r WHERE f IS NULL GROUP BY ALL
ORDER BY i, what, c
