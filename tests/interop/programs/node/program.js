// SPDX-License-Identifier: Apache-2.0
// A client of Cascade for Node.js.
//
//   program.js ADDRESS SMALL CONFIG    SMALL is a server with places for two calls, CONFIG a service config
//
// The contract is read when the program starts; no code is generated. CASCADE_PROTO is its folder.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const root = process.env.CASCADE_PROTO ?? 'proto';
const definition = protoLoader.loadSync(
  ['cascade/v1/text_generation.proto', 'grpc/health/v1/health.proto', 'google/rpc/status.proto',
    'google/rpc/error_details.proto'],
  { includeDirs: [root, join(root, 'reduced')], keepCase: true, longs: String, enums: String, defaults: true,
    oneofs: true });
const { cascade, grpc: { health } } = grpc.loadPackageDefinition(definition);

// A short answer, the same every time. Its quotation marks have three bytes each, which tokens split.
const saying = {
  text: 'The old king said:',
  sampling: { seed: 7 },
  stopping: { max_new_tokens: 40 },
  constraint: { regex: '“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*' },
};

// Many answers: the server is far from their end when the call is cancelled, or when its deadline passes.
const longStory = {
  text: 'Once upon a time',
  sampling: { n: 32 },
  stopping: { max_new_tokens: 500, ignore_eos: true },
};

// A client's unary method, as a function that returns a promise.
const unary = (client, method) => promisify(client[method]).bind(client);

async function watchHealth(address) {
  const client = new health.v1.Health(address, grpc.credentials.createInsecure());
  const updates = client.Watch({ service: 'cascade.v1.TextGeneration' }, { waitForReady: true });
  updates.on('error', () => {}); // as the cancel() below is
  for await (const update of updates) {
    if (update.status === 'SERVING') break; // which ends the stream
  }
  updates.cancel();
  client.close();
  console.log('health: SERVING');
}

async function stream(client) {
  let streamed = '';
  for await (const event of client.GenerateStream(saying)) streamed += event.delta?.text ?? '';
  const answer = await unary(client, 'Generate')(saying);
  assert.equal(streamed, answer.choices[0].text);
  console.log(`text: ${streamed}`);
}

async function cancel(client) {
  const events = client.GenerateStream(longStory);
  let deltas = 0;
  await assert.rejects(async () => {
    for await (const event of events) {
      if (event.delta) deltas += 1;
      if (deltas === 3) events.cancel();
    }
  }, { code: grpc.status.CANCELLED });
  while ((await unary(client, 'GetStatus')({})).running > 0);
  console.log('cancelled: after 3 deltas; the server runs nothing');
}

async function meetDeadline(client) {
  await assert.rejects(unary(client, 'Generate')(longStory, { deadline: Date.now() + 20 }),
    { code: grpc.status.DEADLINE_EXCEEDED });
  console.log('deadline: DEADLINE_EXCEEDED');
}

function badRequestOf(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const status = definition['google.rpc.Status'].deserialize(bytes);
  const detail = status.details.find(({ type_url }) => type_url.endsWith('/google.rpc.BadRequest'));
  return definition['google.rpc.BadRequest'].deserialize(detail.value);
}

async function beRefused(client) {
  const error = await unary(client, 'Generate')({ ...saying, sampling: { temperature: -1, top_p: 2 } })
    .then(() => assert.fail('a bad request was answered'), (refusal) => refusal);
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  const fields = badRequestOf(error).field_violations.map(({ field }) => field);
  console.log('refused: INVALID_ARGUMENT', ...fields);
}

// Four calls at once: two are refused at first, and gRPC asks again as the config says.
async function retry(small, config) {
  const client = new cascade.v1.TextGeneration(small, grpc.credentials.createInsecure(),
    { 'grpc.service_config': config });
  await Promise.all(Array.from({ length: 4 }, () => unary(client, 'Generate')(saying)));
  client.close();
  console.log('retried: a server of 2 places has answered 4 calls');
}

const [address, small, configFile] = process.argv.slice(2);
const client = new cascade.v1.TextGeneration(address, grpc.credentials.createInsecure());
await watchHealth(address);
await stream(client);
await cancel(client);
await meetDeadline(client);
await beRefused(client);
client.close();
await retry(small, await readFile(configFile, 'utf8'));
