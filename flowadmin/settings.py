"""Django settings: names of ``environment`` mapped to Django's. Decisions live there."""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.templatetags.static import static
from django.urls import reverse_lazy

from flowadmin.environment import BASE_DIR, environment
from flowadmin.single_sign_on.rules import rules as single_sign_on_rules


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


SECRET_KEY = environment.flowadmin_secret_key.get_secret_value()
DEBUG = environment.flowadmin_debug
ALLOWED_HOSTS = _split(environment.flowadmin_allowed_hosts)
CSRF_TRUSTED_ORIGINS = _split(environment.flowadmin_csrf_trusted_origins)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "django_htmx",
    "rules",
    "auditlog",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "workers",
    "workflows",
    "flowadmin",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "flowadmin.content_policy.ContentPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "flowadmin.viewer_zone.ViewerZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "workflows.pages.audited.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = [
    # First: whoever is locked out is not even asked for a password.
    "axes.backends.AxesStandaloneBackend",
    "rules.permissions.ObjectPermissionBackend",
    "workflows.accounts.AccountBackend",
]

ROOT_URLCONF = "flowadmin.urls"
ASGI_APPLICATION = "flowadmin.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# Widgets, too, are rendered by our templates where we have one of their name.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {"default": dj_database_url.parse(environment.database_url, conn_health_checks=True)}
if environment.flowadmin_database_pool:
    # Under ASGI each request has a thread of its own: what a thread keeps, nobody uses again.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": environment.flowadmin_database_pool,
        "max_idle": 60,
        "num_workers": 1,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": environment.redis_url,
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# After five wrong passwords a name is locked for whoever asks from that address.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "workflows.pages.login.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# The library sees what changes; what is kept of it is our own table.
AUDITLOG_LOGENTRY_MODEL = "workflows.AuditEntry"
# Its own table is not made: what would empty the database knows nothing of it.
MIGRATION_MODULES = {"auditlog": None}
AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_MASK_CALLABLE = "workflows.services.auditing.hidden"
FLOWADMIN_TRUSTED_PROXIES = environment.flowadmin_trusted_proxies

SESSION_COOKIE_AGE = environment.flowadmin_session_hours * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.flowadmin_https
if environment.flowadmin_https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Nothing from elsewhere, nothing inline. The admin's theme evaluates expressions and styles
# elements, so that it needs more; scripts must come from files there too.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
CONTENT_SECURITY_POLICY_OF_ADMIN = {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}

LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# Nothing of it is there unless a server is set.
FLOWADMIN_OIDC_SERVER = environment.flowadmin_oidc_server
FLOWADMIN_OIDC_NAME = environment.flowadmin_oidc_name
FLOWADMIN_OIDC_RULES = single_sign_on_rules(environment)
if FLOWADMIN_OIDC_SERVER:
    INSTALLED_APPS += ["allauth.account", "allauth.socialaccount", "flowadmin.single_sign_on"]
    MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
    _ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(FLOWADMIN_OIDC_SERVER))
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"].append(_ORIGIN)
    ACCOUNT_ADAPTER = "flowadmin.single_sign_on.accounts.Accounts"
    ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
    SOCIALACCOUNT_ADAPTER = "flowadmin.single_sign_on.accounts.Entrance"
    SOCIALACCOUNT_EMAIL_REQUIRED = False
    SOCIALACCOUNT_PROVIDERS = {
        "oidc": {
            "APPS": [
                {
                    # Users are known by server and subject: another server's are others.
                    "provider_id": FLOWADMIN_OIDC_SERVER,
                    "name": FLOWADMIN_OIDC_NAME,
                    "client_id": environment.flowadmin_oidc_client_id,
                    "secret": environment.flowadmin_oidc_client_secret.get_secret_value(),
                    "settings": {
                        "server_url": FLOWADMIN_OIDC_SERVER.rstrip("/"),
                        "oauth_pkce_enabled": True,
                    },
                }
            ]
        }
    }

# Every word is English: none is looked up in a catalog, which took a fifth of a page.
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"

STATIC_URL = "static/"
STATIC_ROOT = environment.flowadmin_static_root
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # The first one decides that an anonymous request gets 401 and not 403.
        "workflows.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["workflows.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["workflows.api.throttles.PrincipalThrottle"],
    "DEFAULT_THROTTLE_RATES": {"api": "1200/min"},
    "DEFAULT_SCHEMA_CLASS": "workflows.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "workflows.api.problems.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
}
# A workflow of 5,000 nodes fits; more is refused with 413 before it is parsed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# The form of a workflow has about a dozen for each node and half as many for each dependency.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
SPECTACULAR_SETTINGS = {
    "TITLE": "FlowAdmin API",
    "DESCRIPTION": "Save, run and watch workflows.",
    "VERSION": "1",
    # pydantic writes JSON Schema 2020-12, which 3.0 does not take.
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["workflows.api.schema.add_models"],
}

CELERY_BROKER_URL = environment.redis_url
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Unacknowledged messages come back in seconds, not the default hundred; tasks are short.
    "visibility_timeout": 180,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

UNFOLD = {
    "SITE_TITLE": "FlowAdmin",
    "SITE_HEADER": "FlowAdmin",
    "SITE_SYMBOL": "account_tree",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("flowadmin/favicon.svg"),
        }
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("flowadmin/flowadmin.css")],
    "SCRIPTS": [
        lambda request: static("flowadmin/flowadmin.js"),
        lambda request: static("flowadmin/row_menu.js"),
        lambda request: static("flowadmin/charts.js"),
        lambda request: static("flowadmin/live.js"),
        lambda request: static("flowadmin/live_rows.js"),
        lambda request: static("flowadmin/issues.js"),
        lambda request: static("flowadmin/shortcuts.js"),
        lambda request: static("flowadmin/log_row.js"),
        lambda request: static("flowadmin/log_viewer.js"),
    ],
    "ACCOUNT": {"navigation": "workflows.pages.navigation.account"},
    "DASHBOARD_CALLBACK": "workflows.pages.home.dashboard",
    "SIDEBAR": {
        "navigation": "workflows.pages.navigation.sidebar",
        "show_search": True,
        "command_search": True,
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}

_SMTP = urlsplit(environment.flowadmin_smtp_url.get_secret_value())
EMAIL_HOST, EMAIL_PORT = _SMTP.hostname or "127.0.0.1", _SMTP.port or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_SMTP.username or ""), unquote(_SMTP.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _SMTP.scheme == "smtps", _SMTP.scheme == "smtp+tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.flowadmin_email_from
FLOWADMIN_PUBLIC_URL = environment.flowadmin_public_url

FLOWADMIN_SECRET_KEYS = _split(environment.flowadmin_secret_keys.get_secret_value())
PREFECT_API_URL = environment.prefect_api_url
PREFECT_API_AUTH_STRING = environment.prefect_api_auth_string.get_secret_value()
FLOWADMIN_PREFECT_DATABASE_URL = environment.flowadmin_prefect_database_url.get_secret_value()
FLOWADMIN_WAKE_URL = environment.flowadmin_wake_url
FLOWADMIN_LOG_LINES_PER_RUN = environment.flowadmin_log_lines_per_run
# The engine knows no Django: it reads its own settings where a worker has them.
os.environ["FLOWADMIN_FILE_ROOTS"] = environment.flowadmin_file_roots
os.environ["FLOWADMIN_INTERNAL_HOSTS"] = environment.flowadmin_internal_hosts
