-- Somebody decided.
INSERT INTO rollback.approval (run_id, decision, name, role, comment, without_rehearsal)
VALUES (%(run)s, %(decision)s, %(name)s, %(role)s, %(comment)s, %(without_rehearsal)s)
