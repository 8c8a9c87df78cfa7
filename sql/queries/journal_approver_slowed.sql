-- Another wrong answer for an approver, or (with wrong = 0) a right one.
INSERT INTO rollback.slowed (approver, wrong, until)
VALUES (%(approver)s, %(wrong)s, %(until)s)
ON CONFLICT (approver) DO UPDATE SET wrong = EXCLUDED.wrong, until = EXCLUDED.until
