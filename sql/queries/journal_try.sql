-- Somebody answered.
INSERT INTO rollback.approval_try
       (run_id, came, door, name, role, decision, plan, comment, lead_unreachable, without_rehearsal,
        accepted, why)
VALUES (%(run)s, %(came)s, %(door)s, %(name)s, %(role)s, %(decision)s, %(plan)s, %(comment)s, %(lead_unreachable)s,
        %(without_rehearsal)s,         %(accepted)s, %(why)s)
