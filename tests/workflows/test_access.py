from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied

from workers.models import Pool
from workflows.access import (
    TEAM_PATHS,
    is_kept_from,
    permission_name,
    require,
    scope,
    teams_where,
)
from workflows.models import Connection, Membership, Node, Role, Team, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Shop", slug="shop")


@pytest.fixture
def workflow(team: Team) -> Workflow:
    return Workflow.objects.create(team=team, name="Orders", slug="orders")


def member(team: Team, role: Role) -> User:
    user = User.objects.create(username=f"{role.label} of {team.slug}")
    Membership.objects.create(team=team, user=user, role=role)
    return user


@pytest.fixture
def stranger() -> User:
    return member(Team.objects.create(name="Other", slug="other"), Role.ADMIN)


@pytest.mark.parametrize(
    ("permission", "least"),
    [
        ("workflows.view_workflow", Role.VIEWER),
        ("workflows.run_workflow", Role.OPERATOR),
        ("workflows.pause_workflow", Role.OPERATOR),
        ("workflows.change_workflow", Role.EDITOR),
        ("workflows.delete_workflow", Role.ADMIN),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_ones_below_it_may(team, workflow, permission, least, role):
    assert member(team, role).has_perm(permission, workflow) is (role >= least)


def test_the_strangers_role_does_not_reach_into_another_team(workflow, stranger):
    assert not stranger.has_perm("workflows.view_workflow", workflow)


def test_a_part_of_a_workflow_belongs_to_the_workflows_team(team, workflow, stranger):
    node = Node.objects.create(workflow=workflow, key="a", kind="filter")
    assert member(team, Role.EDITOR).has_perm("workflows.delete_node", node)
    assert not stranger.has_perm("workflows.delete_node", node)


def test_an_act_asked_without_an_object_means_in_any_team(stranger):
    assert stranger.has_perm("workflows.add_workflow")


def test_scope_keeps_the_rows_of_ones_own_teams(team, workflow, stranger):
    assert list(scope(member(team, Role.VIEWER), Workflow.objects.all())) == [workflow]
    assert not scope(stranger, Workflow.objects.all()).exists()


def test_scope_of_what_all_teams_share_needs_a_team(team):
    Pool.objects.get_or_create(name="default-agent-pool", defaults={"rank": 10})
    assert scope(member(team, Role.VIEWER), Pool.objects.all()).exists()
    assert not scope(User.objects.create(username="nobody"), Pool.objects.all()).exists()


@pytest.mark.parametrize("model", TEAM_PATHS)
def test_every_model_can_be_scoped(team, model):
    assert scope(member(team, Role.ADMIN), model.objects.all()).count() >= 0


def test_a_superuser_is_above_the_table(workflow):
    boss = User.objects.create(username="boss", is_superuser=True)
    assert boss.has_perm("workflows.delete_workflow", workflow)
    assert list(scope(boss, Workflow.objects.all())) == [workflow]


def test_someone_without_a_login_sees_nothing(workflow):
    assert not scope(AnonymousUser(), Workflow.objects.all()).exists()


def test_a_member_who_was_deactivated_may_nothing(team, workflow):
    user = member(team, Role.ADMIN)
    user.is_active = False
    assert not user.has_perm("workflows.view_workflow", workflow)
    assert not scope(user, Workflow.objects.all()).exists()


def test_a_role_below_what_viewing_needs_leaves_no_rows(team):
    editor, admin = member(team, Role.EDITOR), member(team, Role.ADMIN)
    assert not scope(editor, Membership.objects.all()).exists()
    assert scope(admin, Membership.objects.all()).count() == 2


def test_teams_where_lists_the_teams_in_which_one_may_act(team, stranger):
    Membership.objects.create(team=team, user=stranger, role=Role.VIEWER)
    assert [t.slug for t in teams_where(stranger, "workflows.add_workflow")] == ["other"]


def test_require_names_what_is_missing(team, workflow):
    with pytest.raises(PermissionDenied, match="may not run workflow"):
        require(member(team, Role.VIEWER), "workflows.run_workflow", workflow)


def test_roles_are_read_once_per_user_object(team, workflow, django_assert_num_queries):
    user = member(team, Role.OPERATOR)
    with django_assert_num_queries(1):
        for act in ("view", "run", "pause", "change"):
            user.has_perm(permission_name(act, Workflow), workflow)


def test_connections_are_changed_by_editors_and_deleted_by_admins(team):
    connection = Connection.objects.create(team=team, name="Db", slug="db", connector="postgresql")
    editor = member(team, Role.EDITOR)
    assert editor.has_perm("workflows.change_connection", connection)
    assert not editor.has_perm("workflows.delete_connection", connection)
    assert not member(team, Role.OPERATOR).has_perm("workflows.change_connection", connection)


def test_a_row_that_only_the_role_hides_is_told_from_one_of_another_team(team, stranger):
    hidden = member(team, Role.VIEWER).memberships.get()
    assert is_kept_from(member(team, Role.EDITOR), Membership, hidden.pk)
    assert not is_kept_from(stranger, Membership, hidden.pk)


@pytest.fixture
def reserved(team) -> Pool:
    pool = Pool.objects.create(name="shop-pool", rank=15)
    pool.teams.add(team)
    return pool


def test_a_reserved_pool_is_seen_by_its_teams_only(team, stranger, reserved):
    assert scope(member(team, Role.VIEWER), Pool.objects.all()).contains(reserved)
    assert not scope(stranger, Pool.objects.all()).contains(reserved)


def test_a_teams_admin_pauses_the_pool_that_is_reserved_for_it(team, stranger, reserved):
    assert member(team, Role.ADMIN).has_perm("workers.pause_pool", reserved)
    assert not member(team, Role.EDITOR).has_perm("workers.pause_pool", reserved)
    assert not stranger.has_perm("workers.pause_pool", reserved)


def test_a_shared_pool_is_paused_by_superusers_only(team):
    shared = Pool.objects.create(name="shared", rank=99)
    assert not member(team, Role.ADMIN).has_perm("workers.pause_pool", shared)
    root = User.objects.create(username="root", is_superuser=True)
    assert root.has_perm("workers.pause_pool", shared)


def test_a_pool_of_two_teams_is_paused_by_an_admin_of_both(team, reserved):
    other = Team.objects.create(name="Third", slug="third")
    reserved.teams.add(other)
    admin = member(team, Role.ADMIN)
    assert not admin.has_perm("workers.pause_pool", reserved)
    Membership.objects.create(team=other, user=admin, role=Role.ADMIN)
    again = User.objects.get(pk=admin.pk)
    assert again.has_perm("workers.pause_pool", reserved)
