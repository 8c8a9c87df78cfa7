-- Rights that this role lacks for the rollback, all at once. A superuser lacks none.
-- Dropping, renaming and altering is the owner's right in PostgreSQL; so is opening and closing a database.
WITH me AS (
    SELECT oid, rolname, rolsuper FROM pg_roles WHERE rolname = current_user
), missing AS (
    SELECT 'owner of table ' || c.relname AS lacks,
           format('ALTER TABLE public.%I OWNER TO %I, or GRANT %I TO %I', c.relname, me.rolname,
                  pg_get_userbyid(c.relowner), me.rolname) AS remedy
      FROM pg_class c, me
     WHERE c.relnamespace = 'public'::regnamespace
       AND c.relname IN ('users', 'digital_twins', 'knowledge_bases', 'conversations', 'messages',
                         'handover_notifications', 'knowledge_base', 'analytics_events', 'benchmark_datasets',
                         'benchmark_runs', 'benchmark_ab_tests', 'web_sources', 'llm_usage',
                         'document_processing_jobs')
       AND c.relkind IN ('r', 'p')
       AND NOT pg_has_role(me.oid, c.relowner, 'USAGE')
    UNION ALL
    SELECT 'owner of type ' || t.typname,
           format('ALTER TYPE public.%I OWNER TO %I', t.typname, me.rolname)
      FROM pg_type t, me
     WHERE t.typnamespace = 'public'::regnamespace
       AND t.typname IN ('user_role', 'conversation_status', 'message_sender', 'llm_provider')
       AND NOT pg_has_role(me.oid, t.typowner, 'USAGE')
    UNION ALL
    SELECT 'CREATE on schema public', format('GRANT CREATE ON SCHEMA public TO %I', me.rolname)
      FROM me WHERE NOT has_schema_privilege(me.oid, 'public', 'CREATE')
    UNION ALL
    SELECT 'CREATE on the database (for schema rollback)',
           format('GRANT CREATE ON DATABASE %I TO %I', current_database(), me.rolname)
      FROM me WHERE NOT has_database_privilege(me.oid, current_database(), 'CREATE')
    UNION ALL
    SELECT 'owner of the database (for the fence)',
           format('ALTER DATABASE %I OWNER TO %I', current_database(), me.rolname)
      FROM pg_database d, me
     WHERE d.datname = current_database() AND NOT pg_has_role(me.oid, d.datdba, 'USAGE')
    UNION ALL
    SELECT 'SELECT on table ' || c.relname || ' (for the backup)',
           format('GRANT SELECT ON public.%I TO %I', c.relname, me.rolname)
      FROM pg_class c, me
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT has_table_privilege(me.oid, c.oid, 'SELECT')
    UNION ALL
    SELECT DISTINCT 'pg_signal_backend (to end sessions of ' || a.usename || ')',
           format('GRANT pg_signal_backend TO %I', me.rolname)
      FROM pg_stat_activity a, me
     WHERE a.datname = current_database() AND a.backend_type = 'client backend'
       AND NOT pg_has_role(me.oid, a.usesysid, 'USAGE')
       AND NOT pg_has_role(me.oid, 'pg_signal_backend', 'USAGE')
)
SELECT missing.lacks, missing.remedy
  FROM missing, me
 WHERE NOT me.rolsuper
 ORDER BY 1
