package registryclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"vidimus/api/registryclient"
)

// A registry tells the office of a person with a licence, in the order of its
// numbers. What was not acknowledged is pushed again as it is.
func ExampleClient_Push() {
	office := newOffice() // stands for the office
	defer office.Close()
	c := office.client()

	events := []registryclient.Event{
		{Subject: "P-1", Seq: 1, JTI: "1", Payload: registryclient.PersonPut{Attributes: map[string]any{
			"family_name": "Weber", "given_name": "Marie", "birth_date": "1984-01-26",
		}}},
		{Subject: "P-1", Seq: 2, JTI: "2", Payload: registryclient.DocumentPut{
			Number: "L-1", Type: "mdl", IssueDate: "2026-09-01", IssuingAuthority: "SNCA", IssuingCountry: "LU",
		}},
	}
	for _, e := range events {
		set, err := c.Sign(e) // keep it until it is acknowledged
		if err != nil {
			log.Fatal(err)
		}
		for {
			err := c.Push(context.Background(), set)
			if errors.Is(err, registryclient.ErrTryAgain) {
				time.Sleep(time.Second) // not to knock without a pause
				continue
			}
			var refused *registryclient.Refusal
			if errors.As(err, &refused) {
				log.Fatal(refused.Description) // correct it, sign it anew
			}
			break
		}
		fmt.Println("event", set.JTI, "is durable")
	}
	// Output:
	// event 1 is durable
	// event 2 is durable
}

// A police force withdraws a licence at the roadside: the court has three days
// to confirm, or it lapses.
func ExampleClient_Sign() {
	office := newOffice()
	defer office.Close()
	c := office.client()

	decided := time.Date(2026, 9, 1, 2, 30, 0, 0, time.UTC)
	set, err := c.Sign(registryclient.Event{
		Subject: "P-1", Seq: 1, JTI: "pv-2026-4711", Effective: decided, Decision: "PV 4711",
		Payload: registryclient.MeasureAdded{
			ID: "M-4711", Kind: registryclient.ProvisionalWithdrawal, Right: registryclient.Right{Kind: "driving", Territory: "LU"},
			Orders: registryclient.Orders{Authority: "Police grand-ducale", ConfirmBy: decided.AddDate(0, 0, 3)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.JTI, strings.Count(set.Token, "."))
	// Output: pv-2026-4711 2
}

// A registry reads what became of its events from where it stopped.
func ExampleClient_Receipts() {
	office := newOffice()
	defer office.Close()
	c := office.client()
	for n := 1; n <= 3; n++ {
		set, err := c.Sign(put(n))
		if err != nil {
			log.Fatal(err)
		}
		if err := c.Push(context.Background(), set); err != nil {
			log.Fatal(err)
		}
	}

	var last uint64 = 1 // as it was kept
	for r, err := range c.Receipts(context.Background(), last) {
		if err != nil {
			log.Fatal(err) // call again later with last
		}
		receipt, err := c.VerifyReceipt(r.Receipt, &office.key.PublicKey)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Number, receipt.Event, receipt.State)
		last = r.Number // keep it
	}
	// Output:
	// 2 j2 covered
	// 3 j3 covered
}

// A registry lets the office post receipts as they come.
func ExampleClient_ReceiptHandler() {
	office := newOffice()
	defer office.Close()
	c := office.client()

	hook := httptest.NewServer(c.ReceiptHandler(&office.key.PublicKey, func(_ context.Context, r *registryclient.Receipt) error {
		fmt.Println(r.Event, "covered in", len(r.Lists), "list")
		return nil
	}))
	defer hook.Close()

	res, err := http.Post(hook.URL, registryclient.ReceiptType, strings.NewReader(office.receipt("j7", nil))) // as the office does
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	fmt.Println(res.StatusCode)
	// Output:
	// j7 covered in 1 list
	// 204
}
