-- What DigitalTwin needs beyond a bare PostgreSQL: the extensions uuid-ossp (function uuid_generate_v4)
-- and vector (type vector). Run it once in a fresh database, before baseline.sql. PostgreSQL 14 to 18.
--
-- Where the server cannot install one of them, a stand-in of the same name is made in schema `extensions`,
-- and the database's search_path becomes `public, extensions`, so that every other file is the same text
-- with the real thing and with the stand-in:
--   uuid_generate_v4()  is PostgreSQL's own gen_random_uuid(), which makes the same kind of UUID (version 4).
--   vector              is a base type that keeps the text it is given. It takes a dimension, so vector(1536)
--                       is spelled and shown as usual, but neither checks it nor computes with it: no distance
--                       operators, no index. Making a base type needs a superuser.
-- Stand-ins are for the demo and for tests. A real DigitalTwin database has the extensions.
--
-- CREATE DATABASE … TEMPLATE and pg_restore do not copy a database's search_path: set it again on the copy.

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'uuid-ossp') THEN
        CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
    ELSE
        CREATE SCHEMA IF NOT EXISTS extensions;
        CREATE OR REPLACE FUNCTION extensions.uuid_generate_v4() RETURNS uuid
            LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT pg_catalog.gen_random_uuid()';
    END IF;
END
$$;

DO $$
BEGIN
    -- Its functions are made before the type is whole, which PostgreSQL remarks on.
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
    IF EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector') THEN
        CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
    ELSIF pg_catalog.to_regtype('extensions.vector') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS extensions;
        CREATE TYPE extensions.vector;
        CREATE FUNCTION extensions.vector_in(cstring) RETURNS extensions.vector
            LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textin';
        CREATE FUNCTION extensions.vector_out(extensions.vector) RETURNS cstring
            LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout';
        CREATE FUNCTION extensions.vector_recv(internal) RETURNS extensions.vector
            LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textrecv';
        CREATE FUNCTION extensions.vector_send(extensions.vector) RETURNS bytea
            LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textsend';
        CREATE TYPE extensions.vector (
            INPUT = extensions.vector_in,
            OUTPUT = extensions.vector_out,
            RECEIVE = extensions.vector_recv,
            SEND = extensions.vector_send,
            TYPMOD_IN = varchartypmodin,
            TYPMOD_OUT = varchartypmodout,
            LIKE = pg_catalog.text
        );
    END IF;
END
$$;

-- Stand-ins are found by name on this connection and on all later ones.
DO $$
BEGIN
    IF pg_catalog.to_regnamespace('extensions') IS NOT NULL THEN
        EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = public, extensions', pg_catalog.current_database());
        PERFORM pg_catalog.set_config('search_path', 'public, extensions', false);
    END IF;
END
$$;
