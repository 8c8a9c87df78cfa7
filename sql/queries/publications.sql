-- Publications of this database with how many tables each publishes.
SELECT p.pubname::text AS publication,
       (SELECT count(*) FROM pg_publication_tables AS t WHERE t.pubname = p.pubname) AS tables
  FROM pg_publication AS p
 ORDER BY p.pubname
