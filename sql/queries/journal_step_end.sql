-- A step ends. Inside the rollback's transaction this row commits with the work, or not at all.
UPDATE rollback.step
   SET ended = %(ended)s, outcome = %(outcome)s, found = %(found)s, mac = %(mac)s
 WHERE id = %(id)s
