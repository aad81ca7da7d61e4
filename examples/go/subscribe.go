package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	conductor "cos.example/gen/cos/conductor/v1"
	highway "cos.example/gen/cos/highway/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// subscribe listens from where it stopped last: a file keeps the cursor. (Kept in one transaction with what you do with the events, it
// would give exactly-once effect.)
func subscribe(ctx context.Context, connection *grpc.ClientConn, module string) error {
	client := conductor.NewConductorServiceClient(connection)
	file := "cursor-" + module + ".json"
	// Position 0 is the place before the first memory.
	place := &highway.Cursor{Module: module}
	if stored, err := os.ReadFile(file); err == nil {
		if err := protojson.Unmarshal(stored, place); err != nil {
			return err
		}
	}
	move := func(after int64, cursor *highway.Cursor, events []*highway.Event) error {
		// Each frame says from where to where it leads: that proves that nothing is missing and nothing comes twice.
		if after != place.Position {
			return fmt.Errorf("a gap: the stream goes on above %d, not above %d", after, place.Position)
		}
		for _, event := range events {
			fmt.Printf("%s/%d %s\n", module, event.GetMemory().GetPosition(), event.GetMemory().GetText())
		}
		place = cursor
		stored, err := protojson.Marshal(cursor)
		return errors.Join(err, os.WriteFile(file+".new", stored, 0o600), os.Rename(file+".new", file))
	}
	for {
		err := persist(ctx, func() error {
			stream, err := client.Subscribe(ctx, &conductor.SubscribeRequest{Modules: []string{module}, Cursors: []*highway.Cursor{place}})
			for err == nil {
				var response *conductor.SubscribeResponse
				if response, err = stream.Recv(); err != nil {
					break
				}
				if batch := response.GetBatch(); batch != nil {
					err = move(batch.After, batch.Cursor, batch.Events)
				}
				for _, progress := range append(response.GetStarted().GetProgress(), response.GetCheckpoint().GetProgress()...) {
					err = errors.Join(err, move(progress.After, progress.Cursor, nil))
				}
				time.Sleep(response.GetGoAway().GetRetryAfter().AsDuration())
			}
			return err
		})
		if err != io.EOF {
			return err
		}
	}
}
