-- What state a run that has ended leaves behind, as it is known now.
UPDATE rollback.run SET state = %(state)s, end_mac = %(mac)s WHERE id = %(id)s AND outcome = %(outcome)s
