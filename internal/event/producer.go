package event

// ProducerCreated is the payload of producer.created.
type ProducerCreated struct {
	ProducerID string `json:"producerId"`
	LegalName  string `json:"legalName"`
	Type       string `json:"type" enum:"individual,agency,mga,wholesaler"`
	NPN        string `json:"npn"`
	ExternalID string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (ProducerCreated) EventType() string { return "producer.created" }

// ProducerStatusChanged is the payload of producer.status_changed.
type ProducerStatusChanged struct {
	ProducerID string `json:"producerId"`
	LegalName  string `json:"legalName"`
	Before     string `json:"before" enum:"pending,active,suspended,terminated"`
	Status     string `json:"status" enum:"pending,active,suspended,terminated"`
	ExternalID string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (ProducerStatusChanged) EventType() string { return "producer.status_changed" }

// AppointmentChanged is the payload of producer.appointment_changed.
type AppointmentChanged struct {
	ProducerID    string `json:"producerId"`
	AppointmentID string `json:"appointmentId"`
	Carrier       string `json:"carrier"`
	CarrierID     string `json:"carrierId,omitempty"`
	State         string `json:"state"`
	Status        string `json:"status" enum:"pending,filed,active,rejected,terminated,noticed"`
}

// EventType implements Payload.
func (AppointmentChanged) EventType() string { return "producer.appointment_changed" }

var producerTypes = []Type{
	{
		Name: "producer.created", Description: "A producer was taken on.", Resource: "producers", Audiences: []string{Admin}, Webhook: true,
		Example: ProducerCreated{ProducerID: "prd_01J8K3M4N5P6Q7R8S9T0V1W2X3", LegalName: "Harbor Brokers LLC", Type: "agency", NPN: "1234567"},
	},
	{
		Name: "producer.status_changed", Description: "A producer was activated, suspended or terminated.", Resource: "producers",
		Audiences: []string{Admin}, Webhook: true,
		Example: ProducerStatusChanged{ProducerID: "prd_01J8K3M4N5P6Q7R8S9T0V1W2X3", LegalName: "Harbor Brokers LLC", Before: "pending", Status: "active"},
	},
	{
		Name: "producer.appointment_changed", Description: "An appointment of a producer was made, or went on.", Resource: "producers",
		Audiences: []string{Admin}, Webhook: true,
		Example: AppointmentChanged{
			ProducerID: "prd_01J8K3M4N5P6Q7R8S9T0V1W2X3", AppointmentID: "apt_01J8K3M4N5P6Q7R8S9T0V1W2X3", Carrier: "Summit Casualty",
			CarrierID: "car_01J8K3M4N5P6Q7R8S9T0V1W2X3", State: "OR", Status: "filed",
		},
	},
}
