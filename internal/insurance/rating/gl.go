package rating

import "github.com/openinsure/openinsure/internal/insurance/money"

// GeneralLiability returns the rate book that a new general liability program
// starts with. Its rates are invented; nobody has filed them.
func GeneralLiability() Book {
	rate := func(perThousand string, minimum money.Cents) BaseRate {
		return BaseRate{PerThousand: perThousand, MinimumPremium: minimum}
	}
	return Book{
		BaseRates: map[string]BaseRate{
			AnyState: rate("1.50", 75_000),
			"CA":     rate("1.95", 100_000), "CO": rate("1.55", 75_000), "FL": rate("1.90", 100_000),
			"GA": rate("1.55", 75_000), "IL": rate("1.60", 75_000), "NY": rate("2.40", 150_000),
			"OR": rate("1.425", 75_000), "PA": rate("1.55", 75_000), "TX": rate("1.65", 75_000),
			"WA": rate("1.50", 75_000),
		},
		ClassModifiers: map[string]string{
			"11": "1.10", "2361": "1.60", "2362": "1.25", "238": "1.35", "2381": "1.60", "31": "1.05", "33": "1.10",
			"42": "0.80", "44": "0.85", "484": "1.40", "511": "0.50", "52": "0.45", "5413": "0.70", "5415": "0.50",
			"561720": "0.95", "62": "0.90", "722": "1.15",
		},
		ExcludedClasses: []string{"325920", "332992", "332993", "562910"}, // explosives, ammunition, remediation
		LimitFactors: []Band{
			{10_000_000, "0.70"}, {30_000_000, "0.80"}, {50_000_000, "0.90"}, {100_000_000, "1.00"},
			{200_000_000, "1.25"}, {500_000_000, "1.70"}, {1_000_000_000, "2.20"},
		},
		RevenueBands: []Band{{money.Max, "1.00"}},
	}
}
