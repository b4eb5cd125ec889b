package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// attemptsMax bounds what one run keeps in memory: three hours of an attempt every 10 ms.
const attemptsMax = 1 << 20

type connector struct {
	address string
	timeout time.Duration
	mutex   sync.Mutex
	results []result
	lines   bool
	opened  int
}

// connect opens a connection every so often, or holds one open, and says how each attempt went. One JSON line per attempt
// with --lines, and always a summary as the last line: when --duration is over, or on SIGTERM and SIGINT.
func connect(args []string) error {
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	mode := flags.String("mode", "http", "http or tcp: a new connection per attempt; stream: one TCP connection; udp: one flow")
	everyMs := flags.Int("every", 10, "milliseconds between attempts")
	timeoutMs := flags.Int("timeout", 1000, "milliseconds an attempt may take")
	duration := flags.Duration("duration", 0, "end after this time; 0 means on SIGTERM")
	lines := flags.Bool("lines", false, "print a line per attempt")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *everyMs < 1 || *timeoutMs < 1 {
		return errors.New("usage: tools connect [--mode http|tcp|stream|udp] [--every MS] [--timeout MS] [--duration 10s] [--lines] ADDRESS:PORT")
	}
	c := &connector{address: flags.Arg(0), timeout: time.Duration(*timeoutMs) * time.Millisecond, lines: *lines}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		if *duration > 0 {
			select {
			case <-stop:
			case <-time.After(*duration):
			}
		} else {
			<-stop
		}
		close(done)
	}()
	ticker := time.NewTicker(time.Duration(*everyMs) * time.Millisecond)
	defer ticker.Stop()
	switch *mode {
	case "http", "tcp":
		c.each(ticker.C, done, *mode)
	case "stream":
		c.stream(ticker.C, done)
	case "udp":
		c.flow(ticker.C, done)
	default:
		return fmt.Errorf("no mode %q", *mode)
	}
	s := summarise(c.results)
	s.Connections = c.opened
	return json.NewEncoder(os.Stdout).Encode(s)
}

func (c *connector) note(start time.Time, reply answer, err error) {
	r := result{
		StartMs: float64(start.UnixMicro()) / 1000, LatencyMs: float64(time.Since(start).Microseconds()) / 1000,
		OK: err == nil, Pod: reply.Pod, Node: reply.Node, SeenClient: reply.Client,
	}
	if err != nil {
		r.Error = reason(err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.results) < attemptsMax {
		c.results = append(c.results, r)
	}
	if c.lines {
		json.NewEncoder(os.Stdout).Encode(r)
	}
}

// errStalled is the end of a connection that was accepted and then had no answer in time. It is told from one that was never
// accepted ("timeout"): connection tracking that drops what it does not know makes the first, a silent address the second.
var errStalled = errors.New("stalled")

func onceOpen(err error) error {
	if isTimeout(err) {
		return errStalled
	}
	return err
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// reason is the innermost error without addresses and ports, so that equal failures count as equal.
func reason(err error) string {
	if isTimeout(err) {
		return "timeout"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return strings.TrimSpace(err.Error())
}

// each starts an attempt at every tick whether or not the ones before have ended, as many clients would.
func (c *connector) each(tick <-chan time.Time, done <-chan struct{}, mode string) {
	var running sync.WaitGroup
	defer running.Wait()
	ask := c.askLine
	if mode == "http" {
		ask = c.askHTTP
	}
	for {
		select {
		case <-done:
			return
		case <-tick:
			running.Go(func() {
				start := time.Now()
				reply, err := ask(start.Add(c.timeout))
				c.note(start, reply, err)
			})
		}
	}
}

func (c *connector) dial(network string, deadline time.Time) (net.Conn, error) {
	conn, err := (&net.Dialer{Deadline: deadline}).Dial(network, c.address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(deadline)
}

func (c *connector) askHTTP(deadline time.Time) (reply answer, err error) {
	conn, err := c.dial("tcp", deadline)
	if err != nil {
		return reply, err
	}
	defer conn.Close()
	defer func() { err = onceOpen(err) }()
	if _, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.address); err != nil {
		return reply, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return reply, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return reply, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(body, &reply)
}

func (c *connector) askLine(deadline time.Time) (reply answer, err error) {
	conn, err := c.dial("tcp", deadline)
	if err != nil {
		return reply, err
	}
	defer conn.Close()
	reply, err = exchange(conn, bufio.NewReader(conn), "hello")
	return reply, onceOpen(err)
}

func exchange(conn net.Conn, reader *bufio.Reader, text string) (reply answer, err error) {
	if _, err = fmt.Fprintln(conn, text); err != nil {
		return reply, err
	}
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(line, &reply)
}

// stream holds one connection and asks on it again and again; a broken one is counted and opened anew.
func (c *connector) stream(tick <-chan time.Time, done <-chan struct{}) {
	var conn net.Conn
	var reader *bufio.Reader
	for {
		select {
		case <-done:
			return
		case <-tick:
		}
		start := time.Now()
		deadline := start.Add(c.timeout)
		var reply answer
		var err error
		if conn == nil {
			if conn, err = c.dial("tcp", deadline); err == nil {
				reader = bufio.NewReader(conn)
				c.opened++
			}
		}
		if err == nil {
			conn.SetDeadline(deadline)
			reply, err = exchange(conn, reader, "hello")
		}
		c.note(start, reply, err)
		if err != nil && conn != nil {
			conn.Close()
			conn = nil
		}
	}
}

// flow sends numbered datagrams from one port; what has no reply in time was lost.
func (c *connector) flow(tick <-chan time.Time, done <-chan struct{}) {
	conn, err := net.Dial("udp", c.address)
	if err != nil {
		c.note(time.Now(), answer{}, err)
		return
	}
	defer conn.Close()
	waiting := map[string]time.Time{}
	var mutex sync.Mutex
	take := func(key string) (time.Time, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		start, found := waiting[key]
		delete(waiting, key)
		return start, found
	}
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, err := conn.Read(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var reply answer
			// A refused datagram is an error of the read; its own time-out counts it.
			if err != nil || json.Unmarshal(bytes.TrimSpace(buffer[:n]), &reply) != nil {
				continue
			}
			if start, found := take(reply.Echo); found {
				c.note(start, reply, nil)
			}
		}
	}()
	var pending sync.WaitGroup
	for number := 0; ; number++ {
		select {
		case <-done:
			pending.Wait()
			return
		case <-tick:
		}
		key := fmt.Sprint(number)
		mutex.Lock()
		waiting[key] = time.Now()
		mutex.Unlock()
		conn.Write([]byte(key))
		pending.Add(1)
		time.AfterFunc(c.timeout, func() {
			defer pending.Done()
			if start, found := take(key); found {
				c.note(start, answer{}, os.ErrDeadlineExceeded)
			}
		})
	}
}
