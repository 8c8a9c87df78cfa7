-- What the team can have PostgreSQL do by itself when the transaction writes: triggers, rules, event triggers; one row each.
-- Left out: triggers of constraints, what is switched off (or on for replicas only), what extensions brought.
-- events are those on which it fires; columns those of UPDATE OF; text is the function's body (of a rule: the rule);
-- definer: whether it runs with its owner's rights, not with those of who writes.
-- Locks: ACCESS SHARE on catalogues only.
SELECT 'trigger' AS kind, t.tgrelid::int8 AS relation, quote_ident(t.tgname) AS name,
       CASE WHEN t.tgtype & 2 = 2 THEN 'BEFORE' ELSE 'AFTER' END AS timing,
       t.tgtype & 1 = 1 AS each_row, false AS instead,
       array_remove(ARRAY[CASE WHEN t.tgtype & 4 = 4 THEN 'INSERT' END, CASE WHEN t.tgtype & 16 = 16 THEN 'UPDATE' END,
                          CASE WHEN t.tgtype & 8 = 8 THEN 'DELETE' END], NULL) AS events,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a
             WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr::int2[])) AS columns,
       NULL::text[] AS tags,
       p.oid::int8 AS routine, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS text, l.lanname::text AS language,
       p.oid IS NOT DISTINCT FROM to_regproc('public.update_updated_at_column') AS clock,
       p.prosecdef AS definer
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_language AS l ON l.oid = p.prolang
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 64 = 0
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
UNION ALL
SELECT 'rule', r.ev_class::int8, quote_ident(r.rulename), '', true, r.is_instead,
       ARRAY[CASE r.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END], '{}', NULL,
       NULL, pg_get_ruledef(r.oid), 'sql', false, true
FROM pg_rewrite AS r
JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind IN ('r', 'p')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
UNION ALL
SELECT 'event trigger', NULL, quote_ident(e.evtname), e.evtevent::text, false, false, '{}', '{}', e.evttags::text[],
       p.oid::int8, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), l.lanname::text, false, p.prosecdef
FROM pg_event_trigger AS e
JOIN pg_proc AS p ON p.oid = e.evtfoid
JOIN pg_language AS l ON l.oid = p.prolang
WHERE e.evtenabled IN ('O', 'A')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e')
ORDER BY 1, 2, 3
