package officebench

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/portrait"
)

// pushing is what the pushing process is told: the registries of a state, one of
// persons, one of licences, and others of both.
type pushing struct {
	Endpoint, Audience string
	Roots              string // of the listener's certificate; "" without TLS
	Sources            []pushingSource
	People             int // P-000000000 and on
}

type pushingSource struct {
	Name, KeyID, Key    string
	Certificate, TLSKey string
}

// pushed is the answer to one command.
type pushed struct {
	Events, Octets int
	Began          time.Time     // the first request
	Took           time.Duration // from then on
	CPU            time.Duration
	Waits          []time.Duration // for each request
	Failed         string
}

// pushEvents is the child: it obeys the commands "batches N", "single N" and
// "beside N" on its input: N batches of each registry, N events one by one, the
// same while the other registry pushes batches.
func pushEvents(p pushing) error {
	var all []*pusher
	for i, s := range p.Sources {
		one, err := newPusher(p, s, uint64(i))
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var word string
		var n int
		if _, err := fmt.Sscan(in.Text(), &word, &n); err != nil {
			return err
		}
		used := cpu()
		answers := make([]pushed, len(all))
		var wg sync.WaitGroup
		switch word {
		case "batches":
			for i, one := range all {
				wg.Go(func() { answers[i] = one.batches(n, nil) })
			}
		case "single":
			answers[0] = all[0].singles(n)
		case "beside":
			done := make(chan struct{})
			wg.Go(func() { all[1].batches(1<<30, done) })
			answers[0] = all[0].singles(n)
			close(done)
		default:
			return errors.New("no such command")
		}
		wg.Wait()
		sum := pushed{CPU: cpu() - used}
		for _, a := range answers {
			sum.Events, sum.Octets = sum.Events+a.Events, sum.Octets+a.Octets
			sum.Waits = append(sum.Waits, a.Waits...)
			sum.Failed += a.Failed
			if sum.Began.IsZero() || !a.Began.IsZero() && a.Began.Before(sum.Began) {
				sum.Began = a.Began
			}
		}
		sum.Took = time.Since(sum.Began)
		if err := out.Encode(sum); err != nil {
			return err
		}
	}
	return nil
}

// pusher is one registry.
type pusher struct {
	client *registryclient.Client
	random *rand.Rand
	number uint64 // 0 tells of persons, 1 of licences, others of both
	people int
	seq    uint64
	faces  [][]byte
	banned [][2]string // person, measure
}

func newPusher(p pushing, s pushingSource, n uint64) (*pusher, error) {
	key, err := readKey(s.Key)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	if p.Roots != "" {
		roots, err := os.ReadFile(p.Roots)
		if err != nil {
			return nil, err
		}
		own, err := tls.LoadX509KeyPair(s.Certificate, s.TLSKey)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{own}}
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(roots)
	}
	one := &pusher{
		client: &registryclient.Client{
			Endpoint: p.Endpoint, Source: s.Name, Audience: p.Audience, Signer: key, KeyID: s.KeyID, HTTP: &http.Client{Transport: transport},
		},
		random: rand.New(rand.NewPCG(1, n)), number: n, people: p.People,
	}
	for i := range 8 {
		face, err := portrait.Draw(i)
		if err != nil {
			return nil, err
		}
		one.faces = append(one.faces, face)
	}
	return one, nil
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(*ecdsa.PrivateKey), nil
}

// ahead is how many batches a registry has signed while one is on its way.
const ahead = 2

// batches pushes n batches, or until done: while one is on its way the next are
// signed.
func (p *pusher) batches(n int, done <-chan struct{}) (sum pushed) {
	signed := make(chan []registryclient.SET, ahead)
	go func() {
		defer close(signed)
		for range n {
			select {
			case <-done:
				return
			default:
			}
			batch := make([]registryclient.SET, registryclient.MaxBatch)
			for i := range batch {
				var err error
				if batch[i], err = p.next(); err != nil {
					panic(err)
				}
			}
			signed <- batch
		}
	}()
	// What is signed is sent also after done: its numbers are used.
	for batch := range signed {
		if sum.Failed == "" {
			sum.add(p.push(batch))
		}
	}
	return sum
}

func (sum *pushed) add(one pushed) {
	sum.Events, sum.Octets = sum.Events+one.Events, sum.Octets+one.Octets
	sum.Waits = append(sum.Waits, one.Waits...)
	sum.Failed += one.Failed
	if sum.Began.IsZero() {
		sum.Began = one.Began
	}
}

func (p *pusher) push(batch []registryclient.SET) (one pushed) {
	began := time.Now()
	answer, err := p.client.PushBatch(context.Background(), batch)
	one.Began, one.Waits = began, []time.Duration{time.Since(began)}
	switch {
	case err != nil:
		one.Failed = err.Error()
	case len(answer.Acks) != len(batch):
		one.Failed = fmt.Sprintf("%d of %d acknowledged;", len(answer.Acks), len(batch))
		for _, why := range answer.Refused {
			one.Failed += " " + why.Error()
			break
		}
	}
	for _, s := range batch {
		one.Octets += len(s.Token)
	}
	one.Events = len(batch)
	return one
}

func (p *pusher) singles(n int) (sum pushed) {
	for range n {
		set, err := p.next()
		if err != nil {
			panic(err)
		}
		began := time.Now()
		if sum.Began.IsZero() {
			sum.Began = began
		}
		if err := p.client.Push(context.Background(), set); err != nil {
			sum.Failed += err.Error() + "; "
		}
		sum.Waits = append(sum.Waits, time.Since(began))
		sum.Events, sum.Octets = sum.Events+1, sum.Octets+len(set.Token)
	}
	return sum
}

// next signs what a registry says: of a hundred events of the registry of
// persons twenty have a portrait; that of licences states rights and documents,
// and bans and reinstates drivers.
func (p *pusher) next() (registryclient.SET, error) {
	p.seq++
	n := p.random.IntN(p.people) // one in ten has copies on a phone
	person := fmt.Sprintf("P-%09d", n)
	e := registryclient.Event{Subject: person, Seq: p.seq}
	driving := registryclient.Right{Kind: "driving", Territory: "LU"}
	what := p.random.IntN(100)
	switch {
	case p.number == 0 || p.number > 1 && p.seq%2 == 0:
		e.Payload = registryclient.PersonPut{Attributes: p.attributes(n, what < 20)}
	case what < 40:
		put := registryclient.EntitlementPut{Kind: driving.Kind, Territory: driving.Territory}
		for i, c := range []string{"AM", "A", "B", "BE", "C1", "C"} {
			put.Privileges = append(put.Privileges, registryclient.Privilege{
				Category: c, IssueDate: "2017-02-23", ExpiryDate: fmt.Sprintf("20%d-10-20", 35+p.random.IntN(10)),
				Codes: []registryclient.Code{{Code: fmt.Sprintf("%02d", 1+i), Sign: "=", Value: "1"}},
			})
		}
		e.Payload = put
	case what < 70:
		e.Payload = registryclient.DocumentPut{
			Number: fmt.Sprintf("L-%09d", n), Type: "mdl", IssueDate: "2024-01-02", ExpiryDate: fmt.Sprintf("2046-0%d-30", 4+p.random.IntN(6)),
			IssuingAuthority: "Ministère de la Mobilité et des Travaux publics", IssuingCountry: "LU", UNDistinguishingSign: "L",
		}
	case what < 90 || len(p.banned) == 0:
		id := fmt.Sprint("M-", p.number, "-", p.seq)
		p.banned = append(p.banned, [2]string{person, id})
		kinds := []string{registryclient.ProvisionalWithdrawal, registryclient.PointsSuspension, registryclient.CourtBan}
		e.Payload = registryclient.MeasureAdded{
			ID: id, Kind: kinds[p.random.IntN(len(kinds))], Right: driving,
			Orders: registryclient.Orders{Authority: "Tribunal d’arrondissement", LegalBasis: "loi modifiée du 14 février 1955, art. 13"},
		}
	default:
		i := p.random.IntN(len(p.banned))
		e.Subject, e.Payload = p.banned[i][0], registryclient.MeasureLifted{ID: p.banned[i][1], Reason: "served"}
		p.banned = slices.Delete(p.banned, i, i+1)
	}
	return p.client.Sign(e)
}

// attributes are 3 KB about a person, and a portrait of 20 KB where wanted.
func (p *pusher) attributes(n int, portrait bool) map[string]any {
	a := map[string]any{
		"family_name": "Weber", "given_name": "Léa", "birth_date": "1984-01-26", "nationality": []string{"LU"}, "sex": 2, "height": 172,
		"place_of_birth": map[string]string{"country": "LU", "region": "LU-L", "locality": "Lëtzebuerg"}, "resident_country": "LU",
		"resident_house_number": fmt.Sprint(p.random.IntN(10_000)), "personal_administrative_number": fmt.Sprintf("19840126%05d", n%100_000),
	}
	for _, name := range []string{
		"family_name_birth", "given_name_birth", "birth_place", "resident_address", "resident_street", "resident_city", "resident_state",
		"family_name_national_character", "given_name_national_character", "email_address", "eye_colour", "hair_colour",
	} {
		a[name] = strings.Repeat("Esch-sur-Alzette, ", 8)[:140] + name[:4]
	}
	a["resident_postal_code"] = strings.Repeat("L-4001 ", 20)
	if portrait {
		a["portrait"] = p.faces[n%len(p.faces)]
	}
	return a
}
