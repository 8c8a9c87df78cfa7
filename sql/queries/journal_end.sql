-- A run ends.
UPDATE rollback.run
   SET outcome = %(outcome)s, state = %(state)s, ended = clock_timestamp(), end_mac = %(mac)s
 WHERE id = %(id)s
