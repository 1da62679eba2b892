package event

import "strings"

// Languages lists the languages that events have words in.
var Languages = []string{"en", "es"}

// Words are what a person reads of an event, in one language: in the inbox, on
// a phone and by mail. They may lie on a lock screen, so they never hold what
// somebody wrote, a rationale or limits.
type Words struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

// partName is the member of no event by which words depend on the part of who
// reads them.
const partName = "as"

// told is one way to tell a person of an event. In its texts {name:format}
// stands for a member of the event's data, with a dot for one inside another. A
// part in square brackets is left out when one of its members is not there; of
// parts that | separates, the first that is complete is taken.
type told struct {
	when   string // only if this member has this value, as in decision=referred; as=… is the part of who reads it
	en, es Words
}

// words holds how each type of event that persons hear is told, in the order in
// which conditions are tried. The types that nothing emits yet are here as well:
// their texts are translated together.
var words = map[string][]told{
	"submission.created": {{
		en: Words{"New submission[: {insuredName}]", "[The submission for {insuredName}|A submission] was received.[ Cover is to start on {effectiveDate:date}.]"},
		es: Words{"Nueva solicitud[: {insuredName}]", "Se recibió [la solicitud de {insuredName}|una solicitud].[ La cobertura empezaría el {effectiveDate:date}.]"},
	}},
	"submission.quoted": {
		{
			when: "decision=referred",
			en:   Words{"A quote is with an underwriter", "[The submission for {insuredName}|A submission] was rated, and an underwriter has to look at it before it can be bound."},
			es:   Words{"Una cotización está en revisión", "[La solicitud de {insuredName}|Una solicitud] fue tarificada y un suscriptor debe revisarla antes de emitirla."},
		},
		{
			en: Words{"Quote ready[: {grossPremium:dollars}]", "[The submission for {insuredName}|A submission] was quoted[ at {grossPremium:dollars}].[ The quote is good until {expiresAt:date}.]"},
			es: Words{"Cotización lista[: {grossPremium:dollars}]", "[La solicitud de {insuredName}|Una solicitud] fue cotizada[ en {grossPremium:dollars}].[ La cotización vale hasta el {expiresAt:date}.]"},
		},
	},
	"quote.offered": {{
		en: Words{"Quote offered[: {grossPremium:dollars}]", "[A quote for {insuredName} was offered|A quote was offered] to you.[ It can be accepted until {expiresAt:date}.]"},
		es: Words{"Cotización ofrecida[: {grossPremium:dollars}]", "[Se le ofreció una cotización para {insuredName}|Se le ofreció una cotización].[ Puede aceptarla hasta el {expiresAt:date}.]"},
	}},
	"submission.declined": {{
		en: Words{"Submission declined[: {insuredName}]", "[The submission for {insuredName}|A submission] was declined. Open it to see why."},
		es: Words{"Solicitud rechazada[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] fue rechazada. Ábrala para ver por qué."},
	}},
	"submission.corrected": {{
		en: Words{"Submission corrected[: {insuredName}]", "[The submission for {insuredName}|A submission] that you work on was corrected. Open it to see what is different."},
		es: Words{"Solicitud corregida[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] que usted lleva fue corregida. Ábrala para ver qué cambió."},
	}},
	"submission.released": {{
		en: Words{"Submission given back[: {insuredName}]", "[The submission for {insuredName}|A submission] is not yours any more: it was given back to everybody."},
		es: Words{"Solicitud devuelta[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] ya no está a su cargo: fue devuelta a todos."},
	}},
	"submission.sla_at_risk": {{
		en: Words{"Submission due soon[: {insuredName}]", "[The submission for {insuredName}|A submission] has waited for most of its time.[ It is due on {dueAt:date}.]"},
		es: Words{"Solicitud por vencer[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] ha esperado casi todo su plazo.[ Vence el {dueAt:date}.]"},
	}},
	"submission.sla_breached": {{
		en: Words{"Submission overdue[: {insuredName}]", "[The submission for {insuredName}|A submission] has waited for longer than it should.[ It was due on {dueAt:date}.]"},
		es: Words{"Solicitud vencida[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] ha esperado más de lo debido.[ Vencía el {dueAt:date}.]"},
	}},
	"submission.withdrawn": {{
		en: Words{"Submission withdrawn[: {insuredName}]", "[The submission for {insuredName}|A submission] was withdrawn. Nothing more is to be done."},
		es: Words{"Solicitud retirada[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] fue retirada. No queda nada por hacer."},
	}},
	"submission.expired": {{
		en: Words{"Submission expired[: {insuredName}]", "Nothing became of [the submission for {insuredName}|a submission] for 90 days. It is closed; a new one can be sent at any time."},
		es: Words{"Solicitud caducada[: {insuredName}]", "[La solicitud de {insuredName}|Una solicitud] estuvo 90 días sin avanzar. Queda cerrada; puede enviarse otra en cualquier momento."},
	}},
	"deal_room.created": {{
		en: Words{"New deal room[: {title}]", "[{author.name} of {author.orgName} opened|{author.name} opened|There is] a deal room[ for {insuredName}], and you take part in it."},
		es: Words{"Nueva sala de negociación[: {title}]", "[{author.name}, de {author.orgName}, abrió|{author.name} abrió|Hay] una sala de negociación[ para {insuredName}] y usted participa en ella."},
	}},
	"deal_room.participant_added": {{
		en: Words{"[{author.name} invited you|You are invited] to a deal room", "[{author.name} of {author.orgName} added you|{author.name} added you|You were added] to a deal room. Open it to see what is there."},
		es: Words{"[{author.name} le invita|Invitación] a una sala de negociación", "[{author.name}, de {author.orgName}, le agregó|{author.name} le agregó|Se le agregó] a una sala de negociación. Ábrala para ver lo que hay en ella."},
	}},
	Posted: {
		{
			when: partName + "=" + Mentioned,
			en:   Words{"[{author.name} mentioned you|You were mentioned] in a deal room", "[{author.name} of {author.orgName} named you in|{author.name} named you in|Your name is in] a message. Open the room to read it."},
			es:   Words{"[{author.name} le mencionó|Le mencionaron] en una sala de negociación", "[{author.name}, de {author.orgName}, le nombra en|{author.name} le nombra en|Su nombre está en] un mensaje. Abra la sala para leerlo."},
		},
		{
			when: "visibility=internal",
			en:   Words{"[{author.name} wrote|New message] at your company's desk", "[{author.name} left a message|There is a new message] for your company only, in a deal room. Open the room to read it."},
			es:   Words{"[{author.name} escribió|Nuevo mensaje] en la mesa de su empresa", "[{author.name} dejó un mensaje|Hay un mensaje nuevo] solo para su empresa, en una sala de negociación. Abra la sala para leerlo."},
		},
		{
			en: Words{"[{author.name} wrote|New message] in a deal room", "[{author.name} of {author.orgName} left|{author.name} left|There is] a message. Open the room to read it."},
			es: Words{"[{author.name} escribió|Nuevo mensaje] en una sala de negociación", "[{author.name}, de {author.orgName}, dejó|{author.name} dejó|Hay] un mensaje. Abra la sala para leerlo."},
		},
	},
	"deal_room.closed": {{
		en: Words{"A deal room was closed", "[{author.name} closed a deal room|A deal room that you take part in was closed]. You can still read what was said there."},
		es: Words{"Se cerró una sala de negociación", "[{author.name} cerró una sala de negociación|Se cerró una sala en la que participa]. Todavía puede leer lo que se dijo en ella."},
	}},
	"referral.created": {{
		en: Words{"A referral waits for you", "A referral[ about {entityType:thing}] waits for your decision."},
		es: Words{"Una consulta le espera", "Una consulta[ sobre {entityType:thing}] espera su decisión."},
	}},
	"referral.info_requested": {{
		en: Words{"Questions about your referral", "An underwriter needs to know more before your referral[ about {entityType:thing}] is decided."},
		es: Words{"Preguntas sobre su consulta", "Un suscriptor necesita saber más antes de decidir su consulta[ sobre {entityType:thing}]."},
	}},
	"referral.decided": {
		{
			when: "outcome=approved",
			en:   Words{"Your referral was approved", "Your referral[ about {entityType:thing}] was approved.[ The approval holds until {validUntil:date}.]"},
			es:   Words{"Su consulta fue aprobada", "Su consulta[ sobre {entityType:thing}] fue aprobada.[ La aprobación vale hasta el {validUntil:date}.]"},
		},
		{
			when: "outcome=approved_with_conditions",
			en:   Words{"Your referral was approved with conditions", "Your referral[ about {entityType:thing}] was approved. Open it to see the conditions.[ The approval holds until {validUntil:date}.]"},
			es:   Words{"Su consulta fue aprobada con condiciones", "Su consulta[ sobre {entityType:thing}] fue aprobada. Ábrala para ver las condiciones.[ La aprobación vale hasta el {validUntil:date}.]"},
		},
		{
			when: "outcome=countered",
			en:   Words{"Your referral got a counter-offer", "An underwriter would take it[ ({entityType:thing})] at other terms. Open it to see them.[ They hold until {validUntil:date}.]"},
			es:   Words{"Su consulta recibió una contraoferta", "Un suscriptor la aceptaría[ ({entityType:thing})] en otros términos. Ábrala para verlos.[ Valen hasta el {validUntil:date}.]"},
		},
		{
			when: "outcome=declined",
			en:   Words{"Your referral was declined", "Your referral[ about {entityType:thing}] was declined. Open it to read why."},
			es:   Words{"Su consulta fue rechazada", "Su consulta[ sobre {entityType:thing}] fue rechazada. Ábrala para leer por qué."},
		},
		{
			en: Words{"Your referral was decided", "Your referral[ about {entityType:thing}] was decided. Open it to read the decision."},
			es: Words{"Su consulta fue decidida", "Su consulta[ sobre {entityType:thing}] fue decidida. Ábrala para leer la decisión."},
		},
	},
	"referral.escalated": {{
		en: Words{"A referral was passed on to you", "A referral[ about {entityType:thing}] was not decided in time and waits for you now."},
		es: Words{"Le pasaron una consulta", "Una consulta[ sobre {entityType:thing}] no se decidió a tiempo y ahora espera su decisión."},
	}},
	"referral.answered": {{
		en: Words{"Your questions were answered", "What you asked about a referral[ about {entityType:thing}] was answered. It waits for you again."},
		es: Words{"Respondieron a sus preguntas", "Respondieron a lo que preguntó sobre una consulta[ sobre {entityType:thing}]. Le espera de nuevo."},
	}},
	"referral.confirmation_requested": {{
		en: Words{"A decision waits for a second person", "Somebody decided a referral[ about {entityType:thing}], and a second person has to agree."},
		es: Words{"Una decisión espera a una segunda persona", "Alguien decidió una consulta[ sobre {entityType:thing}] y una segunda persona debe confirmarla."},
	}},
	"referral.objected": {{
		en: Words{"Your decision was objected to", "The second person did not agree to your decision on a referral[ about {entityType:thing}]. Open it to read why."},
		es: Words{"Objetaron su decisión", "La segunda persona no está de acuerdo con su decisión sobre una consulta[ sobre {entityType:thing}]. Ábrala para leer por qué."},
	}},
	"referral.ended": {{
		en: Words{"A referral is over", "A referral[ about {entityType:thing}] no longer stands. Open it to see what happened."},
		es: Words{"Una consulta terminó", "Una consulta[ sobre {entityType:thing}] ya no vale. Ábrala para ver qué pasó."},
	}},
	"referral.condition_changed": {{
		en: Words{"A condition has changed", "There is news of a condition of an approval[ about {entityType:thing}]. Open the referral to see it."},
		es: Words{"Una condición cambió", "Hay novedades de una condición de una aprobación[ sobre {entityType:thing}]. Abra la consulta para verlas."},
	}},
	"referral.counter_answered": {{
		en: Words{"Your counter-offer was answered", "The terms that you proposed for a referral[ about {entityType:thing}] were answered. Open it to see how."},
		es: Words{"Respondieron a su contraoferta", "Respondieron a los términos que propuso para una consulta[ sobre {entityType:thing}]. Ábrala para ver cómo."},
	}},
	"referral.due_soon": {{
		en: Words{"A referral is due soon", "A referral[ about {entityType:thing}] has to be answered[ by {dueAt:date}| soon]."},
		es: Words{"Una consulta vence pronto", "Una consulta[ sobre {entityType:thing}] debe responderse[ antes del {dueAt:date}| pronto]."},
	}},
	"policy.bound": {{
		en: Words{"[Policy {policyNumber}|A policy] is bound", "[Cover runs from {effectiveDate:date} to {expirationDate:date}.|Cover starts on {effectiveDate:date}.|Cover is in place.][ The premium is {grossPremium:dollars}.]"},
		es: Words{"Póliza[ {policyNumber}] emitida", "[La cobertura va del {effectiveDate:date} al {expirationDate:date}.|La cobertura empieza el {effectiveDate:date}.|La cobertura está contratada.][ La prima es de {grossPremium:dollars}.]"},
	}},
	"policy.endorsed": {{
		en: Words{"[Policy {policyNumber}|A policy] was changed", "[The change counts from {effectiveDate:date}|The change was made].[ The premium changes by {premiumChange:change}.] Open the policy to see it."},
		es: Words{"Póliza[ {policyNumber}] modificada", "[El cambio vale desde el {effectiveDate:date}|El cambio está hecho].[ La prima cambia en {premiumChange:change}.] Abra la póliza para verlo."},
	}},
	"policy.cancelled": {{
		en: Words{"[Policy {policyNumber}|A policy] is cancelled", "[Cover ends on {effectiveDate:date}|The policy was cancelled].[ {returnPremium:change} of the premium is returned.] Open the policy to see the details."},
		es: Words{"Póliza[ {policyNumber}] cancelada", "[La cobertura termina el {effectiveDate:date}|La póliza fue cancelada].[ De la prima se devuelven {returnPremium:change}.] Abra la póliza para ver los detalles."},
	}},
	"policy.reinstated": {{
		en: Words{"[Policy {policyNumber}|A policy] is in force again", "The policy was reinstated[ from {effectiveDate:date}]."},
		es: Words{"Póliza[ {policyNumber}] rehabilitada", "La póliza está vigente de nuevo[ desde el {effectiveDate:date}]."},
	}},
	"policy.renewed": {{
		en: Words{"[Policy {policyNumber}|A policy] is renewed", "[The new term runs from {effectiveDate:date} to {expirationDate:date}.|The new term starts on {effectiveDate:date}.|A new term follows the old one.][ The premium is {grossPremium:dollars}.]"},
		es: Words{"Póliza[ {policyNumber}] renovada", "[El nuevo período va del {effectiveDate:date} al {expirationDate:date}.|El nuevo período empieza el {effectiveDate:date}.|Un nuevo período sigue al anterior.][ La prima es de {grossPremium:dollars}.]"},
	}},
	"policy.renewal_due": {{
		en: Words{"[Policy {policyNumber}|A policy] is due for renewal", "[Cover ends on {expirationDate:date}, in {days} days|Cover ends on {expirationDate:date}|Cover ends soon]. Renew the policy in time to stay covered."},
		es: Words{"Póliza[ {policyNumber}] por renovar", "[La cobertura termina el {expirationDate:date}, dentro de {days} días|La cobertura termina el {expirationDate:date}|La cobertura termina pronto]. Renueve la póliza a tiempo para seguir cubierto."},
	}},
	"claim.filed": {{
		en: Words{"[Claim {claimNumber}|A claim] was filed", "[The loss of {lossDate:date}|A loss] was reported."},
		es: Words{"Siniestro[ {claimNumber}] declarado", "Se declaró un siniestro[ del {lossDate:date}]."},
	}},
	"claim.reserved": {{
		en: Words{"Reserves were set[ on claim {claimNumber}]", "The reserves of [claim {claimNumber}|a claim] were set or changed."},
		es: Words{"Reservas fijadas[ en el siniestro {claimNumber}]", "Se fijaron o cambiaron las reservas [del siniestro {claimNumber}|de un siniestro]."},
	}},
	"claim.settled": {{
		en: Words{"[Claim {claimNumber}|A claim] is settled", "A settlement was approved. Open the claim to see it."},
		es: Words{"Siniestro[ {claimNumber}] liquidado", "Se aprobó una liquidación. Abra el siniestro para verla."},
	}},
	"claim.denied": {{
		en: Words{"[Claim {claimNumber}|A claim] was denied", "Open the claim to read why, and what you can do."},
		es: Words{"Siniestro[ {claimNumber}] denegado", "Abra el siniestro para leer por qué y qué puede hacer."},
	}},
	"claim.closed": {{
		en: Words{"[Claim {claimNumber}|A claim] is closed", "The claim was closed. Open it to see how it ended."},
		es: Words{"Siniestro[ {claimNumber}] cerrado", "El siniestro fue cerrado. Ábralo para ver cómo terminó."},
	}},
	"invoice.created": {{
		en: Words{"New invoice[ for {amount:dollars}]", "[{amount:dollars} is due on {dueDate:date}.|The invoice is due on {dueDate:date}.|Open the invoice to see when it is due.]"},
		es: Words{"Nueva factura[ de {amount:dollars}]", "[{amount:dollars} vencen el {dueDate:date}.|La factura vence el {dueDate:date}.|Abra la factura para ver cuándo vence.]"},
	}},
	"invoice.due_soon": {{
		en: Words{"An invoice is due[ on {dueDate:date}]", "[The invoice of {amount:dollars} for policy {policyNumber}|An invoice] is not paid yet.[ Please pay it by {dueDate:date}.]"},
		es: Words{"Una factura vence[ el {dueDate:date}]", "[La factura de {amount:dollars} de la póliza {policyNumber}|Una factura] está sin pagar.[ Páguela hasta el {dueDate:date}.]"},
	}},
	"invoice.overdue": {{
		en: Words{"An invoice is overdue[: {amount:dollars}]", "[The invoice for policy {policyNumber}|An invoice] is not paid.[ It was due on {dueDate:date}.] Please pay it now."},
		es: Words{"Una factura está vencida[: {amount:dollars}]", "[La factura de la póliza {policyNumber}|Una factura] está sin pagar.[ Venció el {dueDate:date}.] Páguela ahora."},
	}},
	"invoice.last_notice": {{
		en: Words{"Last notice of an invoice[: {amount:dollars}]", "[The invoice for policy {policyNumber}|An invoice] is still not paid.[ It was due on {dueDate:date}.] This is the last reminder."},
		es: Words{"Último aviso de una factura[: {amount:dollars}]", "[La factura de la póliza {policyNumber}|Una factura] sigue sin pagar.[ Venció el {dueDate:date}.] Este es el último recordatorio."},
	}},
	"payment.received": {{
		en: Words{"Payment received[: {amount:dollars}]", "Thank you. Your payment[ of {amount:dollars}] was received."},
		es: Words{"Pago recibido[: {amount:dollars}]", "Gracias. Se recibió su pago[ de {amount:dollars}]."},
	}},
	"payment.failed": {{
		en: Words{"A payment failed", "Your payment[ of {amount:dollars}] did not go through. Please try again, or pay in another way."},
		es: Words{"Un pago falló", "Su pago[ de {amount:dollars}] no se pudo hacer. Inténtelo de nuevo o pague de otra manera."},
	}},
	"document.ready": {{
		en: Words{"Your document is ready", "[The document {name}|The document that you uploaded] was processed."},
		es: Words{"Su documento está listo", "Se procesó [el documento {name}|el documento que subió]."},
	}},
	"da.limit_approaching": {{
		en: Words{"Delegated authority is nearly used up", "An agreement on delegated authority is close to what it allows. Open it to see how much is left."},
		es: Words{"La autoridad delegada está casi agotada", "Un acuerdo de autoridad delegada está cerca de lo que permite. Ábralo para ver cuánto queda."},
	}},
	"compliance.deadline_approaching": {{
		en: Words{"A filing is due[ on {dueDate:date}]", "[The filing “{name}” for {state}|The filing “{name}”|A filing] that you look after is due[ on {dueDate:date}| soon]."},
		es: Words{"Una presentación vence[ el {dueDate:date}]", "[La presentación «{name}» para {state}|La presentación «{name}»|Una presentación] a su cargo vence[ el {dueDate:date}| pronto]."},
	}},
	"webhook.disabled": {
		{
			when: "reason=gone",
			en:   Words{"A webhook was disabled", "[The webhook at {url:host}|A webhook] answered that it is gone for good. It gets nothing more until somebody enables it again."},
			es:   Words{"Se desactivó un webhook", "[El webhook en {url:host}|Un webhook] respondió que ya no existe. No recibe nada más hasta que alguien lo active de nuevo."},
		},
		{
			en: Words{"A webhook was disabled", "[The webhook at {url:host}|A webhook] failed for too long. It gets nothing more until somebody enables it again."},
			es: Words{"Se desactivó un webhook", "[El webhook en {url:host}|Un webhook] falló demasiado tiempo. No recibe nada más hasta que alguien lo active de nuevo."},
		},
	},
}

// WordsOf returns what a person reads of an event of a type with this data, by
// language. Members that data does not have leave sentences that read well
// without them. It reports false for types that persons do not hear.
func WordsOf(typ string, data []byte) (map[string]Words, bool) { return WordsFor(typ, "", data) }

// WordsFor is WordsOf for somebody in a part that may read of it in words of its
// own.
func WordsFor(typ, as string, data []byte) (map[string]Words, bool) {
	members := membersOf(data)
	for _, t := range words[typ] {
		if name, value, conditional := strings.Cut(t.when, "="); conditional {
			got, _ := members.text(name)
			if name == partName {
				got = as
			}
			if got != value {
				continue
			}
		}
		return map[string]Words{
			"en": {members.fill(t.en.Title, "en"), members.fill(t.en.Body, "en")},
			"es": {members.fill(t.es.Title, "es"), members.fill(t.es.Body, "es")},
		}, true
	}
	return nil, false
}
