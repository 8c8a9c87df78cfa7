-- A run ends.
UPDATE rollback.run
   SET outcome = %(outcome)s, state = %(state)s, ended = clock_timestamp()
 WHERE id = %(id)s
