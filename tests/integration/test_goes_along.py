"""What stands on a dropped column and on no other goes with it, whatever it is called; it is named, and no obstacle."""

from collections.abc import Callable

import pytest

from runbook.schema import catalogue
from tests import trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

NewDatabase = Callable[..., Database]

# Each with what the plan says of it; empty where nothing of its own goes.
ALONG = [
    ("COMMENT ON INDEX idx_users_oauth IS 'one identity, one account'", "index public.idx_users_oauth"),
    ("CREATE INDEX team_share ON knowledge_bases (share_url, is_public)", "index team_share"),
    ("CREATE INDEX pictures ON users (lower(avatar_url))", "index pictures"),
    ("CREATE INDEX found ON users (oauth_id) INCLUDE (oauth_provider)", "index found"),
    ("CREATE INDEX \"Team's Index\" ON users (oauth_id) WHERE oauth_provider = 'google'", "index Team's Index"),
    ("CREATE INDEX about ON knowledge_bases USING gin (to_tsvector('simple', description))", "index about"),
    ("CREATE UNIQUE INDEX ON users (oauth_id text_pattern_ops)", "index users_oauth_id_idx"),
    ("ALTER TABLE users ADD CHECK (oauth_id <> '')", "constraint users.users_oauth_id_check"),
    (
        "ALTER TABLE users ADD CONSTRAINT pair CHECK ((oauth_id IS NULL) = (oauth_provider IS NULL))",
        "constraint users.pair",
    ),
    ("ALTER TABLE users ADD CONSTRAINT one UNIQUE (oauth_provider, oauth_id)", "constraint users.one"),
    (
        "ALTER TABLE users ADD EXCLUDE USING btree (oauth_id WITH =)",
        "constraint users.users_oauth_id_excl",
    ),
    (
        "CREATE SCHEMA crm; CREATE TABLE crm.pictures (url varchar(500) PRIMARY KEY); "
        "ALTER TABLE users ADD FOREIGN KEY (avatar_url) REFERENCES crm.pictures NOT VALID",
        "constraint users.users_avatar_url_fkey",
    ),
    ("CREATE STATISTICS s ON oauth_provider, oauth_id FROM users", "statistics s"),
    ("CREATE SCHEMA crm; CREATE STATISTICS crm.s ON is_public, share_url FROM knowledge_bases", "statistics crm.s"),
    ("ALTER TABLE users ALTER oauth_provider SET DEFAULT 'google'", ""),
    ("ALTER TABLE knowledge_bases ALTER is_public SET NOT NULL", ""),
    ("COMMENT ON CONSTRAINT knowledge_bases_share_url_key ON knowledge_bases IS 'x'", "knowledge_bases_share_url_key"),
    ("GRANT UPDATE (avatar_url) ON users TO pg_monitor", ""),
    ("ALTER INDEX idx_users_oauth RENAME TO identities", "index identities"),
    ("ALTER TABLE knowledge_bases RENAME CONSTRAINT knowledge_bases_share_url_key TO team_key", "index team_key"),
    ("DROP INDEX idx_knowledge_bases_is_public, idx_knowledge_bases_share_url, idx_users_avatar_url", ""),
    ("CREATE INDEX c ON users (oauth_id); ALTER TABLE users CLUSTER ON c", "index c"),
    ("ALTER TABLE users ALTER oauth_id SET STATISTICS 1000, ALTER oauth_id SET STORAGE EXTERNAL", ""),
]


@pytest.mark.parametrize(("statement", "said"), ALONG, ids=[statement[:60] for statement, _ in ALONG])
def test_it_goes_is_named_and_is_no_obstacle(new_database: NewDatabase, statement: str, said: str) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(statement.encode())
        assert trials.obstacles(conn) == []
        assert said in trials.announced(conn)
        notices: list[str] = []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with conn.transaction():
            assert trials.faults(conn) == []
        if said:
            assert said.rsplit(maxsplit=1)[-1].rpartition(".")[2] in "\n".join(notices)


def test_an_index_of_that_name_elsewhere_is_the_teams(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute("DROP INDEX idx_users_oauth, idx_users_avatar_url")
        conn.execute("CREATE INDEX idx_users_oauth ON users (id); CREATE INDEX idx_users_avatar_url ON messages (id)")
        before = catalogue.read(conn)
        assert "index idx_users_oauth" not in trials.announced(conn)
        with conn.transaction():
            assert trials.faults(conn) == []
        later = {fact.identity for fact in catalogue.read(conn) if fact.kind == "index"}
        assert {fact.identity for fact in before if fact.object in ("idx_users_oauth", "idx_users_avatar_url")} <= later


COMMENTS = {
    "COLUMN users.role": "see the handbook, page 12",
    "COLUMN users.email": "unique, also without case",
    "COLUMN knowledge_bases.llm_provider": "ask before you add one",
    "COLUMN knowledge_bases.rag_config": "ours",
    "COLUMN conversations.kb_id": "kb_id is whose it is",
    "COLUMN messages.content": "x",
    "INDEX idx_users_role": "x",
    "TABLE messages": "x",
    "TABLE knowledge_base": "not knowledge_bases",
    "TYPE email_provider": "x",
    "TRIGGER update_users_updated_at ON users": "x",
    "CONSTRAINT digital_twins_user_id_key ON knowledge_bases": "one each",
    "FUNCTION check_email_limit()": "x",
    "SCHEMA public": "ours",
}


@pytest.mark.parametrize("gemini", ["keep", "remove"])
def test_a_comment_of_the_team_stays(new_database: NewDatabase, gemini: str) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        for place, text in COMMENTS.items():
            conn.execute(f"COMMENT ON {place} IS '{text}'".encode())
        written = sorted(text for text in COMMENTS.values())
        assert trials.obstacles(conn, gemini) == []
        with conn.transaction():
            assert trials.faults(conn, gemini=gemini) == []
        there = [fact.definition for fact in catalogue.read(conn) if fact.kind == "comment"]
        assert [text for text in written if text not in there] == []


def test_comments_of_the_transformation_are_printed_and_go(new_database: NewDatabase) -> None:
    database = new_database(messages=0, forward=ALL)
    with database.connect() as conn:
        texts = {fact.definition for fact in catalogue.read(conn) if fact.kind == "comment"}
        notices: list[str] = []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with conn.transaction():
            assert trials.faults(conn, gemini="remove") == []
        left = {fact.definition for fact in catalogue.read(conn) if fact.kind == "comment"}
    with new_database(messages=0).connect() as conn:
        baseline = {fact.object for fact in catalogue.read(conn) if fact.kind == "comment"}
    with database.connect() as conn:
        assert {fact.object for fact in catalogue.read(conn) if fact.kind == "comment"} == baseline
    said = "\n".join(notices)
    assert len(texts - left) == 17  # all that the four set, but the one on rag_config
    assert [text for text in texts - left if f'"{text}"' not in said] == []
    assert "left the comment on digital_twins.rag_config" in said


@pytest.mark.parametrize("forward", [(), ("010",), ("011",), ("012",), ("013",)], ids="+".join)
def test_a_comment_is_the_teams_where_its_migration_never_was(
    new_database: NewDatabase, forward: tuple[str, ...]
) -> None:
    mine = {"010": "TABLE {}", "011": "TABLE conversations", "012": "TYPE user_role", "013": "TYPE llm_provider"}
    table = "knowledge_bases" if "010" in forward else "digital_twins"
    with new_database(messages=0, forward=forward).connect() as conn:
        for place in mine.values():
            conn.execute(f"COMMENT ON {place.format(table)} IS 'of the team'".encode())
        with conn.transaction():
            assert trials.faults(conn, gemini="remove") == []
        there = [fact.definition for fact in catalogue.read(conn) if fact.kind == "comment"]
        assert there.count("of the team") == 4 - len(forward)


def test_with_gemini_its_comment_is_kept(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        with conn.transaction():
            assert trials.faults(conn) == []
        assert ("comment", "type public.llm_provider") in {fact.key for fact in catalogue.read(conn)}
