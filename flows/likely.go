package flows

import "slices"

// index notes a flow under the values one of which its requestors must have of an
// attribute: of a group, a shift, or what is synced. A flow for which there are
// none is among the others.
func (c *Catalog) index(i int) {
	r := c.policy.Flows[i].Requestors
	keysOf := func(x Condition) (keys []string, ok bool) {
		if (x.Operator != OpIs && x.Operator != "") || slices.Contains([]string{AttrUser, AttrManager, AttrOwner}, x.Attribute) {
			return nil, false
		}
		for _, v := range x.Values {
			keys = append(keys, x.Attribute+"\x00"+fold(v))
		}
		return keys, true
	}
	var keys []string
	found := false
	for _, x := range r.Conditions {
		k, ok := keysOf(x)
		switch {
		case !ok && r.Match == MatchAny:
			c.others = append(c.others, i)
			return
		case !ok:
		case r.Match == MatchAny:
			keys, found = append(keys, k...), true
		case !found || len(k) < len(keys):
			keys, found = k, true
		}
	}
	if !found {
		c.others = append(c.others, i)
		return
	}
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		c.likely[k] = append(c.likely[k], i)
	}
}

// likelyFlows lists, in the order of the file, every flow whose requestors a
// person may be among, and others: an index, not a judgement.
func (w World) likelyFlows(p *Person) []*Flow {
	c := w.Catalog
	found := slices.Clone(c.others)
	look := func(attribute string, values []string) {
		for _, v := range values {
			found = append(found, c.likely[attribute+"\x00"+fold(v)]...)
		}
	}
	look(AttrGroup, p.Groups)
	look(AttrShift, w.People.onShift[p])
	for attribute, values := range p.Attributes {
		look(attribute, values)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	out := make([]*Flow, len(found))
	for i, at := range found {
		out[i] = &c.policy.Flows[at]
	}
	return out
}
