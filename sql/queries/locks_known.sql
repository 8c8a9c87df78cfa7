-- Tables and views that are there: on what a transaction makes itself nobody else can wait.
SELECT oid::int8 AS id
  FROM pg_class
 WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'rollback'))
