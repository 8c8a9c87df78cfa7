-- The newest rehearsal that was done, of all targets: by these very scripts first.
SELECT label, target, ended, outage, reason, scripts = %(scripts)s AS same
  FROM rehearsal.run
 WHERE outcome = 'done'
 ORDER BY scripts = %(scripts)s DESC, ended DESC
 LIMIT 1
