-- All answers to a run, in their order.
SELECT came, door, name, role, decision, plan, comment, lead_unreachable, accepted, why
  FROM rollback.approval_try
 WHERE run_id = %(run)s
 ORDER BY id
