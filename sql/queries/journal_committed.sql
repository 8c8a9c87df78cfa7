-- Did the transaction of this run commit? Its last step's row came with it.
SELECT 1 AS committed
  FROM rollback.step
 WHERE run_id = %(id)s AND name = 'verify the schema' AND outcome = 'done'
