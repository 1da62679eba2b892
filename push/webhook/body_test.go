package webhook_test

import (
	"errors"
	"testing"

	"github.com/openinsure/openinsure/push/webhook"
)

func TestThin(t *testing.T) {
	tests := []struct {
		name, payload, want string
	}{
		{"ids of data stay", `{"id":"evt_1","data":{"policyId":"pol_1","grossPremium":1,"claimId":"clm_1"}}`, `{"id":"evt_1","data":{"policyId":"pol_1","claimId":"clm_1"}}`},
		{"the order stays", `{"z":1,"data":{"bId":"1","aId":"2"},"a":2}`, `{"z":1,"data":{"bId":"1","aId":"2"},"a":2}`},
		{"no ids", `{"data":{"name":"x"}}`, `{"data":{}}`},
		{"empty data", `{"data":{}}`, `{"data":{}}`},
		{"an id that is no text", `{"data":{"aId":1,"bId":null,"cId":["x"],"dId":{"eId":"x"}}}`, `{"data":{}}`},
		{"ids further down", `{"data":{"room":{"roomId":"room_1"}}}`, `{"data":{}}`},
		{"names that only look so", `{"data":{"paid":"x","ID":"x","id":"x","Id":"y","policyIds":"x","aid":"x"}}`, `{"data":{"Id":"y"}}`},
		{"a name with an escape", `{"data":{"policy\u0049d":"x"}}`, `{"data":{"policyId":"x"}}`},
		{"texts keep their bytes", `{"type":"a\u003cb/\/","data":{"aId":"\u00e9é"}}`, `{"type":"a\u003cb/\/","data":{"aId":"\u00e9é"}}`},
		{"numbers keep their bytes", `{"n":1.50e2,"big":12345678901234567890,"data":{}}`, `{"n":1.50e2,"big":12345678901234567890,"data":{}}`},
		{"only the outer data", `{"x":{"data":{"name":"x"}},"data":{}}`, `{"x":{"data":{"name":"x"}},"data":{}}`},
		{"spaces between go", ` { "a" : [1, 2] , "data" : { "aId" : "x" , "b" : 1 } } `, `{"a":[1, 2],"data":{"aId":"x"}}`},
		{"no data", `{"id":"evt_1"}`, ""},
		{"data of another kind", `{"data":"secret"}`, ""},
		{"no data at all", `{"data":null}`, ""},
		{"a list", `[]`, ""},
		{"nothing", ``, ""},
		{"cut short", `{"data":{"aId":"x"`, ""},
		{"two of them", `{"data":{}}{"data":{}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := webhook.Thin([]byte(tt.payload))
			if errors.Is(err, webhook.ErrPayload) != (tt.want == "") || (err != nil) != (tt.want == "") {
				t.Fatalf("err = %v", err)
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if err != nil {
				return
			}
			if again, err := webhook.Thin(got); err != nil || string(again) != tt.want {
				t.Errorf("of itself it is %s, %v; want the same", again, err)
			}
		})
	}
}
