-- How long the one transaction took, in s: from the beginning of its first step to its commit, by the server's own record.
SELECT extract(epoch FROM pg_xact_commit_timestamp(last.xmin) - first.started)::float8 AS seconds
FROM rollback.step AS first, rollback.step AS last
WHERE first.name = 'settle OAuth users' AND last.name = 'verify the schema'
