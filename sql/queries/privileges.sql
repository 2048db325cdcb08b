-- Who holds what on the relations named: a row per role, relation and privilege that the role has; and whether it was given to
-- the role by name, for what it has as everybody has it goes when that is taken back.
SELECT role.rolname, relation.relname, privilege,
       EXISTS (SELECT FROM aclexplode(relation.relacl) AS given
               WHERE given.grantee = role.oid AND given.privilege_type = privilege) AS by_name
FROM pg_roles role
CROSS JOIN (SELECT oid, relname, relacl FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%(relations)s::text[])) relation
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
WHERE role.rolname = ANY(%(roles)s::text[]) AND has_table_privilege(role.oid, relation.oid, privilege)
