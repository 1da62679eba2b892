// What the page knows.

export const state = {
  room: location.pathname.startsWith("/rooms/room_") ? location.pathname.split("/")[2] : "",
  token: "", guest: false, me: "",
  details: null, people: new Map(), here: new Set(), files: new Map(),
  socket: null, tries: 0, over: false, caughtUp: false,
  channel: "", epoch: "", seq: 0, read: 0, oldest: 0,
  shown: new Map(), // messages by their seq: their elements
  pending: new Map(), // what was sent and is not committed, by clientId
  deal: null, dealTag: "", cards: new Map(), // by the id of the quote or referral: the last, while it leads on
  binds: new Map(), // by the quote's id: the plan by which its bind was asked for
  unsent: [], // words that were typed in forms of the deal that are no more
  attached: [], unseen: 0, typing: new Map(), typed: 0,
};
