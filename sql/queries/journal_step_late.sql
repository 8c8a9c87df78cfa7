-- journal_step_late
-- A step is written down after it ended, unless it stands there already: with the transaction that it was part of.
INSERT INTO rollback.step (run_id, name, started, ended, outcome, found, mac)
SELECT %(run)s, %(name)s, %(started)s, %(ended)s, %(outcome)s, %(found)s, %(mac)s
 WHERE NOT EXISTS (SELECT FROM rollback.step WHERE run_id = %(run)s AND name = %(name)s AND started = %(started)s)
