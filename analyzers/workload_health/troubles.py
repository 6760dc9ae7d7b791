"""The kinds of trouble, by the names the platforms give them. Data; a new one is an entry here.

Reasons of events: k8s.io/kubernetes/pkg/kubelet/events, and the controllers' and the scheduler's own; waiting and
terminated reasons: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle; of ECS: the events of a service
(docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gather_diagnostics.model import Severity

Subject = Literal["pod", "node", "controller"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble, and how rows tell of it."""

    reason: str
    """What it is called in findings: the platform's word."""
    words: str
    """What befell its subjects, after 'pods', 'nodes' or the controller's name."""
    severity: Severity
    """While it goes on and has begun lately."""
    reasons: frozenset[str]
    """Reasons of events that say it, whatever their message."""
    vague: frozenset[str] = frozenset()
    """Reasons that say it where '<object> <message>' matches `said`."""
    said: str = ""
    """Regular expression (RE2 syntax)."""
    phases: frozenset[str] = frozenset()
    """Phases of a replica that say it is so now."""
    ends: frozenset[str] = frozenset()
    """Reasons of later events about the same object after which it is over."""
    lasting: bool = True
    """A state, which may be over; else something that happened, which stays true."""
    subject: Subject = "pod"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_IMAGE = _set(
    "ImagePullBackOff ErrImagePull ErrImageNeverPull InvalidImageName ImageInspectError InspectFailed"
    " RegistryUnavailable SignatureValidationFailed"
)
_CONFIG = _set("CreateContainerConfigError CreateContainerError")
_ENDED = _set("Error ContainerCannotRun StartError RunContainerError ContainerStatusUnknown DeadlineExceeded")
_NODE = _set("MemoryPressure DiskPressure PIDPressure NetworkUnavailable")

TROUBLES = (
    Trouble(
        "OOMKilled",
        "were killed for their use of memory",
        "high",
        _set("OOMKilled OOMKilling SystemOOM"),
        phases=_set("OOMKilled"),
        lasting=False,
    ),
    Trouble(
        "ImagePullBackOff",
        "can't get their image",
        "high",
        _IMAGE,
        vague=_set("Failed BackOff ServiceEvent"),
        said="(?i)pull(?:ing)? (?:the )?image|ErrImage|ImagePull|CannotPullContainer|InvalidImage",
        phases=_IMAGE,
        ends=_set("Pulled Started"),
    ),
    Trouble(
        "CreateContainerConfigError",
        "can't start for their configuration",
        "high",
        _CONFIG,
        vague=_set("Failed"),
        said=r"(?i)(?:configmap|secret) .*not found|couldn't find key|CreateContainer(?:Config)?Error",
        phases=_CONFIG,
        ends=_set("Started"),
    ),
    Trouble(
        "CrashLoopBackOff",
        "crash again and again",
        "high",
        _set("CrashLoopBackOff"),
        vague=_set("BackOff"),
        said="restarting failed",
        phases=_set("CrashLoopBackOff"),
    ),
    Trouble(
        "FailedMount",
        "can't get their volumes",
        "high",
        _set("FailedMount FailedAttachVolume FailedMapVolume"),
        ends=_set("Started"),
    ),
    Trouble(
        "FailedCreatePodSandBox",
        "can't get a network or a sandbox",
        "high",
        _set("FailedCreatePodSandBox NetworkNotReady"),
        ends=_set("Started"),
    ),
    Trouble(
        "FailedCreate",
        "can't create pods",
        "high",
        _set("FailedCreate"),
        ends=_set("SuccessfulCreate"),
        subject="controller",
    ),
    Trouble(
        "FailedScheduling",
        "find no node to run on",
        "high",
        _set("FailedScheduling Unschedulable UnableToPlaceTask"),
        phases=_set("Unschedulable"),
        ends=_set("Scheduled TasksStarted SteadyState"),
    ),
    Trouble(
        "Evicted",
        "were evicted",
        "medium",
        _set("Evicted Preempted TaintManagerEviction"),
        phases=_set("Evicted Preempting NodeLost NodeAffinity UnexpectedAdmissionError OutOfcpu OutOfmemory"),
        lasting=False,
    ),
    Trouble(
        "NodeNotReady",
        "are not as they should be",
        "high",
        _set("NodeNotReady KubeletNotReady FreeDiskSpaceFailed EvictionThresholdMet") | _NODE
        | frozenset(f"NodeHas{c}" for c in _set("DiskPressure InsufficientMemory InsufficientPID")),
        vague=_set("NotReady Rebooted"),
        said="^Node/",
        ends=_set("NodeReady NodeHasSufficientMemory NodeHasNoDiskPressure NodeHasSufficientPID"),
        subject="node",
    ),
    Trouble(
        "NodeNotReady",
        "are on a node that isn't ready",
        "high",
        _set("NodeNotReady"),
    ),
    Trouble(
        "NoReadyEndpoints",
        "has no address that takes traffic",
        "critical",
        _set("NoReadyEndpoints"),
        subject="controller",
    ),
    Trouble(
        "Unhealthy",
        "fail their probes",
        "medium",
        _set("Unhealthy"),
        vague=_set("NotReady"),
        said="^Pod/",
        ends=_set("SteadyState"),
    ),
    Trouble(
        "Error",
        "ended with an error",
        "medium",
        _ENDED | _set("BackoffLimitExceeded"),
        vague=_set("Failed"),
        said="(?i)error|failed",
        phases=_ENDED | _set("Failed"),
        lasting=False,
    ),
    Trouble(
        "DeploymentFailed",
        "failed to roll out",
        "high",
        _set("ProgressDeadlineExceeded DeploymentFailed RollingBack"),
        lasting=False,
        subject="controller",
    ),
    Trouble("DOWN", "don't answer Prometheus' scrapes", "medium", _set("DOWN"), ends=_set("UP")),
)  # fmt: skip
"""In order: a row tells of the first that it matches. What is of nodes, no event about a pod tells: the node controller
says NodeNotReady of both, and who may not read the events of nodes sees the pods' alone."""

EXITS = {
    0: "it ended by itself",
    1: "an error of the program's own",
    2: "an error of the program's own: a Go panic, or wrong arguments",
    126: "the command can't be executed",
    127: "the command was not found",
    128: "an invalid exit status",
    255: "an exit status out of range",
}
_SIGNALS = {
    1: "SIGHUP: hung up",
    2: "SIGINT: interrupted",
    3: "SIGQUIT: told to quit",
    4: "SIGILL: illegal instruction",
    6: "SIGABRT: aborted by itself",
    7: "SIGBUS: bad memory access",
    8: "SIGFPE: arithmetic error",
    9: "SIGKILL: killed, by the kernel for memory or after its grace period",
    11: "SIGSEGV: segmentation fault",
    13: "SIGPIPE: broken pipe",
    15: "SIGTERM: told to stop",
}


def exit_meaning(code: int) -> str:
    """What an exit code says; '' for one that only the program knows.

    128 + n is the end by signal n, numbered as on Linux: signal(7), and the manual of bash on exit status.
    """
    return EXITS.get(code) or _SIGNALS.get(code - 128, "")
