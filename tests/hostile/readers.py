"""What reads the tables: views, materialized views, functions."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

VIEWS = [
    Case(
        "a view on knowledge bases",
        "CREATE VIEW kb_names AS SELECT k.id, k.name, c.kb_id FROM knowledge_bases k JOIN conversations c ON c.kb_id = k.id;",
        after=("SELECT count(*) > 0 FROM kb_names",),
    ),
    Case(
        "views on views",
        "CREATE VIEW inner_one AS SELECT kb_id, count(*) AS n FROM conversations GROUP BY kb_id;\n"
        "CREATE VIEW outer_one AS SELECT k.name, i.n FROM inner_one i JOIN knowledge_bases k ON k.id = i.kb_id;\n"
        "CREATE VIEW outermost AS SELECT name FROM outer_one WHERE n > 0;",
        after=("SELECT count(*) > 0 FROM outermost",),
    ),
    Case(
        "a view that joins by USING the renamed column",
        "CREATE VIEW both_sides AS SELECT * FROM (SELECT kb_id, title FROM knowledge_base) e\n"
        "JOIN conversations USING (kb_id);",
        after=("SELECT count(*) > 0 FROM both_sides",),
    ),
    Case(
        "a view with security barrier, as invoker, in another schema",
        "CREATE SCHEMA IF NOT EXISTS crm;\n"
        "CREATE VIEW crm.safe WITH (security_barrier, security_invoker) AS SELECT id, email, role FROM public.users;",
        after=("SELECT count(*) > 0 FROM crm.safe",),
    ),
    Case(
        "a view with check option and a label of the type",
        "CREATE VIEW owners_checked AS SELECT id, email, role FROM users WHERE role = 'kb_owner' WITH CASCADED CHECK OPTION;",
        after=("SELECT count(*) > 0 FROM owners_checked",),
    ),
    Case(
        "a view with a label as text",
        "CREATE SCHEMA IF NOT EXISTS crm;\nCREATE VIEW crm.owners AS SELECT id FROM public.users WHERE role::text = 'kb_owner';",
        says=r"[Vv]iew crm\.owners",
        after=("SELECT count(*) = 0 FROM crm.owners",),
    ),
    Case(
        "a view that spells a label in a CASE",
        "CREATE VIEW spelled AS SELECT id, CASE role::text WHEN 'kb_owner' THEN 'Owner' ELSE 'other' END AS title FROM users;",
        says="[Vv]iew (public\\.)?spelled",
    ),
    Case(
        "a view of all columns of users",
        "CREATE VIEW all_users AS SELECT * FROM users;",
        "blocked",
        says="all_users",
    ),
    Case(
        "a view of all columns of users, and they are kept",
        "CREATE VIEW all_users_kept AS SELECT * FROM users;",
        request={"oauth": "keep"},
    ),
    Case(
        "a view of shared knowledge bases",
        "CREATE VIEW shared_bases AS SELECT name FROM knowledge_bases WHERE is_public;",
        "blocked",
        says="shared_bases",
    ),
    Case(
        "a view of whole rows as JSON",
        "CREATE VIEW rows_as_json AS SELECT to_jsonb(k) AS kb FROM knowledge_bases k;",
        says="rows_as_json",
    ),
    Case(
        "a view that takes rows by INSTEAD OF",
        """
CREATE VIEW inbox AS SELECT id, kb_id, title FROM knowledge_base;
CREATE FUNCTION inbox_in() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.knowledge_base (kb_id, title, content) VALUES (NEW.kb_id, NEW.title, '-'); RETURN NEW; END$$;
CREATE TRIGGER inbox_in INSTEAD OF INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION inbox_in();""",
        says="inbox_in",
    ),
    Case(
        "a view with rules of its own",
        "CREATE VIEW titles AS SELECT id, title FROM knowledge_base;\n"
        "CREATE RULE titles_change AS ON UPDATE TO titles DO INSTEAD UPDATE knowledge_base SET title = NEW.title WHERE id = OLD.id;",
    ),
    Case(
        "a recursive view",
        "CREATE RECURSIVE VIEW chain (id, parent) AS SELECT id, parent_entry_id FROM knowledge_base WHERE parent_entry_id IS NULL\n"
        "UNION ALL SELECT k.id, k.parent_entry_id FROM knowledge_base k JOIN chain ON chain.id = k.parent_entry_id;",
    ),
    Case(
        "a materialized view with a unique index",
        "CREATE MATERIALIZED VIEW base_sizes AS SELECT b.id, b.name, count(k.id) AS entries\n"
        "FROM knowledge_bases b LEFT JOIN knowledge_base k ON k.kb_id = b.id GROUP BY b.id;\n"
        "CREATE UNIQUE INDEX base_sizes_id ON base_sizes (id);",
        after=("SELECT count(*) > 0 FROM base_sizes",),
    ),
    Case(
        "a materialized view that was never filled",
        "CREATE MATERIALIZED VIEW empty_sizes AS SELECT kb_id, count(*) FROM web_sources GROUP BY kb_id WITH NO DATA;",
    ),
    Case(
        "a materialized view with a label as text",
        "CREATE MATERIALIZED VIEW owners_now AS SELECT id FROM users WHERE role::text = 'kb_owner';",
        says="[Mm]aterialized view (public\\.)?owners_now",
    ),
    Case(
        "a materialized view of pictures",
        "CREATE MATERIALIZED VIEW pictures AS SELECT id, avatar_url FROM users;",
        "blocked",
        says="pictures",
    ),
    Case(
        "a view on the type's labels",
        "CREATE VIEW all_roles AS SELECT unnest(enum_range(NULL::user_role)) AS role;",
    ),
    Case(
        "a view that gives providers away, and gemini is removed",
        "CREATE VIEW providers AS SELECT llm_provider FROM knowledge_bases;",
        "blocked",
        request={"gemini": "remove"},
        says="providers",
    ),
]

FUNCTIONS = [
    Case(
        "a function with an SQL-standard body",
        "CREATE FUNCTION entries_of(b knowledge_bases) RETURNS bigint LANGUAGE sql\n"
        "BEGIN ATOMIC SELECT count(*) FROM knowledge_base AS k WHERE k.kb_id = b.id; END;",
        after=("SELECT sum(entries_of(d)) > 0 FROM digital_twins AS d",),
    ),
    Case(
        "a function with an SQL-standard body that reads a dropped column",
        "CREATE FUNCTION shared_count() RETURNS bigint LANGUAGE sql\n"
        "BEGIN ATOMIC SELECT count(*) FROM knowledge_bases WHERE is_public; END;",
        "blocked",
        says="shared_count",
    ),
    Case(
        "a function whose text names the new release's tables",
        "CREATE FUNCTION count_bases() RETURNS bigint LANGUAGE plpgsql AS\n"
        "$$BEGIN RETURN (SELECT count(*) FROM knowledge_bases WHERE user_id IS NOT NULL); END$$;",
        says="count_bases",
    ),
    Case(
        "a function in another schema whose text names a label",
        "CREATE SCHEMA IF NOT EXISTS crm;\nCREATE FUNCTION crm.is_owner(r text) RETURNS bool LANGUAGE sql AS $$SELECT r = 'kb_owner'$$;",
        says=r"crm\.is_owner",
    ),
    Case(
        "a function whose text names a picture",
        "CREATE FUNCTION picture_of(u uuid) RETURNS text LANGUAGE sql AS $$SELECT avatar_url FROM users WHERE id = u$$;",
        says="picture_of",
    ),
    Case(
        "a function with a variable of a row",
        "CREATE FUNCTION first_base() RETURNS text LANGUAGE plpgsql AS\n"
        "$$DECLARE k knowledge_bases%ROWTYPE; BEGIN SELECT * INTO k FROM knowledge_bases LIMIT 1; RETURN k.name; END$$;",
        says="first_base",
    ),
    Case(
        "a function that returns rows of the table",
        "CREATE FUNCTION all_bases() RETURNS SETOF knowledge_bases LANGUAGE sql AS $$SELECT * FROM knowledge_bases$$;",
        says="all_bases",
    ),
    Case(
        "a function with a label of the type as default",
        "CREATE FUNCTION role_or(r user_role DEFAULT 'kb_owner') RETURNS text LANGUAGE sql AS $$SELECT r::text$$;",
        after=("SELECT role_or() = 'professional'",),
    ),
    Case(
        "a function with a label as text as default",
        "CREATE FUNCTION role_named(r text DEFAULT 'kb_owner') RETURNS text LANGUAGE sql AS $$SELECT r$$;",
        says="role_named",
    ),
    Case(
        "a function of the providers, and gemini is removed",
        "CREATE FUNCTION costs(p llm_provider) RETURNS int LANGUAGE sql AS $$SELECT 1$$;",
        "blocked",
        request={"gemini": "remove"},
        says="costs",
    ),
    Case(
        "an aggregate over the roles",
        "CREATE FUNCTION later_role(a user_role, b user_role) RETURNS user_role LANGUAGE sql AS $$SELECT greatest(a, b)$$;\n"
        "CREATE AGGREGATE last_role(user_role) (SFUNC = later_role, STYPE = user_role);",
        after=("SELECT last_role(role) IS NOT NULL FROM users",),
    ),
    Case(
        "an operator and a cast over the roles",
        "CREATE FUNCTION as_number(r user_role) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT length(r::text)$$;\n"
        "CREATE CAST (user_role AS int) WITH FUNCTION as_number(user_role);\n"
        "CREATE FUNCTION same_role(a user_role, b text) RETURNS bool LANGUAGE sql AS $$SELECT a::text = b$$;\n"
        "CREATE OPERATOR === (LEFTARG = user_role, RIGHTARG = text, FUNCTION = same_role);",
    ),
    Case(
        "a procedure that the team calls each night",
        "CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$BEGIN DELETE FROM analytics_events WHERE kb_id IS NULL; END$$;",
        says="tidy",
    ),
    Case(
        "a function of the baseline that the team changed",
        "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS\n"
        "$$BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END$$;",
        says="update_updated_at_column",
        drift=r"routine public\.update_updated_at_column\(\)",
    ),
    Case(
        "a function that the baseline knows under another body, in another language",
        "CREATE FUNCTION update_email_total() RETURNS int LANGUAGE sql AS $$SELECT 1$$;",
    ),
]

CASES = [*VIEWS, *FUNCTIONS]
