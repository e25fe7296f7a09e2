package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	chunks  = 100
	apart   = 2 * time.Millisecond
	largest = 16 << 20
	// The keys stand at the beginning or at the end of a body, never in the middle of half a megabyte.
	margin = 512
)

const answer = `{"id":"chatcmpl-5f1c2a7e9b3d4f60","object":"chat.completion","created":1700000000,"model":"%s",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"logprobs":null,"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":1200,"completion_tokens":64,"total_tokens":1264}}`

const piece = `data: {"id":"chatcmpl-5f1c2a7e9b3d4f60","object":"chat.completion.chunk","created":1700000000,"model":"%s",` +
	`"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

const last = `data: {"id":"chatcmpl-5f1c2a7e9b3d4f60","object":"chat.completion.chunk","created":1700000000,"model":"%s",` +
	`"choices":[],"usage":{"prompt_tokens":1200,"completion_tokens":100,"total_tokens":1300}}` + "\n\n"

const done = "data: [DONE]\n\n"

const models = `{"object":"list","data":[{"id":"auto","object":"model","created":1700000000,"owned_by":"stub"}]}`

// usage is in the body of who wants a stream to tell of its tokens.
var usage = []byte(`"include_usage"`)

var text = strings.Repeat("The quick brown fox jumps over the lazy dog. ", 7)

// stub answers until its standard input ends, which is when whoever started it has gone.
func stub() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(listener.Addr())
	server := fasthttp.Server{
		Handler:               respond,
		MaxRequestBodySize:    largest,
		ReadBufferSize:        64 << 10,
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
	}
	return server.Serve(listener)
}

func respond(request *fasthttp.RequestCtx) {
	if !request.IsPost() {
		request.SetContentType("application/json")
		request.SetBodyString(models)
		return
	}
	body := request.PostBody()
	model := string(value(body, "model"))
	if model == "" {
		request.Error(`{"error":{"message":"no model","type":"invalid_request_error","code":"no_model"}}`, 400)
		return
	}
	if string(value(body, "stream")) == "true" {
		request.SetContentType("text/event-stream")
		tells := bytes.Contains(body, usage)
		request.SetBodyStreamWriter(func(to *bufio.Writer) { stream(to, model, tells) })
		return
	}
	request.SetContentType("application/json")
	fmt.Fprintf(request, answer, model, text)
}

// stream sends each piece at its own instant, so that a late one does not put off the rest.
func stream(to *bufio.Writer, model string, tells bool) {
	word := fmt.Appendf(nil, piece, model)
	begin := time.Now()
	for number := range chunks {
		time.Sleep(time.Until(begin.Add(time.Duration(number) * apart)))
		to.Write(word)
		if to.Flush() != nil {
			return
		}
	}
	if tells {
		fmt.Fprintf(to, last, model)
	}
	io.WriteString(to, done)
	to.Flush()
}

// value finds a plain member of the outer object. It is no parser: inside of a text quotes are escaped, so that `"key":`
// cannot stand there, and the bodies of this benchmark have such keys nowhere deeper.
func value(body []byte, key string) []byte {
	sides := [][]byte{body[:min(margin, len(body))], body[max(0, len(body)-margin):]}
	for _, side := range sides {
		if _, after, found := bytes.Cut(side, []byte(`"`+key+`":`)); found {
			after = bytes.TrimLeft(after, " ")
			if end := bytes.IndexAny(after, ",}"); end >= 0 {
				return bytes.Trim(after[:end], `"`)
			}
		}
	}
	return nil
}
