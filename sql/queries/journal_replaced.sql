-- Going on after the commit was approved with another plan: the run is that plan's from now on.
UPDATE rollback.run
   SET request = %(request)s, plan = %(plan)s, plan_hash = %(hash)s, mac = %(mac)s
 WHERE id = %(id)s
