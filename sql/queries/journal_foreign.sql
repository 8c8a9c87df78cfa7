-- Relations in schema rollback that have the name of one of the journal's and lack its columns; one row each.
-- Columns that later versions added are not asked for: the journal's script adds them. Locks: ACCESS SHARE on catalogues only.
SELECT format('rollback.%I', v.tab) AS relation,
       (SELECT string_agg(col, ', ' ORDER BY col) FROM unnest(v.cols) AS col
        WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = col AND NOT attisdropped)) AS lacks
FROM (VALUES
    ('run', '{id,incident,target,request,plan,plan_hash,prefect_run,started,ended,outcome,state}'::text[]),
    ('step', '{id,run_id,name,started,ended,outcome,found}'),
    ('approval', '{id,run_id,came,decision,name,role,comment}'),
    ('notified', '{run_id,recipient,sent}'),
    ('approval_try', '{id,run_id,came,door,name,role,decision,plan,comment,lead_unreachable,accepted,why}')
) AS v (tab, cols)
JOIN pg_class AS c ON c.oid = to_regclass('rollback.' || v.tab)
WHERE EXISTS (SELECT FROM unnest(v.cols) AS col
              WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = col AND NOT attisdropped))
ORDER BY 1
