-- What a rehearsal measured.
UPDATE rehearsal.run
   SET bytes = %(bytes)s, rows = %(rows)s, longest_lock = %(longest_lock)s,
       longest_lock_on = %(longest_lock_on)s, outage = %(outage)s, transaction = %(transaction)s
 WHERE id = %(id)s
