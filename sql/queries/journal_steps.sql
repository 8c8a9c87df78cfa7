-- The steps of a run, in their order.
SELECT name, started, ended, outcome, found FROM rollback.step WHERE run_id = %(run)s ORDER BY started, id
