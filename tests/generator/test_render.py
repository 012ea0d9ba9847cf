"""`dotbase render`: order, the same bytes every time, and one sentence for each broken template."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dotbase.render.assembly import render_steps
from dotbase.render.identifiers import RESERVED
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.generator.small import dotbase, make, refused, write
from tests.harness.databases import Database
from tests.harness.server import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make(tmp_path)


def keys(root: Path) -> list[str]:
    return [step.key for step in render_steps(Project(root), Variables())]


@pytest.mark.parametrize("target", ["postgres", "supabase"])
def test_the_checkout_renders_to_the_same_bytes_every_time(target: str) -> None:
    first, second = (dotbase(ROOT, "render", "--target", target) for _ in range(2))
    assert first.code == 0
    assert first.out.startswith(
        "set search_path = pg_catalog, pg_temp;\n\n-- Source: schema/core/bootstrap.sql\n"
    )
    assert first.out == second.out
    assert ("set role dotbase_owner;" in first.out) is (target == "postgres")
    assert first.out.count("select core.build_wrappers(") == len(Project(ROOT).apps)


def test_hash_seed_encoding_zone_and_folder_change_nothing(tmp_path: Path) -> None:
    """As a shell runs it, twice in surroundings that have nothing in common."""
    texts = [
        subprocess.run(
            [sys.executable, "-m", "dotbase.cli", "--project", str(ROOT), "render"],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": encoding, "TZ": zone},
            cwd=folder,
            capture_output=True,
            check=True,
        ).stdout
        for seed, encoding, zone, folder in [
            ("1", "ascii", "UTC", tmp_path),
            ("2", "utf-8", "Asia/Seoul", ROOT),
        ]
    ]
    assert texts[0] == texts[1]


def test_versions_come_first_then_each_app_ends_with_its_rpcs() -> None:
    steps = render_steps(Project(ROOT), Variables())
    kinds = [step.kind for step in steps]
    assert kinds == sorted(kinds, key=["bootstrap", "versioned", "repeatable"].index)
    apps = [step.app for step in steps if step.kind == "repeatable"]
    assert list(dict.fromkeys(apps)) == list(Project(ROOT).apps)
    for app in Project(ROOT).apps:
        assert [step.key for step in steps if step.app == app][-1] == f"policies/{app}.yaml#rpcs"
    assert len({step.key for step in steps}) == len(steps)
    assert next(step.key for step in steps if step.kind == "repeatable") == "functions/core/privileges.sql"


def test_a_folder_gets_a_file_a_step_and_loses_those_of_an_earlier_rendering(
    project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(project, "functions/shop/carts.sql", "select 1;\n")
    assert dotbase(project, "render", "--out", str(out)).code == 0
    (project / "functions/shop/carts.sql").unlink()
    said = dotbase(project, "render", "--out", str(out))
    assert (said.code, said.out) == (0, f"3 files in {out}\n")
    files = sorted(out.iterdir())
    assert [path.name for path in files] == [
        "0001_schema_shop_0001_shop.sql",
        "0002_policies_shop_yaml_grants.sql",
        "0003_policies_shop_yaml_rpcs.sql",
    ]
    assert "\n".join(path.read_text() for path in files) == dotbase(project, "render").out


def test_a_folder_with_other_things_in_it_is_left_alone(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "notes.txt", "mine")
    refused(
        project,
        f"{out} holds notes.txt, which no rendering wrote; name an empty folder or a new one.",
        "render",
        "--out",
        str(out),
    )
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_topics_come_after_those_they_need_else_by_name(project: Path) -> None:
    write(project, "functions/shop/alpha.sql", "-- Alpha.\n-- needs: zulu\nselect 1;\n")
    write(project, "functions/shop/mike.sql", "select 1;\n")
    write(project, "functions/shop/zulu.sql", "select 1;\n")
    assert [key for key in keys(project) if key.startswith("functions/")] == [
        f"functions/shop/{topic}.sql" for topic in ("mike", "zulu", "alpha")
    ]


def test_a_topic_that_needs_what_is_not_there_is_refused(project: Path) -> None:
    write(project, "functions/shop/alpha.sql", "-- Alpha.\n-- needs: nothing\nselect 1;\n")
    refused(
        project,
        "functions/shop/alpha.sql:2: it needs topic nothing, which app shop does not have; "
        "name a file of functions/shop.",
    )


def test_topics_in_a_circle_are_refused(project: Path) -> None:
    write(project, "functions/shop/a.sql", "-- needs: b\nselect 1;\n")
    write(project, "functions/shop/b.sql", "-- needs: a\nselect 1;\n")
    said = dotbase(project, "render")
    assert said.code == 1
    assert "the topics of app shop need each other in a circle: " in said.err
    assert said.err.startswith("dotbase: functions/shop/")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "select 1;\n{% if %}\n",
            ":2: the template is broken: Expected an expression, got 'end of statement block'; "
            "fix that line.",
        ),
        (
            "select 1;\n\nselect {{ colour }};\n",
            ":3: the template uses what it does not know: 'colour' is undefined; templates know app, clock, "
            "cron_role, dollar_quoted, extensions, is_printable, limits, literal, master_key_file, "
            "memberships, own_rows, owner, quoted, roles, target, zone.",
        ),
        (
            "select {{ zone.colour }};\n",
            ":1: the template uses what it does not know: 'str object' has no attribute 'colour'; templates "
            "know app, clock, cron_role, dollar_quoted, extensions, is_printable, limits, literal, "
            "master_key_file, memberships, own_rows, owner, quoted, roles, target, zone.",
        ),
        (
            "select 1;\nselect {{ 1 / 0 }};\n",
            ":2: the template fails: division by zero; fix that line.",
        ),
        (
            "{% include 'missing.sql' %}\n",
            ":1: template missing.sql is not there or cannot be read; templates are named by their path",
        ),
    ],
)
def test_a_broken_template_is_said_with_its_line(project: Path, text: str, sentence: str) -> None:
    write(project, "functions/shop/carts.sql.j2", text)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: functions/shop/carts.sql.j2{sentence}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("select 1;\n{{ colour }}\n", "parts/part.j2:2: the template uses what it does not know"),
        ("\n\n{% for %}\n", "parts/part.j2:3: the template is broken: "),
        ("{% include 'parts/part.j2' %}\n", "parts/part.j2:1: the template fails: "),
    ],
)
def test_a_mistake_in_an_included_file_is_said_with_its_own_place(
    project: Path, part: str, place: str
) -> None:
    write(project, "parts/part.j2", part)
    write(project, "functions/shop/carts.sql.j2", "select 1;\n\n{% include 'parts/part.j2' %}\n")
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: {place}")
    assert said.err.count("\n") == 1


def test_a_mistake_in_a_call_of_a_macro_is_said_with_the_line_of_the_call(project: Path) -> None:
    write(project, "functions/shop/carts.sql.j2", "select 1;\nselect {{ own_rows(row='x') }};\n")
    said = dotbase(project, "render")
    assert said.err.startswith("dotbase: functions/shop/carts.sql.j2:2: the template fails: macro ")


def test_a_routine_file_that_is_no_utf8_is_refused(project: Path) -> None:
    write(project, "functions/shop/carts.sql", "").write_bytes(b"select '\xff';\n")
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("dotbase: functions/shop/carts.sql:1: the file is no UTF-8 (")


def test_a_file_that_cannot_be_opened_is_refused(project: Path) -> None:
    write(project, "functions/shop/carts.sql", "").unlink()
    (project / "functions/shop/carts.sql").symlink_to(project / "nowhere")
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("dotbase: functions/shop/carts.sql:1: the file cannot be read (")


def test_a_version_that_is_no_utf8_is_refused(project: Path) -> None:
    (project / "schema/shop/0001_shop.sql").write_bytes(b"select '\xff';\n")
    said = dotbase(project, "render")
    assert said.code == 1
    assert said.err.startswith("dotbase: schema/shop/0001_shop.sql:1: the file is no UTF-8 (")


def test_own_rows_is_one_macro_for_templates_and_declarations(project: Path) -> None:
    write(project, "functions/shop/carts.sql.j2", "select {{ own_rows('buyer_id') }};\n")
    write(
        project,
        "policies/shop.yaml",
        "tables:\n  carts:\n    - {role: anon, command: select, rows: own}\n",
    )
    out = dotbase(project, "render").out
    assert "select buyer_id = (select auth.uid());" in out
    assert "using (user_id = (select auth.uid()));" in out


def test_braces_of_plain_sql_are_literal(project: Path) -> None:
    write(project, "functions/shop/carts.sql", "select '{{5}}', '{# not a comment #}', '{% if %}';\n")
    assert "select '{{5}}', '{# not a comment #}', '{% if %}';" in dotbase(project, "render").out


@pytest.mark.parametrize(
    ("text", "line", "braces"),
    [
        ("select 1;\nselect '{{5}}';\n", 2, "{{"),
        ("select '{{ 1, 2 }}';\n", 1, "{{"),
        ("select {{ 'a' }};\n", 1, "{{"),
        ("select 1;\n\nselect '{# gone #}';\n", 3, "{#"),
    ],
)
def test_braces_that_a_template_would_take_out_are_refused(
    project: Path, text: str, line: int, braces: str
) -> None:
    """Fault 16."""
    write(project, "functions/shop/carts.sql.j2", text)
    refused(
        project,
        f"functions/shop/carts.sql.j2:{line}: `{braces}` is Jinja's, which would take it out of the SQL; "
        "put the text between `{% raw %}` and `{% endraw %}`; comments begin with `--`.",
    )


def test_raw_braces_of_a_template_stay(project: Path) -> None:
    text = "select '{{ zone }}', '{% raw %}{{5}}{# #}{% endraw %}';\n"
    write(project, "functions/shop/carts.sql.j2", text)
    assert "select 'Asia/Seoul', '{{5}}{# #}';" in dotbase(project, "render").out


def test_a_file_that_stands_in_both_forms_is_refused(project: Path) -> None:
    write(project, "functions/shop/carts.sql", "select 1;\n")
    write(project, "functions/shop/carts.sql.j2", "select 1;\n")
    refused(
        project,
        "functions/shop/carts.sql.j2: the same file stands beside it as carts.sql; keep one of them.",
    )


def test_a_plain_file_that_becomes_a_template_is_the_same_step(project: Path) -> None:
    write(project, "functions/shop/carts.sql", "select 1;\n")
    before = [step.key for step in render_steps(Project(project), Variables())]
    (project / "functions/shop/carts.sql").rename(project / "functions/shop/carts.sql.j2")
    steps = render_steps(Project(project), Variables())
    assert [step.key for step in steps] == before
    assert "functions/shop/carts.sql.j2:1" in [step.place for step in steps]


def test_the_words_that_are_quoted_are_those_that_postgres_reserves(db: Database) -> None:
    words = db.rows("select word from pg_get_keywords() where catcode in ('R', 'T')")
    known = {row["word"] for row in words}
    assert known <= RESERVED
    # PostgreSQL 16 added one.
    assert RESERVED - known <= {"system_user"}
