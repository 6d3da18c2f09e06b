from django.apps import AppConfig


class FlowAdminConfig(AppConfig):
    name = "flowadmin"

    def ready(self) -> None:
        from flowadmin import celery, checks  # noqa: F401  tasks find their app; registers checks
