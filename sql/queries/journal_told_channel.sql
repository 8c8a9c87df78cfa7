-- What became of a message to a channel of the team.
INSERT INTO rollback.notified AS n (run_id, recipient, kind, outcome, tries)
VALUES (%(run)s, %(recipient)s, 'channel', %(outcome)s, 1)
ON CONFLICT (run_id, recipient) DO UPDATE SET outcome = excluded.outcome, sent = excluded.sent, tries = n.tries + 1
