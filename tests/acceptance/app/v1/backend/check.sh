#!/bin/sh
# Says whether this release can work on the database as it is.
. /release
psql -Xqc "SELECT c.id FROM $CHATS LIMIT 1"
