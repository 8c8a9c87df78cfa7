-- Somebody decided.
INSERT INTO rollback.approval (run_id, decision, name, role, comment)
VALUES (%(run)s, %(decision)s, %(name)s, %(role)s, %(comment)s)
