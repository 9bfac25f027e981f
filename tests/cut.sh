#!/usr/bin/env bash
# Three clients are cut off while broadcasts go on: bob gets them by UDP, carol by TCP, and dave by UDP without having had
# anything else sent. They are out of everybody's list within 30 seconds, and who has had a message relayed to them hears
# that it was lost. Run inside `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
number=0
for host in server alice bob carol dave; do make_host $host 10.77.0.$((++number)); done
start_server ip netns exec server "$server" --hash-rounds 1000 --rate off

export PEERLINE_PASSWORD=password
for name in alice bob dave; do
    start_client $name 'Logged in' ip netns exec $name "$client" 10.77.0.1 4400 --user $name --signup
done
# Carol has no datagrams, as with netcat.
carol() {
    exec 9<>/dev/tcp/10.77.0.1/4400
    printf 'SIGNUP,carol,password\nLOGIN,carol,password\n' >&9
    exec cat <&9
}
export -f carol
ip netns exec carol bash -c carol >"$folder/carol.said" &
await "$folder/carol.said" 'Login successful'
type_line alice 'broadcast to all'
await "$folder/bob.said" 'alice: to all'
await "$folder/carol.said" '_alice_to all'

for name in bob carol dave; do ip link set "$name-eth0" down; done
since=$SECONDS
type_line alice 'relay_into the void_bob'
await "$folder/alice.said" 'Relayed to bob'
type_line alice 'relay_into the void_carol'
await "$folder/alice.said" 'Relayed to carol'
# Asks for the list, and broadcasts, until all are out of it.
look() {
    local before
    before=$(wc -l <"$folder/alice.said")
    type_line alice 'broadcast still here'
    type_line alice list
    until_true says "$folder/alice.said" 'active client' $((before + 1)) || exit 1
    tail -n "+$((before + 1))" "$folder/alice.said" | grep -q '1 active client'
}
until look; do [ $((SECONDS - since)) -le 30 ] || fail "still listed after $((SECONDS - since)) s"; done
echo "cut: out of the list after $((SECONDS - since)) s"
for name in bob carol; do await "$folder/alice.said" "Not delivered: $name was lost at"; done

# Who is known to be silent is refused before that.
ip link set bob-eth0 up
start_client bob-again 'Logged in' ip netns exec bob "$client" 10.77.0.1 4400 --user erin --signup
ip link set bob-eth0 down
refused() {
    type_line alice 'relay_are you there_erin'
    says "$folder/alice.said" 'Not there at the moment'
}
until_true refused
echo "cut: all of it"
