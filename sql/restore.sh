# restore: bring the dump $backup back under the name $PGDATABASE, with all that belongs to the database.
#
# NEEDS     PGDATABASE, backup (the dump's folder), and the other PG… variables that lead to the server. A role that may
#           create databases and extensions. Room for a second copy. All services of the application stopped.
# DOES      Refuses a dump of another database, and one that has changed. Ends the sessions on the database, renames it
#           to …_rolled_back (where that is too long or taken, rolled_back_ and the time), and restores. Where the
#           restore fails, the database gets its name back.
# LOSES     What was written since the dump is in …_rolled_back only. Nothing is dropped.
(
set -eu
stop() { echo "Stopped: $*" >&2; exit 1; }
noted() { sed -n "s/^# $1: //p" "$backup.sha256"; }
for part in "${backup:-}" "${backup:-}.sha256"; do [ -e "$part" ] || stop "There is no dump at '$part'. Nothing was changed."; done
[ "$(noted database)" = "$PGDATABASE" ] || stop "$backup is not a dump of the database $PGDATABASE. Nothing was changed."
[ -z "${sha256:-}" ] || echo "$sha256  $backup.sha256" | sha256sum --check --quiet || stop "The list of checksums has changed. Nothing else was."
(cd "$(dirname "$backup")" && sha256sum --check --quiet "$(basename "$backup").sha256") || stop "The dump is not whole. Nothing was changed."
restore=$(noted "restore with"); [ -x "$restore" ] || restore=pg_restore
psql=$(dirname "$restore")/psql; [ -x "$psql" ] || psql=psql
made=$("$restore" --list "$backup" | sed -n "s/^; *dbname: //p")
[ "$made" = "$(noted "dumped as")" ] || stop "The dump is of the database $made. Nothing was changed."
aside="${PGDATABASE}_rolled_back"
[ "$(printf %s "$aside" | wc -c)" -le 63 ] || aside=rolled_back_$(date +%Y%m%d_%H%M%S)
ask() { "$psql" -X -q -A -t -d postgres -v ON_ERROR_STOP=1 -v name="$PGDATABASE" -v aside="$aside" -v made="$made"; }
[ "$(echo "SELECT count(*) FROM pg_database WHERE datname = :'made' AND datname <> :'name'" | ask)" = 0 ] ||
  stop "The snapshot $made is still there: go back by it. Nothing was changed."
[ "$(echo "SELECT count(*) FROM pg_database WHERE datname = :'aside'" | ask)" = 0 ] || aside=rolled_back_$(date +%Y%m%d_%H%M%S)
ask <<'END' || stop "The database could not be renamed. Nothing was changed."
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'name' \g /dev/null
ALTER DATABASE :"name" RENAME TO :"aside";
END
"$restore" --create --exit-on-error --jobs=4 --dbname=postgres "$backup" || {
ask <<'END' || stop "The restore failed. Rename $aside back to $PGDATABASE by hand."
DROP DATABASE IF EXISTS :"made" WITH (FORCE);
ALTER DATABASE :"aside" RENAME TO :"name";
END
stop "The restore failed. The database $PGDATABASE is what it was."
}
ask <<'END'
SELECT format('ALTER DATABASE %I RENAME TO %I', :'made', :'name') WHERE :'made' <> :'name' \gexec
END
PGDATABASE="$PGDATABASE" "$psql" -X -q -c ANALYZE
echo "The database $PGDATABASE is back. What was written since the backup is in $aside."
)
