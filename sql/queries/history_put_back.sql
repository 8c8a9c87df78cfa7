-- The application of a target is what it was before all rehearsals.
UPDATE rehearsal.run SET put_back = clock_timestamp() WHERE target = %(target)s AND put_back IS NULL
