// What a Go service does with COS, by grpc-go and stubs that buf made: told as one JSON object.
//
// usage: client ADDRESS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	conductor "cos.example/client/gen/cos/conductor/v1"
	highway "cos.example/client/gen/cos/highway/v1"
	memory "cos.example/client/gen/cos/memory/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const module = "from_go"

type refusal struct {
	Code   string   `json:"code"`
	Reason string   `json:"reason"`
	Fields []string `json:"fields"`
}

type report struct {
	Health       string  `json:"health"`
	Deduplicated bool    `json:"deduplicated"`
	Heard        []int64 `json:"heard"`
	Resumed      []int64 `json:"resumed"`
	Refusal      refusal `json:"refusal"`
}

func record(ctx context.Context, client conductor.ConductorServiceClient, text, key string) (*conductor.RecordMemoryResponse, error) {
	return client.RecordMemory(ctx, &conductor.RecordMemoryRequest{
		Memory:         &memory.Memory{Module: module, EventType: "note", Source: "go", Text: text},
		IdempotencyKey: key,
	})
}

// listen answers with the positions heard up to `until`, and the cursor after the last of them.
func listen(ctx context.Context, client conductor.ConductorServiceClient, request *conductor.SubscribeRequest, until int64) ([]int64, *highway.Cursor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request.Modules = []string{module}
	stream, err := client.Subscribe(ctx, request)
	if err != nil {
		return nil, nil, err
	}
	heard := []int64{}
	for {
		response, err := stream.Recv()
		if err != nil {
			return nil, nil, err
		}
		batch := response.GetBatch()
		if batch == nil {
			continue
		}
		for _, event := range batch.Events {
			heard = append(heard, event.GetMemory().Position)
		}
		if batch.Cursor.Position >= until {
			return heard, batch.Cursor, nil
		}
	}
}

func refused(err error) refusal {
	given := status.Convert(err)
	told := refusal{Code: given.Code().String()}
	for _, detail := range given.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			told.Reason = detail.Reason
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				told.Fields = append(told.Fields, violation.Field)
			}
		}
	}
	return told
}

func run(address string) (*report, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	modules := conductor.NewModuleServiceClient(connection)
	if _, err := modules.RegisterModule(ctx, &conductor.RegisterModuleRequest{Module: &conductor.Module{Name: module}}); err != nil {
		return nil, err
	}
	health, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return nil, err
	}
	client := conductor.NewConductorServiceClient(connection)
	told := &report{Health: health.Status.String()}
	for n := 0; n < 4; n++ {
		// The first key comes twice.
		answer, err := record(ctx, client, fmt.Sprint(max(n, 1)), fmt.Sprint(max(n, 1)))
		if err != nil {
			return nil, err
		}
		told.Deduplicated = told.Deduplicated || answer.Deduplicated
	}
	beginning := &conductor.SubscribeRequest{Start: &conductor.SubscribeRequest_FromBeginning{FromBeginning: true}}
	heard, cursor, err := listen(ctx, client, beginning, 3)
	if err != nil {
		return nil, err
	}
	for n := 0; n < 2; n++ {
		if _, err := record(ctx, client, "later", ""); err != nil {
			return nil, err
		}
	}
	resumed, _, err := listen(ctx, client, &conductor.SubscribeRequest{Cursors: []*highway.Cursor{cursor}}, 5)
	if err != nil {
		return nil, err
	}
	told.Heard, told.Resumed = heard, resumed
	_, err = record(ctx, client, "", "")
	told.Refusal = refused(err)
	return told, nil
}

func main() {
	told, err := run(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}
