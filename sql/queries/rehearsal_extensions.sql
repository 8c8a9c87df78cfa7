-- rehearsal_extensions
-- The extensions that can be made on this server.
SELECT name::text FROM pg_available_extensions
