-- The newest decision in a run.
SELECT came, decision, name, role, comment FROM rollback.approval WHERE run_id = %(run)s ORDER BY id DESC LIMIT 1
