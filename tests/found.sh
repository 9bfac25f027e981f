#!/usr/bin/env bash
# Servers that are found: a hall with several servers, a room with one, a far host in another network, and a guest who
# looks for them, each in a network namespace. Run inside `unshare --net --mount`, so that nothing of it is seen
# outside, and all of it ends with this script.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh

# found_host HOST ADDRESS OTHER_NETWORK: a host on the bridge. Broadcasts of another network it does not take.
found_host() {
    make_host "$1" "$2"
    ip -n "$1" route add "$3/24" dev eth0
}
found_host hall 10.77.0.1 10.78.0.0
found_host room 10.77.0.2 10.78.0.0
found_host guest 10.77.0.3 10.78.0.0
found_host far 10.78.0.4 10.77.0.0

# serve HOST NAME PORT OPTION...: a server there.
serve() {
    local host=$1 name=$2 port=$3
    shift 3
    ip netns exec "$host" "$server" --hash-rounds 1000 --name "$name" --port "$port" --data "$folder/$name" "$@" \
        >"$folder/$name.out" 2>"$folder/$name.log" &
    await "$folder/$name.out" 'listening on'
}
serve hall hall-1 4400
serve hall hall-2 4410
serve hall loopback 4420 --bind 127.0.0.1
serve hall silent 4430 --no-find
serve room room 4400
serve far far 4400

# finds HOST OPTION... -- LINE...: what is listed there, without the counts, is exactly this.
finds() {
    local host=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    ip netns exec "$host" "$client" find "${options[@]}" >"$folder/list"
    sed -e 1d -e 's/  *[0-9]* of .*//' -e 's/   */ /' "$folder/list" | tr -s ' ' >"$folder/rows"
    printf '%s\n' "$@" | diff - "$folder/rows" || fail "$host: not what was expected"
    grep -q 'found, not proven' "$folder/list"
}
finds guest -- 'hall-1 10.77.0.1 4400' 'hall-2 10.77.0.1 4410' 'room 10.77.0.2 4400'
finds guest --find-at 10.78.0.4 -- 'far 10.78.0.4 4400' 'hall-1 10.77.0.1 4400' 'hall-2 10.77.0.1 4410' \
    'room 10.77.0.2 4400'
finds room -- 'room 127.0.0.1 4400' 'hall-1 10.77.0.1 4400' 'hall-2 10.77.0.1 4410'
finds hall -- 'hall-1 127.0.0.1 4400' 'hall-2 127.0.0.1 4410' 'loopback 127.0.0.1 4420' 'room 10.77.0.2 4400'
finds far -- 'far 127.0.0.1 4400'

# By hand, as docs/PROTOCOL.md has it.
if command -v nc >/dev/null; then
    example=$(sed -n "s/^ *\(printf 'find_peerline_1_.*\)/\1/p" docs/PROTOCOL.md)
    ip netns exec room sh -c "$example" >"$folder/by-hand"
    grep -qx 'server_room_4400_0_0_50_[0-9a-f]\{16\}_0\{31\}7' "$folder/by-hand" || fail "$(cat "$folder/by-hand")"
fi

# A whole class asks at the same time. Each waits for answers for less than a second, which is little on a busy machine: then
# all ask once more.
for ((try = 1; try <= 3; try++)); do
    begin=$(date +%s%N)
    asking=()
    for ((number = 0; number < 50; number++)); do
        ip netns exec hall "$client" find --json >"$folder/list.$number" &
        asking+=($!)
    done
    for id in "${asking[@]}"; do wait "$id"; done
    end=$(date +%s%N)
    less=''
    for name in hall-1 hall-2 loopback; do
        lists=$(grep -l "\"name\":\"$name\"" "$folder"/list.* | wc -l)
        [ "$lists" = 50 ] || less="$name is on $lists of 50 lists"
    done
    [ -n "$less" ] || break
done
[ -z "$less" ] || fail "$less"
echo "found: 50 lists within $(((end - begin) / 1000000)) ms, the start of 50 processes included"

# A program is told what there is, and connects to none of it.
code=0
PEERLINE_PASSWORD=password ip netns exec guest "$client" --user alice --signup --exec list >"$folder/out" \
    2>"$folder/err" </dev/null || code=$?
[ "$code" = 2 ] || fail "code $code"
[ ! -s "$folder/out" ] || fail 'something was shown'
grep -q 'give its address' "$folder/err"
grep -q 'room  *10.77.0.2 4400' "$folder/err"
! grep -q alice "$folder/room/users.csv" || fail "an account was made"
# So is one that finds nothing, because the network is gone.
ip -n guest link set eth0 down
code=0
ip netns exec guest "$client" 2>"$folder/err" </dev/null || code=$?
[ "$code" = 2 ] || fail "code $code"
grep -q 'No server was found' "$folder/err"
grep -q 'client IP' "$folder/err"
code=0
ip netns exec guest "$client" find 2>"$folder/err" || code=$?
[ "$code" = 1 ] || fail "code $code"
echo "found: all of it"
