"""The functions of the expression language: this table is all there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Units of ``date_trunc``, ``date_part``, ``extract``, ``date_diff`` and intervals.
UNITS = frozenset(
    (
        *("year", "quarter", "month", "week", "day", "hour", "minute", "second"),
        *("millisecond", "microsecond", "decade", "century", "epoch"),
        *("dayofweek", "isodow", "dayofyear", "isoyear"),
    )
)

_INITCAP = (
    "array_to_string(list_transform(regexp_extract_all({0}, '([\\p{{L}}\\p{{N}}]+|"
    "[^\\p{{L}}\\p{{N}}]+)'), lambda w: upper(w[1]) || lower(w[2:])), '')"
)
# A length that is not a constant is bounded as well: memory limits do not bind text.
_LPAD = "lpad({0}, CAST(least({1}, 10000) AS INTEGER), {2})"
_RPAD = "rpad({0}, CAST(least({1}, 10000) AS INTEGER), {2})"

_REPEAT = "repeat({0}, least({1}, 10000))"
_COALESCE = "coalesce({0}, {1})"
_IF = "CASE WHEN {0} THEN {1} ELSE {2} END"

_TABLE = [
    # category, signature, what it does, DuckDB's spelling where it differs
    ("text", "upper(text) text", "In capitals."),
    ("text", "lower(text) text", "In small letters."),
    ("text", "initcap(text) text", "First letter of each word capital, the rest small.", _INITCAP),
    ("text", "trim(text, text?) text", "Without these characters (spaces) at both ends."),
    ("text", "ltrim(text, text?) text", "Without these characters (spaces) at the start."),
    ("text", "rtrim(text, text?) text", "Without these characters (spaces) at the end."),
    ("text", "substring(text, number, number?) text", "From a position, counted from 1."),
    ("text", "substr(text, number, number?) text", "Same as substring."),
    ("text", "left(text, number) text", "The first characters."),
    ("text", "right(text, number) text", "The last characters."),
    ("text", "length(text) number", "Number of characters."),
    ("text", "concat(any...) text", "All arguments as one text; NULLs are left out."),
    ("text", "concat_ws(text, any...) text", "Like concat, with a separator."),
    ("text", "replace(text, text, text) text", "Every occurrence replaced."),
    ("text", "reverse(text) text", "Back to front."),
    (
        "text",
        "repeat(text, number) text",
        "So often, at most 10,000 times.",
        "repeat({0}, least({1}, 10000))",
    ),
    (
        "text",
        "lpad(text, number, text?) text",
        "Filled on the left, to 10,000 at most.",
        _LPAD,
    ),
    (
        "text",
        "rpad(text, number, text?) text",
        "Filled on the right, to 10,000 at most.",
        _RPAD,
    ),
    ("text", "strpos(text, text) number", "Position of the second in the first; 0 if absent."),
    ("text", "instr(text, text) number", "Same as strpos."),
    ("text", "split_part(text, text, number) text", "The n-th part between separators."),
    ("text", "starts_with(text, text) boolean", "Whether it begins so."),
    ("text", "ends_with(text, text) boolean", "Whether it ends so."),
    ("text", "contains(text, text) boolean", "Whether it occurs."),
    ("text", "chr(number) text", "The character with this code point."),
    ("text", "md5(text) text", "MD5 in hexadecimal."),
    ("text", "sha256(text) text", "SHA-256 in hexadecimal."),
    ("number", "abs(number) number", "Without sign."),
    ("number", "ceil(number) number", "The next integer up."),
    ("number", "floor(number) number", "The next integer down."),
    ("number", "round(number, number?) number", "To so many digits, halves away from zero."),
    ("number", "trunc(number) number", "Without the fraction."),
    ("number", "mod(number, number) number", "Remainder; NULL when divided by zero."),
    ("number", "power(number, number) number", "As a double."),
    ("number", "sqrt(number) number", "Square root; fails below zero."),
    ("number", "exp(number) number", "e to the power of it."),
    ("number", "ln(number) number", "Natural logarithm; fails at zero and below."),
    ("number", "log(number) number", "Logarithm to base 10; fails at zero and below."),
    ("number", "log10(number) number", "Same as log."),
    ("number", "log2(number) number", "Logarithm to base 2; fails at zero and below."),
    ("number", "sign(number) number", "-1, 0 or 1."),
    ("number", "sin(number) number", "Sine."),
    ("number", "cos(number) number", "Cosine."),
    ("number", "tan(number) number", "Tangent."),
    ("number", "cosh(number) number", "Hyperbolic cosine."),
    ("number", "tanh(number) number", "Hyperbolic tangent."),
    ("choice", "greatest(same...) same", "The largest; NULLs are left out."),
    ("choice", "least(same...) same", "The smallest; NULLs are left out."),
    ("choice", "coalesce(same...) same", "The first that is not NULL."),
    (
        "choice",
        "ifnull(same, same) same",
        "The second where the first is NULL.",
        "coalesce({0}, {1})",
    ),
    ("choice", "nvl(same, same) same", "Same as ifnull.", _COALESCE),
    ("choice", "nullif(same, same) same", "NULL where both are equal, else the first."),
    ("choice", "isnull(any) boolean", "Whether it is NULL.", "({0} IS NULL)"),
    (
        "choice",
        "if(boolean, same, same) same",
        "The second where the first is true, else the third.",
        _IF,
    ),
    (
        "choice",
        "iff(boolean, same, same) same",
        "Same as if.",
        _IF,
    ),
    ("date", "date_trunc(unit, date) timestamp", "Start of the unit, as a timestamp."),
    ("date", "date_part(unit, date) number", "A part; same as extract(unit from date)."),
    ("date", "date_diff(unit, date, date) number", "Unit borders from the first to the second."),
    ("date", "date_add(date, interval) timestamp", "Later by an interval.", "({0} + {1})"),
    ("date", "last_day(date) date", "Last day of its month."),
    ("date", "year(date) number", "Year."),
    ("date", "quarter(date) number", "Quarter, 1 to 4."),
    ("date", "month(date) number", "Month, 1 to 12."),
    ("date", "week(date) number", "ISO week."),
    ("date", "day(date) number", "Day of the month."),
    ("date", "dayofweek(date) number", "Day of the week, Sunday is 0."),
    ("date", "dayofyear(date) number", "Day of the year."),
    ("date", "hour(date) number", "Hour."),
    ("date", "minute(date) number", "Minute."),
    ("date", "second(date) number", "Second."),
    ("date", "now() timestamp", "When the run reads its rows.", "current_timestamp"),
    ("date", "today() date", "The date of the run, in UTC.", "current_date"),
    ("date", "strftime(date, text) text", "As text, for example '%d.%m.%Y'."),
    ("date", "strptime(text, text) timestamp", "From text; fails where it does not fit."),
    ("date", "try_strptime(text, text) timestamp", "From text; NULL where it does not fit."),
]


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the table.

    ``parameters`` are words: a family, ``any``, ``same`` (all of one family), ``date`` (a date
    or timestamp) or ``unit`` (a constant of ``UNITS``). ``template`` has ``{n}`` for argument n;
    without one DuckDB's function of that name is called.
    """

    name: str
    category: str
    parameters: tuple[str, ...]
    required: int
    is_variadic: bool
    returns: str
    purpose: str
    template: str
    signature: str

    def parameter(self, index: int) -> str:
        return self.parameters[min(index, len(self.parameters) - 1)]

    def sql(self, arguments: Sequence[str]) -> str:
        """The call in DuckDB's dialect; a missing last argument of a template is a space."""
        if self.template:
            return self.template.format(*arguments, "' '")
        return f"{self.name}({', '.join(arguments)})"

    def takes(self, count: int) -> bool:
        return self.required <= count and (self.is_variadic or count <= len(self.parameters))


def _rows() -> Iterator[Function]:
    for category, signature, purpose, *template in _TABLE:
        call, _, returns = signature.rpartition(" ")
        name, _, inside = call.removesuffix(")").partition("(")
        words = [word.strip() for word in inside.split(",") if word]
        yield Function(
            name=name,
            category=category,
            parameters=tuple(word.rstrip("?.") for word in words),
            required=sum(not word.endswith("?") for word in words),
            is_variadic=inside.endswith("..."),
            returns=returns,
            purpose=purpose,
            template=template[0] if template else "",
            signature=call,
        )


FUNCTIONS = {function.name: function for function in _rows()}
