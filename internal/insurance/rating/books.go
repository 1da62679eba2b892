package rating

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed books/*.json
var books embed.FS

// Lines are the lines of business that there is a standard book for.
var Lines = []string{"GL", "CYBER", "EO", "WC", "PROPERTY", "UMBRELLA", "COMMERCIAL_AUTO"}

// Standard returns the rate book that a new program of a line starts with. Its
// rates are invented; nobody has filed them. It panics for a line that is none of
// Lines.
func Standard(line string) Book {
	raw, err := books.ReadFile("books/" + line + ".json")
	var b Book
	if err == nil {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		panic(fmt.Sprintf("the rate book of %s: %v", line, err))
	}
	return b
}
