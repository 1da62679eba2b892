// The ways in and out: the link of an invitation, the way back, an account.
import { $, show } from "./dom.js";
import { json } from "./http.js";
import { signIn, take, tokenKey } from "./session.js";
import { state } from "./state.js";

export function lost(text) {
  state.over = true;
  state.socket?.close();
  if (text) $("gone-text").textContent = text;
  $("log").replaceChildren();
  $("connection").textContent = "";
  show("gone");
  $("gone-title").focus();
}

export async function joinPage(open) {
  let link = decodeURIComponent(location.hash.slice(1));
  const failed = (text) => {
    $("joining-text").textContent = text + " You can use the code of the mail instead:";
    link = "";
    $("by-code").hidden = $("by-name").hidden = false;
  };
  let door = null;
  if (link) {
    try {
      door = await json("POST", "/auth/guest/knock", { link });
    } catch (e) {
      // Who used the link before, on this browser, is let in again.
      if (e.details.roomId) return location.replace("/rooms/" + e.details.roomId);
      failed(e.message);
    }
  } else {
    failed("This address lacks what follows the # in the link.");
  }
  if (door?.returning) {
    $("joining-title").textContent = "Welcome back, " + door.name;
    $("joining-text").textContent = "This link opens “" + door.title + "” on this browser.";
    $("by-name").hidden = true;
  } else if (door) {
    $("joining-title").textContent = door.title;
    $("joining-text").textContent = `${door.inviter} of ${door.company} invites you, ${door.email}, to this deal room. You need no account.`;
  }
  $("title").textContent = door ? door.title : "Deal room";
  show("joining");
  const first = ["email", "name"].map($).find((e) => e.offsetParent) || document.querySelector("#enter button");
  first.focus();
  $("enter").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = $("name").value.trim();
    if (!door?.returning && !name) {
      $("enter-error").textContent = "Say who you are: the others see your name.";
      return $("name").focus();
    }
    const button = document.querySelector("#enter button");
    button.disabled = true;
    $("enter-error").textContent = "";
    const firm = $("firm").value.trim();
    const pass = link ? { link } : { email: $("email").value.trim(), code: $("code").value.trim() };
    try {
      take(await json("POST", "/auth/guest/enter", door?.returning ? pass : { ...pass, name, ...(firm && { firm }) }));
    } catch (e) {
      button.disabled = false;
      $("enter-error").textContent = e.message;
      return;
    }
    history.replaceState(null, "", "/rooms/" + state.room);
    await open();
    $("words").focus();
  });
}

export function returnPage() {
  show("returning");
  $("back-email").focus();
}

$("back").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("back-error").textContent = $("back-done").textContent = "";
  try {
    $("back-done").textContent = (await json("POST", "/auth/guest/link", { roomId: state.room, email: $("back-email").value.trim() })).message;
  } catch (e) {
    $("back-error").textContent = e.message;
  }
});

// accounts opens the room for whoever shows the token of an account.
export function accounts(open) {
  $("account").addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem(tokenKey, $("token").value.trim());
    $("account-error").textContent = "";
    try {
      if (await signIn()) return await open();
      $("account-error").textContent = "This token is not valid, or not any more.";
    } catch (e) {
      $("account-error").textContent = e.message;
    }
  });
}

$("forget").addEventListener("click", async () => {
  state.over = true;
  state.socket?.close();
  sessionStorage.removeItem(tokenKey);
  if (state.guest) await json("POST", "/auth/guest/forget", { roomId: state.room }).catch(() => {});
  location.reload();
});
