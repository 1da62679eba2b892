package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A chatter is a chat in a process of its own.
type chatter struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	errs output
}

// chat starts a chat; all of it has to be over within a minute.
func (r *running) chat(t *testing.T, args ...string) *chatter {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	k := &chatter{t: t, cmd: exec.CommandContext(ctx, os.Args[0], append([]string{"chat"}, args...)...)}
	k.cmd.Env = append(os.Environ(), roleEnv+"=serve", "DATA_DIR="+r.dataDir, "OPENINSURE_URL="+r.url)
	k.cmd.Stderr = &k.errs
	var err error
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	k.out = bufio.NewScanner(out)
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.cmd.Process.Kill() })
	return k
}

func (k *chatter) say(line string) {
	k.t.Helper()
	if _, err := io.WriteString(k.in, line+"\n"); err != nil {
		k.t.Fatal(err)
	}
}

// hears reads lines until one ends so, and returns those before it.
func (k *chatter) hears(end string) []string {
	k.t.Helper()
	var before []string
	for k.out.Scan() {
		if strings.HasSuffix(k.out.Text(), end) {
			return before
		}
		before = append(before, k.out.Text())
	}
	k.t.Fatalf("%q was not heard, but %q; stderr: %s", end, before, k.errs.String())
	return nil
}

// ends reads what is left, and returns the exit code.
func (k *chatter) ends() (code int, rest []string) {
	k.t.Helper()
	for k.out.Scan() {
		rest = append(rest, k.out.Text())
	}
	_ = k.cmd.Wait() // the exit code says it
	return k.cmd.ProcessState.ExitCode(), rest
}

// underwriter makes requests as the demo's underwriter.
func (r *running) underwriter() func(method, path string, body any) map[string]any {
	r.t.Helper()
	token := r.token("underwriter")
	return func(method, path string, body any) map[string]any {
		r.t.Helper()
		var m map[string]any
		if err := send(r.t.Context(), r.url, token, method, path, body, &m); err != nil {
			r.t.Fatal(err)
		}
		return m
	}
}

// room opens a room of the demo's two companies.
func (r *running) room() string {
	r.t.Helper()
	sub := r.must(http.StatusCreated, http.MethodPost, "/v1/submissions", builder)["id"]
	who := []map[string]any{{"email": "ben@harbor.example", "role": "broker"}}
	return r.underwriter()(http.MethodPost, "/v1/deal-rooms", map[string]any{"submissionId": sub, "participants": who})["id"].(string)
}

func TestTwoChats(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	room := r.room()
	way := newGate(t, strings.TrimPrefix(r.url, "http://"))
	una, ben := r.chat(t, room, "--as", "underwriter"), r.chat(t, "--as=broker", room, "--url", "http://"+way.addr())
	una.hears("--")
	ben.hears("--")
	una.say("Can you send the loss runs?")
	ben.hears("Una Underwriter (Summit Specialty MGA): Can you send the loss runs?")
	ben.say("/desk Do we have them?")
	ben.hears("[desk]  Ben Broker (Harbor Brokers): Do we have them?")
	ben.say("//tomorrow, I hope")
	for _, line := range una.hears("Ben Broker (Harbor Brokers): /tomorrow, I hope") {
		if strings.Contains(line, "Do we have them?") {
			t.Errorf("the other company's desk was heard: %s", line)
		}
	}

	// What is said while the connection is gone arrives when it is back, once.
	way.set("", true)
	ben.hears("; trying again")
	ben.say("Said in a tunnel.")
	way.set(strings.TrimPrefix(r.url, "http://"), false)
	ben.hears("-- connected again")
	una.hears(": Said in a tunnel.")
	ben.say("Out of it.")
	if between := una.hears(": Out of it."); len(between) > 0 {
		t.Errorf("heard besides: %q", between)
	}

	// A card of the business appears in both.
	sub := r.underwriter()(http.MethodGet, "/v1/deal-rooms/"+room, nil)["submissionId"].(string)
	if err := send(t.Context(), r.url, r.demo()["DEMO_API_KEY"], http.MethodPost, "/v1/submissions/"+sub+"/quote", nil, nil); err != nil {
		t.Fatal(err)
	}
	una.hears("* Quoted at $14,250. It is yet to be offered.")
	ben.hears("* Quoted at $14,250. It is yet to be offered.")

	una.say("/who")
	una.hears("Ben Broker (Harbor Brokers), broker")
	una.say("/quit")
	if code, _ := una.ends(); code != 0 {
		t.Errorf("/quit: exit code %d: %s", code, una.errs.String())
	}

	r.underwriter()(http.MethodPatch, "/v1/deal-rooms/"+room, map[string]any{"status": "closed", "reason": "Bound elsewhere."})
	ben.hears("* Una Underwriter (Summit Specialty MGA) closed the room: Bound elsewhere.")
	r.underwriter()(http.MethodPatch, "/v1/deal-rooms/"+room, map[string]any{"status": "active"})
	ben.hears("reopened the room")

	// The input ends, and he goes on listening until he is interrupted.
	if err := ben.in.Close(); err != nil {
		t.Fatal(err)
	}
	script := r.chat(t, room, "--as=underwriter", "--once")
	script.say("By a script.")
	script.say("And one more.")
	_ = script.in.Close()
	if code, lines := script.ends(); code != 0 || !strings.Contains(strings.Join(lines, "\n"), ": /tomorrow, I hope") {
		t.Errorf("--once: exit code %d, lines %q: %s", code, lines, script.errs.String())
	}
	ben.hears(": By a script.")
	ben.hears(": And one more.")
	_ = ben.cmd.Process.Signal(os.Interrupt)
	if code, _ := ben.ends(); code != 0 {
		t.Errorf("interrupted: exit code %d: %s", code, ben.errs.String())
	}
	r.stop()
}

func TestChatIsRefused(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	room := r.room()
	for name, c := range map[string]struct {
		args []string
		say  string
		want string
	}{
		"nobody":          {[]string{room}, "", "who are you?"},
		"bad token":       {[]string{room, "--token=oik_test_nonsense"}, "", "invalid_credential"},
		"no such room":    {[]string{"room_01J8K3M4N5P6Q7R8S9T0V1W2X3", "--as=broker"}, "", "not_found"},
		"too long a text": {[]string{room, "--as=broker", "--once"}, strings.Repeat("x", 17_000), "body"},
	} {
		t.Run(name, func(t *testing.T) {
			k := r.chat(t, c.args...)
			if c.say != "" {
				k.say(c.say)
			}
			_ = k.in.Close()
			code, _ := k.ends()
			if code == 0 || !strings.Contains(k.errs.String(), c.want) {
				b, _ := json.Marshal(k.errs.String())
				t.Errorf("exit code %d, stderr %s, want %q in it", code, b, c.want)
			}
		})
	}
	r.stop()
}
