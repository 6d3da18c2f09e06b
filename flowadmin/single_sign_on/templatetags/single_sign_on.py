from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def server_name() -> str:
    return settings.FLOWADMIN_OIDC_NAME
