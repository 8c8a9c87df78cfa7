-- This recipient was mailed.
INSERT INTO rollback.notified (run_id, recipient) VALUES (%(run)s, %(recipient)s) ON CONFLICT DO NOTHING
