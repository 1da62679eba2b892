package push

import (
	"fmt"
	"time"
)

// SignIn is the category of codes to sign in by. Nobody opts out of it, and no
// inbox and no phone ever has one.
const SignIn = "sign-in"

// CodeType stands in place of an event's type in the delivery of a code.
const CodeType = "sign_in.code"

// CodeNotice is what a person is mailed who asked for a code. The title does not
// hold it: titles lie on lock screens and in the logs of mail servers.
func CodeNotice(company, code string, good time.Duration, expires time.Time) Notice {
	minutes := int(good.Minutes())
	return Notice{
		Category: SignIn, Expires: expires, Urgent: true,
		Words: map[string]Words{
			"en": {
				Title: "Your code to sign in",
				Body: fmt.Sprintf("Your code for %s is %s\nIt is good once, for %d minutes, in the app or page where you asked for it. "+
					"Nobody at %s will ever ask you for it.", company, code, minutes, company),
			},
			"es": {
				Title: "Su código de acceso",
				Body: fmt.Sprintf("Su código para %s es %s\nSirve una vez, durante %d minutos, en la aplicación o página donde lo pidió. "+
					"Nadie de %s se lo pedirá nunca.", company, code, minutes, company),
			},
		},
	}
}
