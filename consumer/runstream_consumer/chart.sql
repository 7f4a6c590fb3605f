WITH asked AS (
    SELECT unnest(range(len({run_keys}))) AS i, unnest({run_keys}) AS run_key, unnest({run_ids}) AS run_id,
           unnest({names}) AS name, unnest({column_names}) AS column_name
),
own AS MATERIALIZED (
    SELECT a.i, s.run_key, s.series_id, any_value(s.producer_id) AS producer_id
    FROM (FROM series_log WHERE run_key {own}) AS s
    JOIN asked AS a ON s.run_key = a.run_key AND s.run_id = a.run_id AND s.name = a.name
                   AND s.column_name IS NOT DISTINCT FROM a.column_name
    GROUP BY ALL
),
stat AS MATERIALIZED (
    SELECT o.i, o.run_key, o.series_id, coalesce(t.n, 0) AS n, coalesce(t.n_stepless, 0) AS n_stepless,
           coalesce(t.n_numeric, 0) AS n_numeric, t.{low} AS low, t.{high} AS high,
           row_number() OVER producer AS place,
           coalesce(sum(t.n_stepless) OVER (producer ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS shift
    FROM own AS o
    LEFT JOIN (FROM series_newest WHERE run_key {own}) AS t ON t.run_key = o.run_key AND t.series_id = o.series_id
    WINDOW producer AS (PARTITION BY o.i ORDER BY o.producer_id)
),
began AS (
    SELECT run_key, min(logged_at_ns) // 1000 AS at FROM run_event
    WHERE change = 'created' AND run_key {own} GROUP BY 1
),
-- The range and the width of a column, per curve. Statistics may be a second old: an open end stays open.
frame AS MATERIALIZED (
    SELECT i, lo, hi, origin, n_numeric <= {columns} AS is_raw,
           greatest(0, floor(log2(greatest(1, (coalesce(hi, high)::DOUBLE - coalesce(lo, low)) + 1) / {columns})))::BIGINT AS sh
    FROM (
        SELECT a.i, any_value(began.at) AS origin, any_value({lo}) AS lo, any_value({hi}) AS hi,
               coalesce(sum(s.n_numeric), 0) AS n_numeric,
               coalesce(min(s.low + {whole_shift}), 0) AS low, coalesce(max(s.high + {whole_shift}), 0) AS high
        FROM asked AS a LEFT JOIN stat AS s ON s.i = a.i LEFT JOIN began ON began.run_key = a.run_key GROUP BY a.i
    )
),
s AS MATERIALIZED (
    SELECT s.i, s.run_key, s.series_id, s.place, s.shift, {whole_shift} AS whole_shift, {is_mixed} AS is_mixed,
           s.n_numeric >= {blocks_from} AS has_blocks, f.is_raw, f.sh, f.lo, f.hi,
           row_number() OVER (ORDER BY s.i, s.place) AS sid,
           greatest(-9223372036854775808, f.lo::HUGEINT - s.shift)::BIGINT AS lo_shifted,
           greatest(-9223372036854775808, f.hi::HUGEINT - {whole_shift})::BIGINT AS hi_shifted
    FROM stat AS s
    JOIN (SELECT i, is_raw, sh,
                 CASE WHEN lo IS NULL THEN -9223372036854775808
                      ELSE greatest(-9223372036854775808, (lo >> sh)::HUGEINT * (1::HUGEINT << sh)) END::BIGINT AS lo,
                 CASE WHEN hi IS NULL THEN 9223372036854775807
                      ELSE least(9223372036854775807, ((hi >> sh)::HUGEINT + 1) * (1::HUGEINT << sh) - 1) END::BIGINT AS hi
          FROM frame) AS f ON f.i = s.i
),
b AS MATERIALIZED (
    SELECT *, NOT is_inside AND coalesce({is_split}, false) AS is_split
    FROM (
        SELECT s.*, b.* EXCLUDE (run_key, series_id), (b.first_{x} + s.whole_shift) >> s.sh AS c,
               coalesce(NOT s.is_raw AND NOT s.is_mixed AND ({is_bounded})
                        AND (b.first_{x} + s.whole_shift) >> s.sh = (b.last_{x} + s.whole_shift) >> s.sh
                        AND b.first_{x} + s.whole_shift >= s.lo AND b.last_{x} + s.whole_shift <= s.hi, false) AS is_inside
        FROM block AS b JOIN s ON s.run_key = b.run_key AND s.series_id = b.series_id
        WHERE s.has_blocks AND b.run_key {own} AND {block_range}
    )
),
-- Raw points: series without use for blocks, blocks that do not fit, and the tail that is not sealed. A block has one
-- number in the whole table, so that number alone joins: DuckDB then skips all other blocks while it scans.
p AS (
    SELECT s.sid, s.is_raw, s.sh, s.lo, s.hi, {point_x} AS x, p.step, p."index", p.value, 1 AS weight
    FROM point AS p JOIN s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE NOT s.has_blocks AND p.run_key {own} AND p.value IS NOT NULL
    UNION ALL
    SELECT s.sid, s.is_raw, s.sh, s.lo, s.hi, {point_x}, p.step, p."index", p.value, 1
    FROM point AS p JOIN (FROM b WHERE NOT is_inside AND NOT is_split) AS s ON s.block = p.block
    WHERE p.run_key {own} AND p.value IS NOT NULL
    UNION ALL
    SELECT s.sid, s.is_raw, s.sh, s.lo, s.hi, {point_x}, p.step, p."index", p.value, 1
    FROM point_live AS p JOIN s ON s.run_key = p.run_key AND s.series_id = p.series_id
    WHERE p.run_key {own} AND p.value IS NOT NULL
    UNION ALL
    -- A block that the edge of a column splits gives its four points, each to the column that it lies in; the first
    -- counts for all, the others weigh nothing.
    SELECT sid, is_raw, sh, lo, hi, unnest([first_{x}, min_{x}, max_{x}, last_{x}]),
           unnest([first_step, min_step, max_step, last_step]), unnest([first_index, first_index, first_index, last_index]),
           unnest([first_value, min_value, max_value, last_value]), unnest([n, 0, 0, 0])
    FROM b WHERE is_split
),
r AS MATERIALIZED (
    SELECT sid, if(is_raw, "index", x >> sh) AS c, x, step, "index", value, weight,
           CASE WHEN isfinite(value) THEN value END AS f
    FROM p WHERE x BETWEEN lo AND hi
),
-- Two passes: the extremes of each column, then, of the few points that are one, the right one among equals.
-- (A point of a raw curve is a column of its own, told by its index.)
extreme AS MATERIALIZED (
    SELECT sid, c, min(x) AS fx, max(x) AS lx, min(f) AS nv, max(f) AS xv, sum(weight) AS n FROM r GROUP BY sid, c
),
part AS (
    SELECT r.sid, r.c, any_value(e.n) AS n,
           any_value(e.fx) AS fx, arg_min(value, (step, "index")) FILTER (x = fx) AS fv,
           min(step) FILTER (x = fx) AS fs, arg_min("index", (step, "index")) FILTER (x = fx) AS fi,
           any_value(e.lx) AS lx, arg_max(value, (step, "index")) FILTER (x = lx) AS lv,
           max(step) FILTER (x = lx) AS ls, arg_max("index", (step, "index")) FILTER (x = lx) AS li,
           min(x) FILTER (f = nv) AS nx, any_value(e.nv) AS nv, min(x) FILTER (f = xv) AS xx, any_value(e.xv) AS xv
    FROM r JOIN extreme AS e ON e.sid = r.sid AND e.c = r.c
    WHERE x = fx OR x = lx OR f = nv OR f = xv
    GROUP BY r.sid, r.c
    UNION ALL
    SELECT sid, c, n, first_{x} + whole_shift, first_value, first_step, first_index,
           last_{x} + whole_shift, last_value, last_step, last_index,
           min_{x} + whole_shift, min_value, max_{x} + whole_shift, max_value
    FROM b WHERE is_inside
),
found AS (
    SELECT s.i, c, if(s.is_raw, s.place, 0) AS of_place, sum(p.n)::BIGINT AS n,
           min(fx) AS fx, arg_min(fv, (fx, s.place, fs, fi)) AS fv,
           max(lx) AS lx, arg_max(lv, (lx, s.place, ls, li)) AS lv,
           arg_min(nx, (nv, nx)) FILTER (nv IS NOT NULL) AS nx, min(nv) AS nv,
           arg_min(xx, (-xv, xx)) FILTER (xv IS NOT NULL) AS xx, max(xv) AS xv
    FROM part AS p JOIN s ON s.sid = p.sid GROUP BY 1, 2, 3
),
mark AS (
    SELECT s.i, x >> s.sh AS c, if(isnan(value), 0, if(value < 0, 1, 2)) AS kind, min(x) AS x, count(value) AS n
    FROM (
        SELECT sid, x, value FROM r WHERE f IS NULL AND weight = 1
        UNION ALL
        -- The condition needs both sides, so that DuckDB does not look for it in the whole run first.
        SELECT s.sid, {point_x}, p.value
        FROM point AS p JOIN (FROM b WHERE (is_inside OR is_split) AND nonfinite > 0) AS s ON s.block = p.block
        WHERE p.run_key {own} AND (NOT isfinite(p.value) OR s.nonfinite = 0)
    ) AS p JOIN s ON s.sid = p.sid
    GROUP BY 1, 2, 3
)
SELECT i, 0 AS what, sh AS c, origin AS fx, NULL::DOUBLE AS fv, NULL::BIGINT AS lx, NULL::DOUBLE AS lv,
       NULL::BIGINT AS nx, NULL::DOUBLE AS nv, NULL::BIGINT AS xx, NULL::DOUBLE AS xv, 0::BIGINT AS n, 0 AS of_place
FROM frame
UNION ALL
SELECT i, 1, c, fx, fv, lx, lv, nx, nv, xx, xv, n, of_place FROM found
UNION ALL
SELECT i, 2, c, x, NULL, kind, NULL, NULL, NULL, NULL, NULL, n, 0 FROM mark
ORDER BY i, what, fx, of_place, c, lx
