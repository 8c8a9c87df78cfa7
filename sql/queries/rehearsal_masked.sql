-- rehearsal_masked
-- What mask.sql wrote in this transaction.
SELECT count(*) FILTER (WHERE rows > 0) AS tables, coalesce(sum(rows), 0)::int8 AS rows, coalesce(sum(columns), 0)::int8 AS columns
  FROM masked
