-- Somebody decided.
INSERT INTO rollback.approval (run_id, came, decision, name, role, comment, without_rehearsal, plan_hash, mac)
VALUES (%(run)s, %(came)s, %(decision)s, %(name)s, %(role)s, %(comment)s, %(without_rehearsal)s, %(plan_hash)s, %(mac)s)
