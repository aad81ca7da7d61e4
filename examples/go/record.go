package main

import (
	"context"
	"fmt"
	"time"

	conductor "cos.example/gen/cos/conductor/v1"
	memory "cos.example/gen/cos/memory/v1"
	"google.golang.org/grpc"
)

// record records some memories. The key makes it safe to call again: nothing is ever recorded twice.
func record(ctx context.Context, connection *grpc.ClientConn, module string, count int) error {
	client := conductor.NewConductorServiceClient(connection)
	for n := 1; n <= count; n++ {
		request := &conductor.RecordMemoryRequest{
			Memory:         &memory.Memory{Module: module, EventType: "note", Source: "go", Text: fmt.Sprintf("Hello from Go, %d", n)},
			IdempotencyKey: fmt.Sprintf("go-%d", n),
		}
		err := persist(ctx, func() error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			answer, err := client.RecordMemory(ctx, request)
			if err == nil {
				fmt.Printf("%s/%d %s\n", module, answer.Memory.Position, map[bool]string{true: "was there", false: "recorded"}[answer.Deduplicated])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
