package insurance

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// A Screener compares names with sanctions lists. It decides by itself and at
// once: what asks a service elsewhere keeps a copy of the list.
type Screener interface {
	Screen(names []string) producer.Screening
	// Version is another one whenever Screen may answer otherwise than before.
	Version() string
}

//go:embed sanctions.json
var sampleSanctions string

// SampleSanctions is a short list of invented names, to try screening with.
var SampleSanctions = sync.OnceValue(func() *producer.List {
	l, err := producer.ReadList(strings.NewReader(sampleSanctions))
	if err != nil {
		panic(err) // it is built in
	}
	return l
})
