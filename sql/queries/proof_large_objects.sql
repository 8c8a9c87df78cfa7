-- How many large objects there are, and a hash over all of them, whatever their order: read in pieces of a megabyte.
SELECT (SELECT count(*) FROM pg_largeobject_metadata) AS rows,
       coalesce(sum(hashtextextended(oid || ' ' || piece || ' '
                                     || sha256(lo_get(oid, piece * 1048576, 1048576))::text, 0)::numeric), 0)::text AS hash
  FROM (SELECT oid, generate_series(0, lo_lseek64(lo_open(oid, x'40000'::int), 0, 2) / 1048576) AS piece
          FROM pg_largeobject_metadata) AS pieces
