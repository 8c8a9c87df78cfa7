#!/bin/sh
# Serves /cgi-bin/health and /cgi-bin/message, and writes messages of its own all the time, over one connection.
. /release
# The first process of a container is not ended by SIGTERM unless it asks for it.
[ -n "$STUBBORN" ] || trap 'exit 0' TERM INT
WRITE="INSERT INTO messages (conversation_id, sender, content)
  SELECT c.id, 'user', 'written by backend $RELEASE' FROM $CHATS ORDER BY c.id LIMIT 1"
while :; do
  echo "$WRITE \watch 0.2" | PGAPPNAME=backend psql -Xqv ON_ERROR_STOP=1 >/dev/null
  /bin/busybox sleep 0.2
done &
/bin/busybox httpd -f -p "127.0.0.1:$PORT" -h /www &
wait $!
