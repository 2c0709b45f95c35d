// SPDX-License-Identifier: Apache-2.0

// A client of Cascade in Go.
//
//	program ADDRESS SMALL CONFIG    SMALL is a server with places for two calls, CONFIG a service config
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // what the service config's healthCheckConfig needs
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "example.com/interop/cascade/v1"
)

// A short answer, the same every time. Its quotation marks have three bytes each, which tokens split.
func saying() *pb.GenerateRequest {
	return &pb.GenerateRequest{
		Prompt:   &pb.GenerateRequest_Text{Text: "The old king said:"},
		Sampling: &pb.SamplingParams{Seed: proto.Uint64(7)},
		Stopping: &pb.StoppingParams{MaxNewTokens: proto.Uint32(40)},
		Constraint: &pb.Constraint{Constraint: &pb.Constraint_Regex{
			Regex: "“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*"}},
	}
}

// Many answers: the server is far from their end when the call is cancelled, or when its deadline passes.
func longStory() *pb.GenerateRequest {
	return &pb.GenerateRequest{
		Prompt:   &pb.GenerateRequest_Text{Text: "Once upon a time"},
		Sampling: &pb.SamplingParams{N: 32},
		Stopping: &pb.StoppingParams{MaxNewTokens: proto.Uint32(500), IgnoreEos: true},
	}
}

func watchHealth(ctx context.Context, connection *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &healthpb.HealthCheckRequest{Service: pb.TextGeneration_ServiceDesc.ServiceName}
	updates, err := healthpb.NewHealthClient(connection).Watch(ctx, request, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	for {
		update, err := updates.Recv()
		if err != nil {
			return err
		}
		if update.Status == healthpb.HealthCheckResponse_SERVING {
			fmt.Println("health: SERVING")
			return nil
		}
	}
}

func stream(ctx context.Context, client pb.TextGenerationClient) error {
	events, err := client.GenerateStream(ctx, saying())
	if err != nil {
		return err
	}
	var streamed strings.Builder
	for {
		event, err := events.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		streamed.WriteString(event.GetDelta().GetText())
	}
	unary, err := client.Generate(ctx, saying())
	if err != nil {
		return err
	}
	if text := unary.Choices[0].Text; text != streamed.String() {
		return fmt.Errorf("streamed %q, but unary %q", streamed.String(), text)
	}
	fmt.Println("text:", streamed.String())
	return nil
}

func cancelStream(ctx context.Context, client pb.TextGenerationClient) error {
	streamCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := client.GenerateStream(streamCtx, longStory())
	for deltas := 0; err == nil && deltas < 3; {
		var event *pb.GenerateEvent
		if event, err = events.Recv(); event.GetDelta() != nil {
			deltas++
		}
	}
	if err != nil {
		return err
	}
	cancel()
	for err == nil { // what had come before
		_, err = events.Recv()
	}
	if status.Code(err) != codes.Canceled {
		return fmt.Errorf("instead of CANCELLED: %w", err)
	}
	for running := uint32(1); running > 0; {
		busy, err := client.GetStatus(ctx, &pb.GetStatusRequest{})
		if err != nil {
			return err
		}
		running = busy.Running
	}
	fmt.Println("cancelled: after 3 deltas; the server runs nothing")
	return nil
}

func meetDeadline(ctx context.Context, client pb.TextGenerationClient) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := client.Generate(ctx, longStory()); status.Code(err) != codes.DeadlineExceeded {
		return fmt.Errorf("instead of DEADLINE_EXCEEDED: %w", err)
	}
	fmt.Println("deadline: DEADLINE_EXCEEDED")
	return nil
}

func beRefused(ctx context.Context, client pb.TextGenerationClient) error {
	request := saying()
	request.Sampling = &pb.SamplingParams{Temperature: proto.Float32(-1), TopP: proto.Float32(2)}
	_, err := client.Generate(ctx, request)
	if status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("instead of INVALID_ARGUMENT: %w", err)
	}
	fmt.Print("refused: INVALID_ARGUMENT")
	for _, detail := range status.Convert(err).Details() {
		if badRequest, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range badRequest.FieldViolations {
				fmt.Print(" ", violation.Field)
			}
		}
	}
	fmt.Println()
	return nil
}

// Four calls at once: two are refused at first, and gRPC asks again as the config says.
func retry(ctx context.Context, small, config string) error {
	connection, err := grpc.NewClient(small, grpc.WithDefaultServiceConfig(config),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := pb.NewTextGenerationClient(connection)
	calls, ctx := errgroup.WithContext(ctx)
	for range 4 {
		calls.Go(func() error {
			_, err := client.Generate(ctx, saying(), grpc.WaitForReady(true))
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return err
	}
	fmt.Println("retried: a server of 2 places has answered 4 calls")
	return nil
}

func run(ctx context.Context, address, small, configFile string) error {
	config, err := os.ReadFile(configFile)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := watchHealth(ctx, connection); err != nil {
		return err
	}
	client := pb.NewTextGenerationClient(connection)
	for _, step := range []func(context.Context, pb.TextGenerationClient) error{
		stream, cancelStream, meetDeadline, beRefused} {
		if err := step(ctx, client); err != nil {
			return err
		}
	}
	return retry(ctx, small, string(config))
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: program ADDRESS SMALL CONFIG")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}
