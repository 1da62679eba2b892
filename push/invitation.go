package push

import (
	"fmt"
	"time"
)

// Invitation is the category of links into a room for people without an account.
// They have no inbox, and nobody opts out of it.
const Invitation = "invitation"

// GuestNews is the category of mails to guests who were away. They have no inbox;
// one who wants no more leaves the room.
const GuestNews = "guest_news"

// The types that stand in place of an event's in deliveries of letters.
const (
	InvitationType = "deal_room.invitation"
	GuestLinkType  = "deal_room.guest_link"
	GuestNewsType  = "deal_room.guest_news"
)

// InvitationNotice is what somebody without an account is mailed who is invited
// into a room. The title does not hold the code: titles lie on lock screens.
func InvitationNotice(inviter, company, title, url, page, code string, good time.Duration, expires time.Time) Notice {
	hours := int(good.Hours())
	return Notice{
		Category: Invitation, URL: url, Expires: expires, Urgent: true,
		Words: map[string]Words{
			"en": {
				Title: fmt.Sprintf("%s invites you to a deal room", inviter),
				Body: fmt.Sprintf("%s of %s invites you to the deal room %q. You need no account: open the link, say who you are, and write.\n"+
					"The link is good once, for %d hours. If it does not work, open %s and enter your e-mail address and the code %s", inviter, company, title, hours, page, code),
			},
			"es": {
				Title: fmt.Sprintf("%s le invita a una sala de negociación", inviter),
				Body: fmt.Sprintf("%s, de %s, le invita a la sala %q. No necesita una cuenta: abra el enlace, diga quién es y escriba.\n"+
					"El enlace sirve una vez, durante %d horas. Si no funciona, abra %s e introduzca su dirección de correo y el código %s", inviter, company, title, hours, page, code),
			},
		},
	}
}

// GuestLinkNotice is what a guest is mailed who comes back to his room.
func GuestLinkNotice(title, url string, good time.Duration, expires time.Time) Notice {
	minutes := int(good.Minutes())
	return Notice{
		Category: Invitation, URL: url, Expires: expires, Urgent: true,
		Words: map[string]Words{
			"en": {
				Title: "Your link back to the deal room",
				Body: fmt.Sprintf("This link opens the deal room %q again. It is good once, for %d minutes.\n"+
					"If you did not ask for it, you need to do nothing.", title, minutes),
			},
			"es": {
				Title: "Su enlace para volver a la sala",
				Body: fmt.Sprintf("Este enlace vuelve a abrir la sala %q. Sirve una vez, durante %d minutos.\n"+
					"Si no lo pidió, no tiene que hacer nada.", title, minutes),
			},
		},
	}
}

// GuestNewsNotice is what a guest is mailed when something was said in his room
// while he was away. It holds nothing of what was said, and no secret: the page of
// the room knows his browser, or asks for his address.
func GuestNewsNotice(author, company, title, path string, expires time.Time) Notice {
	return Notice{
		Category: GuestNews, Link: path, Expires: expires,
		Words: map[string]Words{
			"en": {
				Title: "New messages in your deal room",
				Body: fmt.Sprintf("%s of %s wrote in the deal room %q while you were away.\n"+
					"Open the room to read and answer. There is no other mail until you have been there.", author, company, title),
			},
			"es": {
				Title: "Mensajes nuevos en su sala",
				Body: fmt.Sprintf("%s, de %s, escribió en la sala %q mientras usted no estaba.\n"+
					"Abra la sala para leer y responder. No recibirá otro correo hasta que haya entrado.", author, company, title),
			},
		},
	}
}

// IsLetter reports whether n is mailed and shown in no inbox.
func (n Notice) IsLetter() bool {
	return n.Category == SignIn || n.Category == Invitation || n.Category == GuestNews
}
