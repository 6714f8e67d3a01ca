"""Vehicle types of demand files: whose class an engineer counts apart, and how many of them SUMO lets set out."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

OTHER = "other"
CLASSES = {
    "car": ("passenger", "private", "taxi", "evehicle", "hov", "ignoring", "vip"),
    "truck": ("truck", "trailer", "delivery"),
    "bus": ("bus", "coach"),
    "rail": ("tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway", "cable_car"),
    "motorcycle": ("motorcycle", "moped"),
    "bicycle": ("bicycle", "scooter"),
    "emergency": ("emergency", "authority", "army"),
}
_CLASS_OF = {vehicle_class: name for name, members in CLASSES.items() for vehicle_class in members}
_DEFAULT_TYPES = {
    "DEFAULT_TAXITYPE": "taxi",
    "DEFAULT_BIKETYPE": "bicycle",
    "DEFAULT_RAILTYPE": "rail",
}  # SUMO's own


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleTypes:
    """Classes and scales of types and of distributions of types, by id; filled as the files are read."""

    classes: dict[str, str] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)  # only of those that SUMO thins out or multiplies

    def add(self, item: ET.Element) -> None:
        """Take in an element of a demand file, if it is a type or a distribution.

        Raises:
            ValueError: a figure is none.
        """
        if item.tag not in ("vType", "vTypeDistribution"):
            return
        for kind in item.iter("vType"):
            self.classes[kind.get("id", "")] = kind.get("vClass", "passenger")
            if (scale := float(kind.get("scale", 1.0))) != 1.0:
                self.scales[kind.get("id", "")] = scale
        if item.tag == "vTypeDistribution":
            self._add_distribution(item)

    def class_of(self, vehicle_type: str) -> str:
        """The class of a vehicle type; a type that was changed for one vehicle (`bus@b7`) is still its own."""
        vehicle_class = self.classes.get(vehicle_type) or self.classes.get(vehicle_type.partition("@")[0])
        return _CLASS_OF.get(vehicle_class or _DEFAULT_TYPES.get(vehicle_type, "passenger"), OTHER)

    def scale_of(self, vehicle_type: str) -> float:
        """Number of vehicles that SUMO makes of one of this type, on average."""
        return self.scales.get(vehicle_type, 1.0)

    def _add_distribution(self, item: ET.Element) -> None:
        inner = {kind.get("id", ""): float(kind.get("probability", 1.0)) for kind in item.iterfind("vType")}
        named = item.get("vTypes", "").split()
        shares = [float(share) for share in item.get("probabilities", "").split()] or [1.0] * len(named)
        members = {**dict(zip(named, shares, strict=False)), **inner}
        if not members:
            return
        self.classes[item.get("id", "")] = self.classes.get(next(iter(members)), "passenger")
        total = sum(members.values())
        scale = sum(share * self.scale_of(name) for name, share in members.items()) / total if total > 0.0 else 1.0
        if any(self.scale_of(name) != 1.0 for name in members):
            self.scales[item.get("id", "")] = scale
