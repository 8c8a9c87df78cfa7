-- rehearsal_unknown
-- Columns that are called like contact data, hold text, and are not in contacts.csv (the temporary table contact).
SELECT format('%s.%s', r.relation, r.name) AS "column"
  FROM readable r
 WHERE r.how = 'addresses' AND r.relkind = 'r'
   AND r.name ~* '(mail(?!ing)|phone|mobile|telefon|fax|street|postal|zip_?code|iban|birth|passport|ssn)'
 ORDER BY 1
