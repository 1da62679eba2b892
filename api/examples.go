package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
)

// The examples of the document are one story, in a file for each tag. A test
// plays it: it sends what is asked as it stands here, and compares what is
// answered. After a change that is meant, go test ./api -run
// 'TestExamples|OpenAPI' -update writes the answers and the document anew; what is
// asked is written by hand.
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
	files, err := fs.Sub(exampleFiles, "examples")
	if err != nil {
		panic(err) // they are built in
	}
	return readExamples(files)
})

func readExamples(files fs.FS) map[string]example {
	all := map[string]example{}
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err == nil {
			err = json.Unmarshal(b, &all)
		}
		if err != nil {
			panic(fmt.Sprintf("examples/%s: %v", name, err))
		}
	}
	return all
}
