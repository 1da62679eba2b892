package producer

// Winkler's prefix: so many letters at the beginning count for more, each a tenth
// of what is missing to 1, in names that are alike enough without it.
const (
	mostPrefix  = 4
	prefixScale = 0.1
	boostAbove  = 0.7
)

// Likeness is the similarity of two names by Jaro and Winkler, from 0, nothing in
// common, to 1, the same. It is the same both ways.
//
// The formula is that of W. E. Winkler, String Comparator Metrics and Enhanced
// Decision Rules in the Fellegi-Sunter Model of Record Linkage (1990), and its
// program strcmp95.c, without the tables of similar letters and the rule for long
// names there.
func Likeness(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	like := jaro(x, y)
	if like <= boostAbove {
		return like
	}
	prefix := 0
	for prefix < min(mostPrefix, len(x), len(y)) && x[prefix] == y[prefix] {
		prefix++
	}
	return like + float64(prefix)*prefixScale*(1-like)
}

// jaro pairs letters that are the same and less than half of the longer name
// apart, each with the first that is free, and asks how many there are and how
// many of them are in another order.
func jaro(x, y []rune) float64 {
	if len(x) == 0 && len(y) == 0 {
		return 1
	}
	window := max(0, max(len(x), len(y))/2-1)
	theirs := make([]bool, len(y))
	var paired []rune
	for i, r := range x {
		for j := max(0, i-window); j < min(len(y), i+window+1); j++ {
			if !theirs[j] && y[j] == r {
				theirs[j] = true
				paired = append(paired, r)
				break
			}
		}
	}
	if len(paired) == 0 {
		return 0
	}
	moved, n := 0, 0
	for j, is := range theirs {
		if !is {
			continue
		}
		if y[j] != paired[n] {
			moved++
		}
		n++
	}
	m := float64(n)
	return (m/float64(len(x)) + m/float64(len(y)) + (m-float64(moved/2))/m) / 3
}
