package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// redisTime is how long a Redis may take to answer: it loads nothing.
const redisTime = 15 * time.Second

// startRedis starts a redis-server that keeps nothing, and returns its address.
func startRedis(ctx context.Context, dir string) (*process, string, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", errors.New("two nodes need a Redis between them: install redis-server, or set --redis-url (REDIS_URL)")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, redisTime, errors.New("it did not answer in time"))
	defer cancel()
	for range 5 { // somebody else may take the free port before Redis does
		var addr string
		if addr, err = freeAddr(); err != nil {
			break
		}
		host, port, _ := strings.Cut(addr, ":")
		var p *process
		p, err = startProcess(filepath.Join(dir, "redis.log"), nil, binary, "--port", port, "--bind", host, "--dir", dir, "--save", "", "--appendonly", "no")
		if err != nil {
			break
		}
		if err = awaitRedis(ctx, addr, p); err == nil {
			return p, "redis://" + addr, nil
		}
		err = errors.Join(fmt.Errorf("%w\n%s", err, p.log()), p.stop(stopTime))
	}
	return nil, "", fmt.Errorf("start redis-server: %w", err)
}

func awaitRedis(ctx context.Context, addr string, p *process) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if pong(ctx, addr) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pong asks a Redis whether it is there.
func pong(ctx context.Context, addr string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // it was asked
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && line == "+PONG\r\n"
}
