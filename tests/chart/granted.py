"""The rights that the chart grants, and the roles whose pages list them."""

import re

from tests.chart.rendering import ROOT, Rendered

Right = tuple[str, str, str, str]
"""Where (nothing is everywhere), group, resource and verb."""


def table(page: str, heading: str) -> list[tuple[str, str, set[str], str]]:
    """Group, resource, verbs and where, of each row."""
    section = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [
        ((re.findall(r"`([^`]+)`", row[1]) or [""])[0], resource, set(re.findall(r"`(\w+)`", row[2])), row[3].strip())
        for row in rows
        for resource in re.findall(r"`([^`]+)`", row[0])
    ]


ROLES = {"operator": table("operator.md", "What it may do"), "xds": table("gateways.md", "Rights")}


def granted(out: Rendered, account: str) -> set[Right]:
    """What the chart gives to an account."""
    found: set[Right] = set()
    for kind in ("Role", "ClusterRole"):
        for binding in out.all(f"{kind}Binding"):
            if account not in {one["name"] for one in binding["subjects"]}:
                continue
            where = binding["metadata"].get("namespace", "")
            role = out.one(kind, binding["roleRef"]["name"], where or None)
            found |= {
                (where, group, resource, verb)
                for rule in role["rules"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return found
