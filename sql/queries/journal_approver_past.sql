-- What is remembered of an approver, from all runs.
SELECT coalesce((SELECT max(step) FROM rollback.used_code WHERE approver = %(approver)s AND accepted), -1) AS newest,
       ARRAY(SELECT step FROM rollback.used_code WHERE approver = %(approver)s AND step >= %(since)s) AS used,
       coalesce((SELECT wrong FROM rollback.slowed WHERE approver = %(approver)s), 0) AS wrong,
       (SELECT until FROM rollback.slowed WHERE approver = %(approver)s) AS slowed_until
