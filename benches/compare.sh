#!/usr/bin/env bash
# Both binaries beside nginx: CPU time per request, memory per open stream. Further options go to the rig's compare.py.
#   RIG=/path/to/rig benches/compare.sh [--rounds 5] [--works chat-c32,mem-1000] [--peers direct,nginx]
# RIG is the rig's folder; it is built there when it is not yet. nginx comes from the system.
set -euo pipefail
: "${RIG:?set RIG to the folder of the rig (compare.py and its Cargo.toml)}"
RIG=$(cd "$RIG" && pwd)
cd "$(dirname "$0")/.."
. scripts/need

need nginx nginx-light
[ -x "$RIG/target/release/rig" ] || cargo build --release --manifest-path "$RIG/Cargo.toml"
cargo build --release --bin keywheel-tokio --bin keywheel-smol
binaries="${CARGO_TARGET_DIR:-$PWD/target}/release"

keys=$(mktemp)
trap 'rm -f "$keys"' EXIT
printf 'sk-up-1\nsk-up-2\nsk-up-3\n' >"$keys"
client_key=$(sed -n 's/^CLIENT_KEY = "\(.*\)"$/\1/p' "$RIG/compare.py")

# As nginx is set up there: no access log, and idle upstream connections for every client of the test.
environment="env HOST=127.0.0.1 PORT={port} KEYS_FILE=$keys AUTH_KEY=$client_key OPENAI_BASE_URL=http://{upstream}"
environment="$environment LOG_ENABLE_REQUEST=false LOG_LEVEL=warn MAX_FREE_SOCKETS=512"

"$RIG/compare.py" --peers direct,nginx --works chat-c1,chat-c32,chat-c256,sse-1000,mem-1000 --rounds 5 \
    --add "keywheel-tokio=$environment $binaries/keywheel-tokio --workers {threads}" \
    --add "keywheel-smol=$environment $binaries/keywheel-smol --workers {threads}" \
    "$@"
