#!/usr/bin/env bash
# Three hosts on a network of this test's own: a server, alice and bob, each in a network namespace. Run inside
# `unshare --net --mount`, so that nothing of it is seen outside, and all of it ends with this script.
set -eu
server=$1 client=$2 folder=$3
mount -t tmpfs none /run
ip link add bridge type bridge
ip link set bridge up
number=0
for host in server alice bob; do
    number=$((number + 1))
    ip netns add $host
    ip link add to-$host type veth peer name eth0 netns $host
    ip link set to-$host master bridge up
    ip -n $host address add 10.77.0.$number/24 dev eth0
    ip -n $host link set eth0 up
    ip -n $host link set lo up
done
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait' EXIT

mkfifo "$folder/listening"
ip netns exec server "$server" --hash-rounds 1000 --udp-loss 0.2 --data "$folder/data" \
    >"$folder/listening" 2>"$folder/log" &
started+=($!)
read -r -t 20 _ <"$folder/listening"

# Waits until a file holds a text.
await() {
    for ((tenth = 0; tenth < 300; tenth++)); do
        grep -q -- "$2" "$1" 2>/dev/null && return
        sleep 0.1
    done
    echo "$1 waits in vain for $2" >&2
    cat "$1" >&2
    exit 1
}

export PEERLINE_PASSWORD=password
for host in alice bob; do
    mkfifo "$folder/$host.in"
    ip netns exec $host "$client" 10.77.0.1 4400 --user $host --signup <>"$folder/$host.in" >"$folder/$host" 2>&1 &
    started+=($!)
    await "$folder/$host" 'Logged in'
done
echo list >"$folder/alice.in"
await "$folder/alice" 'alice 10.77.0.2:4401'
await "$folder/alice" 'bob 10.77.0.3:4401'
for number in 1 2 3 4 5 6 7 8; do echo "broadcast number $number" >"$folder/alice.in"; done
await "$folder/bob" 'alice: number 8'
[ "$(grep -c 'alice: number' "$folder/bob")" = 8 ] || { cat "$folder/bob" >&2; exit 1; }
echo 'msg bob straight to you' >"$folder/alice.in"
await "$folder/bob" 'alice: straight to you'
echo 'chat bob' >"$folder/alice.in"
await "$folder/bob" 'alice wants to chat'
echo accept >"$folder/bob.in"
await "$folder/alice" 'Chat with bob opened'
# The server's host leaves the network; the chat does not need it.
ip -n server link set eth0 down
echo 'nobody is between us' >"$folder/alice.in"
await "$folder/bob" 'alice: nobody is between us'
echo "lan: all of it"
