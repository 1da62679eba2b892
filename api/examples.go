package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"sync"
)

// The examples of the document are one story, in a file for each tag. A test
// plays it: it sends what is asked as it stands here, and compares what is
// answered. After a change that is meant, go test ./api -run TestExamples
// -update writes the answers anew, and then -run OpenAPI -update the document;
// what is asked is written by hand.
//
//go:embed examples/*.json
var exampleFiles embed.FS

// An example is what the document shows of an operation.
type example struct {
	Request json.RawMessage `json:"request,omitempty"`
	Answer  json.RawMessage `json:"answer,omitempty"`
}

// examples are all of them, by operationId.
var examples = sync.OnceValue(func() map[string]example {
	all := map[string]example{}
	files, err := exampleFiles.ReadDir("examples")
	if err != nil {
		panic(err) // they are built in
	}
	for _, f := range files {
		b, err := exampleFiles.ReadFile(path.Join("examples", f.Name()))
		if err != nil {
			panic(err)
		}
		if err := json.Unmarshal(b, &all); err != nil {
			panic(fmt.Sprintf("examples/%s: %v", f.Name(), err))
		}
	}
	return all
})
