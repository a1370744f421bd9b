"""EventBridge's event patterns, as far as the rules here use them: exact values, `prefix`, `suffix` and `$or`.

Written after AWS's documentation of event patterns. An operator that is not known is an error, so that no rule says
more than is checked.
"""


def matches(pattern, event):
    return all(_field_matches(name, expected, event) for name, expected in pattern.items())


def _field_matches(name, expected, event):
    if name == "$or":
        return any(matches(alternative, event) for alternative in expected)
    if name not in event:
        return False
    value = event[name]
    if isinstance(expected, dict):
        return isinstance(value, dict) and matches(expected, value)
    return any(_value_matches(alternative, value) for alternative in expected)


def _value_matches(alternative, value):
    if not isinstance(alternative, dict):
        # JSON's true is not 1, but Python's is.
        return type(alternative) is type(value) and alternative == value
    ((operator, operand),) = alternative.items()
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(operand)
    if operator == "suffix":
        return isinstance(value, str) and value.endswith(operand)
    raise ValueError(f"the operator {operator} is not known")
