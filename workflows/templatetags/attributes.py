"""``{{ widget.attrs|attributes }}``: as HTML, in one go.

The templates they stand in for include one more for each widget and go through its attributes
one by one: a fifth of what the form of a workflow takes.
"""

from __future__ import annotations

from django import template
from django.forms.utils import flatatt

register = template.Library()
register.filter("attributes", flatatt)
