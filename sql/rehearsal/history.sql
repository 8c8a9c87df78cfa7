-- The history of rehearsals: what each took, and how it ended. It outlives the clones.
CREATE SCHEMA IF NOT EXISTS rehearsal;

CREATE TABLE IF NOT EXISTS rehearsal.run (
    id                  uuid PRIMARY KEY,
    label               text NOT NULL,
    target              text NOT NULL,
    prefect_run         text,
    scripts             text NOT NULL,
    began               timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended               timestamptz,
    outcome             text NOT NULL DEFAULT 'running'
                        CHECK (outcome IN ('running', 'done', 'nothing', 'failed', 'killed')),
    reason              text NOT NULL DEFAULT '',
    bytes               bigint,
    rows                bigint,
    longest_lock        double precision,
    longest_lock_on     text,
    outage              double precision,
    transaction         double precision,
    stage               jsonb,
    put_back            timestamptz
);
COMMENT ON TABLE rehearsal.run IS 'One row for each rehearsal; times in s. stage: what the application of staging was before it.';
CREATE INDEX IF NOT EXISTS run_target ON rehearsal.run (target, began);

CREATE TABLE IF NOT EXISTS rehearsal.step (
    run_id  uuid NOT NULL REFERENCES rehearsal.run ON DELETE CASCADE,
    number  int NOT NULL,
    name    text NOT NULL,
    seconds double precision NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (run_id, number)
);
COMMENT ON TABLE rehearsal.step IS 'The steps of a rehearsal in their order.';
