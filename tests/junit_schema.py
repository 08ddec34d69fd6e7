"""The structure of a JUnit file, as the schema of Jenkins' xUnit plug-in has it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

_CASE = {"skipped", "error", "failure", "system-out", "system-err", "rerunFailure", "rerunError", "flakyFailure"}
_SUITE = {"properties", "testcase", "testsuite", "system-out", "system-err"}


def breaches(text: str) -> list[str]:
    """Say what of a JUnit document that schema would refuse."""
    root = ET.fromstring(text)
    out = [] if root.tag == "testsuites" else [f"root {root.tag}"]
    for suite in root:
        out += [f"suite without {key}" for key in ("name", "tests", "failures", "errors") if key not in suite.attrib]
        out += [f"{child.tag} in a suite" for child in suite if child.tag not in _SUITE]
        cases = suite.findall("testcase")
        for case in cases:
            out += [] if "name" in case.attrib else ["case without name"]
            out += [f"{child.tag} in a case" for child in case if child.tag not in _CASE]
        counts = {"tests": len(cases)} | {
            f"{kind}s": len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")
        }
        out += [f"{key} is not {count}" for key, count in counts.items() if suite.get(key) != str(count)]
        out += ["a property without a value" for p in suite.iter("property") if not {"name", "value"} <= set(p.attrib)]
    return out
