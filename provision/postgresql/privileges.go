package postgresql

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxObjects in one statement.
const maxObjects = 200

// right is one privilege on one object.
type right struct {
	object
	privilege string
}

func compareRights(a, b right) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.schema, b.schema), cmp.Compare(a.name, b.name), cmp.Compare(a.privilege, b.privilege))
}

// wanted are rights that a grant gives in one database. True: the right belongs
// to what was chosen by name, so a grant without it is not whole. False: it is on
// something inside a chosen schema or database, which may have come later.
type wanted map[right]bool

// held are rights that a role has in one database, and all who gave them.
type held map[right][]giver

type giver struct {
	role  string
	owner bool // of the object
}

// want expands choices to rights. An error is a refusal that names what is missing.
func (cat *catalog) want(choices []choice) (wanted, error) {
	w := wanted{}
	for _, ch := range choices {
		w.add(cat, cat.database, ch, ch.typ == typeDatabase, true)
		var err error
		switch ch.typ {
		case typeDatabase:
			for _, schema := range cat.schemas {
				w.add(cat, schema, ch, true, false)
			}
			w.addRelations(cat, ch, func(entry) bool { return true })
		case typeSchema:
			err = w.addSchema(cat, ch, true)
			w.addRelations(cat, ch, func(e entry) bool { return e.schema == ch.schema })
		default:
			err = cmp.Or(w.addSchema(cat, ch, false), w.addTable(cat, ch))
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// add gives what the permission means on an object inside the resource, or what
// it takes to get past an object that the resource is in.
func (w wanted) add(cat *catalog, e entry, ch choice, inside, chosen bool) {
	if e.own {
		return
	}
	permission := ch.permission
	if !inside {
		permission = readOnly
	}
	for _, p := range cat.privileges(e, permission) {
		r := right{e.object, p}
		w[r] = w[r] || chosen
	}
}

func (w wanted) addRelations(cat *catalog, ch choice, in func(entry) bool) {
	for _, e := range cat.relations {
		if in(e) {
			w.add(cat, e, ch, true, false)
		}
	}
}

func (w wanted) addSchema(cat *catalog, ch choice, inside bool) error {
	e, ok := cat.schemas[ch.schema]
	if !ok {
		return refused("There is no schema %q in %s.", ch.schema, inDatabase(ch.database))
	}
	w.add(cat, e, ch, inside, true)
	return nil
}

func (w wanted) addTable(cat *catalog, ch choice) error {
	e, ok := cat.relations[[2]string{ch.schema, ch.table}]
	if !ok || e.kind != kindTable {
		return refused("There is no table %q in schema %q of %s.", ch.table, ch.schema, inDatabase(ch.database))
	}
	w.add(cat, e, ch, true, true)
	if ch.permission == readOnly {
		return nil
	}
	w.addRelations(cat, ch, func(e entry) bool { // or no row could be inserted
		return e.kind == kindSequence && e.schema == ch.schema && e.column == ch.table
	})
	return nil
}

// loadHeld reads the rights of a role in the database of tx, without those it has
// as an owner. Only kinds of objects that grants are about are looked at.
func loadHeld(ctx context.Context, tx pgx.Tx, r *role) (held, error) {
	rows, err := tx.Query(ctx, `WITH shared AS (
			SELECT s.classid, s.objid FROM pg_shdepend s, pg_database d
			WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid AND s.deptype = 'a' AND s.objsubid = 0
			AND d.datname = current_database() AND (s.dbid = d.oid OR s.dbid = 0 AND s.objid = d.oid)
		), found AS (
			SELECT 'DATABASE' AS kind, '' AS schema, d.datname AS name, d.datacl AS acl, d.datdba AS owner
			FROM shared s JOIN pg_database d ON s.classid = 'pg_database'::regclass AND d.oid = s.objid
			UNION ALL SELECT 'SCHEMA', '', n.nspname, n.nspacl, n.nspowner
			FROM shared s JOIN pg_namespace n ON s.classid = 'pg_namespace'::regclass AND n.oid = s.objid
			UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, c.relacl, c.relowner
			FROM shared s JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
			JOIN pg_namespace n ON n.oid = c.relnamespace
		) SELECT f.kind, f.schema::text, f.name::text, a.privilege_type, pg_get_userbyid(a.grantor)::text, a.grantor = f.owner
		FROM found f, aclexplode(f.acl) a WHERE a.grantee = $1::oid`, r.oid)
	if err != nil {
		return nil, err
	}
	out := held{}
	var has right
	var by giver
	_, err = pgx.ForEachRow(rows, []any{&has.kind, &has.schema, &has.name, &has.privilege, &by.role, &by.owner}, func() error {
		out[has] = append(out[has], by)
		return nil
	})
	return out, err
}

// missing are the rights that are wanted and not held, in order.
func (w wanted) missing(h held) []right {
	return slices.SortedFunc(func(yield func(right) bool) {
		for r := range w {
			if _, ok := h[r]; !ok && !yield(r) {
				return
			}
		}
	}, compareRights)
}

// surplus are the rights that are held and not wanted, in order.
func (w wanted) surplus(h held) []right {
	return slices.SortedFunc(func(yield func(right) bool) {
		for r := range h {
			if _, ok := w[r]; !ok && !yield(r) {
				return
			}
		}
	}, compareRights)
}

// grantable is a refusal if the bot lacks the right to give one of these.
func (cat *catalog) grantable(c *connection, rights []right) error {
	for _, r := range rights {
		e := cat.database
		switch r.kind {
		case kindSchema:
			e = cat.schemas[r.name]
		case kindTable, kindSequence:
			e = cat.relations[[2]string{r.schema, r.name}]
		case kindDatabase:
		}
		if !slices.Contains(e.grantable, r.privilege) {
			return c.notGrantable(r, cat.database.name)
		}
	}
	return nil
}

func (c *connection) notGrantable(r right, database string) error {
	where := ""
	if r.kind != kindDatabase {
		where = " of " + inDatabase(database)
	}
	return refused("The bot may not give %s on %s%s on %s at %s.", r.privilege, r.object, where, c.name, c.host)
}

// statements say it for many objects at once. Format of each: verb, privileges,
// ON kind, objects, preposition, role.
func statements(verb, preposition string, rights []right, role, suffix string) []string {
	byObject := map[object][]string{}
	for _, r := range rights {
		byObject[r.object] = append(byObject[r.object], r.privilege)
	}
	bySet := map[string][]object{} // "PRIVILEGES ON KIND"
	for o, privileges := range byObject {
		slices.Sort(privileges)
		set := strings.Join(privileges, ", ") + " ON " + string(o.kind)
		bySet[set] = append(bySet[set], o)
	}
	var out []string
	for _, set := range slices.Sorted(maps.Keys(bySet)) {
		objects := bySet[set]
		slices.SortFunc(objects, func(a, b object) int { return cmp.Or(cmp.Compare(a.schema, b.schema), cmp.Compare(a.name, b.name)) })
		for chunk := range slices.Chunk(objects, maxObjects) {
			names := make([]string, len(chunk))
			for i, o := range chunk {
				names[i] = o.ident()
			}
			out = append(out, verb+" "+set+" "+strings.Join(names, ", ")+" "+preposition+" "+ident(role)+suffix)
		}
	}
	return out
}

// execAll runs statements in order.
func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// takeBack revokes rights, each in the name of who gave it: REVOKE takes only
// what one role has given, and for a superuser that is the object's owner.
func takeBack(ctx context.Context, tx pgx.Tx, r *role, h held, rights []right) error {
	byGiver := map[string][]right{}
	for _, has := range rights {
		for _, by := range h[has] {
			if by.owner {
				by.role = "" // whoever may act as the owner does so without being told
			}
			byGiver[by.role] = append(byGiver[by.role], has)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byGiver)) {
		list := statements("REVOKE", "FROM", byGiver[name], r.name, " CASCADE")
		if name != "" {
			var err error
			if list, err = inTheNameOf(ctx, tx, name, list); err != nil {
				return err
			}
		}
		if err := execAll(ctx, tx, list...); err != nil {
			return err
		}
	}
	return nil
}

// inTheNameOf has statements run as if by giver. What a superuser says counts as
// the owner's word, even after SET ROLE to a giver that is one too; so a superuser
// speaks through a role that is a member of the giver and never seen outside the
// transaction.
func inTheNameOf(ctx context.Context, tx pgx.Tx, giver string, list []string) ([]string, error) {
	var superuser bool
	if err := tx.QueryRow(ctx, "SELECT current_setting('is_superuser') = 'on'").Scan(&superuser); err != nil {
		return nil, err
	}
	if !superuser {
		return slices.Concat([]string{"SET LOCAL ROLE " + ident(giver)}, list, []string{"RESET ROLE"}), nil
	}
	mouth := ident(rolePrefix + "for_" + shortHash(giver))
	return slices.Concat(
		[]string{"CREATE ROLE " + mouth + " NOLOGIN", "GRANT " + ident(giver) + " TO " + mouth, "SET LOCAL ROLE " + mouth},
		list, []string{"RESET ROLE", "DROP ROLE " + mouth}), nil
}
