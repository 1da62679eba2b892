package event

import "strings"

// Texts returns the conditions and texts of the table of words, by type, as they
// are written.
func Texts() map[string][]string {
	all := map[string][]string{}
	for typ, ways := range words {
		for _, w := range ways {
			if name, _, ok := strings.Cut(w.when, "="); ok && name != partName {
				all[typ] = append(all[typ], "[{"+name+"}]")
			}
			all[typ] = append(all[typ], w.en.Title, w.en.Body, w.es.Title, w.es.Body)
		}
	}
	return all
}
