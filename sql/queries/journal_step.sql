-- A step begins (or, with an end, is written down afterwards).
INSERT INTO rollback.step (run_id, name, started, ended, outcome, found, mac)
VALUES (%(run)s, %(name)s, %(started)s, %(ended)s, %(outcome)s, %(found)s, %(mac)s)
RETURNING id
