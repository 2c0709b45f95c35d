// SPDX-License-Identifier: Apache-2.0
//! A client of Cascade in Rust, with tonic.
//!
//!     program ADDRESS SMALL CONFIG    SMALL is a server with places for two calls; CONFIG is not read
//!
//! tonic has no service configs: `generate_patiently` below does what the retry policy of one does.

use std::{env, error::Error, iter, time::Duration};

use tonic::{transport::Channel, Code, Request, Status, TimeoutExpired};
use tonic_health::pb::{health_check_response::ServingStatus, health_client::HealthClient, HealthCheckRequest};
use tonic_types::StatusExt;

mod cascade {
    tonic::include_proto!("cascade.v1");
}
use cascade::{
    constraint, generate_event::Event, generate_request::Prompt, text_generation_client::TextGenerationClient,
    Constraint, GenerateRequest, GenerateResponse, GetStatusRequest, SamplingParams, StoppingParams,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
type Client = TextGenerationClient<Channel>;

/// A short answer, the same every time. Its quotation marks have three bytes each, which tokens split.
fn saying() -> GenerateRequest {
    GenerateRequest {
        prompt: Some(Prompt::Text("The old king said:".into())),
        sampling: Some(SamplingParams { seed: Some(7), ..Default::default() }),
        stopping: Some(StoppingParams { max_new_tokens: Some(40), ..Default::default() }),
        constraint: Some(Constraint {
            constraint: Some(constraint::Constraint::Regex("“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*".into())),
        }),
        ..Default::default()
    }
}

/// Many answers: the server is far from their end when the call is cancelled, or when its deadline passes.
fn long_story() -> GenerateRequest {
    GenerateRequest {
        prompt: Some(Prompt::Text("Once upon a time".into())),
        sampling: Some(SamplingParams { n: 32, ..Default::default() }),
        stopping: Some(StoppingParams { max_new_tokens: Some(500), ignore_eos: true, ..Default::default() }),
        ..Default::default()
    }
}

fn ensure(holds: bool, otherwise: impl Into<String>) -> Result<()> {
    holds.then_some(()).ok_or_else(|| otherwise.into().into())
}

async fn watch_health(channel: Channel) -> Result<()> {
    let request = HealthCheckRequest { service: "cascade.v1.TextGeneration".into() };
    let mut updates = HealthClient::new(channel).watch(request).await?.into_inner();
    while let Some(update) = updates.message().await? {
        if update.status() == ServingStatus::Serving {
            println!("health: SERVING");
            return Ok(());
        }
    }
    Err("the watch ended before SERVING".into())
}

async fn stream(client: &mut Client) -> Result<()> {
    let mut streamed = String::new();
    let mut events = client.generate_stream(saying()).await?.into_inner();
    while let Some(event) = events.message().await? {
        if let Some(Event::Delta(delta)) = event.event {
            streamed += &delta.text;
        }
    }
    let unary = client.generate(saying()).await?.into_inner().choices.swap_remove(0).text;
    ensure(streamed == unary, format!("streamed {streamed:?}, but unary {unary:?}"))?;
    println!("text: {streamed}");
    Ok(())
}

async fn cancel(client: &mut Client) -> Result<()> {
    let mut events = client.generate_stream(long_story()).await?.into_inner();
    let mut deltas = 0;
    while deltas < 3 {
        let event = events.message().await?.ok_or("the story ended")?;
        deltas += i32::from(matches!(event.event, Some(Event::Delta(_))));
    }
    drop(events); // a stream that is dropped cancels its call
    while client.get_status(GetStatusRequest {}).await?.into_inner().running > 0 {}
    println!("cancelled: after 3 deltas; the server runs nothing");
    Ok(())
}

/// The server's word for it is DEADLINE_EXCEEDED; tonic, whose own timer may be first, says CANCELLED.
fn is_deadline_exceeded(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded
        || iter::successors(status.source(), |&cause| cause.source()).any(|cause| cause.is::<TimeoutExpired>())
}

async fn meet_deadline(client: &mut Client) -> Result<()> {
    let mut request = Request::new(long_story());
    request.set_timeout(Duration::from_millis(20));
    match client.generate(request).await {
        Err(status) if is_deadline_exceeded(&status) => println!("deadline: DEADLINE_EXCEEDED"),
        other => return Err(format!("instead of DEADLINE_EXCEEDED: {other:?}").into()),
    }
    Ok(())
}

async fn be_refused(client: &mut Client) -> Result<()> {
    let mut request = saying();
    request.sampling = Some(SamplingParams { temperature: Some(-1.0), top_p: Some(2.0), ..Default::default() });
    let status = client.generate(request).await.err().ok_or("a bad request was answered")?;
    ensure(status.code() == Code::InvalidArgument, status.to_string())?;
    let details = status.get_details_bad_request().ok_or("the status has no BadRequest")?;
    let fields: Vec<_> = details.field_violations.iter().map(|violation| violation.field.as_str()).collect();
    println!("refused: INVALID_ARGUMENT {}", fields.join(" "));
    Ok(())
}

/// Asks a full server again after the time that it tells.
async fn generate_patiently(mut client: Client, request: GenerateRequest) -> Result<GenerateResponse> {
    for _ in 1..5 {
        match client.generate(request.clone()).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                tokio::time::sleep(told_delay(&status).unwrap_or(Duration::from_millis(100))).await;
            }
            answer => return Ok(answer?.into_inner()),
        }
    }
    Ok(client.generate(request).await?.into_inner())
}

fn told_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

async fn retry(small: Client) -> Result<()> {
    let calls: Vec<_> = (0..4).map(|_| tokio::spawn(generate_patiently(small.clone(), saying()))).collect();
    for call in calls {
        call.await??;
    }
    println!("retried: a server of 2 places has answered 4 calls");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().collect();
    ensure(arguments.len() == 4, "usage: program ADDRESS SMALL CONFIG")?;
    let channel = Channel::from_shared(format!("http://{}", arguments[1]))?.connect().await?;
    let mut client = TextGenerationClient::new(channel.clone());
    watch_health(channel).await?;
    stream(&mut client).await?;
    cancel(&mut client).await?;
    meet_deadline(&mut client).await?;
    be_refused(&mut client).await?;
    retry(TextGenerationClient::connect(format!("http://{}", arguments[2])).await?).await
}
