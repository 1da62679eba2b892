// One socket at a time, opened again whenever it ends.
import { lost, returnPage } from "./doors.js";
import { $, wait } from "./dom.js";
import { drawPeople } from "./people.js";
import { api, inRoom, signIn } from "./session.js";
import { state } from "./state.js";

// connect gives every frame to hear, until one is out of the room.
export async function connect(hear) {
  while (!state.over) {
    try {
      const { ticket } = await (await api("GET", inRoom("/ws"))).json();
      const code = await live(ticket, hear);
      if (code === 4403) return lost();
      if (code === 4400) return lost("This page and the server do not understand each other. Load it again.");
      if (code === 4401 && !(await signIn())) return state.over || returnPage();
    } catch (e) {
      if (e.code === "not_in_room" || e.status === 404 || e.status === 403) return lost(e.status === 401 ? undefined : e.message);
      if (e.status === 401) return returnPage();
    }
    if (state.over) return;
    $("connection").textContent = "Connecting again…";
    await wait(state.drain ?? Math.random() * Math.min(20000, 500 * 2 ** state.tries));
    state.drain = undefined;
    state.tries++;
  }
}

// live speaks on one socket until it ends, and returns the close code.
function live(ticket, hear) {
  const since = state.epoch + ":" + state.seq;
  const url = location.origin.replace(/^http/, "ws") + "/v1/ws?ticket=" + encodeURIComponent(ticket) + "&since=" + encodeURIComponent(since);
  const socket = new WebSocket(url);
  state.socket = socket;
  state.caughtUp = false;
  return new Promise((ended) => {
    socket.onmessage = (event) => {
      for (const line of event.data.split("\n")) if (line) hear(JSON.parse(line));
    };
    socket.onclose = (event) => {
      state.here.clear();
      drawPeople();
      ended(event.code);
    };
  });
}

export function send(f) {
  if (state.socket?.readyState !== WebSocket.OPEN) return false;
  state.socket.send(JSON.stringify(f));
  return true;
}
