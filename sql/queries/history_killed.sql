-- Rehearsals of a target that were not ended though nobody holds their lock: they were killed.
UPDATE rehearsal.run
   SET outcome = 'killed', ended = clock_timestamp(), reason = 'It was killed, or its machine was lost.'
 WHERE target = %(target)s AND outcome = 'running'
RETURNING id, label, began
