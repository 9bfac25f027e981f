# shellcheck shell=bash disable=SC2034 # its variables are for who sources it
# Hosts on a network of a test's own, each in a network namespace, and one network to begin with. Sourced, from the root
# of the source tree, by scripts that run inside `unshare --net --mount` with the programs as their arguments: so nothing
# of it is seen outside, and all of it ends with the script.
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
server=$1 client=$2
make_folder "${TMPDIR:-/tmp}"

# make_bridge NAME: a network.
make_bridge() {
    # Where `ip` keeps the names of namespaces.
    mountpoint -q /run/netns 2>/dev/null || mount -t tmpfs none /run
    ip link add "$1" type bridge
    ip link set "$1" up
}

# make_host HOST ADDRESS [BRIDGE [INTERFACE]]: a host with this address there. A host that is there already gets another
# interface.
make_host() {
    local host=$1 address=$2 bridge=${3:-bridge} interface=${4:-eth0} one two four
    [ -e "/run/netns/$host" ] || ip netns add "$host"
    ip link add "$host-$interface" type veth peer name "$interface" netns "$host"
    ip link set "$host-$interface" master "$bridge" up
    ip -n "$host" address add "$address/24" dev "$interface"
    # The same in IPv6, where the system has it: 10.77.0.2 is fd10:77::2 too, at once.
    IFS=. read -r one two _ four <<<"$address"
    ip -n "$host" address add "fd$one:$two::$four/64" dev "$interface" nodad || true
    ip -n "$host" link set "$interface" up
    ip -n "$host" link set lo up
}

# on HOST COMMAND...: runs it there, and waits. (What is to run on is begun by `ip netns exec` itself, so that its end
# can be asked for.)
on() { ip netns exec "$@"; }

make_bridge bridge
