-- Write down whom this run mails, once: who is listed for its incident is not listed again, whatever became of it.
-- Two spellings of one address are one mailbox.
INSERT INTO rollback.notified (run_id, recipient, kind, outcome, listed, sent)
SELECT DISTINCT ON (lower(one.recipient)) %(run)s, one.recipient, 'user', 'waiting', clock_timestamp(), NULL
  FROM pg_catalog.unnest(%(recipients)s::text[]) WITH ORDINALITY AS one (recipient, place)
 WHERE NOT EXISTS (SELECT FROM rollback.notified AS n
                    WHERE n.run_id = %(run)s AND n.kind = 'user' AND n.listed IS NOT NULL)
   AND lower(one.recipient) NOT IN (SELECT lower(n.recipient)
                                      FROM rollback.notified AS n
                                      JOIN rollback.run AS r ON r.id = n.run_id
                                     WHERE r.incident = %(incident)s AND n.kind = 'user')
 ORDER BY lower(one.recipient), one.place
ON CONFLICT DO NOTHING
