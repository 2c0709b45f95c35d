# frozen_string_literal: true

# SPDX-License-Identifier: Apache-2.0
# A client of Cascade in Ruby.
#
#   program.rb ADDRESS SMALL CONFIG    SMALL is a server with places for two calls; CONFIG is not read
#
# The retries of a service config come minutes late at times, at least with gRPC 1.51 for Ruby. So
# generate_patiently below does what they do.

require 'grpc'
require 'grpc/health/v1/health_services_pb'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'cascade/v1/text_generation_services_pb'

# A client of the servers.
class Program
  include Cascade::V1

  # A short answer, the same every time. Its quotation marks have three bytes each, which tokens split.
  SAYING = GenerateRequest.new(
    text: 'The old king said:',
    sampling: SamplingParams.new(seed: 7),
    stopping: StoppingParams.new(max_new_tokens: 40),
    constraint: Constraint.new(regex: '“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*')
  )

  # Many answers: the server is far from their end when the call is cancelled, or when its deadline passes.
  LONG_STORY = GenerateRequest.new(
    text: 'Once upon a time',
    sampling: SamplingParams.new(n: 32),
    stopping: StoppingParams.new(max_new_tokens: 500, ignore_eos: true)
  )

  BAD = GenerateRequest.new(text: 'Once', sampling: SamplingParams.new(temperature: -1, top_p: 2))

  def initialize(address)
    @address = address
    @stub = TextGeneration::Stub.new(address, :this_channel_is_insecure)
  end

  def watch_health
    stub = Grpc::Health::V1::Health::Stub.new(@address, :this_channel_is_insecure)
    request = Grpc::Health::V1::HealthCheckRequest.new(service: TextGeneration::Service.service_name)
    call = stub.watch(request, return_op: true)
    updates = call.execute
    raise 'the watch ended before SERVING' unless updates.find { |update| update.status == :SERVING }

    call.cancel
    puts 'health: SERVING'
  end

  def stream
    streamed = @stub.generate_stream(SAYING).map { |event| event.delta&.text }.join
    unary = @stub.generate(SAYING).choices.first.text
    raise "streamed #{streamed}, but unary #{unary}" if streamed != unary

    puts "text: #{streamed}"
  end

  def cancel
    call = @stub.generate_stream(LONG_STORY, return_op: true)
    deltas = 0
    begin
      call.execute.each do |event|
        deltas += 1 if event.delta
        call.cancel if deltas == 3
      end
      raise 'the story ended'
    rescue GRPC::Cancelled
      nil until @stub.get_status(GetStatusRequest.new).running.zero?
    end
    puts 'cancelled: after 3 deltas; the server runs nothing'
  end

  def meet_deadline
    @stub.generate(LONG_STORY, deadline: Time.now + 0.02)
    raise 'the story was told within 20 ms'
  rescue GRPC::DeadlineExceeded
    puts 'deadline: DEADLINE_EXCEEDED'
  end

  def be_refused
    @stub.generate(BAD)
    raise 'a bad request was answered'
  rescue GRPC::InvalidArgument => e
    fields = detail(e, Google::Rpc::BadRequest).field_violations.map(&:field)
    puts "refused: INVALID_ARGUMENT #{fields.join(' ')}"
  end

  # Four calls at once: two are refused at first.
  def retry_calls
    Array.new(4) { Thread.new { generate_patiently(SAYING) } }.each(&:value)
    puts 'retried: a server of 2 places has answered 4 calls'
  end

  private

  # Asks a full server again after the time that it tells.
  def generate_patiently(request, tries: 5)
    @stub.generate(request)
  rescue GRPC::ResourceExhausted, GRPC::Unavailable => e
    raise if (tries -= 1).zero?

    sleep detail(e, Google::Rpc::RetryInfo)&.retry_delay&.to_f || 0.1
    retry
  end

  # The detail of this type in the status of an error, or nil.
  def detail(error, type)
    error.to_rpc_status&.details&.find { |any| any.is(type) }&.unpack(type)
  end
end

address, small = ARGV
program = Program.new(address)
program.watch_health
program.stream
program.cancel
program.meet_deadline
program.be_refused
Program.new(small).retry_calls
