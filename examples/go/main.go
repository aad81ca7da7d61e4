// What a Go program does with COS: it records, it listens, and it works as a member of a durable consumer.
//
// usage: example record|subscribe|consume [MODULE [COUNT]]
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// connect opens a connection. Off this machine it takes credentials.NewTLS, and a token.
func connect() (*grpc.ClientConn, error) {
	address := os.Getenv("COS_CONDUCTOR_ADDRESS")
	if address == "" {
		address = "localhost:50051"
	}
	// A server that comes back is found within seconds; pings notice a connection that was cut without a word.
	retry := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 5 * time.Second}}
	ping := keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(retry), grpc.WithKeepaliveParams(ping))
}

// persist calls again and again while the mesh is away; it waits longer and longer, with chance. What passes: nobody was there, the
// answer was lost, or the member was given up for dead. (docs/errors.md has all reasons.)
func persist(ctx context.Context, call func() error) error {
	wait := 100 * time.Millisecond
	for {
		began := time.Now()
		err := call()
		switch status.Code(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
			fmt.Fprintln(os.Stderr, "lost:", status.Code(err))
		default:
			return err
		}
		if wait = min(wait*2, 5*time.Second); time.Since(began) > 5*time.Second {
			wait = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: example record|subscribe|consume [MODULE [COUNT]]")
	}
	arguments := append(os.Args[2:], []string{"cc", "5"}[min(len(os.Args)-2, 2):]...)
	module := arguments[0]
	count, err := strconv.Atoi(arguments[1])
	connection, wrong := connect()
	if err = errors.Join(err, wrong); err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if token := os.Getenv("COS_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	switch os.Args[1] {
	case "record":
		err = record(ctx, connection, module, count)
	case "subscribe":
		err = subscribe(ctx, connection, module)
	case "consume":
		err = consume(ctx, connection, module)
	}
	if err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}
