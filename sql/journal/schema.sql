-- The runbook's own schema: what each run did, in the database that it was done to. No fingerprint covers it.
-- It stays after the rollback: it is the record, and it holds what the rollback took out of the tables.
CREATE SCHEMA IF NOT EXISTS rollback;

CREATE TABLE IF NOT EXISTS rollback.run (
    id          uuid PRIMARY KEY,
    incident    text NOT NULL,
    target      text NOT NULL,
    request     jsonb NOT NULL,
    plan        jsonb NOT NULL,
    plan_hash   text NOT NULL,
    prefect_run text,
    started     timestamptz NOT NULL,
    ended       timestamptz,
    outcome     text NOT NULL DEFAULT 'running'
                CHECK (outcome IN ('running', 'done', 'declined', 'refused', 'cancelled', 'failed')),
    state       text NOT NULL DEFAULT ''
);
-- Seals: HMAC-SHA-256 by a key that only the worker has, over the request, the plan and the beginning, and over the end.
-- Rows of an earlier version have none, and are not believed.
ALTER TABLE rollback.run ADD COLUMN IF NOT EXISTS mac text NOT NULL DEFAULT '',
                         ADD COLUMN IF NOT EXISTS end_mac text NOT NULL DEFAULT '';
COMMENT ON TABLE rollback.run IS 'One row for each run of the rollback that came as far as asking for approval.';
-- A journal of an earlier version does not know the outcome 'cancelled'.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_constraint
                WHERE conrelid = 'rollback.run'::regclass AND conname = 'run_outcome_check'
                  AND position('cancelled' IN pg_catalog.pg_get_constraintdef(oid)) = 0) THEN
        ALTER TABLE rollback.run
            DROP CONSTRAINT run_outcome_check,
            ADD CONSTRAINT run_outcome_check
                CHECK (outcome IN ('running', 'done', 'declined', 'refused', 'cancelled', 'failed'));
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS run_incident ON rollback.run (incident, started);

CREATE TABLE IF NOT EXISTS rollback.step (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id  uuid NOT NULL REFERENCES rollback.run,
    name    text NOT NULL,
    started timestamptz NOT NULL,
    ended   timestamptz,
    outcome text NOT NULL CHECK (outcome IN ('running', 'done', 'skipped', 'open', 'failed')),
    found   jsonb NOT NULL DEFAULT '{}'
);
-- A journal of an earlier version does not know the outcome 'open'.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_constraint
                WHERE conrelid = 'rollback.step'::regclass AND conname = 'step_outcome_check'
                  AND position('open' IN pg_catalog.pg_get_constraintdef(oid)) = 0) THEN
        ALTER TABLE rollback.step
            DROP CONSTRAINT step_outcome_check,
            ADD CONSTRAINT step_outcome_check CHECK (outcome IN ('running', 'done', 'skipped', 'open', 'failed'));
    END IF;
END
$$;
ALTER TABLE rollback.step ADD COLUMN IF NOT EXISTS mac text NOT NULL DEFAULT '';
COMMENT ON TABLE rollback.step IS 'Steps of a run; the row of a database step commits in the same transaction as its work.';
CREATE INDEX IF NOT EXISTS step_run ON rollback.step (run_id, id);

CREATE TABLE IF NOT EXISTS rollback.approval (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id   uuid NOT NULL REFERENCES rollback.run,
    came     timestamptz NOT NULL DEFAULT clock_timestamp(),
    decision text NOT NULL,
    name     text NOT NULL,
    role     text NOT NULL,
    comment  text NOT NULL DEFAULT ''
);
ALTER TABLE rollback.approval ADD COLUMN IF NOT EXISTS without_rehearsal text NOT NULL DEFAULT '';
ALTER TABLE rollback.approval ADD COLUMN IF NOT EXISTS plan_hash text NOT NULL DEFAULT '',
                              ADD COLUMN IF NOT EXISTS mac text NOT NULL DEFAULT '';
COMMENT ON TABLE rollback.approval IS 'Who decided what, when.';

CREATE TABLE IF NOT EXISTS rollback.notified (
    run_id    uuid NOT NULL REFERENCES rollback.run,
    recipient text NOT NULL,
    sent      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, recipient)
);
ALTER TABLE rollback.notified ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'user'
    CHECK (kind IN ('user', 'channel'));
-- A row of an earlier version was written when the message was taken over.
ALTER TABLE rollback.notified ADD COLUMN IF NOT EXISTS outcome text NOT NULL DEFAULT 'accepted'
    CHECK (outcome IN ('waiting', 'accepted', 'refused', 'doubtful', 'given up'));
ALTER TABLE rollback.notified ADD COLUMN IF NOT EXISTS said text NOT NULL DEFAULT '';
ALTER TABLE rollback.notified ADD COLUMN IF NOT EXISTS tries int NOT NULL DEFAULT 0;
ALTER TABLE rollback.notified ADD COLUMN IF NOT EXISTS listed timestamptz;
ALTER TABLE rollback.notified ALTER COLUMN sent DROP NOT NULL;
UPDATE rollback.notified SET kind = 'channel' WHERE kind = 'user' AND recipient LIKE 'team: %';
COMMENT ON TABLE rollback.notified IS 'Whom a run tells and what became of it, so that a second try mails nobody twice.';

CREATE TABLE IF NOT EXISTS rollback.approval_try (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           uuid NOT NULL REFERENCES rollback.run,
    came             timestamptz NOT NULL,
    door             text NOT NULL,
    name             text NOT NULL,
    role             text NOT NULL,
    decision         text NOT NULL,
    plan             text NOT NULL,
    comment          text NOT NULL,
    lead_unreachable text NOT NULL,
    accepted         boolean NOT NULL,
    why              text NOT NULL
);
ALTER TABLE rollback.approval_try ADD COLUMN IF NOT EXISTS without_rehearsal text NOT NULL DEFAULT '';
COMMENT ON TABLE rollback.approval_try IS 'Every answer to a run that waited, with why it did not count; never a code.';
CREATE INDEX IF NOT EXISTS approval_try_run ON rollback.approval_try (run_id, id);
