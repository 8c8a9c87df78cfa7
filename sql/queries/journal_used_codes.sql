-- Codes that an earlier version kept as used, of some steps. Locks: ACCESS SHARE.
SELECT approver, step, accepted FROM ONLY rollback.used_code WHERE step BETWEEN %(since)s AND %(until)s
