-- A code came in: it never works again.
INSERT INTO rollback.used_code (approver, step, accepted, used)
VALUES (%(approver)s, %(step)s, %(accepted)s, %(now)s)
ON CONFLICT (approver, step) DO NOTHING
