package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/openinsure/openinsure/internal/access"
)

// extras are fields that a client would like to set and may not, by the shapes
// that rows have behind the contract.
func extras(of *tenant) map[string]any {
	org, now := of.org.String(), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	all := map[string]any{
		"id": access.NewOrgID(time.Now()).UUID(), "orgId": org, "org_id": org, "org": org, "organizationId": org, "tenantId": org, "memberOrgId": org,
		"role": "admin", "roles": []string{"admin"}, "isAdmin": true, "scopes": []string{"policies:write"}, "permissions": []string{"administer"}, "kind": "carrier",
		"status": "bound", "state": "OR", "version": 99, "createdAt": now, "created_at": now, "updatedAt": now, "expiresAt": now, "deletedAt": now, "readAt": now,
		"createdBy": "system", "created_by": "system", "author": map[string]any{"name": "Una"}, "userId": of.actors["admin"].ID, "subject": of.actors["admin"].ID, "email": "eve@example.com",
		"premium": 1, "grossPremium": 1, "amount": 1, "amountPaid": 1, "taxes": 0, "commission": 0.99, "rate": 0.01, "limit": 1e9, "seq": 1, "policyNumber": "GL-1", "insuredId": "per_1",
		"decision": "approve", "decidedBy": "system", "approved": true, "raisedBy": "system", "authority": 1e9, "tier": "enterprise", "secret": "mine", "key": "mine", "hash": "mine", "test": true,
		"__proto__": map[string]any{"admin": true}, "constructor": map[string]any{"prototype": map[string]any{}},
	}
	return all
}

// otherSpellings are names that a careless decoder takes for the field.
func otherSpellings(name string) []string {
	var snake strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(r))
	}
	all := []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], snake.String(), name + " ", strings.ReplaceAll(name, "s", "\u017f"), strings.ReplaceAll(name, "k", "\u212a")}
	return slices.DeleteFunc(all, func(s string) bool { return s == name })
}

// resolve follows a reference to the schema itself.
func (doc contract) resolve(s schema) schema {
	if s.Ref != "" {
		return doc.Components.Schemas[strings.TrimPrefix(s.Ref, schemaPrefix)]
	}
	return s
}

// A stuffed body has everything that a client may not set in one of its objects.
type stuffed struct {
	body, at string
	extra    []string // the names that were added
}

// stuff puts extra fields into each object of a body, one object at a time, and
// leaves alone those that hold what keys the client likes.
func (doc contract) stuff(body string, of schema, extra map[string]any) []stuffed {
	var root any
	if json.Unmarshal([]byte(body), &root) != nil {
		return nil
	}
	var all []stuffed
	var walk func(v any, s schema, at string)
	walk = func(v any, s schema, at string) {
		s = doc.resolve(s)
		switch v := v.(type) {
		case []any:
			if len(v) > 0 && s.Items != nil {
				walk(v[0], *s.Items, at+"[0]")
			}
		case map[string]any:
			if len(s.Properties) == 0 {
				return
			}
			own, add := maps.Clone(v), map[string]any{}
			for name, value := range extra {
				if _, declared := s.Properties[name]; !declared {
					add[name] = value
				}
			}
			for name := range s.Properties {
				value, there := v[name]
				if !there {
					value = "mine"
				}
				for _, other := range otherSpellings(name) {
					add[other] = value
				}
			}
			for names := range slices.Chunk(slices.Sorted(maps.Keys(add)), 40) { // few enough that all are named
				for _, name := range names {
					v[name] = add[name]
				}
				b, _ := json.Marshal(root) // came from JSON
				all = append(all, stuffed{string(b), at, names})
				clear(v)
				maps.Copy(v, own)
			}
			for name, inner := range own {
				walk(inner, s.Properties[name], join(at, name))
			}
		}
	}
	walk(root, of, "")
	return all
}

// succeeds is the first principal who may do something, by the table.
func succeeds(tables map[string]table, d described, way string, but ...string) string {
	tb := tables[d.tag()]
	for _, who := range tb.columns {
		cell := tb.rows[way].cells[who]
		if strings.HasPrefix(cell, "2") && !slices.Contains(but, who) && !strings.HasPrefix(who, "key") {
			return who
		}
	}
	return ""
}

// TestMassAssignment gives each body of the contract fields that are none of the
// client's, at each of its objects, and other spellings of those that are: all of
// it is refused, by name, and nothing reaches the database.
func TestMassAssignment(t *testing.T) {
	s := newScene(t)
	_, tables := readTables(t)
	all, doc := s.operations()
	extra, bodies := extras(s.away), 0
	rows := newCensus(t, s.db)
	for _, d := range all {
		content, ok := d.RequestBody.Content["application/json"]
		if _, form := d.RequestBody.Content[formType]; form {
			s.stuffForm(d, rows)
		}
		if !ok {
			continue
		}
		ks := callsOf(d)
		for way, k := range ks {
			who := succeeds(tables, d, way)
			if who == "" {
				who = "nobody"
				if d.Security != nil {
					who = "lead"
				}
			}
			things := s.home.thingsOf(d, k, who)
			path, body := d.build(k, things)
			if body == "" {
				body = "{}"
			}
			headers := k.header
			if k.page {
				headers = s.ofPage()
			}
			before := rows.take()
			for _, b := range doc.stuff(body, content.Schema, extra) {
				bodies++
				status, answer := s.home.send(s.home.with(who, d.Scope), d.Method, path, b.body, headers...)
				if status != 400 {
					t.Errorf("%s, fields added at %q, as %s: %d %s", way, b.at, who, status, answer)
					clear(s.home.things)
					break
				}
				for _, name := range b.extra {
					if n, _ := json.Marshal(clip(join(b.at, name))); !strings.Contains(string(answer), string(n)) {
						t.Errorf("%s: %q is not refused by name: %s", way, join(b.at, name), answer)
						break
					}
				}
			}
			// Each by itself, too: nothing hides behind the others.
			for name, value := range map[string]any{"orgId": s.away.org.String(), "id": "x", "role": "admin", "status": "bound", "createdAt": "2020-01-01T00:00:00Z", "grossPremium": 1} {
				if _, declared := doc.resolve(content.Schema).Properties[name]; declared {
					continue
				}
				v, _ := json.Marshal(value)
				with := strings.Replace(body, "{", fmt.Sprintf(`{%q:%s,`, name, v), 1)
				with = strings.Replace(with, ",}", "}", 1)
				bodies++
				if status, answer := s.home.send(s.home.with(who, d.Scope), d.Method, path, with, headers...); status != 400 || !strings.Contains(string(answer), `"unknown"`) {
					t.Errorf("%s with %s, as %s: %d %s", way, name, who, status, answer)
					clear(s.home.things)
				}
			}
			if names := rows.changed(before); len(names) > 0 {
				t.Errorf("%s: something was written to %v", way, names)
			}
		}
	}
	t.Logf("%d bodies", bodies)
}

// stuffForm gives a form parts that are none of the client's.
func (s *scene) stuffForm(d described, rows *census) {
	s.t.Helper()
	k := calls[d.ID]
	path, body := d.build(k, s.home.thingsOf(d, k, "lead"))
	before := rows.take()
	for _, name := range []string{"orgId", "id", "author", "size", "contentType", "roomId", "Visibility", "createdAt"} {
		part := "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + s.away.org.String() + "\r\n"
		if got, b := s.home.ask("lead", d.Method, path, part+body, k.header...); got != 400 || !strings.Contains(string(b), `"unknown"`) {
			s.t.Errorf("%s with %s: %d %s", d.ID, name, got, b)
		}
	}
	if names := rows.changed(before); len(names) > 0 {
		s.t.Errorf("%s: something was written to %v", d.ID, names)
	}
}

// callsOf are the ways to call an operation, and its probes.
func callsOf(d described) map[string]call {
	ks := map[string]call{}
	for _, w := range waysOf(d.ID) {
		ks[w] = calls[w]
	}
	for w, k := range probes {
		if id, _, _ := strings.Cut(w, ","); id == d.ID {
			k.page = calls[d.ID].page
			ks["probe of "+w] = k
		}
	}
	return ks
}

// TestSmuggledEverywhere makes every call with everything by which a request
// might name another organisation, another method or another path: the answer is
// what it is without, and the other organisation is as it was.
func TestSmuggledEverywhere(t *testing.T) {
	s := newScene(t)
	_, tables := readTables(t)
	all, _ := s.operations()
	theirs, una := s.home.org.String(), s.home.actors["admin"].ID
	var smuggled []string
	for name, value := range map[string]string{
		"X-Org-Id": theirs, "X-OrgId": theirs, "X-Organization-Id": theirs, "X-Tenant-Id": theirs, "X-Tenant": theirs, "Org-Id": theirs, "OrgId": theirs, "X-Openinsure-Org": theirs,
		"X-Forwarded-Org": theirs, "X-User-Id": una, "X-User": una, "X-Forwarded-User": una, "X-Remote-User": una, "X-Actor": una, "X-Role": "admin", "X-Scopes": "policies:write",
		"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE",
		"X-Original-Url": "/v1/policies?orgId=" + theirs, "X-Rewrite-Url": "/v1/policies?orgId=" + theirs, "X-Forwarded-Prefix": "/v1/organizations",
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "Forwarded": "for=127.0.0.1;host=evil.example;proto=https", "X-Real-Ip": "127.0.0.1",
	} {
		smuggled = append(smuggled, name, value)
	}
	rows := newCensus(t, s.db, s.away.org, s.away.actors["partner"].Org)
	n := 0
	for _, d := range all {
		if d.Security == nil {
			continue // it has no organisation
		}
		for way, k := range callsOf(d) {
			var whos []string
			if first := succeeds(tables, d, way, "system"); first != "" {
				whos = append(whos, first)
			}
			before := rows.take()
			for _, who := range append(whos, "key", "insured") {
				ask := func(headers ...string) (int, string) {
					path, body := d.build(k, s.away.thingsOf(d, k, who))
					status, b := s.away.send(s.away.with(who, d.Scope), d.Method, path, body, append(headers, k.header...)...)
					if d.Method != "GET" {
						b = nil
						if status < 300 && !k.keeps {
							clear(s.away.things)
						}
					}
					return status, plain(b)
				}
				status, b := ask()
				gotStatus, got := ask(smuggled...)
				if gotStatus != status || got != b && !fresh[d.ID] {
					t.Errorf("%s as %s: %d %s\nwith smuggled headers %d %s", way, who, status, b, gotStatus, got)
				}
				// The organisation of the query is the system's to name: of another nobody is answered.
				path, body := d.build(k, s.away.thingsOf(d, k, who))
				sep := "?"
				if strings.Contains(path, "?") {
					sep = "&"
				}
				if got, raw := s.away.send(s.away.with(who, d.Scope), d.Method, path+sep+"orgId="+theirs, body, k.header...); got != 404 {
					t.Errorf("%s as %s with orgId %d %s", way, who, got, raw)
				}
				n++
				if len(whos) == 0 || who != whos[0] {
					continue
				}
				for _, query := range []string{"org_id=" + theirs, "_method=DELETE", "as=system"} {
					if got, b := s.away.send(s.away.with(who, d.Scope), d.Method, path+sep+query, body, k.header...); status < 300 && got != 400 || got < 300 {
						t.Errorf("%s as %s with %s: %d %s", way, who, query, got, b)
					}
				}
			}
			names := rows.changed(before)
			if k.apart { // a guest's firm leaves the room, and is told so
				names = slices.DeleteFunc(names, func(table string) bool { return slices.Contains([]string{"channel", "entry", "room_org"}, table) })
			}
			if len(names) > 0 {
				t.Errorf("%s: something was changed in %v of others", way, names)
			}
		}
	}
	t.Logf("%d calls", n)
}

// fresh are the reads that answer something new each time.
var fresh = map[string]bool{"get-test-clock": true, "open-deal-room": true, "export-audit": true, "get-transcript": true, "print-transcript": true}
