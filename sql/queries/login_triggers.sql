-- Event triggers that run when somebody connects (PostgreSQL 17 and newer).
SELECT quote_ident(evtname) AS name, evtfoid::regproc::text AS function
  FROM pg_event_trigger
 WHERE evtevent = 'login' AND evtenabled IN ('O', 'A')
 ORDER BY evtname
