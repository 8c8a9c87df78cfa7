-- Was this recipient mailed in this run already?
SELECT sent FROM rollback.notified WHERE run_id = %(run)s AND recipient = %(recipient)s
