"""The databases on which the locks of the scripts are looked at: together they make every statement run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.databases import ALL, AS_SHIPPED, STOPPED

SETTLE = ("oauth/temporary_passwords.sql", "oauth/delete.sql")
FILES = (
    *SETTLE,
    *(
        f"{folder}/{name}.sql"
        for name in ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")
        for folder in ("rollback", "verify")
    ),
)
"""The scripts in the order in which the rollback runs them; of the first two it runs one, or none."""


@dataclass(frozen=True)
class State:
    """A database to run the scripts on, and how."""

    forward: tuple[str, ...] = ALL
    settle: str = SETTLE[0]
    options: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    """What was done to it before, such as by an earlier, faulty rollback."""


FAULTY = """
    ALTER TABLE knowledge_bases ADD COLUMN profession varchar(255), ADD COLUMN communication_style varchar(100),
        ADD COLUMN bio text NOT NULL DEFAULT '', ADD COLUMN capabilities text[],
        ADD COLUMN handover_threshold numeric(4, 2) DEFAULT 0.5, ADD COLUMN services jsonb DEFAULT '[]';
    CREATE TABLE handover_notifications (id uuid);
    DROP INDEX idx_conversations_kb_id;
"""
"""Columns, a table and an index as old rollback scripts left them."""

RECREATED = """
    CREATE TYPE user_role_new AS ENUM ('super_admin', 'kb_owner', 'end_user');
    ALTER TABLE users ALTER role DROP DEFAULT, ALTER role TYPE user_role_new USING role::text::user_role_new;
    CREATE TYPE conversation_status_new AS ENUM ('active', 'closed');
    ALTER TABLE conversations ALTER status DROP DEFAULT,
        ALTER status TYPE conversation_status_new USING status::text::conversation_status_new;
"""
"""Two recreations of a type that stopped when the column had moved."""

TOUCHED = """
    CREATE TYPE user_role_new AS ENUM ('x');
    CREATE TYPE message_sender_new AS ENUM ('x');
    CREATE TYPE llm_provider_new AS ENUM ('x');
    ALTER TABLE knowledge_bases RENAME CONSTRAINT digital_twins_pkey TO knowledge_bases_pkey;
    ALTER VIEW llm_user_costs RENAME COLUMN twin_id TO kb_id;
    GRANT SELECT ON conversations TO pg_monitor;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_read_all_stats;
"""
"""Stray types, and what a team may have tidied up or granted."""

GRANTED = "GRANT USAGE ON TYPE user_role, llm_provider TO pg_monitor"

STATES = (
    State(),
    State(settle=SETTLE[1], options={"gemini": "remove"}, before=f"DELETE FROM benchmark_results; {GRANTED}"),
    State(forward=("010", AS_SHIPPED, "012", "013")),
    State(forward=("010", STOPPED, "012", "013")),
    State(forward=("010", "011", "013")),
    State(forward=()),
    State(before=FAULTY),
    State(before=RECREATED),
    State(before=TOUCHED, options={"bot_label": "twin"}),
    State(before=f"ALTER TYPE user_role ADD VALUE 'professional'; {GRANTED}"),
)
