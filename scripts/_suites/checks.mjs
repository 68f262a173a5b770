// Uses a node as programs in Node.js do, through one of the two official clients, and prints like go test -v.
//
//   node checks.mjs PACKAGE PLAIN_ADDRESS SECURE_ADDRESS CA_FILE
//
// These clients exercise what the Go clients do not: BatchAppend, ids as text, requires-leader, connection-name and, the
// newer one, the positions a read may ask for. They take minutes to give up; a check has 30 s.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const [packageName, plainAddress, secureAddress, caFile] = process.argv.slice(2);
const db = await import(packageName);
const Client = db.EventStoreDBClient ?? db.KurrentDBClient;
const scheme = db.EventStoreDBClient ? "esdb" : "kurrentdb";
const patienceMilliseconds = 30_000;
const maxAppendBytes = 1_048_576;

const client = Client.connectionString(`${scheme}://${plainAddress}?tls=false`);
const newStream = () => `checks-${randomUUID()}`;
const json = (type, data = {}, more = {}) => db.jsonEvent({ type, data, ...more });
const many = (count, type = "Counted") => Array.from({ length: count }, (_, i) => json(type, { i }));
const revisions = (events) => events.map((e) => Number((e.link ?? e.event).revision));
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

// wrongPassword is how the clients name it; the native reader of the newer one does not tell it from a missing right.
const wrongPassword = scheme === "esdb" ? /unauthenticated/i : /unauthenticated|access ?denied/i;

// expecting is the option that names the expected revision: the two clients call it differently.
const expecting = (expected) => ({ expectedRevision: expected, streamState: expected });

async function collect(read) {
  const events = [];
  for await (const e of read) events.push(e);
  return events;
}

async function fails(promise, type) {
  let failure;
  await assert.rejects(promise, (e) => ((failure = e), true), `this should have failed: ${type}`);
  assert.equal(failure.type, type, `${failure.name}: ${failure.message}`);
  return failure;
}

// following collects what a subscription gives until enough says it is enough, then ends it.
async function following(subscription, enough, onCaughtUp = () => {}) {
  const events = [];
  let caughtUp = 0;
  await new Promise((resolve, reject) => {
    const look = () => enough(events, caughtUp) && resolve();
    subscription.on("error", reject);
    subscription.on("caughtUp", () => {
      caughtUp++;
      Promise.resolve(onCaughtUp()).then(look, reject);
    });
    subscription.on("data", (e) => {
      events.push(e);
      look();
    });
  }).finally(() => subscription.unsubscribe());
  return events;
}

const checks = {
  async appendAndRead() {
    const stream = newStream();
    const event = json("Zażółcono", { gęś: "jaźń" }, { metadata: { who: "ja" } });
    const result = await client.appendToStream(stream, event, expecting(db.NO_STREAM));
    assert.deepEqual([result.success, result.nextExpectedRevision], [true, 0n]);
    const [{ event: read, commitPosition }] = await collect(client.readStream(stream));
    assert.deepEqual([read.id, read.type, read.streamId, read.revision, read.isJson], [event.id, event.type, stream, 0n, true]);
    assert.deepEqual([read.data, read.metadata], [event.data, event.metadata]);
    assert.deepEqual([commitPosition, read.position?.commit ?? commitPosition], [result.position.commit, result.position.commit]);
    assert.ok(Math.abs(Date.now() - new Date(read.created).getTime()) < 60_000, `created at ${read.created}`);
  },

  async binaryEvents() {
    const stream = newStream();
    const event = db.binaryEvent({ type: "Bytes", data: Uint8Array.of(0, 255, 7), metadata: Uint8Array.of(1, 2) });
    await client.appendToStream(stream, event);
    const [{ event: read }] = await collect(client.readStream(stream));
    assert.equal(read.isJson, false);
    assert.deepEqual([...read.data], [0, 255, 7]);
    assert.deepEqual([...read.metadata], [1, 2]);
  },

  async batchInManyRequests() {
    const stream = newStream();
    const result = await client.appendToStream(stream, many(500), { ...expecting(db.NO_STREAM), batchAppendSize: 1_000 });
    assert.equal(result.nextExpectedRevision, 499n);
    const events = await collect(client.readStream(stream));
    assert.deepEqual(events.map((e) => e.event.data.i), range(0, 500));
  },

  async interleavedBatches() {
    const streams = range(0, 20).map(newStream);
    await Promise.all(streams.map((s) => client.appendToStream(s, many(50), { ...expecting(db.NO_STREAM), batchAppendSize: 500 })));
    for (const s of streams) assert.deepEqual(revisions(await collect(client.readStream(s))), range(0, 50));
  },

  async oneWinnerOfConcurrentAppends() {
    const stream = newStream();
    const attempts = await Promise.allSettled(range(0, 20).map(() => client.appendToStream(stream, json("First"), expecting(db.NO_STREAM))));
    assert.equal(attempts.filter((a) => a.status === "fulfilled").length, 1);
    for (const a of attempts) if (a.status === "rejected") assert.equal(a.reason.type, db.ErrorType.WRONG_EXPECTED_VERSION);
  },

  // With credentials of its own, a call does not share the batch: it is a plain Append.
  async appendOutsideTheBatch() {
    const stream = newStream();
    const credentials = { username: "nobody", password: "wrong" };
    const result = await client.appendToStream(stream, many(3), { ...expecting(db.NO_STREAM), credentials });
    assert.equal(result.nextExpectedRevision, 2n);
    await fails(client.appendToStream(stream, json("Late"), { ...expecting(db.NO_STREAM), credentials }), db.ErrorType.WRONG_EXPECTED_VERSION);
  },

  async wrongExpectedVersion() {
    const stream = newStream();
    await client.appendToStream(stream, many(3));
    for (const expected of [db.NO_STREAM, 0n, 7n]) {
      const failure = await fails(client.appendToStream(stream, json("Late"), expecting(expected)), db.ErrorType.WRONG_EXPECTED_VERSION);
      assert.deepEqual([failure.streamName, failure.actualVersion ?? failure.actualState], [stream, 2n]);
      assert.equal(failure.expectedVersion ?? failure.expectedState, expected);
    }
    const missing = await fails(client.appendToStream(newStream(), json("Early"), expecting(db.STREAM_EXISTS)), db.ErrorType.WRONG_EXPECTED_VERSION);
    assert.deepEqual([missing.expectedVersion ?? missing.expectedState, missing.actualVersion ?? missing.actualState], [db.STREAM_EXISTS, db.NO_STREAM]);
    await client.appendToStream(stream, json("Next"), expecting(2n));
    await client.appendToStream(stream, json("Next"), expecting(db.STREAM_EXISTS));
  },

  async refusalWithoutException() {
    const quiet = Client.connectionString(`${scheme}://${plainAddress}?tls=false&throwOnAppendFailure=false`);
    const stream = newStream();
    await quiet.appendToStream(stream, many(2));
    const result = await quiet.appendToStream(stream, json("Late"), expecting(db.NO_STREAM));
    assert.equal(result.success, false);
    await quiet.dispose();
  },

  async repeatedAppend() {
    for (const expected of [db.NO_STREAM, db.ANY]) {
      const stream = newStream();
      const events = many(3);
      const first = await client.appendToStream(stream, events, expecting(expected));
      await client.appendToStream(stream, json("Between"));
      assert.deepEqual(await client.appendToStream(stream, events, expecting(expected)), first);
      assert.deepEqual(revisions(await collect(client.readStream(stream))), [0, 1, 2, 3]);
    }
  },

  async maximumAppendSize() {
    const stream = newStream();
    const bytes = (n) => db.binaryEvent({ type: "Large", data: new Uint8Array(n) });
    for (const credentials of [undefined, { username: "any", password: "one" }]) {
      const failure = await fails(client.appendToStream(stream, [bytes(maxAppendBytes / 2), bytes(maxAppendBytes / 2 + 1)], { credentials }),
        db.ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED);
      assert.equal(failure.maxAppendSize, maxAppendBytes);
    }
    await fails(collect(client.readStream(stream)), db.ErrorType.STREAM_NOT_FOUND);
    await client.appendToStream(stream, bytes(maxAppendBytes));
  },

  async deadlineInThePast() {
    const stream = newStream();
    await fails(client.appendToStream(stream, json("Late"), { deadline: -60_000 }), db.ErrorType.DEADLINE_EXCEEDED);
    await fails(collect(client.readStream(stream)), db.ErrorType.STREAM_NOT_FOUND);
  },

  async readsInBothDirections() {
    const stream = newStream();
    await client.appendToStream(stream, many(10));
    const read = async (options) => revisions(await collect(client.readStream(stream, options)));
    assert.deepEqual(await read({ fromRevision: 7n }), [7, 8, 9]);
    assert.deepEqual(await read({ fromRevision: 2n, maxCount: 2 }), [2, 3]);
    assert.deepEqual(await read({ fromRevision: 99n }), []);
    assert.deepEqual(await read({ direction: db.BACKWARDS, fromRevision: db.END, maxCount: 2 }), [9, 8]);
    assert.deepEqual(await read({ direction: db.BACKWARDS, fromRevision: 1n }), [1, 0]);
  },

  async missingStream() {
    const stream = newStream();
    const failure = await fails(collect(client.readStream(stream)), db.ErrorType.STREAM_NOT_FOUND);
    assert.equal(failure.streamName, stream);
  },

  async largeRead() {
    const stream = newStream();
    for (let i = 0; i < 4; i++) await client.appendToStream(stream, many(1_000));
    assert.deepEqual(revisions(await collect(client.readStream(stream))), range(0, 4_000));
  },

  async readAllFromPositions() {
    const stream = newStream();
    const positions = [];
    for (let i = 0; i < 5; i++) positions.push((await client.appendToStream(stream, json("Placed"))).position);
    const read = async (options) => (await collect(client.readAll(options))).map((e) => e.commitPosition ?? e.event.position.commit);
    const commits = positions.map((p) => p.commit);
    assert.deepEqual(await read({ fromPosition: positions[2], maxCount: 3 }), commits.slice(2), "forwards, the position included");
    assert.deepEqual(await read({ direction: db.BACKWARDS, fromPosition: positions[2], maxCount: 2 }), [commits[1], commits[0]], "backwards, without it");
    assert.deepEqual(await read({ direction: db.BACKWARDS, fromPosition: db.END, maxCount: 1 }), [commits[4]]);
  },

  async subscriptionToStream() {
    const stream = newStream();
    await client.appendToStream(stream, many(40));
    const subscription = client.subscribeToStream(stream, { fromRevision: db.START });
    const events = await following(subscription, (events, caughtUp) => caughtUp > 0 && events.length === 43, async () => {
      await client.appendToStream(stream, many(3));
    });
    assert.deepEqual(revisions(events), range(0, 43));
    assert.match(subscription.id, /^[0-9a-f]{8}-/);
  },

  async subscriptionFromRevision() {
    const stream = newStream();
    await client.appendToStream(stream, many(5));
    const events = await following(client.subscribeToStream(stream, { fromRevision: 2n }), (events) => events.length === 2);
    assert.deepEqual(revisions(events), [3, 4]);
  },

  async subscriptionFromEnd() {
    const stream = newStream();
    await client.appendToStream(stream, many(5));
    const events = await following(client.subscribeToStream(stream, { fromRevision: db.END }), (events) => events.length === 1,
      () => client.appendToStream(stream, json("New")));
    assert.deepEqual(revisions(events), [5]);
  },

  async filteredSubscriptionToAll() {
    const prefix = newStream();
    await client.appendToStream(`${prefix}-a`, many(3));
    await client.appendToStream(newStream(), many(200));
    await client.appendToStream(`${prefix}-b`, many(3));
    const checkpoints = [];
    const filter = db.streamNameFilter({ prefixes: [prefix], maxSearchWindow: 20, checkpointInterval: 1,
      checkpointReached: (_, position) => void checkpoints.push(position.commit) });
    const events = await following(client.subscribeToAll({ fromPosition: db.START, filter }), (events, caughtUp) => caughtUp > 0 && events.length === 7,
      () => client.appendToStream(`${prefix}-c`, json("Live")));
    assert.deepEqual(events.map((e) => e.event.streamId.slice(prefix.length)), ["-a", "-a", "-a", "-b", "-b", "-b", "-c"]);
    assert.ok(checkpoints.length >= 10, `${checkpoints.length} checkpoints on the way over 200 other events`);
    for (let i = 1; i < checkpoints.length; i++) assert.ok(checkpoints[i] > checkpoints[i - 1], "a checkpoint did not advance");
  },

  async systemEventsExcluded() {
    const subscription = client.subscribeToAll({ fromPosition: db.START, filter: db.excludeSystemEvents() });
    const events = await following(subscription, (_, caughtUp) => caughtUp > 0);
    assert.ok(events.length > 0);
    for (const e of events) assert.ok(!e.event.type.startsWith("$"), e.event.type);
  },

  async links() {
    const [target, index] = [newStream(), newStream()];
    const link = (to) => db.binaryEvent({ type: "$>", data: Buffer.from(to) });
    await client.appendToStream(target, many(2));
    await client.appendToStream(index, [link(`1@${target}`), link(`9@${target}`)]);
    const [resolved, dangling] = await collect(client.readStream(index, { resolveLinkTos: true }));
    assert.deepEqual([resolved.event.streamId, resolved.event.revision, resolved.link.streamId, resolved.link.revision], [target, 1n, index, 0n]);
    assert.deepEqual([dangling.event, dangling.link.revision], [undefined, 1n]);
    const [plain] = await collect(client.readStream(index));
    assert.deepEqual([plain.event.type, plain.event.streamId, plain.link], ["$>", index, undefined]);
  },

  async deleteAndRecreate() {
    const stream = newStream();
    await client.appendToStream(stream, many(3));
    await fails(client.deleteStream(stream, { expectedRevision: 1n }), db.ErrorType.WRONG_EXPECTED_VERSION);
    const { position } = await client.deleteStream(stream, { expectedRevision: 2n });
    assert.ok(position.commit > 0n);
    await fails(collect(client.readStream(stream)), db.ErrorType.STREAM_NOT_FOUND);
    assert.equal((await client.appendToStream(stream, many(2), expecting(db.NO_STREAM))).nextExpectedRevision, 4n);
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [3, 4]);
  },

  async tombstone() {
    const stream = newStream();
    await client.appendToStream(stream, many(3));
    await client.tombstoneStream(stream, { expectedRevision: 2n });
    const read = await fails(collect(client.readStream(stream)), db.ErrorType.STREAM_DELETED);
    assert.equal(read.streamName, stream);
    await fails(client.appendToStream(stream, json("Late")), db.ErrorType.STREAM_DELETED);
    await fails(client.deleteStream(stream), db.ErrorType.STREAM_DELETED);
    await fails(following(client.subscribeToStream(stream), () => false), db.ErrorType.STREAM_DELETED);
  },

  async metadata() {
    const stream = newStream();
    await client.appendToStream(stream, many(5));
    assert.equal((await client.getStreamMetadata(stream)).metadata, undefined);
    await client.setStreamMetadata(stream, { maxCount: 2, colour: "red" }, expecting(db.NO_STREAM));
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [3, 4]);
    await client.setStreamMetadata(stream, { truncateBefore: 4, acl: { readRoles: ["$all"] } }, expecting(0n));
    assert.deepEqual(revisions(await collect(client.readStream(stream))), [4]);
    const { metadata } = await client.getStreamMetadata(stream);
    assert.deepEqual([metadata.truncateBefore, metadata.maxCount, metadata.colour], [4, undefined, undefined]);
  },

  async requiresLeader() {
    const stream = newStream();
    await client.appendToStream(stream, json("Led"), { requiresLeader: true });
    assert.deepEqual(revisions(await collect(client.readStream(stream, { requiresLeader: true }))), [0]);
    await following(client.subscribeToStream(stream, { requiresLeader: true }), (events) => events.length === 1);
    await client.deleteStream(stream, { requiresLeader: true });
  },

  async namedConnectionByDiscovery() {
    const found = Client.connectionString(`${scheme}+discover://${plainAddress}?tls=false&connectionName=checks&nodePreference=leader`);
    const stream = newStream();
    await found.appendToStream(stream, json("Found"));
    assert.deepEqual(revisions(await collect(found.readStream(stream))), [0]);
    await found.dispose();
  },

  async secureWithDefaultUsers() {
    for (const user of ["admin", "ops"]) {
      const secure = Client.connectionString(`${scheme}://${user}:changeit@${secureAddress}?tls=true&tlsCAFile=${caFile}`);
      const stream = newStream();
      await secure.appendToStream(stream, many(2));
      assert.deepEqual(revisions(await collect(secure.readStream(stream))), [0, 1]);
      await following(secure.subscribeToStream(stream), (events) => events.length === 2);
      await secure.dispose();
    }
  },

  async secureWithWrongPassword() {
    await refused("admin:wrong@", wrongPassword);
  },

  async secureWithoutUser() {
    await refused("", /access ?denied/i);
  },

  async secureWithAnotherUserInOneCall() {
    const secure = Client.connectionString(`${scheme}://admin:changeit@${secureAddress}?tls=true&tlsCAFile=${caFile}`);
    const stream = newStream();
    await secure.appendToStream(stream, json("Mine"), { credentials: { username: "ops", password: "changeit" } });
    const wrong = { credentials: { username: "ops", password: "wrong" } };
    await assert.rejects(secure.appendToStream(stream, json("Not mine"), wrong), wrongPassword);
    await assert.rejects(collect(secure.readStream(stream, wrong)), wrongPassword);
    await secure.dispose();
  },

  async secureOnlyOverTrustedTLS() {
    const wary = Client.connectionString(`${scheme}://admin:changeit@${secureAddress}?tls=true&maxDiscoverAttempts=1&defaultDeadline=2000`);
    await assert.rejects(wary.appendToStream(newStream(), json("Never")));
    await wary.dispose();
  },
};

// refused holds each kind of call of one who may not come in to failing with this text in its name or message.
async function refused(who, expected) {
  const secure = Client.connectionString(`${scheme}://${who}${secureAddress}?tls=true&tlsCAFile=${caFile}`);
  const stream = newStream();
  const calls = {
    append: () => secure.appendToStream(stream, json("Never")),
    read: () => collect(secure.readStream(stream)),
    readAll: () => collect(secure.readAll({ maxCount: 1 })),
    subscribe: () => following(secure.subscribeToStream(stream), () => false),
    delete: () => secure.deleteStream(stream),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call(), (e) => expected.test(`${e.name} ${e.type} ${e.message}`.replaceAll("-", " ")) || assert.fail(`${name} gave ${e}`));
  }
  await secure.dispose();
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const begun = Date.now();
  console.log(`=== RUN   checks/${name}`);
  let timer;
  const patience = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${patienceMilliseconds / 1000} s`)), patienceMilliseconds);
  });
  let verdict = "PASS";
  try {
    await Promise.race([check(), patience]);
  } catch (e) {
    verdict = "FAIL";
    failed++;
    const line = /checks\.mjs:(\d+)/.exec(e.stack ?? "")?.[1] ?? 0;
    console.log(`    checks.mjs:${line}: ${String(e.message).split("\n").join(" ")}\n${e.stack}`);
  }
  clearTimeout(timer);
  console.log(`--- ${verdict}: checks/${name} (${((Date.now() - begun) / 1000).toFixed(2)}s)`);
}
await client.dispose();
process.exit(failed === 0 ? 0 : 1);
