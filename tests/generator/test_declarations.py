"""apps.yaml, errors, settings, policies and schedules: a mistake is one sentence with the YAML's line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.generator.small import dotbase, make, refused, write

ERROR = "  sqlstate: ZS001\n  status: 409\n  en: Sold out.\n  ko: 품절입니다.\n  hint: Wait.\n"
JOB = "  about: Sweeps.\n  schedule: '0 3 * * *'\n  function: sweep\n  time_limit: 60s\n"
APPS = 'zone: Asia/Seoul\napps:\n  jobs: {needs: [], about: "j"}\n  shop: {needs: [jobs], about: "a"}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "zone: Mars/Base\napps: {}\n",
            "apps.yaml:1: `zone`: there is no time zone Mars/Base; fix that entry.",
        ),
        (
            "zone: Asia/Seoul\napps:\n  shop: {needs: [till], about: x}\n",
            "apps.yaml:3: app shop needs till, which is not declared; add till or take it out of `needs`.",
        ),
        (
            "zone: Asia/Seoul\napps:\n  a: {needs: [b], about: x}\n  b: {needs: [a], about: y}\n",
            "apps.yaml:",
        ),
        (
            "zone: Asia/Seoul\napps:\n  shop: {about: x}\n  shop: {about: y}\n",
            "apps.yaml:4: `shop` stands twice, the first time in line 3; keep one of them.",
        ),
        ("zone: Asia/Seoul\napps:\n  shop: {about: x\n", "apps.yaml:4: the YAML is broken: "),
        (
            "zone: Asia/Seoul\napps:\n  shop: {about: x, neds: []}\n",
            "apps.yaml:3: `apps shop neds`: Extra inputs are not permitted; fix that entry.",
        ),
        ("zone: Asia/Seoul\napps:\n  Shop: {about: x}\n", "apps.yaml:3: "),
        ("- 1\n", "apps.yaml:1: "),
    ],
)
def test_a_mistake_in_apps_is_refused(project: Path, text: str, sentence: str) -> None:
    write(project, "apps.yaml", text)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: {sentence}")
    assert said.err.count("\n") == 1


def test_apps_in_a_circle_are_named(project: Path) -> None:
    write(
        project, "apps.yaml", "zone: UTC\napps:\n  a: {needs: [b], about: x}\n  b: {needs: [a], about: y}\n"
    )
    assert "the apps need each other in a circle: " in dotbase(project, "render").err


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, f"{tmp_path} holds no apps.yaml; name the project's folder with --project.")


def test_the_project_is_found_from_a_folder_inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "schema/shop")
    assert Project.find().root == project.resolve()


def test_an_app_without_policies_is_refused(project: Path) -> None:
    (project / "policies/shop.yaml").unlink()
    refused(
        project,
        "policies/shop.yaml: app shop has no policies; write the file; what it does not say is denied.",
    )


@pytest.mark.parametrize(
    "name", ["policies/till.yaml", "cron/shop.yml", "schema/till/0001_till.sql", "functions/till/a.sql"]
)
def test_files_of_an_app_that_is_not_declared_are_refused(project: Path, name: str) -> None:
    write(project, name, "")
    place = name if "yml" in name or "yaml" in name else name.rpartition("/")[0]
    refused(
        project, f"{place}: it belongs to no app of apps.yaml; add the app's row, or rename or delete it."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"sold_out:\n{ERROR}sold_out:\n{ERROR}", ":7: `sold_out` stands twice, the first time in line 1; "),
        (f"SoldOut:\n{ERROR}", ":1: `SoldOut [key]`: String should match pattern"),
        (
            f"sold_out:\n{ERROR.replace('ZS001', 'ZS1')}",
            ":2: `sold_out sqlstate`: String should match pattern",
        ),
        (
            f"sold_out:\n{ERROR.replace('ZS001', 'P0001')}",
            ":2: SQLSTATE P0001 is of a class that the server may use; begin it with Z, as in ZP001.",
        ),
        (f"sold_out:\n{ERROR.replace('409', '200')}", ":3: `sold_out status`: Input should be greater than"),
        (
            f"sold_out:\n{ERROR.replace('  ko: 품절입니다.' + chr(10), '')}",
            ":1: `sold_out ko`: Field required; fix that entry.",
        ),
        (
            f"sold_out:\n{ERROR}gone:\n{ERROR}",
            ":8: SQLSTATE ZS001 is declared already, at functions/shop/errors.yaml:2; give one of them ",
        ),
    ],
)
def test_a_mistake_in_errors_is_refused(project: Path, text: str, sentence: str) -> None:
    write(project, "functions/shop/errors.yaml", text)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: functions/shop/errors.yaml{sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "size:\n  type: integer\n  default: '5'\n  about: Size.\n",
            ":3: `default` of setting size is no integer; write integers bare, times and intervals quoted.",
        ),
        (
            "size:\n  type: number\n  default: 5\n  about: Size.\n",
            ":2: `size type`: Input should be 'integer', 'boolean', 'text', 'time' or 'interval'; "
            "fix that entry.",
        ),
    ],
)
def test_a_mistake_in_settings_is_refused(project: Path, text: str, sentence: str) -> None:
    write(project, "functions/shop/settings.yaml", text)
    refused(project, f"functions/shop/settings.yaml{sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "tables:\n  carts:\n    - {role: anon, command: read, rows: all}\n",
            ":3: `tables carts 0 command`: Input should be 'select', 'insert', 'update' or 'delete'; "
            "fix that entry.",
        ),
        (
            "tables: {}\nrpcs:\n  buy: [anon]\n  buy: [authenticated]\n",
            ":4: `buy` stands twice, the first time in line 3; keep one of them.",
        ),
        ("tables: {}\nwindows: {}\n", ":2: `windows`: Extra inputs are not permitted; fix that entry."),
    ],
)
def test_a_mistake_in_policies_is_refused(project: Path, text: str, sentence: str) -> None:
    write(project, "policies/shop.yaml", text)
    refused(project, f"policies/shop.yaml{sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"sweep:\n{JOB.replace('0 3', '0 25')}",
            ":3: `sweep schedule`: no cron schedule: ",
        ),
        (f"sweep:\n{JOB.replace('0 3 ', '0 ')}", ":3: `sweep schedule`: a schedule has five fields: "),
        (
            # The second Monday, but only the first or 31st of February.
            f"sweep:\n{JOB.replace('0 3 * * *', '0 3 */30 2 1#2')}",
            ":3: `sweep schedule`: this schedule never comes: ",
        ),
        (f"sweep:\n{JOB}  zone: Mars/Base\n", ":6: `sweep zone`: there is no time zone Mars/Base; "),
        (f"sweep:\n{JOB.replace('60s', 'soon')}", ":5: `sweep time_limit`: soon is no duration; it is a "),
        (f"sweep:\n{JOB.replace('60s', '20')}", ":5: `sweep time_limit`: 20 is no duration; it is a "),
        (f"sweep:\n{JOB.replace('60s', '0s')}", ":5: `sweep time_limit`: 0s is no duration; it is a "),
        (f"sweep:\n{JOB.replace('time_limit', 'timeout')}", ":5: `sweep timeout`: Extra inputs are not "),
        (
            "sweep:\n" + JOB.replace("'0 3 * * *'", "* * * * *"),
            ":3: the YAML is broken: expected alphabetic or numeric character, but found ' '; "
            "fix that line; quote what begins with * or &.",
        ),
        (f"watch:\n{JOB}", ":1: pg_cron's line watch is the runtime's own; give the job another name."),
        (f"catch_up:\n{JOB}", ":1: pg_cron's line catch_up is the runtime's own; "),
        (
            f"sweep:\n{JOB}  catch_up: some\n",
            ":6: `sweep catch_up slots`: Input should be 'skip', 'latest' or 'all'",
        ),
        (
            f"sweep:\n{JOB}  catch_up: {{slots: all, within: ever}}\n",
            ":6: `sweep catch_up within`: ever is no duration; ",
        ),
        (
            f"sweep:\n{JOB}  catch_up: {{slots: all, at_most: 0}}\n",
            ":6: `sweep catch_up at_most`: Input should be",
        ),
        (f"sweep:\n{JOB}  retry_on: [anything]\n", ":6: `sweep retry_on`: anything is neither an SQLSTATE, "),
        (f"sweep:\n{JOB}  attempts: 0\n", ":6: `sweep attempts`: Input should be greater than or equal to 1"),
        (f"sweep:\n{JOB}  backoff_cap: -1s\n", ":6: `sweep backoff_cap`: -1s is no duration; "),
        (
            f"sweep:\n{JOB}  requires: {{keys: [a]}}\n",
            ":6: `sweep requires keys`: Extra inputs are not permitted",
        ),
        (
            f"sweep:\n{JOB}  triggered_by: [anon]\n",
            ":6: `sweep triggered_by 0`: Input should be 'service_role'",
        ),
        (
            f"sweep:\n{JOB}  batch_limit: 0\n",
            ":6: `sweep batch_limit`: Input should be greater than or equal to 1",
        ),
        (
            f"sweep:\n{JOB}  backlog: {{query: select 1, normal: 5, alarm: 4}}\n",
            ":6: `sweep backlog`: the alarm lies below what is normal",
        ),
    ],
)
def test_a_mistake_in_schedules_is_refused(project: Path, text: str, sentence: str) -> None:
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "tables: {}\n")
    write(project, "cron/shop.yaml", text)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: cron/shop.yaml{sentence}")


def test_a_job_name_stands_once_in_all_apps(project: Path) -> None:
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "tables: {}\n")
    write(project, "cron/jobs.yaml", f"sweep:\n{JOB}")
    write(project, "cron/shop.yaml", f"sweep:\n{JOB}")
    refused(
        project, "cron/shop.yaml:1: job sweep is declared already, at cron/jobs.yaml:1; rename one of them."
    )


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (
            f"sweep:\n{JOB}",
            f"clean:\n{JOB}  was: sweep\n",
            "cron/shop.yaml:6: `was`: job sweep is still declared, at cron/jobs.yaml:1; "
            "delete `was`, or the job that was renamed.",
        ),
        (
            f"clean:\n{JOB}  was:\n  - scrub\n  - sweep\n",
            f"sweep:\n{JOB}",
            "cron/jobs.yaml:8: `was`: job sweep is still declared, at cron/shop.yaml:1; "
            "delete `was`, or the job that was renamed.",
        ),
        (
            f"clean:\n{JOB}  was: clean\n",
            f"sweep:\n{JOB}",
            "cron/jobs.yaml:6: `was`: job clean is still declared, at cron/jobs.yaml:1; "
            "delete `was`, or the job that was renamed.",
        ),
        (
            f"clean:\n{JOB}  was: scrub\n",
            f"sweep:\n{JOB}  was: scrub\n",
            "cron/shop.yaml:6: `was`: job scrub has become another one already, at cron/jobs.yaml:6; "
            "delete one of the two.",
        ),
        (
            f"clean:\n{JOB}  was: No name\n",
            f"sweep:\n{JOB}",
            "cron/jobs.yaml:6: `clean was 0`: String should match pattern "
            "'^[a-z][a-z0-9_]*$'; fix that entry.",
        ),
    ],
)
def test_a_former_name_is_no_jobs_name_and_one_jobs_alone(
    project: Path, first: str, second: str, sentence: str
) -> None:
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "tables: {}\n")
    write(project, "cron/jobs.yaml", first)
    write(project, "cron/shop.yaml", second)
    refused(project, sentence)


def test_schedules_need_the_app_that_runs_them(project: Path) -> None:
    write(project, "cron/shop.yaml", f"sweep:\n{JOB}")
    refused(
        project,
        "cron/shop.yaml: app shop has schedules, but does not need the app that runs them; "
        "add jobs to its `needs` in apps.yaml, or delete the file.",
    )


def test_an_rpc_stands_once_in_all_apps(project: Path) -> None:
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "rpcs:\n  buy: [anon]\n")
    write(project, "policies/shop.yaml", "tables: {}\nrpcs:\n  buy: [anon]\n")
    refused(
        project,
        "policies/shop.yaml:3: RPC buy is declared already, at policies/jobs.yaml:2; "
        "rename one of the two; a general noun carries its app's, as in my_shop_buy.",
    )


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (f"sold_out:\n{ERROR.replace('ZS001', 'ZS002')}", ":1: error sold_out is declared already, at "),
        (f"gone:\n{ERROR}", ":2: SQLSTATE ZS001 is declared already, at "),
    ],
)
def test_names_of_errors_stand_once_in_all_apps(project: Path, second: str, sentence: str) -> None:
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "tables: {}\n")
    write(project, "functions/jobs/errors.yaml", f"sold_out:\n{ERROR}  constraints: [one_cart]\n")
    write(project, "functions/shop/errors.yaml", second)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: functions/shop/errors.yaml{sentence}functions/jobs/errors.yaml:")


def test_a_constraint_means_one_error_in_its_app_and_another_one_in_another_app(project: Path) -> None:
    other = ERROR.replace("ZS001", "ZS002")
    write(project, "apps.yaml", APPS)
    write(project, "policies/jobs.yaml", "tables: {}\n")
    write(project, "functions/jobs/errors.yaml", f"sold_out:\n{ERROR}  constraints: [one_cart]\n")
    write(project, "functions/shop/errors.yaml", f"gone:\n{other}  constraints: [one_cart]\n")
    assert dotbase(project, "render").code == 0
    write(project, "functions/jobs/errors.yaml", f"sold_out:\n{ERROR}\n")
    third = ERROR.replace("ZS001", "ZS003")
    write(
        project,
        "functions/shop/errors.yaml",
        f"gone:\n{other}  constraints: [one_cart]\nbroken:\n{third}  constraints: [one_cart]\n",
    )
    refused(
        project,
        "functions/shop/errors.yaml:14: constraint shop.one_cart is declared already, "
        "at functions/shop/errors.yaml:7; give one of them another.",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"size: '\xff'\n", ": it cannot be read ('utf-8' codec can't decode byte 0xff"),
        (b"size: &a [*a]\n", ":"),
        (b"size: 2025-02-30\n", ": the YAML is broken: day is out of range for month; fix the file."),
        (b"size: {\x01}\n", ": the YAML is broken: unacceptable character #x0001"),
        (b"size:\n\t- 1\n", ":2: the YAML is broken: found character '\\t' that cannot start any token"),
        (b"size: ]\n", ":1: the YAML is broken: "),
        (b"? [a]\n: 1\n", ":1: "),
        (b"7: 1\n", ":1: "),
        (b"--- 1\n--- 2\n", ":2: the YAML is broken: "),
    ],
)
def test_a_file_that_is_no_yaml_is_refused(project: Path, content: bytes, sentence: str) -> None:
    write(project, "functions/shop/settings.yaml", "").write_bytes(content)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: functions/shop/settings.yaml{sentence}")
    assert said.err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_refused(project: Path) -> None:
    (project / "policies/shop.yaml").unlink()
    (project / "policies/shop.yaml").mkdir()
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("dotbase: policies/shop.yaml: app shop has no policies; ")


@pytest.mark.parametrize("name", ["error.yaml", "settings.yml", "carts.j2", "notes.md"])
def test_a_file_among_functions_that_nobody_would_read_is_refused(project: Path, name: str) -> None:
    write(project, f"functions/shop/{name}", "")
    refused(
        project,
        f"functions/shop/{name}: the file's name is none that is read here; "
        "name it `topic.sql`, errors.yaml, settings.yaml or lanes.yaml, or move it away.",
    )


@pytest.mark.parametrize("name", ["0002_x.j2", "0002_x.sql.orig", "notes.md"])
def test_a_file_among_versions_that_nobody_would_read_is_refused(project: Path, name: str) -> None:
    write(project, f"schema/shop/{name}", "")
    refused(
        project,
        f"schema/shop/{name}: the file's name is none that is read here; "
        "name it `NNNN_name.sql`, or move it away.",
    )


@pytest.mark.parametrize("folder", ["schema/shop/old", "functions/shop/sub", "functions/shop/sub.sql"])
def test_a_folder_inside_of_an_app_s_is_refused(project: Path, folder: str) -> None:
    write(project, f"{folder}/carts.sql", "select 1;\n")
    refused(project, f"{folder}: folders are not read here; move its files up, or it away.")


@pytest.mark.parametrize("name", ["functions/shop/.carts.sql.swp", "schema/shop/0001_shop.sql~"])
def test_what_an_editor_leaves_behind_is_no_mistake(project: Path, name: str) -> None:
    before = dotbase(project, "render")
    write(project, name, "")
    assert dotbase(project, "render") == before


def test_each_right_becomes_a_policy_and_a_grant_of_its_columns(project: Path) -> None:
    write(
        project,
        "policies/shop.yaml",
        "tables:\n  carts:\n    - {role: cron, command: update, rows: own, columns: [a, b]}\n",
    )
    step = next(step for step in render_steps(Project(project), Variables()) if "#tables" in step.key)
    assert (step.key, step.line) == ("policies/shop.yaml#tables.carts", 2)
    assert "alter table shop.carts force row level security;" in step.sql
    own = "user_id = (select auth.uid())"
    assert (
        "create policy cron_update on shop.carts\nfor update to dotbase_cron\n"
        f"using ({own}) with check ({own});" in step.sql
    )
    assert "grant update (\n    a,\n    b\n) on shop.carts to dotbase_cron;" in step.sql


def policies_of(project: Path, text: str) -> str:
    write(project, "policies/shop.yaml", text)
    return dotbase(project, "render").out


def test_an_rpcs_line_may_be_a_mapping(project: Path) -> None:
    out = policies_of(project, "tables: {}\nrpcs:\n  buy: {roles: [anon]}\n  sell: [anon]\n")
    assert '"buy": [\n        "anon"\n    ],\n    "sell": [\n        "anon"\n    ]' in out
    write(project, "policies/shop.yaml", "tables: {}\nrpcs:\n  buy: {roles: [anon], colour: red}\n")
    refused(
        project,
        "policies/shop.yaml:3: `rpcs buy colour`: Extra inputs are not permitted; fix that entry.",
    )


def test_an_rpcs_line_may_give_it_more_time(project: Path) -> None:
    """Fault 17."""
    out = policies_of(project, "tables: {}\nrpcs:\n  buy: {roles: [anon], statement_timeout: 30s}\n")
    assert (
        '"buy": {\n        "roles": [\n            "anon"\n        ],\n        "statement_timeout": "30s"\n'
        in out
    )
    line = "{roles: [anon], statement_timeout: 30s, lock_timeout: 1min}"
    write(project, "policies/shop.yaml", f"tables: {{}}\nrpcs:\n  buy: {line}\n")
    sentence = "lock_timeout is not shorter than statement_timeout, which would end the wait first"
    refused(project, f"policies/shop.yaml:3: `rpcs buy`: {sentence}; fix that entry.")


def test_lines_of_one_role_and_command_are_one_policy_whose_conditions_are_ored(project: Path) -> None:
    out = policies_of(
        project,
        "tables:\n  carts:\n"
        "    - {role: authenticated, command: select, rows: own}\n"
        "    - {role: anon, command: select, rows: is_public}\n"
        "    - {role: authenticated, command: select, rows: is_public}\n",
    )
    assert out.count("create policy authenticated_select on shop.carts") == 1
    assert "using ((user_id = (select auth.uid())) or (is_public));" in out
    assert out.count("grant select on shop.carts to authenticated;") == 1


def test_lines_of_one_role_and_command_with_different_columns_are_refused(project: Path) -> None:
    write(
        project,
        "policies/shop.yaml",
        "tables:\n  carts:\n"
        "    - {role: authenticated, command: select, rows: own}\n"
        "    - {role: authenticated, command: select, rows: is_public, columns: [cart_id]}\n",
    )
    refused(
        project,
        "policies/shop.yaml:1: `tables`: table carts has lines for select by authenticated with different"
        " columns, and Postgres would give all of them on the rows of each: show the rows that are public in"
        " part by an RPC, or keep those columns in a table of their own; fix that entry.",
    )


def test_names_in_mixed_case_and_key_words_are_quoted(project: Path) -> None:
    out = policies_of(
        project,
        'tables:\n  Order:\n    - {role: Clerk, command: select, rows: all, columns: [user, Total, "a b"]}\n'
        "private_views:\n  user: [Clerk]\nfunctions:\n  Sum: [Clerk]\n",
    )
    assert 'alter table shop."Order" enable row level security;' in out
    assert "select core.revoke_relation('shop.\"Order\"');" in out
    assert 'create policy "Clerk_select" on shop."Order"\nfor select to "Clerk"' in out
    assert 'grant select (\n    "user",\n    "Total",\n    "a b"\n) on shop."Order" to "Clerk";' in out
    assert 'grant select on shop."user" to "Clerk";' in out
    assert 'grant execute on routine shop."Sum" to "Clerk";' in out


def test_two_apps_cannot_expose_one_view(project: Path) -> None:
    write(project, "policies/jobs.yaml", "views:\n  carts: [anon]\n")
    write(project, "policies/shop.yaml", "tables: {}\nviews:\n  carts: [anon]\n")
    write(project, "apps.yaml", "zone: UTC\napps:\n  jobs: {about: j}\n  shop: {about: s}\n")
    refused(
        project,
        "policies/shop.yaml:3: view carts is declared already, at policies/jobs.yaml:2; "
        "rename one of the two; a general noun carries its app's, as in my_shop_carts.",
    )
