package referral

// A Step is a way from one state to another, and what leads along it.
type Step struct {
	From Status
	By   string
	To   Status
}

// Steps lists every way of a referral. A test plays at random and finds no
// other.
var Steps = []Step{
	{Draft, "submit", Open},
	{Draft, "withdraw", Withdrawn},
	{Open, "claim", InReview},
	{Open, "decide", Decided},
	{Open, "decide", PendingSecond},
	{Open, "decide", InfoRequested},
	{Open, "withdraw", Withdrawn},
	{Open, "tick", Expired},
	{Open, "tick", InReview},
	{Open, "change", Superseded},
	{InReview, "release", Open},
	{InReview, "decide", Decided},
	{InReview, "decide", PendingSecond},
	{InReview, "decide", InfoRequested},
	{InReview, "withdraw", Withdrawn},
	{InReview, "tick", Expired},
	{InReview, "change", Superseded},
	{InfoRequested, "respond", InReview},
	{InfoRequested, "respond", Open},
	{InfoRequested, "withdraw", Withdrawn},
	{InfoRequested, "tick", Expired},
	{InfoRequested, "change", Superseded},
	{PendingSecond, "confirm", Decided},
	{PendingSecond, "dissent", InReview},
	{PendingSecond, "withdraw", Withdrawn},
	{PendingSecond, "tick", Expired},
	{PendingSecond, "change", Superseded},
	{Draft, "drop", Withdrawn},
	{Open, "drop", Withdrawn},
	{InReview, "drop", Withdrawn},
	{InfoRequested, "drop", Withdrawn},
	{PendingSecond, "drop", Withdrawn},
	{Decided, "drop", Lapsed},
	{Decided, "counter", InReview},
	{Decided, "revoke", Revoked},
	{Decided, "tick", Lapsed},
	{Decided, "change", Lapsed},
	{Decided, "consume", Consumed},
}

// A ConditionStep is a way of a condition from one state to another.
type ConditionStep struct{ From, By, To string }

// ConditionSteps lists every way of a condition.
var ConditionSteps = []ConditionStep{
	{ConditionOpen, "submit", ConditionSubmitted},
	{ConditionRejected, "submit", ConditionSubmitted},
	{ConditionSubmitted, "accept", ConditionAccepted},
	{ConditionSubmitted, "reject", ConditionRejected},
	{ConditionOpen, "waive", ConditionWaived},
	{ConditionSubmitted, "waive", ConditionWaived},
	{ConditionRejected, "waive", ConditionWaived},
	{ConditionExpired, "waive", ConditionWaived},
	{ConditionOpen, "tick", ConditionExpired},
	{ConditionSubmitted, "tick", ConditionExpired},
	{ConditionRejected, "tick", ConditionExpired},
}
