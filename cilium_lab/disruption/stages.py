"""The stages of a migration and its conditions by name: what the engine writes, and what report and bench read."""

from __future__ import annotations

from enum import StrEnum

from cilium_lab.kube.conditions import PENDING

__all__ = ["PENDING", "Name", "Stage"]


class Stage(StrEnum):
    """In the order in which they come; the number is the one of the documentation."""

    PROBES = "0 probes"
    PREFLIGHT = "0 preflight"
    NON_MASQUERADE = "1 non-masquerade"
    OPERATOR = "2 operator"
    DROP_CIDR = "2 drop-cidr"
    CONTROL_PLANE = "3 control-plane"
    ADD_CIDR = "4 add-cidr"
    MOVE_NODE = "4 move-node"
    FINISH = "5 finish"


class Name(StrEnum):
    """Conditions that are waited for, and other events of a run."""

    BEGINS = "begins"
    """A step begins; it ends with DONE."""
    DONE = "done"
    BASELINE = "not well before"
    """What is noted before the first change, and not waited for."""
    JOURNAL_BEGINS = "journal begins"
    JOURNAL_CONTINUES = "journal continues"
    AGENTS_READY = "nodes and agents ready"
    POOLED = "pod CIDRs are of the default pool"
    """The desired mode is none that a live cluster can be migrated to."""
    NON_MASQUERADE = "non-masquerade CIDRs"
    OPERATOR_CONFIGURED = "operator configured"
    OPERATOR_SYNCED = "operator read the CIDRs"
    OPERATOR_WITHOUT_ERROR = "no operator error"
    ROUTES_TO_BOTH = "routes to old and new CIDRs"
    PLACED = "pods without a node placed"
    DRAINED = "drained"
    DECIDED = "departures decided"
    """How each pod of a node leaves it."""
    JOBS = "no Job at work"
    LAST_LEFT = "last pods left"
    """Those that cannot run elsewhere."""
    NAMES_FREE = "names of saved pods free"
    BARE_CREATED = "bare pods re-created"
    CONTROL_PLANE_UPGRADED = "control plane upgraded"
    KUBELET_UPGRADED = "kubelet upgraded"
    AGENT_RESTARTED = "agent restarted"
    AGENT_REPORTS = "agent reports"
    CANARY_NAME_FREE = "canary's name is free"
    PODS_BACK = "pods back"
    ROUTES = "routes"
    CANARY_READY = "canary runs"
    CANARY_REACHES = "canary reaches everything"
    INVARIANTS = "invariants"
    DROPS = "packets were dropped"
    AS_DESIRED = "as desired"
