"""What every page of this admin shares: rows of one's own teams, and permissions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.forms.utils import ErrorList
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from workers.models import Pool
from workflows import access
from workflows.admin.paginator import CappedPaginator
from workflows.models import Team


def signed_in(request: HttpRequest) -> User:
    """The user of a request to the admin, which lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


class TeamScopedAdmin(ModelAdmin):
    """Shows the rows of the user's teams; ``workflows.access`` says what may be done to them.

    A row of another team does not exist: its address answers 404.
    """

    paginator: type[Paginator] = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    list_filter_sheet = True
    warn_unsaved_form = True
    show_facets = False
    #: Templates look for it at every field, and what is not there takes longest to look for.
    conditional_fields: ClassVar[dict[str, str]] = {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.scope(request.user, super().get_queryset(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """What a page only reads is read once per request."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        read: dict[str, Any] = request.__dict__.setdefault("flowadmin_read", {})
        key = f"{self.opts.label}:{object_id}:{from_field or ''}"
        if key not in read:
            read[key] = super().get_object(request, object_id, from_field)
        return read[key]

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The row, fetched once per request. Raises Http404 when the user may not see it."""
        found: dict[str, Any] = request.__dict__.setdefault("flowadmin_found", {})
        key = f"{self.opts.label}:{object_id}"
        if key not in found:
            found[key] = self.get_object(request, str(object_id))
        if found[key] is None:
            raise self._absent(request, object_id)
        return found[key]

    def _absent(self, request: HttpRequest, object_id: str) -> Exception:
        """A row of one's own team that the role hides is refused; others do not exist."""
        if access.is_kept_from(request.user, self.model, object_id):
            return PermissionDenied()
        return Http404(f"no {self.opts.verbose_name} '{object_id}'")

    def may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        """Ask the permission table, a hundred times per form, so what a page only reads is
        answered once. unfold passes an id where Django passes a row."""
        if obj is not None and not isinstance(obj, Model):
            obj = self.find(request, obj)
        if request.method != "GET":
            return self._may(request, verb, obj)
        known: dict[Any, bool] = request.__dict__.setdefault("flowadmin_may", {})
        key = verb, self.model, obj and obj.pk
        if key not in known:
            known[key] = self._may(request, verb, obj)
        return known[key]

    def _may(self, request: HttpRequest, verb: str, obj: Model | None) -> bool:
        return request.user.has_perm(access.permission_name(verb, self.model), obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view", obj) or self.may(request, "change", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete", obj)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise self._absent(request, object_id)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        if db_field.remote_field.model is Team:
            kwargs["queryset"] = self.teams_to_give(request)
        if db_field.remote_field.model is Pool:
            kwargs["queryset"] = access.scope(request.user, Pool.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def teams_to_give(self, request: HttpRequest) -> QuerySet[Team]:
        """Teams in which the user may create such a row."""
        return access.teams_where(request.user, access.permission_name("add", self.model))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The only team one can choose is already chosen."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        try:
            self.opts.get_field("team")
        except FieldDoesNotExist:
            return initial
        teams = list(self.teams_to_give(request)[:2])
        return {"team": teams[0].pk, **initial} if len(teams) == 1 else initial


class TeamFilter(RelatedDropdownFilter):
    """Offers one's own teams: the names of the others are not for everybody."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        own = access.scope(request.user, Team.objects.all())
        choices: list[Any] = field.get_choices(
            include_blank=False, limit_choices_to={"pk__in": own.values("pk")}
        )
        return choices


class FieldErrors(ErrorList):
    """Each field asks for its errors twice; where there are none, no template says so."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return super().render(*args, **kwargs) if self else SafeString()

    __str__ = __html__ = render


class PartForm(ModelForm):
    """A row of an inline; nothing is nested in it, which saves templates looking for that."""

    nested_formsets = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"error_class": FieldErrors, **kwargs})


class PartOfParent:
    """An inline that may be changed by whoever may change the row it belongs to."""

    parent_model: type[Model]
    admin_site: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        parent = self._parent()
        if obj is None:
            return parent.has_add_permission(request)
        return parent.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent().has_change_permission(request, obj)

    has_delete_permission = has_change_permission

    def _parent(self) -> ModelAdmin:
        return self.admin_site.get_model_admin(self.parent_model)
