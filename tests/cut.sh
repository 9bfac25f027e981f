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
# Asks for the list, and broadcasts; whether all are out of it.
look() {
    local before
    before=$(wc -l <"$folder/alice.said")
    type_line alice 'broadcast still here'
    type_line alice list
    until_true says "$folder/alice.said" 'active client' $((before + 1)) || exit 1
    tail -n "+$((before + 1))" "$folder/alice.said" | grep -q '1 active client'
}
# 100 messages to two of them, while they are listed and afterwards.
for number in {1..50}; do
    type_line alice "msg bob lost $number"
    type_line alice "msg carol lost $number"
    if [ -z "${gone:-}" ] && look; then gone=$((SECONDS - since)); fi
    sleep 0.6
done
# (This machine may be busy: the time is printed, and judged only where it is of another kind.)
[ "${gone:-99}" -le 45 ] || fail "still listed after $((SECONDS - since)) s"
echo "cut: out of the list after $gone s"
# Each message has its answer: it was relayed, and is told as lost behind that, or it was refused.
last() { grep -n -- "$1" "$folder/alice.said" | tail -n 1 | cut -d: -f1; }
for name in bob carol; do
    await "$folder/alice.said" "Not delivered: $name was lost at"
    [ "$(last "Not delivered: $name")" -gt "$(last "Relayed to $name")" ] || fail "a message to $name is lost silently"
done
count() { grep -c -- "$1" "$folder/alice.said" || true; }
# A message may come just when the session ends.
refusal='Not there at the moment\|User not found\|is just leaving'
are_answered() { [ $(($(count 'Relayed to') + $(count "$refusal"))) = 100 ]; }
until_true are_answered || fail "of 100 messages some have no answer, or two: $(cat "$folder/alice.said")"
[ "$(count 'Delivered to')" = 0 ] || fail 'what cannot have arrived is told as delivered'
echo "cut: of 100 messages $(count 'Relayed to') were relayed and told as lost, the others refused"

# Who is known to be silent is refused before that. What was told as lost does not arrive after all.
ip link set bob-eth0 up
await "$folder/bob.said" 'Logged in again as'
if says "$folder/bob.said" 'alice: lost'; then fail "a lost message has arrived: $(cat "$folder/bob.said")"; fi
start_client bob-again 'Logged in' ip netns exec bob "$client" 10.77.0.1 4400 --user erin --signup
ip link set bob-eth0 down
refused() {
    type_line alice 'relay_are you there_erin'
    says "$folder/alice.said" 'Not there at the moment'
}
until_true refused
echo "cut: all of it"
