"""Who calls: the roles and verified claims that PostgREST would set for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

FAR_FUTURE = 4_102_444_800  # 2100-01-01, so that no token of a test ever expires


@dataclass(frozen=True)
class Person:
    """A caller: the database role, the claims of the token, headers sent with each request."""

    name: str
    role: str
    claims: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def user_id(self) -> UUID:
        """The person's id (claim `sub`)."""
        return UUID(str(self.claims["sub"]))

    def sending(self, **headers: str) -> Person:
        """The same person, sending these headers too (`user_agent="…"` becomes `user-agent`)."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def claiming(self, **claims: object) -> Person:
        """The same person with these claims changed."""
        return replace(self, claims={**self.claims, **claims})


def signed_in(user_id: UUID, name: str, **claims: object) -> Person:
    """A signed-in person as Supabase's auth service describes one."""
    token: dict[str, object] = {
        "sub": str(user_id),
        "role": "authenticated",
        "aud": "authenticated",
        "exp": FAR_FUTURE,
        "email": f"{name.replace(' ', '.')}@example.com",
        "app_metadata": {"provider": "email"},
        "user_metadata": {},
    }
    return Person(name, "authenticated", {**token, **claims})


def walker(number: int) -> Person:
    """The signed-in walker of this number: the same id in every test."""
    return signed_in(UUID(f"00000000-0000-4000-8000-{number:012x}"), f"walker {number}")


def administrator(number: int = 1) -> Person:
    """A signed-in person whose verified token says `app_metadata.role = admin`."""
    user_id = UUID(f"00000000-0000-4000-a000-{number:012x}")
    return signed_in(user_id, f"admin {number}", app_metadata={"provider": "email", "role": "admin"})


anon = Person("anon", "anon")
admin = administrator()
service = Person("service", "service_role", {"role": "service_role", "iss": "supabase", "exp": FAR_FUTURE})
