package postgresql

import (
	"slices"

	"apono/flows"
)

// Resource types.
const (
	typeDatabase = "database"
	typeSchema   = "schema"
	typeTable    = "table"
)

// Permissions, the same for each type.
const (
	readOnly  = "read_only"
	readWrite = "read_write"
	admin     = "admin"
)

var permissions = []flows.Permission{
	{ID: readOnly, Name: "Read only"},
	{ID: readWrite, Name: "Read and write"},
	{ID: admin, Name: "Admin"},
}

var resourceTypes = []flows.ResourceType{
	{ID: typeDatabase, Name: "Database", Permissions: permissions},
	{ID: typeSchema, Name: "Schema", Permissions: permissions},
	{ID: typeTable, Name: "Table", Permissions: permissions},
}

// choice is one item, understood.
type choice struct {
	typ, permission         string
	database, schema, table string // schema and table empty above their level
}

// plan is what a grant gives, by database.
type plan map[string][]choice

// databases of the plan, in an order that is the same every time.
func (p plan) databases() []string {
	var out []string
	for name := range p {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// plan understands items without asking the server. Errors are refusals.
func (c *connection) plan(items []flows.Item) (plan, error) {
	if len(items) == 0 {
		return nil, refused("The grant names no resource.")
	}
	p := plan{}
	for _, item := range items {
		ch, err := c.choice(item)
		if err != nil {
			return nil, err
		}
		p[ch.database] = append(p[ch.database], ch)
	}
	return p, nil
}

func (c *connection) choice(item flows.Item) (choice, error) {
	parts := map[string]int{typeDatabase: 1, typeSchema: 2, typeTable: 3}[item.ResourceType]
	names, ok := parseID(item.Resource, parts)
	known := slices.ContainsFunc(permissions, func(p flows.Permission) bool { return p.ID == item.Permission })
	if !ok || !known || item.Integration != c.name {
		return choice{}, refused("%s does not offer %q on %s %q.", c.name, item.Permission, item.ResourceType, item.Resource)
	}
	names = append(names, "", "")
	ch := choice{typ: item.ResourceType, permission: item.Permission, database: names[0], schema: names[1], table: names[2]}
	switch {
	case len(c.databases) > 0 && !slices.Contains(c.databases, ch.database):
		return choice{}, refused("The configuration of %s leaves out %s.", c.name, inDatabase(ch.database))
	case slices.Contains(c.excluded, ch.schema):
		return choice{}, refused("The configuration of %s leaves out schema %q.", c.name, ch.schema)
	}
	return ch, nil
}
