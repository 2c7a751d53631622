"""One bridge for each run, in a namespace of its own: nothing of a run is visible on the machine.

The machine gets a port into it only when the run asks for a controller address, which Ansible over ssh needs.
"""

import ipaddress
import socket
from typing import Any

from pyroute2 import IPRoute, NetNS, netns

from tests.hosts.places import Spec, controller_interface, is_uml, port, run, space_name, switch


def subnet(spec: Spec) -> ipaddress.IPv4Network:
    """Return the network of a run."""
    return ipaddress.IPv4Network(spec.get("subnet", "10.99.0.0/24"))


def address6(spec: Spec, address: str) -> str | None:
    """Return the IPv6 address of a host or the controller: that of its IPv4 address, in the run's other network."""
    if "subnet6" not in spec:
        return None
    return str(ipaddress.IPv6Network(spec["subnet6"])[int(address.rpartition(".")[2])])


def _add_address(space: Any, device: int | None, spec: Spec, address: str) -> None:
    space.addr("add", index=device, address=address, prefixlen=subnet(spec).prefixlen)
    other = address6(spec, address)
    if other:
        # Nobody else can have it, so it need not be asked for a second whether somebody does (IFA_F_NODAD).
        prefix = ipaddress.IPv6Network(spec["subnet6"]).prefixlen
        space.addr("add", index=device, address=other, prefixlen=prefix, family=socket.AF_INET6, flags=2)


def gateway(spec: Spec) -> str:
    """Return the address of a gateway that leads nowhere.

    Facts such as the default address need a default route; traffic to the outside is refused at once instead of
    timing out.
    """
    return str(subnet(spec)[-2])


def index(space: Any, name: str) -> int | None:
    """Return the number of an interface."""
    found = space.link_lookup(ifname=name)
    return int(found[0]) if found else None


def up(spec: Spec) -> None:
    """Make the bridge, a namespace and an address for each container, a tap for each guest."""
    name = spec["run"]
    netns.create(switch(name))
    with NetNS(switch(name)) as ports:
        ports.link("add", ifname="br0", kind="bridge")
        bridge = index(ports, "br0")
        ports.link("set", index=bridge, state="up")
        ports.addr("add", index=bridge, address=gateway(spec), prefixlen=subnet(spec).prefixlen)
        run("ip", "netns", "exec", switch(name), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        for host, conf in spec["hosts"].items():
            if is_uml(conf):
                run("ip", "-n", switch(name), "tuntap", "add", "dev", port(host), "mode", "tap")
                ports.link("set", index=index(ports, port(host)), master=bridge, state="up")
            else:
                _plug_in(spec, host, ports, bridge)
        if spec.get("controller"):
            _plug_in_machine(spec, ports, bridge)


def _plug_in(spec: Spec, host: str, ports: Any, bridge: int | None) -> None:
    name = space_name(spec["run"], host)
    netns.create(name)
    ports.link("add", ifname=port(host), kind="veth", peer={"ifname": "host0", "net_ns_fd": name})
    ports.link("set", index=index(ports, port(host)), master=bridge, state="up")
    with NetNS(name) as space:
        space.link("set", index=index(space, "lo"), state="up")
        device = index(space, "host0")
        _add_address(space, device, spec, spec["hosts"][host]["address"])
        space.link("set", index=device, state="up")
        space.route("add", dst="default", gateway=gateway(spec))


def _plug_in_machine(spec: Spec, ports: Any, bridge: int | None) -> None:
    with IPRoute() as machine:
        name = controller_interface(spec["run"])
        peer = {"ifname": "p-controller", "net_ns_fd": switch(spec["run"])}
        machine.link("add", ifname=name, kind="veth", peer=peer)
        device = index(machine, name)
        _add_address(machine, device, spec, spec["controller"])
        machine.link("set", index=device, state="up")
    ports.link("set", index=index(ports, "p-controller"), master=bridge, state="up")


def down(run_id: str) -> None:
    """Remove whatever carries the run's name; pairs go with their namespaces."""
    with IPRoute() as machine:
        device = index(machine, controller_interface(run_id))
        if device is not None:
            machine.link("del", index=device)
    for name in netns.listnetns():
        if name.startswith(f"{run_id}-"):
            netns.remove(name)


def set_link(spec: Spec, host: str, state: str) -> None:
    """Pull a host's cable, or plug it in again."""
    if is_uml(spec["hosts"][host]):
        # A user-mode kernel may not survive its tap going down; the bridge can refuse to forward instead.
        number = "3" if state == "up" else "0"
        run("bridge", "-n", switch(spec["run"]), "link", "set", "dev", port(host), "state", number)
        return
    with NetNS(switch(spec["run"])) as ports:
        ports.link("set", index=index(ports, port(host)), state=state)
