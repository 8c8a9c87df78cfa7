-- rehearsal_roles
-- The roles of this server.
SELECT rolname::text AS name FROM pg_roles
