package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"testing"
	"time"
)

func ok(at float64) result {
	return result{StartMs: at, OK: true, Pod: "p", Node: "n", SeenClient: "c"}
}
func failed(at float64) result { return result{StartMs: at, Error: "timeout"} }

func TestGapsOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		results []result
		want    []gap
	}{
		{"nothing", nil, []gap{}},
		{"all well", []result{ok(0), ok(10), ok(20)}, []gap{}},
		{"one failure", []result{ok(0), failed(10), ok(20)}, []gap{{0, 20, 1}}},
		{"a run of failures", []result{ok(0), failed(10), failed(20), failed(30), ok(40)}, []gap{{0, 40, 3}}},
		{"two runs", []result{ok(0), failed(10), ok(20), ok(30), failed(40), ok(50)}, []gap{{0, 20, 1}, {30, 20, 1}}},
		{"at the beginning", []result{failed(0), failed(10), ok(20)}, []gap{{0, 20, 2}}},
		{"at the end", []result{ok(0), failed(10), failed(20)}, []gap{{0, 20, 2}}},
		{"nothing but failures", []result{failed(5), failed(15)}, []gap{{5, 10, 2}}},
		{"results out of order", []result{ok(40), failed(20), ok(0), failed(30), ok(10)}, []gap{{10, 30, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := gapsOf(c.results); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSummarise(t *testing.T) {
	got := summarise([]result{ok(0), failed(10), failed(20), ok(30), failed(40), ok(50)})
	want := summary{
		Summary: true, Attempts: 6, OK: 3, Failed: 3, LongestGapMs: 30, Gaps: []gap{{0, 30, 2}, {30, 20, 1}},
		Errors: map[string]int{"timeout": 3}, Pods: map[string]int{"p": 3}, Nodes: map[string]int{"n": 3},
		SeenClients: map[string]int{"c": 3},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReason(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errors.New("connection refused"))}
	for _, c := range []struct {
		err  error
		want string
	}{
		{os.ErrDeadlineExceeded, "timeout"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout"},
		{refused, "connection refused"},
		{fmt.Errorf("status 503"), "status 503"},
	} {
		if got := reason(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

func TestStalledIsNotTimeout(t *testing.T) {
	// The kernel accepts for a listener that never looks: a connection that opens and has no answer.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := &connector{address: listener.Addr().String()}
	for mode, ask := range map[string]func(time.Time) (answer, error){"http": c.askHTTP, "tcp": c.askLine} {
		if _, err := ask(time.Now().Add(50 * time.Millisecond)); reason(err) != "stalled" {
			t.Errorf("%s, open without an answer: got %q", mode, reason(err))
		}
		if _, err := ask(time.Now().Add(-time.Millisecond)); reason(err) != "timeout" {
			t.Errorf("%s, never open: got %q", mode, reason(err))
		}
	}
}
