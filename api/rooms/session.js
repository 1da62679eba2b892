// Who is it: the token of whoever is signed in, and requests with it.
import { ask, json } from "./http.js";
import { state } from "./state.js";

export const tokenKey = "openinsure.token"; // of somebody with an account; in this tab alone

// api asks as whoever is signed in; a token that ended is renewed once.
export async function api(method, path, body, more) {
  try {
    return await ask(method, path, body, state.token, more);
  } catch (e) {
    if (e.status !== 401 || !(await signIn().catch(() => false))) throw e;
    return ask(method, path, body, state.token, more);
  }
}

export const inRoom = (rest) => "/v1/deal-rooms/" + state.room + rest;

// signIn gets a token: the one that somebody with an account keeps in this tab, a
// guest's by the cookie of his browser, or a user's by that of his.
export async function signIn() {
  const own = sessionStorage.getItem(tokenKey);
  if (own && own !== state.token) {
    try {
      const me = await (await ask("GET", "/v1/me", undefined, own)).json();
      Object.assign(state, { token: own, me: me.id, guest: false });
      return true;
    } catch (e) {
      if (e.status !== 401) throw e;
      sessionStorage.removeItem(tokenKey);
    }
  }
  try {
    take(await json("POST", "/auth/guest/session", { roomId: state.room }));
    return true;
  } catch (e) {
    if (e.status !== 401 && e.status !== 404) throw e;
  }
  try {
    const { token } = await json("POST", "/auth/session/token"); // a user who signed in in this browser
    const me = await (await ask("GET", "/v1/me", undefined, token)).json();
    Object.assign(state, { token, me: me.id, guest: false });
    return true;
  } catch (e) {
    if (e.status === 401) return false;
    throw e;
  }
}

export function take(session) {
  Object.assign(state, { token: session.token, me: session.userId, guest: true, room: session.roomId });
}
