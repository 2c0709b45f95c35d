// SPDX-License-Identifier: Apache-2.0
import cascade.v1.Constraint;
import cascade.v1.GenerateEvent;
import cascade.v1.GenerateRequest;
import cascade.v1.GetStatusRequest;
import cascade.v1.SamplingParams;
import cascade.v1.StoppingParams;
import cascade.v1.TextGenerationGrpc;
import cascade.v1.TextGenerationGrpc.TextGenerationBlockingStub;
import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.StatusProto;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A client of Cascade in Java.
 *
 * <p>Program ADDRESS SMALL CONFIG: SMALL is a server with places for two calls, CONFIG a service config.
 */
public final class Program {
  /** A short answer, the same every time. Its quotation marks have three bytes each, which tokens split. */
  private static final GenerateRequest SAYING =
      GenerateRequest.newBuilder()
          .setText("The old king said:")
          .setSampling(SamplingParams.newBuilder().setSeed(7))
          .setStopping(StoppingParams.newBuilder().setMaxNewTokens(40))
          .setConstraint(Constraint.newBuilder().setRegex("“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*"))
          .build();

  /** Many answers: the server is far from their end when the call is cancelled, or when its deadline passes. */
  private static final GenerateRequest LONG_STORY =
      GenerateRequest.newBuilder()
          .setText("Once upon a time")
          .setSampling(SamplingParams.newBuilder().setN(32))
          .setStopping(StoppingParams.newBuilder().setMaxNewTokens(500).setIgnoreEos(true))
          .build();

  private static final GenerateRequest BAD =
      SAYING.toBuilder().setSampling(SamplingParams.newBuilder().setTemperature(-1).setTopP(2)).build();

  // Not System.out, whose encoding is that of the environment.
  private static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    try {
      TextGenerationBlockingStub stub = TextGenerationGrpc.newBlockingStub(channel);
      watchHealth(channel);
      stream(stub);
      cancel(stub);
      meetDeadline(stub);
      beRefused(stub);
    } finally {
      channel.shutdown();
    }
    retry(arguments[1], Files.readString(Path.of(arguments[2])));
  }

  private static void watchHealth(ManagedChannel channel) {
    HealthCheckRequest request = HealthCheckRequest.newBuilder().setService(TextGenerationGrpc.SERVICE_NAME).build();
    try (Context.CancellableContext context = Context.current().withCancellation()) { // which ends the watch
      context.run(
          () -> {
            var updates = HealthGrpc.newBlockingStub(channel).withWaitForReady().watch(request);
            while (updates.next().getStatus() != ServingStatus.SERVING) {}
          });
    }
    out.println("health: SERVING");
  }

  private static void stream(TextGenerationBlockingStub stub) {
    StringBuilder streamed = new StringBuilder();
    stub.generateStream(SAYING).forEachRemaining(event -> streamed.append(event.getDelta().getText()));
    String unary = stub.generate(SAYING).getChoices(0).getText();
    require(unary.contentEquals(streamed), "streamed " + streamed + ", but unary " + unary);
    out.println("text: " + streamed);
  }

  private static void cancel(TextGenerationBlockingStub stub) throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    Iterator<GenerateEvent> events = context.call(() -> stub.generateStream(LONG_STORY));
    for (int deltas = 0; deltas < 3; ) {
      if (events.next().hasDelta()) deltas++;
    }
    context.cancel(null);
    expect(Status.Code.CANCELLED, () -> events.forEachRemaining(event -> {})); // what had come before
    while (stub.getStatus(GetStatusRequest.getDefaultInstance()).getRunning() > 0) {}
    out.println("cancelled: after 3 deltas; the server runs nothing");
  }

  private static void meetDeadline(TextGenerationBlockingStub stub) {
    expect(
        Status.Code.DEADLINE_EXCEEDED,
        () -> stub.withDeadlineAfter(20, TimeUnit.MILLISECONDS).generate(LONG_STORY));
    out.println("deadline: DEADLINE_EXCEEDED");
  }

  private static void beRefused(TextGenerationBlockingStub stub) throws Exception {
    StatusRuntimeException refusal = expect(Status.Code.INVALID_ARGUMENT, () -> stub.generate(BAD));
    var fields = new ArrayList<String>();
    for (Any detail : StatusProto.fromThrowable(refusal).getDetailsList()) {
      if (!detail.is(BadRequest.class)) continue;
      detail.unpack(BadRequest.class).getFieldViolationsList().forEach(violation -> fields.add(violation.getField()));
    }
    out.println("refused: INVALID_ARGUMENT " + String.join(" ", fields));
  }

  /** Four calls at once: two are refused at first, and gRPC asks again as the config says. */
  private static void retry(String small, String config) throws Exception {
    @SuppressWarnings("unchecked")
    Map<String, ?> parsed = new Gson().fromJson(config, Map.class);
    ManagedChannel channel =
        Grpc.newChannelBuilder(small, InsecureChannelCredentials.create()).defaultServiceConfig(parsed).build();
    try {
      var stub = TextGenerationGrpc.newFutureStub(channel).withWaitForReady();
      var calls = new ArrayList<Future<?>>();
      for (int call = 0; call < 4; call++) calls.add(stub.generate(SAYING));
      for (Future<?> call : calls) call.get();
    } finally {
      channel.shutdown();
    }
    out.println("retried: a server of 2 places has answered 4 calls");
  }

  private static StatusRuntimeException expect(Status.Code code, Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      if (error.getStatus().getCode() == code) return error;
      throw error;
    }
    throw new IllegalStateException("OK instead of " + code);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) throw new IllegalStateException(otherwise);
  }
}
