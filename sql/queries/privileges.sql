-- Who holds what on the relations named: a row per role, relation and privilege that the role has.
SELECT role.rolname, relation.relname, privilege
FROM pg_roles role
CROSS JOIN (SELECT oid, relname FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%(relations)s::text[])) relation
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
WHERE role.rolname = ANY(%(roles)s::text[]) AND has_table_privilege(role.oid, relation.oid, privilege)
