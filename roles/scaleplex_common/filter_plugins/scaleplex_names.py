"""Filters over names of variables, hosts and files of the control host."""

import difflib
import functools
import hashlib
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


def scaleplex_urls(hosts, hostvars, port_variable):
    """Return the URL of each host's service: its scaleplex_common_address, ansible_host or name, and its port."""
    urls = []
    for host in hosts:
        variables = hostvars[host]
        address = variables.get("scaleplex_common_address") or variables.get("ansible_host") or host
        urls.append(f"http://{address}:{variables.get(port_variable, _default(port_variable))}")
    return urls


def scaleplex_options(roles):
    """Return the specs of the variables that the roles below a directory take, by name."""
    options = {}
    for path in sorted(Path(roles).glob("*/meta/argument_specs.yml")):
        options |= yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    return options


def scaleplex_sha1(path):
    """Return the checksum of a file on the control host."""
    return hashlib.sha1(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


class FilterModule:
    """The filters of the scaleplex roles."""

    def filters(self):
        return {
            "nearest_names": nearest_names,
            "scaleplex_options": scaleplex_options,
            "scaleplex_sha1": scaleplex_sha1,
            "scaleplex_urls": scaleplex_urls,
        }
