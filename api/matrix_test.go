package api

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const permissions = "../docs/permissions.md"

// toReview stands in a row that -update has written, until somebody has looked.
const toReview = "**review**"

var placeholder = regexp.MustCompile(`\{[a-z][a-z' ]*\}`)

// A described is an operation of the OpenAPI document.
type described struct {
	ID     string `json:"operationId"`
	Scope  string `json:"x-required-scope"`
	Tags   []string
	Method string `json:"-"`
	Path   string `json:"-"`

	Security   []any
	Parameters []struct {
		Name, In, Description string
		Schema                schema
	}
	RequestBody struct {
		Content map[string]struct{ Schema schema }
	}
}

// A schema is as much of a JSON Schema as the tests look at.
type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Pattern     string
	Description string
	Enum        []any
	Properties  map[string]schema
	Items       *schema
	Additional  any `json:"additionalProperties"`
}

func (d described) tag() string {
	if len(d.Tags) == 0 {
		return "Others"
	}
	return d.Tags[0]
}

// ofRoom reports whether the operation is one on a room, which the people of a
// room are asked about, too.
func (d described) ofRoom() bool { return strings.HasPrefix(d.Path, "/v1/deal-rooms") }

// names reports whether a call is about a thing of somebody's.
func (d described) names(k call) bool {
	return !strings.HasPrefix(d.Path, "/auth/") && (strings.Contains(d.Path, "{") || placeholder.MatchString(k.query+k.body))
}

// A contract is the OpenAPI document that the server serves.
type contract struct {
	Paths      map[string]map[string]described
	Components struct{ Schemas map[string]schema }
}

// operations reads the document, in the order of its paths.
func (s *scene) operations() ([]described, contract) {
	s.t.Helper()
	_, b := s.home.ask("nobody", "GET", "/openapi.json", "")
	var doc contract
	if err := json.Unmarshal(b, &doc); err != nil {
		s.t.Fatal(err)
	}
	var all []described
	for path, methods := range doc.Paths {
		for method, d := range methods {
			d.Method, d.Path = strings.ToUpper(method), path
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return all, doc
}

// waysOf are the rows of an operation: its id, or that and how it is called.
func waysOf(id string) []string {
	var ways []string
	for way := range calls {
		if way == id || strings.HasPrefix(way, id+",") {
			ways = append(ways, way)
		}
	}
	if slices.Sort(ways); len(ways) == 0 {
		ways = []string{id}
	}
	return ways
}

// pathThing is the thing that a parameter of the path names.
func (d described) pathThing(k call, parameter string) string {
	if thing := k.ids[parameter]; thing != "" {
		return thing
	}
	head, _, _ := strings.Cut(d.Path, "{"+parameter+"}")
	return pathThings[head+"{"+parameter+"}"]
}

// A spot is a place of a call in which a thing's id stands.
type spot struct {
	name   string // the path's parameter, or the placeholder
	inPath bool
}

var parameter = regexp.MustCompile(`\{\w+\}`)

// spots are the places of a call in which ids stand, in the order of build.
func (d described) spots(k call) []spot {
	var all []spot
	for _, name := range parameter.FindAllString(d.Path, -1) {
		all = append(all, spot{strings.Trim(name, "{}"), true})
	}
	for _, name := range placeholder.FindAllString(k.query+k.body, -1) {
		all = append(all, spot{strings.Trim(name, "{}"), false})
	}
	return all
}

// build is the path and the body of a call with a thing in each spot.
func (d described) build(k call, things []string) (path, body string) {
	next := func(string) string {
		thing := things[0]
		things = things[1:]
		return thing
	}
	path = parameter.ReplaceAllStringFunc(d.Path, next)
	if k.query != "" {
		path += "?" + placeholder.ReplaceAllStringFunc(k.query, next)
	}
	return path, placeholder.ReplaceAllStringFunc(k.body, next)
}

// thingsOf are a company's things for each spot, as a principal has them.
func (c *tenant) thingsOf(d described, k call, who string) []string {
	c.t.Helper()
	var all []string
	for _, s := range d.spots(k) {
		name := s.name
		if s.inPath {
			if name = d.pathThing(k, s.name); name == "" {
				c.t.Fatalf("%s: nothing is known of {%s} in %s: add it to pathThings in matrix_calls_test.go", d.ID, s.name, d.Path)
			}
		}
		all = append(all, c.thing(who, name))
	}
	return all
}

// try makes a call as a principal of one company on the things of another.
func (c *tenant) try(who string, d described, k call, on *tenant) int {
	c.t.Helper()
	header := k.header
	if k.page {
		header = c.ofPage()
	}
	path, body := d.build(k, on.thingsOf(d, k, who))
	got, _ := c.send(c.with(who, d.Scope), d.Method, path, body, header...)
	if got < 300 && d.Method != "GET" && !k.keeps {
		clear(on.things)
	}
	return got
}

// A row is a line of the table: what each principal gets, on what is of his own
// company and on what is another's.
type row struct {
	way, operation string
	cells          map[string]string
	review         bool
}

func (r row) line(columns []string) string {
	name, how, _ := strings.Cut(r.way, ",")
	b := "| `" + name + "`"
	if how != "" {
		b += "," + how
	}
	if r.review {
		b += " " + toReview
	}
	b += " | " + r.operation
	for _, c := range columns {
		b += " | " + r.cells[c]
	}
	return b + " |"
}

// A table is a section of docs/permissions.md.
type table struct {
	tag     string
	columns []string
	rows    map[string]row
}

// readTables reads docs/permissions.md.
func readTables(t *testing.T) (string, map[string]table) {
	t.Helper()
	b, err := os.ReadFile(permissions)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]table{}
	var now table
	for line := range strings.SplitSeq(string(b), "\n") {
		if tag, ok := strings.CutPrefix(line, "## "); ok {
			now = table{tag: tag}
		}
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "operation":
			now.columns, now.rows = cells[2:], map[string]row{}
			tables[now.tag] = now
		case now.rows != nil && strings.HasPrefix(cells[0], "`"):
			r := row{operation: cells[1], cells: map[string]string{}}
			r.way, r.review = strings.CutSuffix(cells[0], " "+toReview)
			r.way = strings.ReplaceAll(r.way, "`", "")
			if len(cells) != len(now.columns)+2 {
				t.Errorf("%s: the row of %s has %d cells, its table %d columns", permissions, r.way, len(cells), len(now.columns)+2)
				continue
			}
			for i, name := range now.columns {
				r.cells[name] = cells[i+2]
			}
			if _, twice := now.rows[r.way]; twice {
				t.Errorf("%s: %s has two rows", permissions, r.way)
			}
			now.rows[r.way] = r
		}
	}
	return string(b), tables
}

// columnsOf are the columns of each table: a table of rooms has the people of a
// room, too.
func columnsOf(all []described) map[string][]string {
	columns := map[string][]string{}
	for _, d := range all {
		if columns[d.tag()] == nil {
			columns[d.tag()] = everybody
		}
		if d.ofRoom() && len(columns[d.tag()]) == len(everybody) {
			columns[d.tag()] = append(slices.Clone(everybody), ofRooms...)
		}
	}
	return columns
}

func header(columns []string) string {
	return "| operation | | " + strings.Join(columns, " | ") + " |\n|---|---|" + strings.Repeat("---|", len(columns))
}

// TestMatrix calls every operation of the contract as everybody, on what is of
// his own company and on what is another's, and compares with the table that
// integrators read. go test ./api -run 'TestMatrix$' -update adds the rows that
// are missing, marked for review; what has changed has to be changed by hand.
func TestMatrix(t *testing.T) {
	s := newScene(t)
	text, tables := readTables(t)
	all, _ := s.operations()
	if len(all) < 80 {
		t.Fatalf("only %d operations", len(all))
	}
	known, columns := map[string]bool{}, columnsOf(all)
	for _, d := range all {
		tb, there := tables[d.tag()]
		if !there {
			tb = table{tag: d.tag(), columns: columns[d.tag()]}
		}
		if !slices.Equal(tb.columns, columns[d.tag()]) {
			t.Fatalf("%s: the header of the table of %q has to be:\n%s", permissions, d.tag(), header(columns[d.tag()]))
		}
		for _, way := range waysOf(d.ID) {
			known[way] = true
			k := calls[way]
			got := row{way: way, operation: d.Method + " " + d.Path, cells: map[string]string{}}
			ok := false
			on, order := s, tb.columns
			if k.apart {
				on, order = newScene(t), slices.Clone(order)
				slices.Reverse(order)
			}
			for _, who := range order {
				own := on.home.try(who, d, k, on.home)
				got.cells[who] = fmt.Sprint(own)
				if d.names(k) {
					if foreign := on.away.try(who, d, k, on.home); foreign != own {
						got.cells[who] = fmt.Sprintf("%d/%d", own, foreign)
					}
				}
				ok = ok || own < 300
			}
			if ok == (k.nobody != "") {
				t.Errorf("%s: whether somebody succeeds is %v, and calls says %q: give it a call in matrix_calls_test.go that shows something", way, ok, k.nobody)
			}
			want, listed := tb.rows[way]
			switch {
			case !listed && *update:
				text = propose(text, tb, got)
				t.Errorf("%s: a row was added to %s: look whether it is right, and take its mark away", way, permissions)
			case !listed:
				t.Errorf("%s has no row for %s. Under \"## %s\" add, if it is right:\n%s", permissions, way, d.tag(), got.line(tb.columns))
			case want.review:
				t.Errorf("%s: the row of %s waits for somebody to look whether it is right: take %s away", permissions, way, toReview)
			case want.operation != got.operation:
				t.Errorf("%s: %s is %s, not %s", permissions, way, got.operation, want.operation)
			default:
				var changed []string
				for _, who := range tb.columns {
					if want.cells[who] != got.cells[who] {
						changed = append(changed, fmt.Sprintf("%s gets %s instead of %s", who, got.cells[who], want.cells[who]))
					}
				}
				if len(changed) > 0 {
					t.Errorf("%s: %s. If that is meant, its row in %s is:\n%s", way, strings.Join(changed, ", "), permissions, got.line(tb.columns))
				}
			}
		}
	}
	for _, tb := range tables {
		for way := range tb.rows {
			if !known[way] {
				t.Errorf("%s: the row of %s is of no operation", permissions, way)
			}
		}
	}
	if *update {
		if err := os.WriteFile(permissions, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d operations, %d calls", len(all), s.asked)
}

// propose adds a row to the end of its table, marked for review.
func propose(text string, tb table, r row) string {
	r.review = true
	line := r.line(tb.columns)
	head, rest, ok := strings.Cut(text, "\n## "+tb.tag+"\n")
	if !ok {
		return strings.TrimRight(text, "\n") + "\n\n## " + tb.tag + "\n\n" + header(tb.columns) + "\n" + line + "\n"
	}
	section, after, more := strings.Cut(rest, "\n## ")
	if !strings.Contains(section, "| operation |") {
		section += "\n" + header(tb.columns) + "\n"
	}
	section = strings.TrimRight(section, "\n") + "\n" + line + "\n"
	if more {
		after = "\n## " + after
	}
	return head + "\n## " + tb.tag + "\n" + section + after
}
