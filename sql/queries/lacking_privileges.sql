-- Of the privileges named, pair by pair, those that the current user does not have on a table or view that is there.
SELECT wanted.relation, wanted.privilege
FROM unnest(%(relations)s::text[], %(privileges)s::text[]) AS wanted (relation, privilege)
WHERE to_regclass(wanted.relation) IS NOT NULL
  AND NOT has_table_privilege(to_regclass(wanted.relation), wanted.privilege)
