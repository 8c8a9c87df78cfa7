-- Who is mailed about the rollback: users who can use the service. The address is their login. Who has none is listed
-- by their id, so that nobody is left out in silence.
SELECT coalesce(nullif(btrim(email::text), ''), '(user ' || id::text || ' has no address)') AS email
  FROM public.users
 WHERE is_active
 ORDER BY 1
