"""A reader of our own schemas, to tell whether a reply could have been written under one."""


def allows(schema, value):
    """Whether a schema of ours takes a value."""
    if "anyOf" in schema:
        return any(allows(one, value) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "object":
        known = schema["properties"]
        return (
            isinstance(value, dict)
            and set(schema["required"]) <= set(value)
            and all(name in known and allows(known[name], inner) for name, inner in value.items())
        )
    if schema["type"] == "array":
        first = schema.get("prefixItems", [])
        return (
            isinstance(value, list)
            and schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
            and all(
                allows(first[k] if k < len(first) else schema["items"], inner) for k, inner in enumerate(value)
            )
        )
    kinds = {"integer": int, "string": str, "null": type(None)}
    return isinstance(value, kinds[schema["type"]])
