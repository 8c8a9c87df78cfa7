-- What the application of staging was before a rehearsal, which is about to change it.
UPDATE rehearsal.run SET stage = %(stage)s, put_back = NULL WHERE id = %(id)s
