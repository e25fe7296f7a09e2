package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const patience = 20 * time.Second

// plan is what a run is to do.
type plan struct {
	address     string
	connections int
	seconds     float64
	warm        float64
	rate        float64
	streams     bool
	key         string
	model       string
	bodies      [][]byte
}

// result is what the run found. Times are in microseconds, of each request that was answered as it should be.
type result struct {
	Completed int       `json:"completed"`
	Failed    int       `json:"failed"`
	Failure   string    `json:"failure"`
	Wrong     string    `json:"wrong"`
	Seconds   float64   `json:"seconds"`
	Behind    float64   `json:"behind"`
	Latency   []float64 `json:"latency"`
	FirstByte []float64 `json:"first_byte"`
}

// load warms up, says "ready", waits for a line on its standard input, so that whoever counts CPU can look before and
// after, and then measures. No request is under way at either moment.
func load(arguments []string) error {
	p, err := planned(arguments)
	if err != nil {
		return err
	}
	crew := newCrew(p)
	crew.closed(p.warm)
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	crew.forget()
	begin := time.Now()
	var behind time.Duration
	if p.rate > 0 {
		behind = crew.open(p.rate, p.seconds)
	} else {
		crew.closed(p.seconds)
	}
	found := crew.result()
	found.Seconds, found.Behind = time.Since(begin).Seconds(), behind.Seconds()
	return json.NewEncoder(os.Stdout).Encode(found)
}

func planned(arguments []string) (plan, error) {
	var p plan
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&p.address, "address", "", "HOST:PORT to ask")
	flags.IntVar(&p.connections, "connections", 16, "connections that are kept alive")
	flags.Float64Var(&p.seconds, "seconds", 1, "how long to measure")
	flags.Float64Var(&p.warm, "warm", 0.3, "how long to warm up first")
	flags.Float64Var(&p.rate, "rate", 0, "requests per second; without it each connection asks as fast as it can")
	flags.BoolVar(&p.streams, "streams", false, "the bodies ask for streams")
	flags.StringVar(&p.model, "model", "", "the model from which every answer has to come")
	flags.StringVar(&p.key, "key", "", "a bearer token to send")
	folder := flags.String("bodies", "", "the folder with a file for each body")
	if err := flags.Parse(arguments); err != nil {
		return p, err
	}
	names, err := filepath.Glob(filepath.Join(*folder, "*.json"))
	if err != nil || len(names) == 0 {
		return p, fmt.Errorf("no bodies in %q", *folder)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			return p, err
		}
		p.bodies = append(p.bodies, body)
	}
	return p, nil
}

// caller is one connection.
type caller struct {
	plan    *plan
	crew    *crew
	client  fasthttp.HostClient
	buffer  []byte
	outcome result
}

// crew is all callers of one run; they take turns through all bodies.
type crew struct {
	plan    plan
	callers []*caller
	next    atomic.Int64
}

func newCrew(p plan) *crew {
	c := &crew{plan: p}
	for range p.connections {
		c.callers = append(c.callers, &caller{plan: &c.plan, crew: c, buffer: make([]byte, 64<<10), client: fasthttp.HostClient{
			Addr:                      p.address,
			MaxConns:                  1,
			ReadTimeout:               patience,
			WriteTimeout:              patience,
			ReadBufferSize:            64 << 10,
			NoDefaultUserAgentHeader:  true,
			StreamResponseBody:        p.streams,
			MaxIdemponentCallAttempts: 1,
		}})
	}
	return c
}

func (c *crew) forget() {
	for _, one := range c.callers {
		one.outcome = result{}
	}
}

// closed keeps every connection busy.
func (c *crew) closed(seconds float64) {
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	c.together(func(one *caller) {
		for begin := time.Now(); begin.Before(end); begin = time.Now() {
			one.ask(begin)
		}
	})
}

// open asks at instants that do not depend on the answers, and says how long after the last of them the last answer came.
func (c *crew) open(rate, seconds float64) time.Duration {
	due := make(chan time.Time, int(rate*seconds)+1)
	end := make(chan time.Time, 1)
	go func() { end <- schedule(due, rate, seconds) }()
	c.together(func(one *caller) {
		for instant := range due {
			// What nobody waits for any longer was not answered, and the run ends.
			if time.Since(instant) > patience/4 {
				one.fail(errors.New("not sent: all connections were busy for too long"))
				continue
			}
			one.ask(instant)
		}
	})
	return time.Since(<-end)
}

func (c *crew) together(work func(*caller)) {
	var all sync.WaitGroup
	for _, one := range c.callers {
		all.Go(func() { work(one) })
	}
	all.Wait()
}

func (c *crew) result() result {
	all := result{Latency: []float64{}, FirstByte: []float64{}}
	for _, one := range c.callers {
		all.Completed += one.outcome.Completed
		all.Failed += one.outcome.Failed
		all.Failure = max(all.Failure, one.outcome.Failure)
		all.Wrong = max(all.Wrong, one.outcome.Wrong)
		all.Latency = append(all.Latency, one.outcome.Latency...)
		all.FirstByte = append(all.FirstByte, one.outcome.FirstByte...)
	}
	return all
}

func (c *caller) fail(err error) {
	c.outcome.Failed++
	c.outcome.Failure = err.Error()
}

// ask sends the next body. Its time counts from the given instant, also where that has passed.
func (c *caller) ask(since time.Time) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod("POST")
	request.Header.SetContentType("application/json")
	request.SetRequestURI("http://" + c.plan.address + "/v1/chat/completions")
	if c.plan.key != "" {
		request.Header.Set("authorization", "Bearer "+c.plan.key)
	}
	asked := c.plan.bodies[int(c.crew.next.Add(1)-1)%len(c.plan.bodies)]
	request.SetBodyRaw(asked)
	if err := c.client.Do(request, response); err != nil {
		c.fail(err)
		return
	}
	body, first, err := c.read(response)
	if err != nil {
		c.fail(err)
		return
	}
	took := microseconds(since)
	if wrong := c.wrong(response.StatusCode(), body, bytes.Contains(asked, usage)); wrong != "" {
		c.outcome.Wrong = wrong
		return
	}
	c.outcome.Completed++
	c.outcome.Latency = append(c.outcome.Latency, took)
	if c.plan.streams {
		c.outcome.FirstByte = append(c.outcome.FirstByte, float64(first.Sub(since).Nanoseconds())/1000)
	}
}

func microseconds(since time.Time) float64 {
	return float64(time.Since(since).Nanoseconds()) / 1000
}

// read takes the whole answer, and notes when the first byte of it was there.
func (c *caller) read(response *fasthttp.Response) ([]byte, time.Time, error) {
	if !c.plan.streams || response.BodyStream() == nil {
		return response.Body(), time.Now(), nil
	}
	var first time.Time
	length := 0
	for {
		if length == len(c.buffer) {
			c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
		}
		read, err := response.BodyStream().Read(c.buffer[length:])
		if read > 0 && first.IsZero() {
			first = time.Now()
		}
		length += read
		if errors.Is(err, io.EOF) {
			return c.buffer[:length], first, nil
		}
		if err != nil {
			return nil, first, err
		}
	}
}

// wrong says what is not as it should be with an answer that did come. Some write JSON with spaces.
func (c *caller) wrong(status int, body []byte, tells bool) string {
	words := bytes.Count(body, []byte(`"content":" word"`)) + bytes.Count(body, []byte(`"content": " word"`))
	switch {
	case status != 200:
		return fmt.Sprintf("status %d: %.300s", status, body)
	case string(value(body, "model")) != c.plan.model:
		return fmt.Sprintf("not from %s: %.300s", c.plan.model, body)
	case c.plan.streams && !bytes.HasSuffix(bytes.TrimSpace(body), []byte("data: [DONE]")):
		return fmt.Sprintf("a stream without its end: %.300s", body[max(0, len(body)-300):])
	case tells && !bytes.Contains(body, []byte(`"usage":{"`)) && !bytes.Contains(body, []byte(`"usage": {"`)):
		return fmt.Sprintf("a stream without usage: %.300s", body[max(0, len(body)-300):])
	case c.plan.streams && words != chunks:
		return fmt.Sprintf("a stream of %d chunks: %.300s", words, body)
	}
	return ""
}
