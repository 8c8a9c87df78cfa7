"""What a test asks a catalogue for."""

import re

from tests.databases import Database

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
VIEWS = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' ORDER BY 1"
FUNCTIONS = """
    SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
    ORDER BY 1"""
TRIGGERS = "SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
ENUMS = """
    SELECT typname || ': ' || string_agg(enumlabel, ', ' ORDER BY enumsortorder)
    FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid GROUP BY t.oid, typname ORDER BY t.oid"""
COMMENTS = """
    SELECT concat_ws('.', objoid::regclass, attname) FROM pg_description d
    JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1"""
CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE conname LIKE '%twin%' AND contype <> 'n' ORDER BY 1"
HOLDERS = """
    SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE attname = '{}' AND relkind = 'r' AND NOT attisdropped ORDER BY 1"""

# The tables whose updated_at a trigger keeps.
UPDATED = [
    "benchmark_datasets",
    "benchmark_questions",
    "benchmark_runs",
    "conversations",
    "digital_twins",
    "document_processing_jobs",
    "email_credentials",
    "email_knowledge",
    "end_users",
    "knowledge_base",
    "subscriptions",
    "users",
    "vector_store",
    "web_scrape_runs",
    "web_sources",
]
# The tables with twin_id, kb_id after 010.
NINE = [
    "analytics_events",
    "benchmark_ab_tests",
    "benchmark_datasets",
    "benchmark_runs",
    "conversations",
    "document_processing_jobs",
    "knowledge_base",
    "llm_usage",
    "web_sources",
]


def labels(database: Database, enum: str) -> list[str]:
    return database.column(f"SELECT enumlabel FROM pg_enum WHERE enumtypid = '{enum}'::regtype ORDER BY enumsortorder")


def columns(database: Database, table: str) -> set[str]:
    query = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
    return set(database.column(query))


def dump(database: Database) -> list[str]:
    with_random_key = ("\\restrict", "\\unrestrict")
    text = database.program("pg_dump", "--schema-only").stdout.splitlines()
    return [line for line in text if not line.startswith(with_random_key)]


def without_casts(line: str) -> str:
    """Leave out what PostgreSQL spells differently once ``varchar IN (…)`` went through a dump."""
    return re.sub(r"::character varying|::text(\[\])?|[()]", "", line)
