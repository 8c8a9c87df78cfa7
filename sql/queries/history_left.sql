-- Rehearsals of a target that left the application of staging as a rollback leaves it, the newest first.
SELECT id, label, stage
  FROM rehearsal.run
 WHERE target = %(target)s AND stage IS NOT NULL AND put_back IS NULL
 ORDER BY began DESC
