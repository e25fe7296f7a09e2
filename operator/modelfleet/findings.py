"""How the core speaks of mistakes.

A user's mistake is never an exception: it is a `Finding`, a sentence that names the field and the fix. Everything
below this module's importers may return findings; this module imports nothing of ours, so that everyone can. Only what
keeps a whole command from its work is raised, as `Unusable`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

Path = tuple[str | int, ...]
"""Where in an object something is: field names, map keys and list indices, from the root down."""

_LONGEST_LINE: Final = 2000


class Key(NamedTuple):
    """The only identity used anywhere. `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


class Severity(IntEnum):
    """Errors keep an object out of the fleet; warnings never do. The order is the order of importance."""

    ERROR = 0
    WARNING = 1

    def __str__(self) -> str:
        return self.name.lower()


class Reason(StrEnum):
    """Why something was found: a closed list, part of the API, used in conditions as it is."""

    # A document that could not be read as objects.
    UNREADABLE = "Unreadable"
    DUPLICATE_KEY = "DuplicateKey"
    UNKNOWN_KIND = "UnknownKind"
    UNKNOWN_VERSION = "UnknownVersion"
    DUPLICATE_OBJECT = "DuplicateObject"

    # A field that says what it may not say.
    REQUIRED = "Required"
    WRONG_TYPE = "WrongType"
    UNKNOWN_FIELD = "UnknownField"
    OUT_OF_RANGE = "OutOfRange"
    NOT_SUPPORTED = "NotSupported"
    INVALID_VALUE = "InvalidValue"
    INCONSISTENT = "Inconsistent"
    IMMUTABLE = "Immutable"

    # A reference that does not close, or may not.
    HARDWARE_CLASS_NOT_FOUND = "HardwareClassNotFound"
    MODEL_NOT_FOUND = "ModelNotFound"
    TIER_NOT_FOUND = "TierNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - the name of a reason, not a secret
    SECRET_NOT_READABLE = "SecretNotReadable"  # noqa: S105
    REF_NOT_PERMITTED = "RefNotPermitted"
    CONFLICTED = "Conflicted"

    # Placement.
    DOES_NOT_FIT = "DoesNotFit"
    MISPLACED = "Misplaced"
    OVERLAPPING = "Overlapping"

    # Routing.
    UNREACHABLE = "Unreachable"
    SHADOWED = "Shadowed"
    NEVER_MATCHES = "NeverMatches"
    FALLS_UP = "FallsUp"
    INCOHERENT = "Incoherent"
    NO_TENANTS = "NoTenants"
    NO_ISOLATION = "NoIsolation"
    INSECURE_TRANSPORT = "InsecureTransport"
    UNSUPPORTED = "Unsupported"

    # Said of a state and never of a spec: any object.
    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    READY = "Ready"
    NOT_ACCEPTED = "NotAccepted"
    NOT_READABLE = "NotReadable"

    # The nodes of a class.
    NODES_FOUND = "NodesFound"
    NO_MATCHING_NODES = "NoMatchingNodes"
    NO_NODES_IN_REGION = "NoNodesInRegion"
    TAINTED = "Tainted"
    NODES_NOT_READY = "NodesNotReady"
    DEVICE_PLUGIN_MISSING = "DevicePluginMissing"
    NO_OVERLAP = "NoOverlap"
    PROVISIONABLE = "Provisionable"

    # A class of hardware, as a model sees it.
    CHOSEN = "Chosen"
    NOT_NEEDED = "NotNeeded"
    FULL = "Full"
    ROOM_AGAIN = "RoomAgain"
    LEAVING = "Leaving"

    # The replicas of a model.
    PLACED = "Placed"
    AVAILABLE = "Available"
    WELL_PLACED = "WellPlaced"
    PENDING = "Pending"
    STARTING = "Starting"
    SCALED_TO_ZERO = "ScaledToZero"
    ROLLING_OUT = "RollingOut"
    UP_TO_DATE = "UpToDate"
    NO_SURGE_CAPACITY = "NoSurgeCapacity"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"

    # What goes wrong with one of them.
    UNSCHEDULABLE = "Unschedulable"
    VOLUME_PENDING = "VolumePending"
    QUOTA_EXCEEDED = "QuotaExceeded"
    ADMISSION_DENIED = "AdmissionDenied"
    CREATE_FAILED = "CreateFailed"
    NAME_TAKEN = "NameTaken"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_ERROR = "ConfigError"
    OUT_OF_MEMORY = "OutOfMemory"
    CRASH_LOOP = "CrashLoop"
    INIT_FAILED = "InitFailed"
    EVICTED = "Evicted"
    POD_FAILED = "PodFailed"

    # The gateways of a policy.
    NO_CONFLICT = "NoConflict"
    NO_GATEWAY = "NoGateway"
    GATEWAY_NOT_FOUND = "GatewayNotFound"
    PROGRAMMED = "Programmed"
    REJECTED = "Rejected"
    CUT_OFF = "CutOff"
    AS_WANTED = "AsWanted"
    FALLS_TO_TIER = "FallsToTier"
    FALLS_TO_ANSWER = "FallsToAnswer"
    NOTHING_LEFT = "NothingLeft"


class Condition(StrEnum):
    """The condition types that a finding may speak to, or that sum up what is known, over all kinds."""

    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    CAPACITY_KNOWN = "CapacityKnown"
    OVERLAPPING = "Overlapping"
    PLACED = "Placed"
    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    MISPLACED = "Misplaced"
    CONFLICTED = "Conflicted"
    PROGRAMMED = "Programmed"
    DEGRADED = "Degraded"
    READY = "Ready"


class Unusable(Exception):
    """What a command cannot work with: a sentence for the user that names the option, the file or the place."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence for a user about one field of one object."""

    subject: Key
    path: Path
    reason: Reason
    message: str
    severity: Severity = Severity.ERROR
    condition: Condition = Condition.ACCEPTED


def keeps_out(finding: Finding) -> bool:
    """Whether the finding keeps its object out of a fleet that serves."""
    # What is not enforced is never ignored: lint warns of it, and a fleet that serves refuses it.
    return finding.severity is Severity.ERROR or finding.reason is Reason.UNSUPPORTED


def dotted(path: Path) -> str:
    """Write a path as people do: `spec.tiers[1].models[0].weight`, map keys that are no words in brackets."""
    if not path:
        return "."
    text = ""
    for step in path:
        if isinstance(step, int) or not step.replace("-", "_").isidentifier():
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def printable(text: str) -> str:
    """The text on one line. What a user wrote may try to speak to a terminal, so such letters are written out."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def one_line(text: str | bytes, longest: int = _LONGEST_LINE) -> str:
    """Somebody else's words, fit for a log."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    text = printable(" ".join(text[: 4 * longest].split()))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
