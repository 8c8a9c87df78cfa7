-- Subscriptions of this database: tables that another server writes to.
SELECT quote_ident(subname) AS subscription, subenabled AS enabled
  FROM pg_subscription
 WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY subname
