# shellcheck shell=bash disable=SC2034 # its variables are for who sources it
# What the scripts share: a folder that goes with the script, the programs, a server, clients, and waiting for what
# they say. Sourced from the root of the source tree, never run.

limit=30                        # seconds that anything may take
features=''                     # what the programs are built with, beside what they always have
folder=''                       # of this run
server='' client=''             # the programs
host='' port='' server_id=''    # of the server that was started

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Ends what the script has started, by force after 5 seconds, and removes its folder.
cleanup() {
    local ids tenth
    mapfile -t ids < <(jobs -p)
    for id in "${ids[@]}"; do kill "$id" 2>/dev/null || true; done
    for ((tenth = 0; tenth < 50; tenth++)); do
        [ -n "$(jobs -pr)" ] || break
        sleep 0.1
    done
    mapfile -t ids < <(jobs -pr)
    for id in "${ids[@]}"; do kill -9 "$id" 2>/dev/null || true; done
    wait
    [ -z "$folder" ] || rm -rf "$folder"
}
trap cleanup EXIT

# make_folder PARENT: makes the folder of this run there. Clients keep there, too, what they remember: which servers the
# person knows by TLS is no concern of the script.
make_folder() {
    folder=$(mktemp -d "$1/peerline.XXXXXX")
    export XDG_STATE_HOME="$folder/state"
}

# programs PROFILE NAME...: finds `server` and `client`: what PEERLINE_SERVER and PEERLINE_CLIENT name, else what
# cargo builds now, with its progress on standard error.
programs() {
    local profile=$1 name given missing=()
    shift
    for name; do
        given=PEERLINE_${name^^}
        printf -v "$name" %s "${!given:-${CARGO_TARGET_DIR:-target}/${profile/dev/debug}/$name}"
        [ -n "${!given:-}" ] || missing+=(--bin "$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "== Building: a minute or two the first time, on two cores" >&2
    cargo build --locked --profile "$profile" ${features:+--features "$features"} "${missing[@]}"
}

# Waits until a command succeeds.
until_true() {
    local tenth
    for ((tenth = 0; tenth < limit * 10; tenth++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "${0##*/}: waited $limit s in vain for: $*" >&2
    return 1
}

# says FILE PATTERN [LINE]: whether the file holds the pattern, from that line on.
says() { tail -n "+${3:-1}" "$1" | grep -q -- "$2"; }

# Waits until says FILE PATTERN [LINE].
await() {
    until_true says "$@" && return
    tail -n 20 "$1" >&2
    exit 1
}

# Starts a server by this command, with its data in the folder of this run, and reads its host and port. Its log is
# server.log there.
start_server() {
    local address
    mkfifo "$folder/listening"
    "$@" --data "$folder/data" >"$folder/listening" 2>"$folder/server.log" &
    server_id=$!
    # A server that cannot start closes the pipe.
    read -r -t "$limit" _ _ address <"$folder/listening" || fail "the server does not start: $(cat "$folder/server.log")"
    host=${address%:*} port=${address##*:}
}

# start_client NAME READY COMMAND...: starts NAME's client, which reads NAME.types and writes NAME.said in the folder
# of this run, and waits until it says READY.
start_client() {
    local name=$1 ready=$2
    shift 2
    mkfifo "$folder/$name.types"
    : >"$folder/$name.said"
    # Open for reading and writing, the pipe never comes to its end.
    "$@" <>"$folder/$name.types" >"$folder/$name.said" 2>&1 &
    await "$folder/$name.said" "$ready"
}

# type_line NAME LINE: types it for NAME's client.
type_line() { printf '%s\n' "$2" >"$folder/$1.types"; }
