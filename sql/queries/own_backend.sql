-- The server process that answers this connection, and whether it holds the runner's lock: behind a pooler it is another
-- one than the connection was told of, and may be another one for each transaction.
SELECT pg_backend_pid() AS pid,
       EXISTS (SELECT FROM pg_locks AS l
                WHERE l.locktype = 'advisory' AND l.granted AND l.pid = pg_backend_pid() AND l.objsubid = 2
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND l.classid = x'726F6C6C'::int::oid AND l.objid = x'6261636B'::int::oid) AS locked
