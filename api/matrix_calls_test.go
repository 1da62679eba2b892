package api

import "time"

// A call says how an operation is called, so that somebody who may do it
// succeeds. {words} stand for the id of a thing, which makers know.
type call struct {
	ids    map[string]string // the things of the path's parameters, where pathThings does not say it
	query  string
	body   string
	header []string
	page   bool   // as a page of ours sends it
	keeps  bool   // it can be done again on the same things
	apart  bool   // it takes away what others need: in a scene of its own, and the most powerful last
	nobody string // why nobody of the matrix succeeds; empty: somebody has to
}

// pathThings are the things that the parameters of paths name: an operation
// under a path that is here needs nothing more said of it.
var pathThings = map[string]string{
	"/v1/api-keys/{id}":                                                   "key",
	"/v1/authority/delegations/{id}":                                      "delegation",
	"/v1/authority/profiles/{id}":                                         "authority profile",
	"/v1/authority/users/{id}":                                            "seat",
	"/v1/referrals/{id}/conditions/{conditionId}":                         "condition",
	"/v1/deal-rooms/{id}":                                                 "room",
	"/v1/deal-rooms/{id}/annotations/{annotationId}":                      "annotation",
	"/v1/deal-rooms/{id}/files/{fileId}":                                  "file",
	"/v1/deal-rooms/{id}/invitations/{invitationId}":                      "invitation",
	"/v1/deal-rooms/{id}/messages/{messageId}":                            "message",
	"/v1/deal-rooms/{id}/participants/{userId}":                           "seat",
	"/v1/deal-rooms/{id}/quotes/{quoteId}":                                "room's offer",
	"/v1/deal-rooms/{id}/referrals/{referralId}/conditions/{conditionId}": "room's condition",
	"/v1/events/{id}":                                                     "event",
	"/v1/invoices/{id}":                                                   "invoice",
	"/v1/me/devices/{id}":                                                 "device",
	"/v1/me/notifications/{id}":                                           "notice",
	"/v1/me/sessions/{id}":                                                "browser",
	"/v1/organizations/{id}":                                              "org",
	"/v1/policies/{id}":                                                   "policy",
	"/v1/portal/notifications/{id}":                                       "portal notice",
	"/v1/portal/push-tokens/{id}":                                         "push token",
	"/v1/portal/sessions/{id}":                                            "session",
	"/v1/flags/{key}":                                                     "flag",
	"/v1/analytics/{orgId}":                                               "org",
	"/v1/bordereaux/{id}":                                                 "bordereau",
	"/v1/carriers/{id}":                                                   "carrier",
	"/v1/da-agreements/{id}":                                              "agreement",
	"/v1/producers/{id}":                                                  "producer",
	"/v1/producers/{id}/appointments/{apptId}":                            "appointment",
	"/v1/producers/{id}/licenses/{licenseId}":                             "license",
	"/v1/programs/{id}":                                                   "program",
	"/v1/quotes/{id}":                                                     "quote",
	"/v1/rate-tables/{id}":                                                "rate table",
	"/v1/referrals/{id}":                                                  "referral",
	"/v1/requests/{id}":                                                   "request",
	"/v1/submissions/{id}":                                                "submission",
	"/v1/users/{id}":                                                      "user",
	"/v1/webhooks/{id}":                                                   "webhook",
	"/v1/webhooks/{id}/deliveries/{deliveryId}":                           "delivery",
}

const (
	because          = `{"rationale":"Because."}`
	authorityProfile = `{"name":"Senior","level":5,"authorizedLobs":["GL"],"maxPremium":100000,"maxLimit":2000000}`
	twoAgree         = `{"fourEyesAbove":0,"decideWithinMinutes":960,"answerWithinMinutes":2400,"expiresAfterDays":30,
		"calendar":{"timeZone":"UTC","opens":"09:00","closes":"17:00","workdays":["mon"],"holidays":[]}}`
)

var nextWeek = time.Now().AddDate(0, 0, 7).UTC().Format(time.RFC3339)

// someTerms are those of an agreement.
const someTerms = `"effectiveDate":"2026-01-01","expirationDate":"2027-01-01","maxOccurrenceLimit":1000000,"maxAggregateLimit":2000000,
	"maxPremiumPerPolicy":100000,"authorizedStates":["ALL_50"],"annualGwpLimit":5000000`

// calls are the operations that need more said than their path does: those with
// a body, above all. "operation, how" is a row of its own for one operation.
var calls = map[string]call{
	"exchange-session": {nobody: "no sign-in server is configured"},
	"demo-token":       {body: `{"secret":"` + worldSecret + `"}`},
	"use-login-link":   {body: `{"code":"{login}"}`},
	"knock":            {body: `{"link":"{guest link}"}`, page: true},
	"enter":            {body: `{"link":"{guest link}","name":"Gus"}`, page: true},
	"guest-session":    {body: `{"roomId":"{room}"}`, page: true, nobody: "no browser is known"},
	"guest-forget":     {body: `{"roomId":"{room}"}`, page: true, keeps: true},
	"guest-link":       {body: `{"roomId":"{room}","email":"gus@example.com"}`, page: true, keeps: true},

	"create-session-token": {page: true, nobody: "no browser is signed in"},
	"sign-out":             {page: true, keeps: true},

	"request-policyholder-code":  {body: `{"policyNumber":"{policy number}","email":"nobody@example.com"}`, keeps: true},
	"create-policyholder-token":  {body: `{"policyNumber":"{policy number}","code":"000000"}`, nobody: "the code is a secret"},
	"refresh-policyholder-token": {body: `{"refreshToken":"ort_none"}`, nobody: "the token is a secret"},

	"create-api-key": {body: `{"name":"k","scopes":["policies:read"]}`, keeps: true},

	"create-organization": {body: `{"name":"Third","kind":"brokerage"}`, keeps: true},
	"update-organization": {body: `{"name":"Renamed"}`, keeps: true},
	"create-user":         {body: `{"email":"{address}","name":"New","role":"broker"}`},
	"update-user":         {body: `{"name":"Renamed"}`, keeps: true},

	"create-submission": {body: `{"insuredName":"Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL"}`, keeps: true},
	"bind-submission":   {ids: map[string]string{"id": "quoted submission"}, body: `{"installmentPlan":"PIF"}`},

	"update-submission":   {body: `{"annualRevenue":9000000,"insured":{"name":"Pat"}}`, keeps: true},
	"claim-submission":    {},
	"get-quote-readiness": {ids: map[string]string{"id": "quoted submission"}, keeps: true},
	"release-submission":  {ids: map[string]string{"id": "claimed submission"}},
	"decline-submission":  {body: `{"reasons":["loss_history"],"rationale":"Three losses.","message":"Not now."}`},
	"withdraw-submission": {body: `{"reason":"price","message":"Too dear."}`},

	"create-submission-draft":    {body: bareDraft, keeps: true},
	"submit-submission-draft":    {ids: map[string]string{"id": "submission draft"}},
	"delete-submission-draft":    {ids: map[string]string{"id": "submission draft"}},
	"update-submission, a draft": {ids: map[string]string{"id": "submission draft"}, body: `{"state":"WA"}`, keeps: true},
	"get-submission":             {keeps: true},
	"get-submission, a draft":    {ids: map[string]string{"id": "submission draft"}, keeps: true},

	"review-submission-sanctions": {ids: map[string]string{"id": "submission under review"}, body: `{"decision":"clear","rationale":"Born in 1990."}`},

	"set-flag":   {body: `{"value":true}`, keeps: true},
	"unset-flag": {keeps: true},

	"move-test-clock":  {body: `{"advance":"PT1S"}`, keeps: true},
	"reset-test-clock": {keeps: true},
	"reset-sandbox":    {apart: true},

	"create-producer":     {body: `{"type":"agency","legalName":"Harbor","npn":"{npn}","email":"a@b.example"}`},
	"update-producer":     {body: `{"phone":"1"}`, keeps: true},
	"set-producer-status": {body: `{"status":"terminated"}`},
	"review-sanctions":    {ids: map[string]string{"id": "producer under review"}, body: `{"decision":"clear","rationale":"Born in 1990."}`},
	"add-license":         {body: `{"number":"{npn}","type":"property_casualty","state":"OR","effectiveDate":"2020-01-01","expirationDate":"2199-01-01"}`},
	"update-license":      {body: `{"status":"suspended"}`, keeps: true},
	"create-appointment":  {body: `{"carrier":"Summit","state":"OR"}`, keeps: true},
	"update-appointment":  {body: `{"status":"filed"}`},

	"create-referral":            {body: `{"entityType":"submission","entityId":"{submission}","reason":"prior_losses","rationale":"Three losses."}`},
	"create-referral, in a room": {body: `{"entityType":"submission","entityId":"{room submission}","dealRoomId":"{room}","reason":"prior_losses","rationale":"Three losses."}`},
	"decide-referral":            {body: `{"decision":"approve","rationale":"Inside appetite."}`},

	"submit-referral":           {ids: map[string]string{"id": "draft"}},
	"release-referral":          {ids: map[string]string{"id": "claimed referral"}},
	"withdraw-referral":         {ids: map[string]string{"id": "own referral"}, body: because},
	"respond-referral":          {ids: map[string]string{"id": "asked referral"}, body: `{"answers":[{"question":1,"text":"Yes."}]}`},
	"confirm-referral":          {ids: map[string]string{"id": "proposed referral"}, body: because},
	"object-referral":           {ids: map[string]string{"id": "proposed referral"}, body: because},
	"revoke-referral":           {ids: map[string]string{"id": "approved referral"}, body: because},
	"answer-counter-referral":   {ids: map[string]string{"id": "countered referral"}, body: `{"accept":true}`},
	"change-referral-condition": {ids: map[string]string{"id": "conditional referral"}, body: `{"action":"submit","note":"Done."}`},

	"create-authority-profile":               {body: authorityProfile, keeps: true},
	"update-authority-profile":               {body: `{"level":6}`, keeps: true},
	"assign-authority-profile":               {body: `{"userId":"{seat}"}`, keeps: true},
	"create-authority-delegation":            {body: `{"delegateId":"{colleague}","until":"` + nextWeek + `"}`, keeps: true},
	"create-authority-delegation, of others": {body: `{"delegatorId":"{seat}","delegateId":"{colleague}","until":"` + nextWeek + `"}`, keeps: true},
	"take-authority":                         {keeps: true},
	"set-referral-rules":                     {body: twoAgree, keeps: true},

	"list-quotes":                    {ids: map[string]string{"id": "quoted submission"}, keeps: true},
	"quote-submission":               {keeps: true},
	"offer-quote":                    {ids: map[string]string{"id": "open quote"}},
	"quote-submission, by judgement": {body: `{"schedule":{"percent":-10,"reason":"safety"}}`},
	"accept-quote":                   {ids: map[string]string{"id": "offered quote"}},
	"create-program":                 {body: `{"name":"Another","lineOfBusiness":"{line}","maxLimit":1000000,"autoBindThreshold":1,"referAbove":1,"declineAbove":1}`},
	"update-program":                 {body: `{"minYearsInBusiness":1}`, keeps: true},
	"create-carrier":                 {body: `{"name":"Carrier {npn}"}`},
	"update-carrier":                 {body: `{"naicNumber":"12345"}`, keeps: true},
	"create-da-agreement":            {body: `{"carrierId":"{carrier}","programId":"{own program}",` + someTerms + `}`},
	"update-da-agreement":            {body: `{"agreementNumber":"7"}`, keeps: true},
	"create-bordereau":               {body: `{"agreementId":"{agreement}","periodStart":"2024-01-01","periodEnd":"2024-02-01"}`},
	"create-rate-table":              {body: `{"programId":"{program}","effectiveDate":"2026-06-01","book":` + exampleGL + `}`, keeps: true},

	"create-ticket":                          {body: `{}`, keeps: true},
	"create-ticket, for a room":              {body: `{"dealRoomId":"{room}"}`, keeps: true},
	"create-deal-room":                       {body: `{"submissionId":"{submission}"}`},
	"update-deal-room, its title":            {body: `{"title":"Another"}`, keeps: true},
	"update-deal-room, its end":              {body: `{"status":"closed","reason":"Bound."}`},
	"annotate":                               {body: annotated, keeps: true},
	"change-annotation":                      {body: `{"resolved":true}`},
	"add-file":                               {body: oneFile, header: formOf, keeps: true},
	"add-file, on the desk":                  {body: deskFile, header: formOf, keeps: true},
	"list-messages":                          {},
	"list-messages, of the desk":             {query: "channel=desk"},
	"post-message":                           {body: `{"body":"Hello."}`, keeps: true},
	"post-message, on the desk":              {body: `{"body":"Hello.","visibility":"internal"}`, keeps: true},
	"edit-message":                           {body: `{"body":"Changed."}`},
	"edit-message, of another":               {ids: map[string]string{"messageId": "others message"}, body: `{"body":"Changed."}`, nobody: "only the author edits"},
	"delete-message":                         {},
	"delete-message, of another":             {ids: map[string]string{"messageId": "others message"}},
	"read-messages":                          {body: `{"seq":1}`, keeps: true},
	"add-deal-room-participant":              {body: `{"userId":"{colleague}","role":"underwriter"}`},
	"add-deal-room-participant, of the firm": {body: `{"email":"{outsider}@example.com","role":"broker"}`},
	"add-deal-room-participant, by mail":     {body: `{"email":"{address}","role":"broker"}`, keeps: true},
	"update-deal-room-participant":           {body: `{"canEdit":false}`, keeps: true},
	"remove-deal-room-participant, himself":  {ids: map[string]string{"userId": "self"}},
	"remove-deal-room-participant":           {},

	"accept-quote-in-room":     {ids: map[string]string{"id": "offering room"}},
	"request-bind-in-room":     {ids: map[string]string{"id": "accepted room"}, body: `{"installmentPlan":"PIF"}`, keeps: true},
	"withdraw-in-room":         {body: `{"reason":"price"}`},
	"respond-in-room":          {ids: map[string]string{"id": "asking room", "referralId": "room's question"}, body: `{"answers":[{"question":1,"text":"Yes."}]}`},
	"answer-counter-in-room":   {ids: map[string]string{"id": "countering room", "referralId": "room's counter"}, body: `{"accept":true}`},
	"submit-condition-in-room": {ids: map[string]string{"id": "conditional room", "referralId": "room's approval"}, body: `{"note":"Done."}`},

	"register-my-device":         {body: `{"token":"{phone token}","platform":"ios"}`},
	"register-portal-push-token": {body: `{"token":"{phone token}","platform":"ios"}`},
	"set-my-preferences":         {body: `{}`, keeps: true},
	"set-portal-preferences":     {body: `{}`, keeps: true},

	"create-webhook": {body: goodWebhook, keeps: true},
	"update-webhook": {body: `{"description":"Changed"}`, keeps: true},
	"test-webhook":   {keeps: true},
}
