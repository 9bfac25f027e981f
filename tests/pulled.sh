#!/usr/bin/env bash
# The cable of a host is pulled while it chats and sends a file to two others, and put back: both sides of the chat are
# told, and all goes on soon after, over the same connections: also that to who took nothing just when it happened. Run inside `unshare --net --mount`. The cut outlasts what a fetch grants who
# is there. CUT=60 makes it last that long, in seconds; PULLED='alice bob' pulls other cables than that of the owner.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
limit=60
pulled=${PULLED:-alice}
export PEERLINE_PASSWORD=password
number=0
for host in server alice bob carol; do make_host $host 10.77.0.$((++number)); done
start_server ip netns exec server "$server" --hash-rounds 1000
mkdir "$folder/share" "$folder/downloads" "$folder/downloads.carol"
truncate -s 500M "$folder/share/big.bin"
start_client alice 'Logged in' ip netns exec alice "$client" 10.77.0.1 4400 --user alice --signup --share "$folder/share" \
    --stall 20s
start_client bob 'Logged in' ip netns exec bob "$client" 10.77.0.1 4400 --user bob --signup \
    --downloads "$folder/downloads" --stall 20s
start_client carol 'Logged in' ip netns exec carol "$client" 10.77.0.1 4400 --user carol --signup \
    --downloads "$folder/downloads.carol" --stall 20s
carol=$!
type_line alice 'chat bob'
await "$folder/bob.said" 'alice wants to chat'
type_line bob accept
await "$folder/alice.said" 'Chat with bob opened'
type_line bob '/get alice big.bin'
await "$folder/bob.said" 'Fetching big.bin'
type_line carol 'get alice big.bin'
await "$folder/carol.said" 'Fetching big.bin'
kill -STOP "$carol"
# Until carol's machine has no room any more, and alice's asks it for some.
is_full() { ip netns exec alice ss -tnoH dst 10.77.0.4 | grep -q 'timer:(persist'; }
until_true is_full

# A switch that is away: the host sees no difference.
for host in $pulled; do ip link set "$host-eth0" nomaster; done
kill -CONT "$carol"
since=$SECONDS
echo '== The cable is pulled'
type_line bob 'said in the cut'
await "$folder/bob.said" 'alice does not answer'
await "$folder/alice.said" 'bob does not answer'
! says "$folder/bob.said" 'Fetched big.bin' || fail 'the file was there before the cut'
has_lasted() { [ $((SECONDS - since)) -ge "${CUT:-30}" ]; }
until has_lasted; do sleep 0.1; done
for host in $pulled; do ip link set "$host-eth0" master bridge; done
back=$(date +%s%N)
passed() { echo "$1: $((($(date +%s%N) - back) / 1000000)) ms after the network"; }
await "$folder/alice.said" 'said in the cut'
passed 'the line'
await "$folder/bob.said" 'alice is there again'
await "$folder/alice.said" 'bob is there again'
await "$folder/bob.said" 'Fetched big.bin'
await "$folder/carol.said" 'Fetched big.bin'
passed 'the file'
for downloads in "$folder"/downloads*; do cmp "$folder/share/big.bin" "$downloads/big.bin"; done
# Who was cut off from the server too connects anew.
for host in bob carol; do
    [ "$pulled" != alice ] || ! says "$folder/$host.said" 'trying again' ||
        fail "the fetch of $host was given up for a while: $(grep 'trying again' "$folder/$host.said")"
done
[ "$(grep -c 'bob does not answer' "$folder/alice.said")" = 1 ] || fail 'a silence is told once'
! says "$folder/bob.said" 'closed' || fail 'the chat has ended'
echo 'pulled: all of it'
