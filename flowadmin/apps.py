from django.apps import AppConfig


class FlowAdminConfig(AppConfig):
    name = "flowadmin"
