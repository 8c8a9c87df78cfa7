-- Prepared transactions of this database: they hold their locks whoever is connected, until somebody ends them.
SELECT quote_literal(gid) AS gid, owner::text AS owner, prepared FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
