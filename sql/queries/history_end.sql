-- A rehearsal ended.
UPDATE rehearsal.run
   SET ended = clock_timestamp(), outcome = %(outcome)s, reason = %(reason)s
 WHERE id = %(id)s
