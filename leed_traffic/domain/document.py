"""Checked documents: closed (an unknown field is refused) and frozen."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A checked value of a file, a message or a command's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiniteDocument(Document):
    """A document in which every number is finite."""

    model_config = ConfigDict(allow_inf_nan=False)
