"""From the files of a project to steps of SQL: the project, its YAML, its templates, their order."""
