"""What stands beside the tables: publications, slots, prepared transactions, extensions, foreign data."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case
from tests.hostile.drifted import EMAIL, retyped

CASES = [
    Case("a publication of all tables", "CREATE PUBLICATION everything FOR ALL TABLES;", says="everything"),
    Case(
        "a publication of some tables",
        "CREATE PUBLICATION some_tables FOR TABLE users, messages WITH (publish = 'insert, update');",
        says="some_tables",
    ),
    Case("a publication of a schema", "CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA public;", says="of_schema"),
    Case(
        "a publication with columns that stay",
        "CREATE PUBLICATION names FOR TABLE knowledge_bases (id, name), conversations (id, kb_id);",
    ),
    Case(
        "a publication with a dropped column",
        "CREATE PUBLICATION shares FOR TABLE knowledge_bases (id, share_url);",
        "blocked",
        says="shares",
    ),
    Case(
        "a publication with a condition on a dropped column",
        "CREATE PUBLICATION open_ones FOR TABLE knowledge_bases WHERE (is_public) WITH (publish = 'insert');",
        "blocked",
        says="open_ones",
    ),
    Case(
        "a publication with a label of the type in its condition",
        "CREATE PUBLICATION owners_only FOR TABLE users WHERE (full_name <> '') WITH (publish = 'insert');",
    ),
    Case(
        "a logical slot that nobody reads",
        "SELECT pg_create_logical_replication_slot('hostile_slot', 'pgoutput');",
        says="hostile_slot",
        undo="SELECT pg_drop_replication_slot('hostile_slot');",
        alone=True,
        beside=True,
    ),
    Case(
        "a subscription that is off",
        "CREATE SUBSCRIPTION hostile_news CONNECTION 'host=nowhere.invalid dbname=x' PUBLICATION x WITH (connect = false, slot_name = NONE);",
        undo="DROP SUBSCRIPTION hostile_news;",
        alone=True,
        beside=True,
    ),
    Case(
        "a prepared transaction that nobody ended",
        "BEGIN;\nUPDATE end_users SET name = 'x';\nPREPARE TRANSACTION 'hostile one';",
        "blocked",
        says="hostile one",
        undo="ROLLBACK PREPARED 'hostile one';",
        alone=True,
        beside=True,
    ),
    Case(
        "an operator class and a collation of the team's",
        "CREATE COLLATION german (provider = icu, locale = 'de-DE');\nCREATE TABLE ger (t text COLLATE german);\n"
        "CREATE TEXT SEARCH CONFIGURATION simple_too (COPY = simple);\nCREATE INDEX kb_words ON knowledge_base USING gin (to_tsvector('simple_too', title));",
        versions=("15",),
    ),
    Case(
        "full text search over titles",
        "ALTER TABLE knowledge_base ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED;\n"
        "CREATE INDEX kb_words_gin ON knowledge_base USING gin (words);",
    ),
    Case(
        "trigram indexes",
        "CREATE EXTENSION pg_trgm;\nCREATE INDEX trgm ON users USING gin (email gin_trgm_ops, full_name gin_trgm_ops);",
        versions=("15",),
    ),
    Case(
        "an extension in a schema of its own",
        "CREATE SCHEMA ext;\nCREATE EXTENSION hstore SCHEMA ext;\nALTER TABLE users ADD COLUMN prefs ext.hstore DEFAULT 'a=>1';",
        versions=("15",),
    ),
    Case(
        "an exclusion constraint with an extension",
        "CREATE EXTENSION btree_gist;\nCREATE TABLE slots (kb_id uuid REFERENCES knowledge_bases, during tsrange, EXCLUDE USING gist (kb_id WITH =, during WITH &&));",
        versions=("15",),
    ),
    Case(
        "e-mail addresses that do not know case",
        "CREATE EXTENSION citext;\n" + retyped("email", "citext"),
        says=r"users\.email",
        drift=EMAIL,
        versions=("15",),
    ),
    Case(
        "an extension that encrypts",
        "CREATE EXTENSION pgcrypto;\nALTER TABLE users ADD COLUMN secret bytea DEFAULT digest('x', 'sha256');",
        versions=("15",),
    ),
    Case(
        "a foreign table, and a view on it",
        "CREATE EXTENSION file_fdw;\nCREATE SERVER files FOREIGN DATA WRAPPER file_fdw;\n"
        "CREATE FOREIGN TABLE passwd (line text) SERVER files OPTIONS (filename '/etc/hostname');\n"
        "CREATE VIEW passwd_users AS SELECT line, k.name FROM passwd, knowledge_bases k;",
        versions=("15",),
    ),
    Case(
        "a foreign table whose server is gone",
        "CREATE EXTENSION postgres_fdw;\nCREATE SERVER gone FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid');\n"
        "CREATE USER MAPPING FOR postgres SERVER gone OPTIONS (user 'x', password 'y');\n"
        "CREATE FOREIGN TABLE far_users (id uuid, role user_role) SERVER gone;\nCREATE MATERIALIZED VIEW far AS SELECT * FROM far_users WITH NO DATA;",
        versions=("15",),
    ),
    Case(
        "case-insensitive and trusted extensions in public, owned by the team",
        "CREATE EXTENSION unaccent;\nCREATE EXTENSION fuzzystrmatch;\nCREATE INDEX sounds ON users (soundex(full_name));",
        versions=("15",),
    ),
    Case(
        "the extensions in a schema that is in nobody's search_path",
        'CREATE SCHEMA ext_home;\nALTER EXTENSION "uuid-ossp" SET SCHEMA ext_home;',
        drift=r"\.id$|uuid-ossp",
        versions=("15",),
    ),
]
