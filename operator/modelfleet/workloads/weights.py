"""Where the weights of a model come from, as far as a pod has to do with it."""

from dataclasses import dataclass
from typing import Any, Final

FOLDER: Final = "/weights"
"""Where weights that come as a volume are."""
VOLUME: Final = "weights"


@dataclass(frozen=True, slots=True)
class Weights:
    """The source of a model's weights. Without one, an engine goes by the model's name."""

    source: str = ""

    @property
    def scheme(self) -> str:
        """How they are got: hf, pvc, oci, and so on; empty where no source is named."""
        return self.source.partition("://")[0]

    @property
    def place(self) -> str:
        """What stands behind the scheme."""
        return self.source.partition("://")[2]

    @property
    def claim(self) -> str:
        """The PersistentVolumeClaim that they are in, empty where it is none."""
        return self.place.partition("/")[0] if self.scheme == "pvc" else ""

    @property
    def path(self) -> str:
        """Where they are in the container; empty where they still have to be fetched."""
        match self.scheme:
            case "pvc":
                return f"{FOLDER}/{self.place.partition('/')[2]}".rstrip("/")
            case "oci":
                return FOLDER
            case "file":
                return self.place
            case _:
                return ""

    @property
    def volume(self) -> dict[str, Any] | None:
        """The volume that they come in."""
        match self.scheme:
            case "pvc":
                # Read-only, so that many pods can share a claim, and so that nobody changes who owns its files.
                return {"name": VOLUME, "persistentVolumeClaim": {"claimName": self.claim, "readOnly": True}}
            case "oci":
                return {"name": VOLUME, "image": {"reference": self.place}}
            case _:
                return None
