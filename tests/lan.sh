#!/usr/bin/env bash
# Three hosts on a network of this test's own: a server, alice and bob, each in a network namespace. Run inside
# `unshare --net --mount`, so that nothing of it is seen outside, and all of it ends with this script.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
number=0
for host in server alice bob; do make_host $host 10.77.0.$((++number)); done
start_server ip netns exec server "$server" --hash-rounds 1000 --udp-loss 0.2

export PEERLINE_PASSWORD=password
for name in alice bob; do
    start_client $name 'Logged in' ip netns exec $name "$client" 10.77.0.1 4400 --user $name --signup
done
type_line alice list
await "$folder/alice.said" 'alice 10.77.0.2:4401'
await "$folder/alice.said" 'bob 10.77.0.3:4401'
for number in 1 2 3 4 5 6 7 8; do type_line alice "broadcast number $number"; done
await "$folder/bob.said" 'alice: number 8'
[ "$(grep -c 'alice: number' "$folder/bob.said")" = 8 ] || { cat "$folder/bob.said" >&2; exit 1; }
type_line alice 'msg bob straight to you'
await "$folder/bob.said" 'alice: straight to you'
type_line alice 'chat bob'
await "$folder/bob.said" 'alice wants to chat'
type_line bob accept
await "$folder/alice.said" 'Chat with bob opened'
# The server's host leaves the network; the chat does not need it.
ip -n server link set eth0 down
type_line alice 'nobody is between us'
await "$folder/bob.said" 'alice: nobody is between us'
echo "lan: all of it"
