// A client of the live protocol on the ws package: it opens a room by ticket,
// posts, breaks off, resumes where it stood, and is told of a bad frame.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import WebSocket from "ws";

const { API, TOKEN, ROOM } = process.env;
const headers = { Authorization: `Bearer ${TOKEN}` };

// open opens the room, and returns the socket and a reader of its frames.
async function open(since) {
  const res = await fetch(`${API}/v1/deal-rooms/${ROOM}/ws`, { headers });
  assert.equal(res.status, 200);
  let { wsUrl } = await res.json();
  if (since) wsUrl += `&since=${since.epoch}:${since.seq}`;
  const ws = new WebSocket(wsUrl);
  const frames = [];
  let wake = () => {};
  const closed = new Promise((done) => ws.on("close", (code) => done(code)));
  ws.on("error", (err) => assert.fail(err));
  ws.on("message", (data, binary) => {
    assert.equal(binary, false);
    const frame = JSON.parse(data);
    if (frame.type === "ping") return ws.send('{"type":"pong"}');
    frames.push(frame);
    wake();
  });
  // take takes the first frame that fits, and leaves the others.
  const take = async (fits) => {
    for (;;) {
      const i = frames.findIndex(fits);
      if (i >= 0) return frames.splice(i, 1)[0];
      await new Promise((done) => (wake = done));
    }
  };
  return { ws, take, closed };
}

const first = await open();
const init = await first.take(() => true);
assert.equal(init.type, "init");
assert.equal(init.channel, `room:${ROOM}`);
assert.equal(init.room.id, ROOM);
assert.equal(init.participants.length, 2);
assert.deepEqual(init.messages, []);

const clientId = randomUUID();
first.ws.send(JSON.stringify({ id: "a", type: "post", channel: init.channel, clientId, body: "Grüße 🏗" }));
const posted = await first.take((f) => f.type === "posted");
const entry = await first.take((f) => f.type === "entry");
assert.equal(posted.id, "a");
assert.equal(posted.duplicate, false);
assert.equal(posted.seq, init.seq + 1);
assert.equal(entry.seq, posted.seq);
assert.equal(entry.event.type, "deal_room.message_posted");
assert.equal(entry.event.data.body, "Grüße 🏗");
assert.equal(entry.event.data.clientId, clientId);

first.ws.terminate();
await first.closed;

// What is said meanwhile is told after it came back, in order and once.
for (const body of ["one", "two"]) {
  const res = await fetch(`${API}/v1/deal-rooms/${ROOM}/messages`, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify({ body }),
  });
  assert.equal(res.status, 201);
}
const second = await open({ epoch: init.epoch, seq: entry.seq });
const again = await second.take(() => true);
assert.equal(again.type, "init");
assert.equal(again.resumed, true);
assert.equal(again.messages, undefined);
const missed = [await second.take((f) => f.type === "entry"), await second.take((f) => f.type === "entry")];
assert.deepEqual(missed.map((f) => [f.seq, f.event.data.body]), [[entry.seq + 1, "one"], [entry.seq + 2, "two"]]);

// The message that was acknowledged is not made again.
second.ws.send(JSON.stringify({ id: 2, type: "post", channel: init.channel, clientId, body: "Grüße 🏗" }));
const twice = await second.take((f) => f.type === "posted");
assert.equal(twice.duplicate, true);
assert.equal(twice.messageId, posted.messageId);

second.ws.send("{not json");
assert.equal(await second.closed, 4400);

// What is no ticket is no way in.
const refused = new WebSocket(`${API.replace(/^http/, "ws")}/v1/ws?ticket=nonsense`);
const status = await new Promise((done) => {
  refused.on("unexpected-response", (_, res) => done(res.statusCode));
  refused.on("open", () => done("open"));
});
assert.equal(status, 401);
console.log("ok");
process.exit(0);
