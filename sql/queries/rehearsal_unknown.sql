-- rehearsal_unknown
-- Columns that are called like contact data, hold text, and are not in contacts.csv (the temporary table contact). Addresses of
-- e-mail and numbers of phones are known by what they look like.
SELECT format('%s.%s', r.relation, r.name) AS "column"
  FROM readable r
 WHERE r.how = 'addresses' AND r.kind = 'r'
   AND r.name ~* '(street|postal|zip_?code|iban|birth|passport|ssn)'
 ORDER BY 1
