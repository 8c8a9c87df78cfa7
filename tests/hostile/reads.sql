-- The relations and columns that each view reads, also through other views: one row a view and column.
WITH RECURSIVE reads (view, rel, col) AS (
    SELECT DISTINCT w.ev_class, d.refobjid, d.refobjsubid
    FROM pg_rewrite AS w JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class AND w.ev_class >= 16384
), through AS (
    SELECT * FROM reads
    UNION
    SELECT t.view, r.rel, r.col FROM through AS t JOIN reads AS r ON r.view = t.rel
)
SELECT format('%I.%I', v.relnamespace::regnamespace, v.relname), format('%I.%I', r.relnamespace::regnamespace, r.relname),
       coalesce(a.attname, '')::text
FROM through AS t JOIN pg_class AS v ON v.oid = t.view JOIN pg_class AS r ON r.oid = t.rel
LEFT JOIN pg_attribute AS a ON a.attrelid = t.rel AND a.attnum = t.col AND t.col > 0
