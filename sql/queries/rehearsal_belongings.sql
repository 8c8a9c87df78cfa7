-- rehearsal_belongings
-- What the runs in this journal made beside the database: copies of it, dumps, and files with ways back.
SELECT found ->> 'copy' AS copy, found ->> 'path' AS path, found ->> 'way_back' AS way_back
  FROM rollback.step
 WHERE found ?| ARRAY['copy', 'path', 'way_back']
 ORDER BY id
