"""Migrations for `supabase db push`: files that are only ever added, and the manifest of what is in them."""
