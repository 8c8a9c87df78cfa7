-- Rights that this role lacks for the rollback, all at once, each with the statement that mends it. A superuser lacks
-- none. Renaming and altering is the owner's right in PostgreSQL; so is opening and closing a database. What a role of
-- the application owns is lent by membership, so that it stays the application's; nobody is made a member of a superuser.
WITH me AS (
    SELECT oid, rolname, rolsuper FROM pg_roles WHERE rolname = current_user
), changed AS (
    SELECT 'TABLE' AS kind, format('%I.%I', relnamespace::regnamespace::name, relname) AS name, relowner AS owner
      FROM pg_class
     WHERE relkind IN ('r', 'p', 'v')
       AND (relnamespace = to_regnamespace('rollback')
            OR relnamespace = 'public'::regnamespace
               AND relname IN ('users', 'digital_twins', 'knowledge_bases', 'conversations', 'messages',
                               'handover_notifications', 'knowledge_base', 'analytics_events', 'benchmark_datasets',
                               'benchmark_runs', 'benchmark_ab_tests', 'web_sources', 'llm_usage',
                               'document_processing_jobs', 'llm_user_costs'))
    UNION ALL
    SELECT 'TYPE', format('public.%I', typname), typowner
      FROM pg_type
     WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
       AND typname IN ('user_role', 'conversation_status', 'message_sender', 'llm_provider')
    UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), nspowner FROM pg_namespace WHERE nspname = 'rollback'
    UNION ALL
    SELECT 'DATABASE', quote_ident(datname), datdba FROM pg_database WHERE datname = current_database()
), owned AS (
    SELECT changed.*, r.rolname, r.rolsuper
      FROM changed JOIN pg_roles r ON r.oid = changed.owner, me
     WHERE NOT pg_has_role(me.oid, changed.owner, 'USAGE')
), lent AS (
    SELECT DISTINCT owner FROM owned WHERE NOT rolsuper
), schemas AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), others AS (
    SELECT DISTINCT r.oid, r.rolname, r.rolsuper
      FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid, me
     WHERE a.datname = current_database() AND coalesce(a.backend_type, 'client backend') NOT IN ('parallel worker', 'autovacuum worker')
       AND NOT pg_has_role(me.oid, r.oid, 'USAGE')
       AND NOT EXISTS (SELECT FROM lent WHERE pg_has_role(lent.owner, r.oid, 'USAGE'))
), missing AS (
    SELECT format('%s owns what is changed (%s)', owned.rolname, string_agg(owned.name, ', ' ORDER BY owned.name)) AS lacks,
           format('Mend it with: GRANT %I TO %I;', owned.rolname, me.rolname) AS remedy
      FROM owned, me WHERE NOT owned.rolsuper GROUP BY owned.rolname, me.rolname
    UNION ALL
    SELECT format('owner of %s %s', lower(owned.kind), owned.name),
           format('Mend it with: ALTER %s %s OWNER TO %I;', owned.kind, owned.name, me.rolname)
      FROM owned, me WHERE owned.rolsuper
    UNION ALL
    -- The archive's schema and the table that comes back; the latter is given to whoever owns conversations.
    SELECT format('CREATE on schema public for %s', r.rolname),
           format('Mend it with: GRANT CREATE ON SCHEMA public TO %I;', r.rolname)
      FROM pg_roles r
     WHERE NOT has_schema_privilege(r.oid, 'public', 'CREATE')
       AND NOT (r.rolname = current_user
                AND EXISTS (SELECT FROM lent WHERE has_schema_privilege(lent.owner, 'public', 'CREATE')))
       AND r.oid IN (SELECT oid FROM me
                     UNION SELECT relowner FROM pg_class WHERE oid = to_regclass('public.conversations'))
    UNION ALL
    SELECT 'CREATE on the database (for schema rollback)',
           format('Mend it with: GRANT CREATE ON DATABASE %I TO %I;', current_database(), me.rolname)
      FROM me
     WHERE NOT has_database_privilege(me.oid, current_database(), 'CREATE')
       AND NOT EXISTS (SELECT FROM owned WHERE kind = 'DATABASE')
    UNION ALL
    SELECT format('USAGE on schema %s (for the backup)', s.nspname),
           format('Mend it with: GRANT USAGE ON SCHEMA %I TO %I;', s.nspname, me.rolname)
      FROM schemas s, me
     WHERE NOT has_schema_privilege(me.oid, s.oid, 'USAGE')
       AND NOT EXISTS (SELECT FROM lent WHERE has_schema_privilege(lent.owner, s.oid, 'USAGE'))
       AND NOT EXISTS (SELECT FROM owned WHERE kind = 'SCHEMA' AND name = quote_ident(s.nspname))
    UNION ALL
    SELECT format('SELECT on %s.%s (for the backup)', s.nspname, c.relname),
           format('Mend it with: GRANT SELECT ON %I.%I TO %I;', s.nspname, c.relname, me.rolname)
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace, me
     WHERE c.relkind IN ('r', 'p', 'm', 'S')
       AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(me.oid, c.oid, 'SELECT')
                          ELSE NOT has_table_privilege(me.oid, c.oid, 'SELECT') END
       AND NOT EXISTS (SELECT FROM lent WHERE pg_has_role(lent.owner, c.relowner, 'USAGE'))
       AND NOT EXISTS (SELECT FROM owned WHERE kind = 'TABLE' AND name = format('%I.%I', s.nspname, c.relname))
    UNION ALL
    -- Rows that a policy hides would be overlooked by counts, scripts and backup. An owner sees them unless it is FORCEd.
    SELECT format('all rows of %s.%s (row-level security hides some from %s%s)', s.nspname, c.relname, me.rolname,
                  CASE WHEN c.relforcerowsecurity AND pg_has_role(me.oid, c.relowner, 'USAGE')
                       THEN format('; or, for its owner: ALTER TABLE %I.%I NO FORCE ROW LEVEL SECURITY', s.nspname, c.relname) END),
           format('Mend it with: ALTER ROLE %I BYPASSRLS;', me.rolname)
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace, me
     WHERE c.relkind IN ('r', 'p') AND row_security_active(c.oid)
       AND (pg_has_role(me.oid, c.relowner, 'USAGE')
            OR NOT EXISTS (SELECT FROM lent WHERE pg_has_role(lent.owner, c.relowner, 'USAGE')) OR c.relforcerowsecurity)
    UNION ALL
    SELECT format('pg_signal_backend (to end sessions of %s)', string_agg(others.rolname, ', ' ORDER BY others.rolname)),
           format('Mend it with: GRANT pg_signal_backend TO %I;', me.rolname)
      FROM others, me
     WHERE NOT others.rolsuper AND NOT pg_has_role(me.oid, 'pg_signal_backend', 'USAGE')
     GROUP BY me.rolname
    UNION ALL
    SELECT format('superuser (to end %s, pid %s, a session of the superuser %s)',
                  coalesce(nullif(a.application_name, ''), 'a program without a name'), a.pid, others.rolname),
           'End that session, or run this as a superuser.'
      FROM others JOIN pg_stat_activity a ON a.usesysid = others.oid
     WHERE others.rolsuper AND a.datname = current_database()
       AND coalesce(a.backend_type, 'client backend') NOT IN ('parallel worker', 'autovacuum worker')
)
SELECT DISTINCT missing.lacks, missing.remedy
  FROM missing, me
 WHERE NOT me.rolsuper
 ORDER BY 1
