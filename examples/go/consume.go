package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	highway "cos.example/gen/cos/highway/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

// member is the program's name: a member that comes back by its own takes up at once what it held.
var member = rand.Text()

// consume works as a member of a durable consumer, whose place the mesh keeps: start it twice, and both share the work.
func consume(ctx context.Context, connection *grpc.ClientConn, module string) error {
	client := highway.NewHighwayServiceClient(connection)
	name := "example-" + strings.ReplaceAll(module, "_", "-")
	consumer := &highway.Consumer{Name: name, Modules: []string{module}, Key: highway.Consumer_KEY_SOURCE, Lease: durationpb.New(6 * time.Second)}
	start := &highway.CreateConsumerRequest_FromBeginning{FromBeginning: true}
	err := persist(ctx, func() error {
		_, err := client.CreateConsumer(ctx, &highway.CreateConsumerRequest{Consumer: consumer, Start: start})
		return err
	})
	for err == nil && ctx.Err() == nil {
		err = persist(ctx, func() error { return work(ctx, client, name) })
	}
	return err
}

// work is one stream of a member. Ctrl-C finishes what is at work, settles it, and takes leave.
func work(ctx context.Context, client highway.HighwayServiceClient, consumer string) error {
	// The stream outlives Ctrl-C, but not this function.
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stream, err := client.Consume(streaming)
	if err != nil {
		return err
	}
	// What cannot be sent is told by Recv.
	credit := func(events int32) {
		_ = stream.Send(&highway.ConsumeRequest{Message: &highway.ConsumeRequest_Credit{Credit: &highway.Credit{Events: events}}})
	}
	_ = stream.Send(&highway.ConsumeRequest{Message: &highway.ConsumeRequest_Join{Join: &highway.Join{Consumer: consumer, Member: member}}})
	// One at a time: after one that fails, what follows of its key waits for it. (With more in hand: docs/consumers.md, rule 1.)
	credit(1)
	frames, ended := make(chan *highway.ConsumeResponse), make(chan error, 1)
	go func() {
		for {
			response, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case frames <- response:
			case <-streaming.Done():
				return
			}
		}
	}()
	alive := time.NewTicker(2 * time.Second)
	defer alive.Stop()
	leave := ctx.Done()
	for {
		select {
		case response := <-frames:
			for _, delivery := range response.GetDeliveries().GetDeliveries() {
				if leave == nil {
					break // What came too late goes to others.
				}
				settle := &highway.Settle{Module: delivery.Event.GetMemory().Module, Positions: []int64{delivery.Event.GetMemory().Position}, Generation: response.GetDeliveries().Generation}
				if err := handle(delivery); err != nil {
					settle.Outcome, settle.Error = highway.Settle_OUTCOME_RETRY, fmt.Sprintf("%.2000s", err)
				}
				_ = stream.Send(&highway.ConsumeRequest{Message: &highway.ConsumeRequest_Settle{Settle: settle}})
				credit(1)
			}
			time.Sleep(response.GetGoAway().GetRetryAfter().AsDuration())
		case <-alive.C:
			// A sign of life: a silence of the lease would cost it its work. (Work that takes long belongs into a goroutine.)
			credit(0)
		case <-leave:
			_ = stream.Send(&highway.ConsumeRequest{Message: &highway.ConsumeRequest_Leave{Leave: &highway.Leave{}}})
			_ = stream.CloseSend()
			leave = nil
			alive.Stop()
		case err := <-ended:
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// handle does the work. It may be called again for the same event: (module, position) recognises that.
func handle(delivery *highway.Delivery) error {
	memory := delivery.Event.GetMemory()
	_, err := fmt.Printf("%s/%d done, try %d\n", memory.Module, memory.Position, delivery.Attempt)
	return err
}
