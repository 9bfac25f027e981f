#!/usr/bin/env bash
# Who reaches whom, between clients on the server's own machine and on two other hosts: messages, files, commands and
# chats of every one with every other, all of them direct. It prints where each finds the others. Run inside
# `unshare --net --mount`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/hosts.sh
. tests/hosts.sh
number=0
for host in server left right; do make_host $host 10.77.0.$((++number)); done
start_server ip netns exec server "$server" --hash-rounds 1000 --rate off

export PEERLINE_PASSWORD=password
# enter NAME HOST SERVER OPTION...: a client on that host.
enter() {
    local name=$1 host=$2 at=$3
    shift 3
    mkdir "$folder/$name.shared" "$folder/$name.fetched"
    echo "by $name" >"$folder/$name.shared/by-$name.txt"
    start_client "$name" 'Sharing 1' ip netns exec "$host" "$client" "$at" 4400 --user "$name" --signup --allow-run 'echo done' \
        --share "$folder/$name.shared" --downloads "$folder/$name.fetched" --consent-log "$folder/$name.consent" "$@"
}
people="teacher tutor alice ann bob"
enter teacher server 127.0.0.1
enter tutor server 127.0.0.1
enter alice left 10.77.0.1
enter ann left 10.77.0.1
enter bob right 10.77.0.1
for name in teacher tutor; do await "$folder/$name.said" 'Others can reach you from other machines too'; done

# hears NAME PATTERN: NAME's client says it, in what was not looked at yet.
declare -A heard
hears() {
    local name=$1 said="$folder/$1.said"
    await "$said" "$2" $((${heard[$name]:-0} + 1))
}
# Has all that was said until now not count any more.
forget() {
    local name
    for name in $people; do heard[$name]=$(wc -l <"$folder/$name.said"); done
}

for from in $people; do
    for to in $people; do
        [ "$from" != "$to" ] || continue
        forget
        type_line "$from" "msg $to word of $from"
        hears "$to" "$from: word of $from"
        hears "$from" "Delivered to $to"
        type_line "$from" "get $to by-$to.txt"
        hears "$from" "Fetched by-$to.txt"
        type_line "$from" "run $to echo done"
        hears "$from" "$to ran: echo done: exit 0"
        type_line "$from" "chat $to"
        hears "$to" "$from wants to chat"
        question=$(tail -n "+$((heard[$to] + 1))" "$folder/$to.said" | sed -n "s/.*$from wants to chat.* accept \([0-9]*\) .*/\1/p")
        type_line "$to" "accept $question"
        hears "$from" "Chat with $to opened"
        type_line "$from" "line of $from"
        hears "$to" "$from: line of $from"
        type_line "$to" "line of $to"
        hears "$from" "$to: line of $to"
        type_line "$from" '!exit'
        hears "$to" "Chat with $from closed"
        hears "$from" "Chat with $to closed"
        # What they type next is no line of that chat.
        type_line "$to" '!exit'
    done
done
if grep -n 'relay\|through the server' "$folder"/*.said "$folder/server.log"; then fail "not all of it was direct"; fi

# An address means what the list of who uses it shows.
forget
type_line bob list
hears bob '5 active clients'
at=$(tail -n "+$((heard[bob] + 1))" "$folder/bob.said" | sed -n 's/.*teacher \(10[0-9.:]*\).*/\1/p')
type_line bob "msg $at to an address"
hears teacher 'bob: to an address'

# Who wants to stay on this machine is reached from there, and otherwise through the server.
enter local server 127.0.0.1 --local
people="$people local"
forget
type_line bob 'msg local hello'
hears bob 'Relayed to local'
type_line bob 'get local by-local.txt'
hears bob "local is on the server's machine"
type_line teacher 'msg local hello'
hears teacher 'Delivered to local'

# A server for IPv6 too: whoever comes by it reaches the client on the server's machine by it.
ip netns exec server "$server" --hash-rounds 1000 --bind :: --port 4500 --data "$folder/data6" >"$folder/listening6" 2>&1 &
await "$folder/listening6" 'listening on'
start_client six 'Others can reach you' ip netns exec server "$client" 127.0.0.1 4500 --user six --signup
start_client bob6 'Logged in' ip netns exec right "$client" fd10:77::1 4500 --user bob6 --signup
type_line bob6 'msg six by IPv6'
await "$folder/six.said" 'bob6: by IPv6'
await "$folder/bob6.said" 'Delivered to six'
type_line six 'msg bob6 by IPv6 too'
await "$folder/bob6.said" 'six: by IPv6 too'
await "$folder/six.said" 'Delivered to bob6'

# Where each finds the others: the picture of docs/PROTOCOL.md.
show() { printf '%-18s' "$@" | sed 's/ *$//' && echo; }
# shellcheck disable=SC2086 # a word each
show '' $people
for from in $people; do
    forget
    type_line "$from" list
    hears "$from" '6 active clients'
    row=("$from")
    for to in $people; do
        row+=("$(tail -n "+$((heard[$from] + 1))" "$folder/$from.said" | sed -n "s/^ *$to  *\([0-9][0-9.:]*\).*/\1/p")")
    done
    show "${row[@]}"
done
echo "reach: all of it"
