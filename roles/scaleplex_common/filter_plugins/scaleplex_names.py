"""Filters over names of variables, hosts, addresses and files of the control host."""

import difflib
import functools
import hashlib
import importlib
import ipaddress
from pathlib import Path

import yaml


def nearest_names(unknown, known):
    """Return ``name (did you mean that?)`` for each unknown name."""
    sentences = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, 1, 0.6)
        sentences.append(f"{name} (did you mean {close[0]}?)" if close else f"{name} (no role knows it)")
    return sentences


@functools.cache
def _default(variable):
    """Return the default of a variable; those of roles are not among the variables of a host."""
    return scaleplex_options(Path(__file__).resolve().parents[2])[variable]["default"]


def _is_ipv6(address):
    try:
        return ipaddress.ip_address(str(address)).version == 6
    except ValueError:
        return False


def scaleplex_bracketed(address):
    """Return an address as it stands before a colon: IPv6 in brackets, anything else as it is."""
    return f"[{address}]" if _is_ipv6(address) else address


def scaleplex_addresses(hosts, hostvars):
    """Return the address of each host: its scaleplex_common_address, ansible_host or name."""
    found = []
    for host in hosts:
        variables = hostvars[host]
        address = str(variables.get("scaleplex_common_address") or variables.get("ansible_host") or host)
        found.append(address.removeprefix("[").removesuffix("]"))
    return found


def scaleplex_urls(hosts, hostvars, port_variable):
    """Return the URL of each host's service: its address and its port."""
    urls = []
    hosts = list(hosts)  # `select` and `reject` hand them out only once
    for host, address in zip(hosts, scaleplex_addresses(hosts, hostvars), strict=True):
        port = hostvars[host].get(port_variable, _default(port_variable))
        urls.append(f"http://{scaleplex_bracketed(address)}:{port}")
    return urls


def scaleplex_optional(hosts, hostvars):
    """Return the hosts whose worker may be off."""
    return [
        host for host in hosts if str(hostvars[host].get("scaleplex_worker_optional", "")).lower() in ("true", "yes")
    ]


def scaleplex_bind(port, address):
    """Return what a service listens on: all addresses, of both families on a host that is reached by IPv6."""
    return f"[::]:{port}" if _is_ipv6(address) else f"0.0.0.0:{port}"


def scaleplex_server_of(source, hostvars):
    """Return the host of the inventory that exports the source of an NFS mount, an empty text where none does."""
    server, _, path = str(source).rpartition(":")
    for host in hostvars if path else ():
        variables = hostvars[host]
        names = {host, str(variables.get("ansible_host")), *scaleplex_addresses([host], hostvars)}
        if server.strip("[]") in names and variables.get("scaleplex_nfs_mode") == "server":
            return host
    return ""


def scaleplex_words(variables, options):
    """Return a sentence for each variable that has to be a list and is given as a word."""
    return [
        f"{name} is the word '{variables[name]}', write {name}: [{variables[name]}]"
        for name, option in options.items()
        if option["type"] == "list" and isinstance(variables.get(name), str)
    ]


def scaleplex_missing_collections(names):
    """Return the collections that this Ansible lacks."""
    missing = []
    for name in names:
        try:
            importlib.import_module(f"ansible_collections.{name}")
        except ImportError:
            missing.append(name)
    return missing


def scaleplex_options(roles):
    """Return the specs of the variables that the roles below a directory take, by name."""
    options = {}
    for path in sorted(Path(roles).glob("*/meta/argument_specs.yml")):
        options |= yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    return options


def scaleplex_without_defaults(options):
    """Return specs without their defaults, at every depth: a default may be a template of a list, which is a text."""
    kept = {}
    for name, option in options.items():
        kept[name] = {key: value for key, value in option.items() if key != "default"}
        if "options" in option:
            kept[name]["options"] = scaleplex_without_defaults(option["options"])
    return kept


def scaleplex_sha1(path):
    """Return the checksum of a file on the control host."""
    return hashlib.sha1(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


class FilterModule:
    """The filters of the scaleplex roles."""

    def filters(self):
        return {
            function.__name__: function
            for function in (
                nearest_names,
                scaleplex_addresses,
                scaleplex_bind,
                scaleplex_bracketed,
                scaleplex_missing_collections,
                scaleplex_optional,
                scaleplex_options,
                scaleplex_server_of,
                scaleplex_sha1,
                scaleplex_urls,
                scaleplex_without_defaults,
                scaleplex_words,
            )
        }
