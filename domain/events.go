package domain

import (
	"fmt"
	"reflect"
)

// Kind is a shape in which events are stored. Name and Schema never change their meaning; a changed shape is a new Schema.
type Kind struct {
	Name   string
	Schema int
	Type   reflect.Type
}

func kind[E any](schema int) Kind {
	t := reflect.TypeFor[E]()
	return Kind{Name: t.Name(), Schema: schema, Type: t}
}

// Kinds lists every event ever stored. An event type's Go name is its name in the log.
// Fields tagged personal:"legal" or personal:"contact" are sealed in the log with a key of the person or document that the field tagged
// personal:"subject" names: legal ones are kept as long as the law says, contact ones until the person asks for erasure. A field
// tagged since:"2" lies open in events of schema 1. All older schemas are still read, and written again as they were.
var Kinds = []Kind{
	kind[ProgramListed](1),
	kind[VersionReleased](1),
	kind[PriceSet](1),
	kind[PriceWithdrawn](1),

	kind[CustomerRegistered](1),
	kind[LoginGranted](1),
	kind[LoginLetterSent](1),
	kind[LoginLetterFailed](1),
	kind[LoginLetterSkipped](2),
	kind[LoginLocked](1),
	kind[LoginUnlocked](1),
	kind[DistributorAssigned](1),
	kind[DistributorRemoved](1),
	kind[ActivationEmailCorrected](1),
	kind[ErasureProposed](1),
	kind[ErasureWithdrawn](1),
	kind[ErasureConfirmed](1),
	kind[PersonalDataErased](1),

	kind[LicenceGranted](1),
	kind[LicenceOrdered](1),
	kind[UpdateOrdered](1),
	kind[LicencePaid](1),
	kind[LicencePaymentWithdrawn](1),
	kind[LicenceOrderWithdrawn](1),

	kind[ItemAddedToCart](1),
	kind[ItemRemovedFromCart](1),
	kind[ItemRepriced](1),
	kind[ItemDropped](1),
	kind[CartSubmitted](1),
	kind[CartReturned](1),

	kind[OrderNumberAssigned](1),
	kind[OrderSubmitted](1),
	kind[OrderDeclined](1),
	kind[OrderCancelled](1),
	kind[LicencesReleased](1),
	kind[PaymentReceived](1),
	kind[PaymentTakenBack](1),
	kind[UnderpaymentWaived](1),
	kind[ProformaNumberAssigned](1),
	kind[ProformaIssued](1),
	kind[InvoiceNumberClaimed](1),
	kind[InvoiceRecorded](1),
	kind[OrderExpired](1),
	kind[OrderRevived](1),
	kind[OrderLapsed](1),
	kind[BalanceLetterSent](1),

	kind[StatementImported](1),
	kind[TransferReceived](1),
	kind[TransferMatched](2),
	kind[TransferReleased](2),
	kind[TransferCredited](2),
	kind[CreditWithdrawn](1),
	kind[MatchProposed](2),
	kind[MatchRejected](2),
	kind[RefundProposed](2),
	kind[RefundConfirmed](1),
	kind[RefundRejected](2),
	kind[RefundPaid](1),
	kind[TransferReversed](1),
	kind[ReversalReceived](1),
	kind[ReversalMatched](2),

	kind[PeriodClosed](1),
	kind[PeriodSealed](1),

	kind[LetterSent](1),
	kind[LicencesMarkedPaid](1),
	kind[LicencesMarkedUnpaid](1),
	kind[ActivationFileIssued](1),
	kind[ActivationFileSent](1),
	kind[ActivationFileResendRequested](1),
	kind[TaskFailed](1),
	kind[TaskRetryRequested](1),
	kind[TaskSkipped](2),

	kind[MessagePoisoned](1),

	kind[LogInspected](1),
	kind[RowRepairRequested](1),

	kind[CheckpointLetterOwed](1),
	kind[CheckpointLetterSent](1),
	kind[CheckpointLetterFailed](1),
	kind[CheckpointLetterDropped](1),

	kind[KeyChangeProposed](1),
	kind[KeyChangeWithdrawn](1),
	kind[KeyChangeConfirmed](1),
	kind[KeyChanged](1),
}

var schemas = func() map[reflect.Type]int {
	byType := map[reflect.Type]int{}
	for _, k := range Kinds {
		byType[k.Type] = k.Schema
	}
	return byType
}()

// SchemaOf is the version under which an event is stored today. An event that is not listed in [Kinds] is a mistake in
// the program, not in the data.
func SchemaOf(event Event) int {
	schema, ok := schemas[reflect.TypeOf(event)]
	if !ok {
		panic(fmt.Sprintf("domain: %T is not listed in Kinds", event))
	}
	return schema
}
