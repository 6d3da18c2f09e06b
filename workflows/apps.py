from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from workflows import access, signals  # noqa: F401  registers rules and receivers
        from workflows.services.auditing import watch_models

        watch_models()
